//! The name that was probably meant.

use crate::filter::ast::Spanned;
use crate::filter::records::Names;
use crate::mistake;
use crate::mistake::Mistake;

/// The error for a name that nobody knows, with the nearest that is known, or else where all are listed.
pub(super) fn unknown(names: &dyn Names, name: &Spanned<String>) -> Mistake {
    let error = Mistake::new(name.range.clone(), format!("`{}` is neither a field nor a protocol", name.node));
    if let Some((field, _)) = name.node.split_once('-').filter(|(field, _)| names.field(field).is_some()) {
        return error.help(format!("blanks stand around a minus: {field} - …"));
    }
    let near = match nearest(names, &name.node) {
        Some(near) => vec![near],
        None => with_last_part(names, &name.node.to_lowercase()),
    };
    match or(&near) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => error.help("`wiretale fields` lists them"),
    }
}

/// A few names that end with this word (`opcode` → `websocket.opcode`), or else with one that begins with it (`time` →
/// `frame.time_relative`): who leaves out the protocol means one of these.
fn with_last_part(names: &dyn Names, word: &str) -> Vec<&'static str> {
    const FEW: usize = 3;
    let is_last = |known: &&str, begins: bool| {
        let rest = known.rsplit_once('.').and_then(|(_, last)| last.strip_prefix(word));
        rest.is_some_and(|rest| if begins { rest.starts_with('_') } else { rest.is_empty() })
    };
    let all = |begins| names.all().iter().copied().filter(move |known| is_last(known, begins)).take(FEW).collect();
    let found: Vec<_> = all(false);
    if found.is_empty() { all(true) } else { found }
}

/// Names in quotes, as a choice.
fn or(names: &[&str]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (last, before) = quoted.split_last()?;
    Some(if before.is_empty() { last.clone() } else { format!("{} or {last}", before.join(", ")) })
}

/// A name of the same protocol that ends alike (`tcp.syn` → `tcp.flags.syn`), or else the one with the fewest
/// differences, if they are few.
pub(super) fn nearest(names: &dyn Names, name: &str) -> Option<&'static str> {
    let all = names.all();
    let lower = name.to_lowercase();
    all.iter().copied().find(|known| ends_alike(&lower, known)).or_else(|| mistake::nearest(name, all))
}

fn ends_alike(name: &str, known: &str) -> bool {
    let (Some((protocol, _)), Some((_, last))) = (name.split_once('.'), name.rsplit_once('.')) else { return false };
    let known_ends = known.split_once('.').zip(known.rsplit_once('.'));
    known_ends.is_some_and(|((known_protocol, _), (_, known_last))| known_protocol == protocol && known_last == last)
}
