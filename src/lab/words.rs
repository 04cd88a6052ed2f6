//! The words of a script: where each begins and ends, before anyone asks what they mean.
//!
//! ```text
//! script = *( word / text / break / comment / blank )
//! text   = DQUOTE *( %x20-21 / %x23-5B / %x5D-10FFFF / "\" any ) DQUOTE       ; as a JSON string
//! break  = LF / "·"
//! comment = "#" *( any but LF )                                                 ; where a word could begin
//! ```

use std::ops::Range;

use winnow::LocatingSlice;
use winnow::combinator::{alt, opt, preceded, repeat};
use winnow::prelude::*;
use winnow::token::{none_of, take_till, take_while};

use crate::mistake::Mistake;

/// A word or text with the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub range: Range<usize>,
    pub kind: WordKind,
}

/// Whether it stood in quotes; quoted text is already without its escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordKind {
    Bare(String),
    Quoted(String),
}

/// The words of one step, never none.
#[derive(Debug, PartialEq, Eq)]
pub struct Sentence {
    pub line: usize,
    pub words: Vec<Word>,
}

impl Sentence {
    /// From the first word to the end of the last.
    pub fn range(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |word| word.range.start);
        start..self.words.last().map_or(start, |word| word.range.end)
    }
}

/// Parts a script into sentences.
pub fn sentences(script: &str) -> Result<Vec<Sentence>, Mistake> {
    let lexemes = repeat::<_, _, Vec<_>, _, _>(0.., lexeme.with_span())
        .parse(LocatingSlice::new(script))
        .map_err(|error| Mistake::new(error.offset()..script.len(), "this cannot be read"))?;
    let mut sentences = Vec::new();
    let mut current = Sentence { line: 1, words: Vec::new() };
    for (lexeme, range) in lexemes {
        match lexeme {
            Lexeme::Nothing => {}
            Lexeme::Bare(text) => current.words.push(Word { range, kind: WordKind::Bare(text.to_owned()) }),
            Lexeme::Quoted(text) => {
                let kind = WordKind::Quoted(unquote(text, &range)?);
                current.words.push(Word { range, kind });
            }
            Lexeme::Break(lines) => {
                let next = Sentence { line: current.line + lines, words: Vec::new() };
                sentences.push(std::mem::replace(&mut current, next));
            }
        }
    }
    sentences.push(current);
    sentences.retain(|sentence| !sentence.words.is_empty());
    Ok(sentences)
}

#[derive(Clone)]
enum Lexeme<'s> {
    Bare(&'s str),
    Quoted(&'s str),
    /// The end of a step, and how many lines further the next one stands.
    Break(usize),
    Nothing,
}

type Input<'s> = LocatingSlice<&'s str>;

fn lexeme<'s>(input: &mut Input<'s>) -> ModalResult<Lexeme<'s>> {
    alt((
        '\n'.value(Lexeme::Break(1)),
        STEP_BREAK.value(Lexeme::Break(0)),
        take_while(1.., |c: char| c.is_whitespace() && c != '\n').value(Lexeme::Nothing),
        ('#', take_till(0.., '\n')).value(Lexeme::Nothing),
        quoted.map(Lexeme::Quoted),
        take_till(1.., |c: char| c.is_whitespace() || c == '"' || c == STEP_BREAK).map(Lexeme::Bare),
    ))
    .parse_next(input)
}

/// Text from its first quote to the last; an end that is missing is left to [`unquote`] to report.
fn quoted<'s>(input: &mut Input<'s>) -> ModalResult<&'s str> {
    let escaped = preceded('\\', opt(none_of('\n'))).void();
    let plain = none_of(['"', '\\', '\n']).void();
    ('"', repeat::<_, _, (), _, _>(0.., alt((plain, escaped))), opt('"')).take().parse_next(input)
}

fn unquote(text: &str, range: &Range<usize>) -> Result<String, Mistake> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            return Mistake::new(range.clone(), "this text has no closing quote").help("end it with `\"`");
        }
        Mistake::new(range.clone(), "this text has an escape or character that JSON strings do not allow")
            .help(r#"the escapes are \" \\ \/ \b \f \n \r \t and \u followed by four hex digits"#)
    })
}

/// Parts two steps on one line.
const STEP_BREAK: char = '·';

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(range: Range<usize>, text: &str) -> Word {
        Word { range, kind: WordKind::Bare(text.to_owned()) }
    }

    #[test]
    fn words_know_their_place() {
        let script = "ada pings \"a\\n·\"#no\n\n  wait 2s · wait 3s # rest\n";
        let expected = vec![
            Sentence {
                line: 1,
                words: vec![
                    bare(0..3, "ada"),
                    bare(4..9, "pings"),
                    Word { range: 10..17, kind: WordKind::Quoted("a\n·".to_owned()) },
                ],
            },
            Sentence { line: 3, words: vec![bare(24..28, "wait"), bare(29..31, "2s")] },
            Sentence { line: 3, words: vec![bare(35..39, "wait"), bare(40..42, "3s")] },
        ];
        assert_eq!(sentences(script).unwrap(), expected);
    }

    #[test]
    fn empty() {
        for script in ["", "\n", " · \r\n# only a comment"] {
            assert_eq!(sentences(script).unwrap(), vec![], "{script:?}");
        }
    }

    #[test]
    fn every_prefix_is_read_or_explained() {
        let script = "ada sends text \"a\\u00e9\\\"\" · wait 20ms\nserver closes ada 1000 \"·\"";
        for end in (0..script.len()).filter(|end| script.is_char_boundary(*end)) {
            if let Err(error) = sentences(&script[..end]) {
                assert_eq!(error.range.end, end, "{:?}", &script[..end]);
            }
        }
    }

    #[test]
    fn a_text_without_end_is_shown_whole() {
        let error = sentences("ada pings \"hello\nwait 2s").unwrap_err();
        assert_eq!((error.range, error.message.as_str()), (10..16, "this text has no closing quote"));
        let error = sentences(r#"ada pings "a\x""#).unwrap_err();
        assert_eq!(error.range, 10..15);
        assert_eq!(error.message, "this text has an escape or character that JSON strings do not allow");
    }
}
