//! Reads the words of one step from left to right, and says what is wrong with the one it cannot use.

use std::ops::Range;

use crate::lab::grammar::{MAX_STEPS, Times};
use crate::lab::quantity::MAX_SIZE;
use crate::lab::words::{Word, WordKind};
use crate::mistake::{self, Mistake};

/// A client's name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub name: String,
    pub range: Range<usize>,
}

/// The words of a step that are still to be read.
pub struct Reader<'w> {
    words: &'w [Word],
    behind: usize,
}

impl<'w> Reader<'w> {
    pub fn new(words: &'w [Word]) -> Self {
        Self { words, behind: words.first().map_or(0, |word| word.range.start) }
    }

    pub fn at_end(&self) -> bool {
        self.words.is_empty()
    }

    /// The end of the last word read.
    pub fn behind(&self) -> usize {
        self.behind
    }

    /// Where the next word stands, or where it is missing.
    pub fn here(&self) -> Range<usize> {
        self.words.first().map_or(self.behind..self.behind, |word| word.range.clone())
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), Mistake> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(Mistake::new(word.range.clone(), format!("{} is one word too many", shown(word)))),
        }
    }

    /// `10 times`, `10 times every 20ms`: how often the step is played; once if nothing is said.
    pub fn times(&mut self) -> Result<Times, Mistake> {
        let says = matches!(self.words.get(1), Some(Word { kind: WordKind::Bare(word), .. }) if matches!(word.as_str(), "times" | "time"));
        if !says {
            return Ok(Times { count: 1, pause: None });
        }
        self.rounds()
    }

    /// `10 times`, `1 time`, `10 times every 20ms`.
    pub fn rounds(&mut self) -> Result<Times, Mistake> {
        let help = "a step is played 1 to 1000 times";
        let count = self.number("a number of times", help, |count| (1..=MAX_STEPS).contains(count))?;
        if !self.keyword("time") {
            self.expect("times")?;
        }
        let pause = if self.keyword("every") { Some(self.time()?) } else { None };
        Ok(Times { count, pause })
    }

    /// Who acts; `None` is left to be read: the server, or nobody because all wait.
    pub fn actor(&mut self) -> Result<Option<Name>, Mistake> {
        match self.bare() {
            Some("server" | "clients" | "seed" | "wait" | "network" | "link" | "repeat" | "end") => Ok(None),
            _ => self.client().map(Some),
        }
    }

    /// A client's name.
    pub fn client(&mut self) -> Result<Name, Mistake> {
        let range = self.here();
        let word = self.value("a client's name", None)?;
        let name = Name { name: word.to_owned(), range };
        check_name(&name)?;
        Ok(name)
    }

    /// A client's name, unless a number follows or nothing.
    pub fn name_if_any(&mut self) -> Result<Option<Name>, Mistake> {
        match self.bare() {
            Some(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => self.client().map(Some),
            _ => Ok(None),
        }
    }

    /// Reads these words if they come next, all of them or none.
    pub fn phrase(&mut self, phrase: &[&str]) -> bool {
        let is_it = |(word, wanted): (&Word, &&str)| matches!(&word.kind, WordKind::Bare(word) if word == wanted);
        let are_next = self.words.len() >= phrase.len() && self.words.iter().zip(phrase).all(is_it);
        if are_next {
            phrase.iter().for_each(|_| self.step());
        }
        are_next
    }

    /// Reads this word if it comes next.
    pub fn keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.bare() == Some(keyword);
        if is_next {
            self.step();
        }
        is_next
    }

    /// Where this word stands, if it comes next.
    pub fn range_of(&self, keyword: &str) -> Option<Range<usize>> {
        (self.bare() == Some(keyword)).then(|| self.here())
    }

    /// This word must come next.
    pub fn expect(&mut self, keyword: &str) -> Result<(), Mistake> {
        if self.keyword(keyword) {
            return Ok(());
        }
        Err(match self.words.first() {
            None => Mistake::new(self.here(), format!("`{keyword}` is missing")),
            Some(word) => Mistake::new(self.here(), format!("here `{keyword}` was expected, not {}", shown(word))),
        })
    }

    /// One of these words must come next.
    pub fn one_of(&mut self, what: &str, choices: &[&'static str]) -> Result<&'static str, Mistake> {
        let found = self.bare();
        if let Some(choice) = choices.iter().find(|choice| found == Some(**choice)) {
            self.step();
            return Ok(choice);
        }
        let list = choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let Some(word) = self.words.first() else {
            return Err(Mistake::new(self.here(), format!("{what} is missing")).help(format!("it is one of {list}")));
        };
        let error = Mistake::new(self.here(), format!("{} is not {what}", shown(word)));
        Err(error.help(self.guess(found.unwrap_or_default(), choices).unwrap_or(format!("it is one of {list}"))))
    }

    /// The text in quotes that comes next.
    pub fn text(&mut self, what: &str) -> Result<String, Mistake> {
        if let Some(text) = self.text_if_any()? {
            return Ok(text);
        }
        Err(match self.words.first() {
            None => Mistake::new(self.here(), format!("{what} is missing")),
            Some(word) => {
                let shown = shown(word);
                Mistake::new(self.here(), format!("{shown} is not {what}"))
                    .help(format!("write `\"{}\"`", shown.trim_matches('`')))
            }
        })
    }

    /// The text in quotes, if one comes next.
    pub fn text_if_any(&mut self) -> Result<Option<String>, Mistake> {
        let Some(Word { kind: WordKind::Quoted(text), range }) = self.words.first() else { return Ok(None) };
        if text.len() > MAX_SIZE {
            return Err(Mistake::new(range.clone(), format!("a message has at most {MAX_SIZE} bytes")));
        }
        self.step();
        Ok(Some(text.clone()))
    }

    /// Text that may stand in an HTTP header (RFC 9110 §5.5, without what needs care: no obs-text, no control).
    pub fn header_text(&mut self) -> Result<String, Mistake> {
        let range = self.here();
        let text = self.text("the value in quotes")?;
        if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && text.trim() == text {
            return Ok(text);
        }
        Err(Mistake::new(range, "this cannot stand in an HTTP header")
            .help("a header's value is visible ASCII, with no space before or after it"))
    }

    /// Subprotocols as `Sec-WebSocket-Protocol` takes them: tokens parted by commas (RFC 6455 §4.1).
    pub fn protocols(&mut self) -> Result<String, Mistake> {
        let range = self.here();
        let text = self.header_text()?;
        if text.split(',').all(|name| is_token(name.trim())) {
            return Ok(text);
        }
        Err(Mistake::new(range, "this is not a list of subprotocols").help(
            "a subprotocol is a word without spaces; several are parted by commas: `offering \"chat, superchat\"`",
        ))
    }

    /// A path and query (RFC 3986 §3.3, §3.4); a fragment is never sent.
    pub fn path(&mut self) -> Result<String, Mistake> {
        let range = self.here();
        let help = "a path begins with `/`; other than letters and digits it has only `-._~!$&'()*+,;=:@/?` and `%`";
        let word = self.value("a path", Some(help))?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
        if word.starts_with('/') && word.bytes().all(allowed) {
            return Ok(word.to_owned());
        }
        Err(Mistake::new(range, format!("`{word}` is not a path")).help(help))
    }

    pub fn port(&mut self) -> Result<u16, Mistake> {
        self.number("a port", "a port is a number from 1 to 65535", |port: &u16| *port != 0)
    }

    /// The place of something among others, from 1.
    pub fn ordinal(&mut self) -> Result<u32, Mistake> {
        let help = "they are counted from 1 on, from this step on: `link drops segment 3 to the server`";
        self.number("a number", help, |number| (1..=10_000).contains(number))
    }

    /// What chance is to follow from.
    pub fn seed(&mut self) -> Result<u32, Mistake> {
        self.number("a seed", "a seed is any number from 0 to 4294967295: `seed 7`", |_| true)
    }

    pub fn version(&mut self) -> Result<u8, Mistake> {
        self.number("a version", "a version is a number from 0 to 255", |_| true)
    }

    /// A status code that may travel (RFC 6455 §7.4).
    pub fn close_code(&mut self) -> Result<u16, Mistake> {
        let range = self.here();
        let help = "RFC 6455 §7.4: 1000 is a normal closure, 1001 going away; 3000 to 4999 are free for programs";
        let code = self.number("a close code", help, |code: &u16| (1000..5000).contains(code))?;
        match code {
            // "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
            1005 | 1006 | 1015 => Err(Mistake::new(range, format!("the code {code} never travels in a Close frame"))
                .help(
                    "RFC 6455 §7.4.1 keeps it for what an endpoint reports to its own program; \
                     write `closes` alone to send no code",
                )),
            1004 | 1014 | 1016..=2999 => {
                Err(Mistake::new(range, format!("the close code {code} has no meaning yet")).help(help))
            }
            _ => Ok(code),
        }
    }

    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        what: &str,
        help: &str,
        fits: impl Fn(&T) -> bool,
    ) -> Result<T, Mistake> {
        let range = self.here();
        let word = self.value(what, Some(help))?;
        // `parse` would take a sign.
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        match word.parse() {
            Ok(number) if digits && fits(&number) => Ok(number),
            _ => Err(Mistake::new(range, format!("`{word}` is not {what}")).help(help)),
        }
    }

    /// The next word, which stands without quotes.
    pub(super) fn value(&mut self, what: &str, help: Option<&str>) -> Result<&'w str, Mistake> {
        let error = match self.words.first() {
            Some(Word { kind: WordKind::Bare(word), .. }) => {
                self.step();
                return Ok(word);
            }
            Some(word) => Mistake::new(self.here(), format!("{} is not {what}", shown(word))),
            None => Mistake::new(self.here(), format!("{what} is missing")),
        };
        Err(Mistake { help: help.map(str::to_owned), ..error })
    }

    pub(super) fn bare(&self) -> Option<&'w str> {
        match self.words.first() {
            Some(Word { kind: WordKind::Bare(word), .. }) => Some(word),
            _ => None,
        }
    }

    pub(super) fn step(&mut self) {
        if let Some((first, rest)) = self.words.split_first() {
            self.behind = first.range.end;
            self.words = rest;
        }
    }

    fn guess(&self, found: &str, choices: &[&'static str]) -> Option<String> {
        match found {
            "listens" => return Some("only the server does that; write `server listens`".to_owned()),
            "connects" => {
                let help = "only a client does that; begin with a client's name, such as `ada connects`";
                return Some(help.to_owned());
            }
            "waits" | "wait" => {
                let help = "all wait, and nobody in particular: write `wait 20ms`; a step is over when what it sends has arrived";
                return Some(help.to_owned());
            }
            // `wat 20ms`: the misspelt word was taken for a name.
            _ if found.starts_with(|c: char| c.is_ascii_digit()) && choices.contains(&"connects") => {
                return Some("did you mean `wait`?".to_owned());
            }
            _ => {}
        }
        mistake::nearest(found, choices.iter().copied()).map(|near| format!("did you mean `{near}`?"))
    }
}

