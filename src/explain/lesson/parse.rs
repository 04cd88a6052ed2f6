//! From a lesson's file to its parts, with every mistake pointed at.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::block::{Block, line_at, trimmed};
use super::text::{Text, expression};
use super::{Choice, Claim, Class, Item, Lesson, Misconception, Modify, Predict, Proof, Review, Script, View};
use crate::filter::{Filter, Names, Type};
use crate::layer::FieldDef;
use crate::mistake::{self, Mistake};

/// A lesson's file may not be larger.
const MAX_LEN: usize = 256 << 10;
/// A lesson may not have more parts.
const MAX_ITEMS: usize = 500;

const KINDS: [&str; 7] = ["predict", "script", "show", "claim", "misconception", "modify", "review"];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    title: String,
    question: String,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    terms: Vec<toml::Spanned<String>>,
    #[serde(default)]
    sealed: bool,
    #[serde(default)]
    knobs: BTreeMap<String, String>,
}

impl Lesson {
    /// Reads a lesson's file and checks all it can without a run: keys, names, types.
    pub fn parse(file: &str, names: &dyn Names) -> Result<Self, Mistake> {
        if file.len() > MAX_LEN {
            return Err(
                Mistake::new(0..0, format!("the lesson is larger than {} KiB", MAX_LEN >> 10)).help("divide it")
            );
        }
        let (front, start, body) = front_matter(file)?;
        let items = Reader { file, names }.items(body)?;
        let lesson = Self {
            title: front.title,
            question: front.question,
            requires: front.requires,
            terms: front.terms.into_iter().map(|term| placed(term, start)).collect(),
            sealed: front.sealed,
            knobs: front.knobs,
            items,
        };
        lesson.check_scripts(file)?;
        lesson.check_knobs()?;
        Ok(lesson)
    }

    fn check_scripts(&self, file: &str) -> Result<(), Mistake> {
        let mut scripts = self.items.iter().filter_map(|item| match item {
            Item::Script(script) => Some(script),
            _ => None,
        });
        let first = scripts.next();
        if let Some(second) = scripts.next() {
            let line = file[second.offset..].lines().next().map_or(0, str::len);
            let error =
                Mistake::new(second.offset..second.offset + line, "a second `script` block: a lesson plays one");
            return Err(error.help("put its steps into the first"));
        }
        if let Some(script) = first {
            script.with_knobs(&self.knobs)?;
            if script.text.trim().is_empty() {
                let fence = file[..script.offset].trim_end().rfind('\n').map_or(0, |i| i + 1);
                let mistake = Mistake::new(fence..script.offset.saturating_sub(1), "a `script` block without a step");
                return Err(mistake.help("write a step, such as `ada connects`"));
            }
        }
        Ok(())
    }

    fn check_knobs(&self) -> Result<(), Mistake> {
        for item in &self.items {
            if let Item::Modify(modify) = item
                && !self.knobs.contains_key(&modify.knob)
            {
                let mistake = Mistake::new(modify.range.clone(), format!("there is no knob `{}`", modify.knob));
                return Err(mistake.help("declare it at the top of the lesson, under [knobs]"));
            }
        }
        Ok(())
    }
}

/// A term with its place in the file, in which the front matter begins at `start`.
fn placed(term: toml::Spanned<String>, start: usize) -> (String, Range<usize>) {
    let span = term.span();
    (term.into_inner(), start + span.start..start + span.end)
}

