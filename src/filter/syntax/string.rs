//! Quoted text, with Wireshark's escapes; raw text keeps its backslashes (made for `matches`).

use winnow::Parser;
use winnow::combinator::{alt, opt};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Location, Stream};
use winnow::token::{any, take_while};

use super::{Input, Step, cut};
use crate::mistake::Mistake;

/// The octets of a quoted text.
pub(super) fn string(input: &mut Input<'_>) -> Step<Vec<u8>> {
    let start = input.current_token_start();
    let raw = opt(alt(('r', 'R'))).parse_next(input)?.is_some();
    '"'.parse_next(input)?;
    let mut octets = Vec::new();
    loop {
        let at = input.current_token_start();
        let Some(c) = input.next_token() else {
            return cut(Mistake::new(
                start..start + 1 + usize::from(raw),
                "this text is never closed; `\"` is missing",
            ));
        };
        match c {
            '"' => return Ok(octets),
            // Even a raw text may contain a quote, with a backslash that stays, as regular expressions allow.
            '\\' if raw => keep_escape(input, &mut octets),
            '\\' => octets.extend(escape(input, at)?),
            c => octets.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The octet of a character constant; nothing if something else stands here, as a longer text in single quotes.
pub(super) fn character(input: &mut Input<'_>) -> Step<u8> {
    '\''.parse_next(input)?;
    let at = input.current_token_start();
    let octets = match input.next_token() {
        Some('\\') => escape(input, at)?,
        Some(c) if c.is_ascii() && c != '\'' => vec![c as u8],
        _ => Vec::new(),
    };
    '\''.parse_next(input)?;
    match octets.as_slice() {
        [octet] => Ok(*octet),
        _ => Err(ErrMode::Backtrack(ParserError::from_input(input))),
    }
}

fn keep_escape(input: &mut Input<'_>, octets: &mut Vec<u8>) {
    octets.push(b'\\');
    if input.peek_finish().starts_with('"') {
        input.next_token();
        octets.push(b'"');
    }
}

/// The octets an escape stands for; the backslash, at `at`, has been read.
fn escape(input: &mut Input<'_>, at: usize) -> Step<Vec<u8>> {
    let octal = take_while(1..=3, '0'..='7').verify_map(|digits| u8::from_str_radix(digits, 8).ok());
    let hex = ('x', take_while(1..=2, |c: char| c.is_ascii_hexdigit()))
        .verify_map(|(_, digits)| u8::from_str_radix(digits, 16).ok());
    let named = any.verify_map(|c| match c {
        '"' | '\'' | '\\' => u8::try_from(c).ok(),
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        _ => None,
    });
    if let Some(octet) = opt(alt((octal, hex, named))).parse_next(input)? {
        return Ok(vec![octet]);
    }
    let rest = input.peek_finish();
    let end = at + 1 + rest.chars().next().map_or(0, char::len_utf8);
    let shown: String = rest.chars().take(1).collect();
    let error = Mistake::new(at..end, format!("`\\{shown}` is not an escape"));
    cut(error.help("double the backslash, or write r\"…\" to keep all backslashes"))
}