fn check_name(name: &Name) -> Result<(), Mistake> {
    let help = "a client's name is a small letter, then small letters, digits, `-` or `_`, such as `ada`";
    let word = &name.name;
    let first = word.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if !first || !rest {
        return Err(Mistake::new(name.range.clone(), format!("`{word}` is not a name")).help(help));
    }
    if ALL_OF_THEM.contains(&word.as_str()) {
        let message = format!("`{word}` is nobody's name: in a step one client acts");
        return Err(Mistake::new(name.range.clone(), message).help(
            "write a step for each client, such as `ada connects`; only a server of Socket.IO speaks to all: \
             `server emits \"x\" to everyone`",
        ));
    }
    if KEYWORDS.contains(&word.as_str()) {
        let message = format!("`{word}` is a word of the script language, not a name");
        return Err(Mistake::new(name.range.clone(), message).help(help));
    }
    Ok(())
}

/// A word as an error shows it.
fn shown(word: &Word) -> String {
    match &word.kind {
        WordKind::Bare(text) => format!("`{text}`"),
        WordKind::Quoted(_) => "this text in quotes".to_owned(),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Who writes one of these means no client called so.
const ALL_OF_THEM: [&str; 4] = ["everyone", "everybody", "all", "anyone"];

/// Words that have a meaning, so that no client may be called so.
const KEYWORDS: &[&str] = &[
    "server",
    "clients",
    "seed",
    "wait",
    "listens",
    "connects",
    "sends",
    "pings",
    "closes",
    "to",
    "on",
    "with",
    "without",
    "offering",
    "key",
    "version",
    "text",
    "binary",
    "hex",
    "of",
    "bytes",
    "fragments",
    "opens",
    "tcp",
    "writes",
    "aborts",
    "datagram",
    "gets",
    "answered",
    "after",
    "over",
    "subscribes",
    "publishes",
    "as",
    "id",
    "times",
    "every",
    "network",
    "repeat",
    "within",
    "end",
    "again",
    "up",
    "link",
    "segment",
    "room",
    "rooms",
    "everything",
    "the",
    "by",
];