/// The front matter, where its text begins, and where the lesson goes on behind it.
fn front_matter(file: &str) -> Result<(Front, usize, usize), Mistake> {
    let help = "begin the file with a line +++, then title = \"…\" and question = \"…\", then a line +++";
    let start = file.find('\n').map_or(0, |i| i + 1);
    // Some editors begin a file with a byte order mark.
    if file[..start].trim_start_matches('\u{feff}').trim_end() != "+++" {
        let len = file.lines().next().map_or(0, str::len);
        return Err(Mistake::new(0..len, "the lesson does not begin with its front matter").help(help));
    }
    let Some(len) = file[start..].find("\n+++").map(|i| i + 1) else {
        return Err(Mistake::new(0..3, "the front matter has no end").help(help));
    };
    let text = &file[start..start + len];
    let front = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let keys = "it holds title, question, requires, terms, sealed and [knobs], in TOML; texts stand in quotes";
        Mistake::new(start + span.start..start + span.end, error.message()).help(keys)
    })?;
    let after = start + len + 3;
    Ok((front, start, file[after..].find('\n').map_or(file.len(), |i| after + i + 1)))
}

struct Reader<'a> {
    file: &'a str,
    names: &'a dyn Names,
}

/// A fenced block: the words behind the fence, all of it, and what stands between the fences.
struct Fence<'a> {
    info: &'a str,
    range: Range<usize>,
    body: Range<usize>,
}

impl<'a> Reader<'a> {
    fn items(&self, start: usize) -> Result<Vec<Item>, Mistake> {
        let mut items = Vec::new();
        let mut at = start;
        for fence in self.fences(start) {
            if !self.lives(&fence)? {
                continue;
            }
            self.prose(at..fence.range.start, &mut items)?;
            at = fence.range.end;
            items.push(self.block(&fence)?);
        }
        self.prose(at..self.file.len(), &mut items)?;
        if items.len() > MAX_ITEMS {
            return Err(Mistake::new(0..0, format!("the lesson has more than {MAX_ITEMS} parts")).help("divide it"));
        }
        Ok(items)
    }

