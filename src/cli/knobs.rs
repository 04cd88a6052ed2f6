//! The script of a lesson, with its knobs as they stand or as somebody turns them.

use std::collections::BTreeMap;

use super::course::{CourseLesson, mistake};
use super::failure::Failure;
use crate::explain::lesson::{Item, Modify, Script};
use crate::lab::Scenario;
use crate::mistake::Mistake;

/// Reads the script of a lesson with its knobs as they stand.
pub(super) fn scenario(found: &CourseLesson) -> Result<Scenario, Failure> {
    let Some(script) = found.lesson.script() else {
        let message = format!("cannot play lesson `{}`: it has no `script` block", found.name);
        return Err(Failure::request(message, "add one, or explain a capture with --from FILE"));
    };
    parsed(script, &found.lesson.knobs).map_err(|error| mistake(&found.file, &found.text, error))
}

/// The same with knobs turned, of which those who turned them hear if the script is none with them.
pub(super) fn scenario_with(found: &CourseLesson, wanted: &[String]) -> Result<Scenario, Failure> {
    let Some(script) = found.lesson.script().filter(|_| !wanted.is_empty()) else { return scenario(found) };
    parsed(script, &found.lesson.knobs).map_err(|error| {
        let message = format!("with --set {}: {}", wanted.join(" --set "), error.message);
        let has_quote = wanted.iter().any(|setting| setting.contains('"'));
        let quote = "a quote inside a text has a backslash before it, as in JSON: --set 'word=say \\\"hi\\\"'";
        let help = if has_quote { Some(quote.to_owned()) } else { error.help };
        mistake(&found.file, &found.text, Mistake { message, help, ..error })
    })
}

/// Whether the script can be played with each knob turned as the lesson asks for.
pub(super) fn can_be_turned(found: &CourseLesson) -> Result<(), Failure> {
    let modifies = found.lesson.items.iter().filter_map(|item| match item {
        Item::Modify(modify) => Some(modify),
        _ => None,
    });
    for Modify { knob, to, .. } in modifies {
        let mut knobs = found.lesson.knobs.clone();
        knobs.insert(knob.clone(), to.clone());
        let turned = found.lesson.script().map(|script| parsed(script, &knobs));
        if let Some(Err(error)) = turned {
            let message = format!("with `{knob}` turned to `{to}`, as the lesson asks: {}", error.message);
            return Err(mistake(&found.file, &found.text, Mistake { message, ..error }));
        }
    }
    Ok(())
}

fn parsed(script: &Script, knobs: &BTreeMap<String, String>) -> Result<Scenario, Mistake> {
    let text = script.with_knobs(knobs)?;
    Scenario::parse(&text.text).map_err(|error| Mistake { range: text.in_file(error.range), ..error })
}

/// The lesson's knobs, with those turned that the learner named.
pub(super) fn turned(found: &CourseLesson, wanted: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut knobs = found.lesson.knobs.clone();
    let list = || match knobs_list(&found.lesson.knobs) {
        list if list.is_empty() => "this lesson has no knobs".to_owned(),
        list => format!("this lesson has: {list}"),
    };
    for setting in wanted {
        let Some((name, value)) = setting.split_once('=') else {
            return Err(Failure::request(
                format!("cannot set `{setting}`: there is no `=` in it"),
                "write --set KNOB=VALUE",
            ));
        };
        match knobs.get_mut(name) {
            Some(knob) => *knob = value.to_owned(),
            None => return Err(Failure::request(format!("cannot set `{name}`: there is no such knob"), list())),
        }
    }
    Ok(knobs)
}

fn knobs_list(knobs: &BTreeMap<String, String>) -> String {
    knobs.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
