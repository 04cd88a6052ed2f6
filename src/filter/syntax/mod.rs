//! Text → tree. The words of both languages, and what they share: spaces, symbols, bounds and errors.
//!
//! ```text
//! word    = 1*( ALPHA / DIGIT / "_" / ":" / "/" / "-" / "." )    ; ends before ".."
//! char    = "'" ( char / escape ) "'"                            ; in filters
//! string  = DQUOTE *( char / escape ) DQUOTE / ( "r" / "R" ) DQUOTE *char DQUOTE
//! escape  = "\" ( DQUOTE / "'" / "\" / "a" / "b" / "f" / "n" / "r" / "t" / "v" / "x" 1*2HEXDIG / 1*3OCTDIG )
//! ```

mod formula;
mod operand;
mod string;
mod test;

use std::ops::Range;

use winnow::combinator::{alt, not, preceded, repeat};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{literal, one_of, take_while};
use winnow::{ModalResult, Parser};

use super::ast::{Formula, Literal, Spanned, Test};
use crate::mistake::Mistake;

/// No text may be longer: lessons are written by strangers.
const MAX_TEXT: usize = 64 * 1024;

/// No text may be nested deeper, so that no walk over its tree can exhaust the stack.
const MAX_DEPTH: u32 = 64;

type Input<'s> = Stateful<LocatingSlice<&'s str>, Depth>;
type Step<T> = ModalResult<T, Mistake>;

/// How many levels are open.
#[derive(Debug, Clone, Copy, Default)]
struct Depth(u32);

/// Reads a display filter.
pub fn filter(text: &str) -> Result<Spanned<Test>, Mistake> {
    whole(text, test::filter, "`and`, `or` or the end of the filter")
}

/// Reads an expression.
pub fn formula(text: &str) -> Result<Spanned<Formula>, Mistake> {
    whole(text, formula::formula, "an operator or the end of the expression")
}

fn whole<T>(text: &str, grammar: fn(&mut Input<'_>) -> Step<T>, after: &str) -> Result<T, Mistake> {
    if text.len() > MAX_TEXT {
        return Err(Mistake::new(0..0, format!("the text is longer than {MAX_TEXT} bytes")));
    }
    let mut input = Input { input: LocatingSlice::new(text), state: Depth::default() };
    let outcome = grammar(&mut input).and_then(|tree| end(&mut input, after).map(|()| tree));
    outcome.map_err(|mode| match mode {
        ErrMode::Backtrack(error) | ErrMode::Cut(error) => error,
        // Only streams that may grow are ever incomplete; this text is whole.
        ErrMode::Incomplete(_) => Mistake::new(text.len()..text.len(), "the text ends too early"),
    })
}

impl ParserError<Input<'_>> for Mistake {
    type Inner = Self;

    fn from_input(input: &Input<'_>) -> Self {
        let start = input.current_token_start();
        Self::new(start..start, "this is not understood")
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

fn space(input: &mut Input<'_>) -> Step<()> {
    take_while(0.., [' ', '\t', '\r', '\n']).void().parse_next(input)
}

/// A symbol, after spaces.
fn symbol<'s>(text: &'static str) -> impl Parser<Input<'s>, &'s str, ErrMode<Mistake>> {
    preceded(space, literal(text))
}

/// A word that is exactly this one, after spaces.
fn keyword<'s>(text: &'static str) -> impl Parser<Input<'s>, &'s str, ErrMode<Mistake>> {
    preceded(space, word.verify(move |word: &str| word == text))
}

fn word<'s>(input: &mut Input<'s>) -> Step<&'s str> {
    let plain = one_of(('a'..='z', 'A'..='Z', '0'..='9', '_', ':', '/', '-')).void();
    let dot = ('.', not('.')).void();
    repeat::<_, _, (), _, _>(1.., alt((plain, dot))).take().parse_next(input)
}

/// What the parser reads, after spaces, with the place where it stands.
fn spanned<'s, T>(
    parser: impl Parser<Input<'s>, T, ErrMode<Mistake>>,
) -> impl Parser<Input<'s>, Spanned<T>, ErrMode<Mistake>> {
    preceded(space, parser.with_span()).map(|(node, range)| Spanned::new(node, range))
}

/// A quoted text or a word of the sort that `word` reads.
fn value<'s>(
    word: impl Parser<Input<'s>, &'s str, ErrMode<Mistake>>,
) -> impl Parser<Input<'s>, Spanned<Literal>, ErrMode<Mistake>> {
    spanned(alt((string::string.map(Literal::Text), word.map(|word: &str| Literal::Word(word.to_owned())))))
}

/// The same in a filter, where a character in single quotes is a value, too.
fn constant<'s>(input: &mut Input<'s>) -> Step<Spanned<Literal>> {
    alt((spanned(string::character.map(Literal::Character)), value(word))).parse_next(input)
}

/// One or more parts; several are joined into one tree.
fn joined<'s, T>(
    input: &mut Input<'s>,
    mut part: impl FnMut(&mut Input<'s>) -> Step<Spanned<T>>,
    mut between: impl Parser<Input<'s>, &'s str, ErrMode<Mistake>>,
    join: fn(Vec<Spanned<T>>) -> T,
) -> Step<Spanned<T>> {
    let first = part(input)?;
    let start = first.range.start;
    let mut parts = vec![first];
    while attempt(input, &mut between)?.is_some() {
        parts.push(part(input)?);
    }
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let end = input.previous_token_end();
    Ok(Spanned::new(join(parts), start..end))
}