    fn fences(&self, start: usize) -> Vec<Fence<'a>> {
        let text = &self.file[start..];
        let fenced = |(event, range): (Event<'_>, Range<usize>)| match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                Some(self.fence(start + range.start..start + range.end))
            }
            _ => None,
        };
        Parser::new(text).into_offset_iter().filter_map(fenced).collect()
    }

    fn fence(&self, range: Range<usize>) -> Fence<'a> {
        let text = &self.file[range.clone()];
        let first_len = text.find('\n').map_or(text.len(), |i| i + 1);
        let info = text[..first_len].trim().trim_start_matches(['`', '~']).trim();
        let inside = text[first_len..].trim_end();
        let last_line = inside.rfind('\n').map_or(0, |i| i + 1);
        let closed = inside[last_line..].trim_start().starts_with(['`', '~']);
        let body_len = if closed { last_line } else { inside.len() };
        Fence { info, range: range.clone(), body: range.start + first_len..range.start + first_len + body_len }
    }

    /// Whether the block is one of ours. A name that is almost one of ours is a mistake, not a picture of code.
    fn lives(&self, fence: &Fence<'_>) -> Result<bool, Mistake> {
        let kind = fence.info.split_whitespace().next().unwrap_or_default();
        if KINDS.contains(&kind) {
            return Ok(true);
        }
        mistake::nearest(kind, KINDS).map_or(Ok(false), |known| {
            let len = self.file[fence.range.clone()].lines().next().map_or(0, str::len);
            let error = Mistake::new(fence.range.start..fence.range.start + len, format!("there is no `{kind}` block"));
            Err(error.help(format!("did you mean `{known}`?")))
        })
    }

    fn prose(&self, range: Range<usize>, items: &mut Vec<Item>) -> Result<(), Mistake> {
        let line = line_at(self.file, range.start);
        let text = Text::parse(&self.file[range.clone()], range.start, line, self.names)?;
        if !text.is_blank() {
            items.push(Item::Prose(text));
        }
        Ok(())
    }

    fn block(&self, fence: &Fence<'a>) -> Result<Item, Mistake> {
        let mut words = fence.info.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let class = words.next();
        if let (Some(word), false) = (class, kind == "claim") {
            let at = fence.range.start + self.file[fence.range.clone()].find(word).unwrap_or(0);
            return Err(Mistake::new(
                at..at + word.len(),
                format!("`{word}` after `{kind}`: only a claim has a class"),
            ));
        }
        let read =
            |keys: &[&str]| Block::read(self.file, kind, fence.range.clone(), fence.body.clone(), keys, self.names);
        match kind {
            "predict" => predict(&read(&["ask", "hint", "choice", "answer", "proof"])?).map(Item::Predict),
            "script" => {
                let text = self.file[fence.body.clone()].to_owned();
                Ok(Item::Script(Script { text, offset: fence.body.start }))
            }
            "show" => self.show(fence).map(Item::Show),
            "claim" => {
                let block = read(&["sentence", "proof"])?;
                let class = self.class(fence, class)?;
                let (sentence, proof) = (block.text("sentence")?, block.proof("proof")?);
                Ok(Item::Claim(Claim { sentence, proof, class }))
            }
            "misconception" => {
                let block = read(&["says", "but", "proof"])?;
                let (says, but, proof) = (block.text("says")?, block.text("but")?, block.proof("proof")?);
                Ok(Item::Misconception(Misconception { says, but, proof }))
            }
            "modify" => {
                let block = read(&["knob", "to", "ask", "reveal"])?;
                let ((knob, range), (to, _)) = (block.word("knob")?, block.word("to")?);
                Ok(Item::Modify(Modify { knob, range, to, ask: block.text("ask")?, reveal: block.text("reveal")? }))
            }
            _ => review(&read(&["ask", "hint", "choice", "right", "answer", "proof"])?).map(Item::Review),
        }
    }

    fn class(&self, fence: &Fence<'_>, word: Option<&str>) -> Result<Class, Mistake> {
        match word {
            None | Some("spec") => Ok(Class::Spec),
            Some("linux-lo") => Ok(Class::LinuxLo),
            Some("timing") => Ok(Class::Timing),
            Some(other) => {
                let at = fence.range.start + self.file[fence.range.clone()].find(other).unwrap_or(0);
                let error = Mistake::new(at..at + other.len(), format!("there is no class `{other}`"));
                Err(error.help(
                    "a claim is `spec` (holds anywhere), `linux-lo` (exact on Linux loopback) or `timing` (a bound)",
                ))
            }
        }
    }

    fn show(&self, fence: &Fence<'_>) -> Result<View, Mistake> {
        let body = trimmed(self.file, fence.body.clone());
        let text = &self.file[body.clone()];
        let word_len = text.find(char::is_whitespace).unwrap_or(text.len());
        let rest = trimmed(self.file, body.start + word_len..body.end);
        let rest_text = &self.file[rest.clone()];
        match &text[..word_len] {
            "ladder" => {
                let filter = match rest_text.strip_prefix("where ") {
                    Some(filter) => Some(self.filter(filter, rest.start + 6)?),
                    None if rest_text.is_empty() => None,
                    None => return Err(Mistake::new(rest, "after `ladder` only `where FILTER` can stand")),
                };
                Ok(View::Ladder(filter))
            }
            "peel" => Ok(View::Peel(self.frame(rest)?)),
            "text" => Ok(View::Text(self.frame(rest)?)),
            "table" => self.table(rest),
            "heard" => self.heard(rest),
            other => {
                let error = Mistake::new(body.start..body.start + word_len, format!("there is no view `{other}`"));
                Err(error.help(
                    "views are: ladder, ladder where FILTER, peel FRAME, text FRAME, table FIELD, FIELD where FILTER, heard FIELD where \
                     FILTER",
                ))
            }
        }
    }

    /// An expression that names a frame.
    fn frame(&self, range: Range<usize>) -> Result<Proof, Mistake> {
        let text = &self.file[range.clone()];
        let expr =
            expression(text, range.start, self.names).map_err(|mistake| match Filter::parse(text, self.names) {
                Ok(filter) => mistake.help(format!("say which frame: first({})", filter.text())),
                Err(_) => mistake,
            })?;
        match expr.sort() {
            Type::Frame | Type::Number => Ok(Proof { expr, line: line_at(self.file, range.start) }),
            sort => Err(Mistake::new(range, format!("a frame is needed here; this is {sort}"))
                .help("say which frame: first(FILTER), last(FILTER), nth(FILTER, 2), or its number")),
        }
    }

    /// What stands before `where`, and the filter behind it.
    fn chosen(&self, range: &Range<usize>) -> Result<(&'a str, Option<Filter>), Mistake> {
        let text = &self.file[range.clone()];
        Ok(match text.find(" where ") {
            Some(at) => (&text[..at], Some(self.filter(&text[at + 7..], range.start + at + 7)?)),
            None => (text, None),
        })
    }

    fn heard(&self, range: Range<usize>) -> Result<View, Mistake> {
        let (name, filter) = self.chosen(&range)?;
        let place = trimmed(self.file, range.start..range.start + name.len());
        let name = &self.file[place.clone()];
        let field = self.names.field(name);
        Ok(View::Heard(field.ok_or_else(|| self.no_field(place, name))?, filter))
    }

    fn table(&self, range: Range<usize>) -> Result<View, Mistake> {
        let (columns, filter) = self.chosen(&range)?;
        let mut fields: Vec<&'static FieldDef> = Vec::new();
        let mut at = range.start;
        for column in columns.split_inclusive(',') {
            let place = trimmed(self.file, at..at + column.trim_end_matches(',').len());
            at += column.len();
            let name = &self.file[place.clone()];
            let field = self.names.field(name);
            fields.push(field.ok_or_else(|| self.no_field(place, name))?);
        }
        Ok(View::Table(fields, filter))
    }

    fn no_field(&self, place: Range<usize>, name: &str) -> Mistake {
        let mistake = Mistake::new(place, format!("there is no field `{name}`"));
        match mistake::nearest(name, self.names.all()) {
            _ if name.contains(char::is_whitespace) => mistake.help("divide the fields with commas"),
            Some(near) if near == name => {
                mistake.help(format!("`{near}` is a protocol: `wiretale fields` lists the fields of it"))
            }
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help("`wiretale fields` lists them"),
        }
    }

    fn filter(&self, text: &str, offset: usize) -> Result<Filter, Mistake> {
        Filter::parse(text, self.names).map_err(|mistake| mistake.moved(offset))
    }
}