/// What the parser reads, or nothing if something else stands here.
fn attempt<'s, T>(input: &mut Input<'s>, parser: &mut impl Parser<Input<'s>, T, ErrMode<Mistake>>) -> Step<Option<T>> {
    winnow::combinator::opt(parser.by_ref()).parse_next(input)
}

/// Reads one level deeper, within bounds.
fn deeper<'s, T>(input: &mut Input<'s>, parser: impl FnOnce(&mut Input<'s>) -> Step<T>) -> Step<T> {
    if input.state.0 >= MAX_DEPTH {
        let at = input.current_token_start();
        return cut(Mistake::new(at..at, format!("nested deeper than {MAX_DEPTH} levels")));
    }
    input.state.0 += 1;
    let outcome = parser(input);
    input.state.0 -= 1;
    outcome
}

/// The closing of what was opened at `open`.
fn close(input: &mut Input<'_>, symbol_text: &'static str, open: Range<usize>) -> Step<()> {
    if attempt(input, &mut symbol(symbol_text))?.is_some() {
        return Ok(());
    }
    if rest(input)?.is_empty() {
        return cut(Mistake::new(open, format!("this is never closed; `{symbol_text}` is missing")));
    }
    unexpected(input, &format!("`{symbol_text}`"))
}

fn end(input: &mut Input<'_>, expected: &str) -> Step<()> {
    if rest(input)?.is_empty() { Ok(()) } else { unexpected(input, expected) }
}

/// What is left, without spaces before it.
fn rest<'s>(input: &mut Input<'s>) -> Step<&'s str> {
    space(input)?;
    Ok(input.peek_finish())
}

/// The error for what stands here instead of what was expected; some mistakes are known by name.
fn unexpected<T>(input: &mut Input<'_>, expected: &str) -> Step<T> {
    let rest = rest(input)?;
    let start = input.current_token_start();
    let found = token(rest);
    let range = start..start + found.len();
    if found.is_empty() {
        return cut(Mistake::new(range, format!("expected {expected}, but the text ends here")));
    }
    let known = MISTAKES.iter().find(|(beginning, ..)| rest.starts_with(beginning));
    let Some((beginning, message, help)) = known else {
        if found.starts_with(|c: char| c.is_alphanumeric() && !c.is_ascii()) {
            let error = Mistake::new(range, format!("expected {expected}, found `{found}`"));
            return cut(error.help("names have the letters a to z alone, and text stands in double quotes"));
        }
        return cut(Mistake::new(range, format!("expected {expected}, found `{found}`")));
    };
    // A dollar begins a name, all of which is pointed at.
    let len = if *beginning == "$" { 1 + token(&rest[1..]).len() } else { beginning.len() };
    cut(Mistake::new(start..start + len, *message).help(*help))
}

fn cut<T>(error: Mistake) -> Step<T> {
    Err(ErrMode::Cut(error))
}

/// The word or the single character that `rest` begins with.
fn token(rest: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-');
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let one = rest.chars().next().map_or(0, char::len_utf8);
    rest.get(..word.max(one)).unwrap_or(rest)
}

/// What people write that the languages do not have: how it begins, what is wrong, what to write instead.
/// Only looked at where nothing known fits, so `<=` here is a second comparison after a first.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "[",
        "a slice stands behind a field of a filter",
        "write http.host[0:4] == \"chat\", or count(http.host[0:4] == \"chat\") > 0",
    ),
    ("^", "`^` is not understood here", "write (a && !b) || (!a && b)"),
    ("xor ", "`xor` does not join filters", "write (a && !b) || (!a && b)"),
    ("===", "a test is compared with nothing", GROUPED),
    ("==", "a test is compared with nothing", GROUPED),
    ("!=", "a test is compared with nothing", GROUPED),
    ("<", "a test is compared with nothing", GROUPED),
    (">", "a test is compared with nothing", GROUPED),
    ("&&", "there is nothing to the left of `&&`", "write a && b"),
    ("||", "there is nothing to the left of `||`", "write a || b"),
    ("=", "a single `=` compares nothing", "write =="),
    (
        "&",
        "a single `&` stands behind a field of a filter, and takes its bits",
        "write tcp.flags & 0x12 == 0x12, or name the flag, as in tcp.flags.syn == 1; for `and`, write &&",
    ),
    ("|", "a single `|` joins nothing", "write ||"),
    ("'", "text stands in double quotes", "write \"…\""),
    (
        "{",
        "`{…}` does not stand here",
        "write tcp.port in {80, 8080} or {tcp.len + 1} * 2 == 4; tests are grouped by (…)",
    ),
    (
        "#",
        "which of several layers is meant cannot be asked",
        "ask for what tells them apart, as in ip.src == 10.0.0.1",
    ),
    ("@", "octets are asked for by a slice", "write ip.src[0:] == 7f:00:00:01"),
    ("$", "knobs are known only in the script", "ask the capture for what the knob does there, as in count(tcp) > 0"),
    ("AND", "`and` is written in small letters", "write and, or &&"),
    ("OR", "`or` is written in small letters", "write or, or ||"),
    ("NOT", "`not` is written in small letters", "write not, or !"),
];

const GROUPED: &str = "what is calculated is grouped by {…}: {tcp.len + 1} * 2 == 4";