/// The choices of a block, and the place of the right one, which a line with this key names.
fn choices(block: &Block<'_>, kind: &str, key: &str) -> Result<(Vec<Choice>, usize), Mistake> {
    let choices: Vec<Choice> =
        block.labelled("choice")?.into_iter().map(|(label, reveal)| Choice { label, reveal }).collect();
    if choices.len() < 2 {
        let error = block.error(format!("a `{kind}` block needs at least two choices"));
        return Err(error.help("write `choice: answer -- what choosing it reveals`, twice or more"));
    }
    let (answer, range) = block.word(key)?;
    let Some(right) = choices.iter().position(|choice| choice.label == answer) else {
        let labels: Vec<_> = choices.iter().map(|choice| format!("`{}`", choice.label)).collect();
        let error = Mistake::new(range, format!("the answer `{answer}` is none of the choices"));
        return Err(error.help(format!("the choices are {}", labels.join(", "))));
    };
    Ok((choices, right))
}

fn predict(block: &Block<'_>) -> Result<Predict, Mistake> {
    let (choices, answer) = choices(block, "predict", "answer")?;
    let hint = block.text_if_any("hint")?;
    Ok(Predict { ask: block.text("ask")?, hint, choices, answer, proof: block.proof("proof")? })
}

fn review(block: &Block<'_>) -> Result<Review, Mistake> {
    // In words, which only the learner can judge, or by a choice.
    let by_choice = block.has("choice") || block.has("right");
    let (choices, right) = if by_choice { choices(block, "review", "right")? } else { (Vec::new(), 0) };
    let (hint, answer) = (block.text_if_any("hint")?, block.text("answer")?);
    Ok(Review { ask: block.text("ask")?, hint, choices, right, answer, proof: block.proof("proof")? })
}
