//! The grammar of what a frame is asked for.
//!
//! ```text
//! operand = whole *( ( "&" / "bitwise_and" ) ( value / whole ) )
//! whole   = name / function "(" name ")" , each with *( "[" stretch *( "," stretch ) "]" )
//! stretch = [ offset ] ":" [ length ] / offset "-" offset / offset      ; the last is one octet
//! offset  = [ "-" ] number                                              ; below zero: from the end
//! ```

use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{alt, not, opt, terminated};
use winnow::stream::Location;
use winnow::token::{literal, take_while};

use super::{Input, Step, attempt, close, constant, cut, keyword, rest, spanned, symbol, unexpected, word};
use crate::filter::ast::{End, Function, Literal, Operand, Right, Spanned, Stretch};
use crate::mistake::Mistake;

/// A slice may have no more parts: each copies octets of every value.
const MAX_STRETCHES: usize = 16;
/// Nor are more slices of slices taken, or bits of bits.
const MAX_STEPS: usize = 16;

/// A field or protocol, or a function of one, with the slice behind it; nothing if no name stands here.
pub(super) fn operand(input: &mut Input<'_>) -> Step<Option<Spanned<Operand>>> {
    let Some(name) = attempt(input, &mut spanned(word.map(str::to_owned)))? else { return Ok(None) };
    behind(input, name).map(Some)
}

/// What follows a name that may be that of a function.
pub(super) fn behind(input: &mut Input<'_>, name: Spanned<String>) -> Step<Spanned<Operand>> {
    let mut found = whole(input, name)?;
    let mut and = alt((terminated(symbol("&"), not('&')).void(), keyword("bitwise_and").void()));
    while attempt(input, &mut and)?.is_some() {
        let mask = right(input, "&", whole)?;
        found.node.masks.push(mask);
        found.range.end = input.previous_token_end();
        if found.node.masks.len() > MAX_STEPS {
            return cut(Mistake::new(found.range, format!("bits are asked for {MAX_STEPS} times at the most")));
        }
    }
    Ok(found)
}

/// A value or another operand behind an operator. What follows a name is read by `behind`.
pub(super) fn right(
    input: &mut Input<'_>,
    operator: &str,
    behind: fn(&mut Input<'_>, Spanned<String>) -> Step<Spanned<Operand>>,
) -> Step<Right> {
    let Some(literal) = attempt(input, &mut constant)? else {
        return unexpected(input, &format!("a value after `{operator}`"));
    };
    let Literal::Word(name) = &literal.node else { return Ok(Right::Literal(literal)) };
    let operand = behind(input, Spanned::new(name.clone(), literal.range.clone()))?;
    Ok(if operand.node.bare().is_some() { Right::Literal(literal) } else { Right::Operand(Box::new(operand)) })
}

/// The same without bits.
fn whole(input: &mut Input<'_>, name: Spanned<String>) -> Step<Spanned<Operand>> {
    let start = name.range.start;
    let could_be_called = name.node.bytes().all(|b| b.is_ascii_alphabetic());
    let open = if could_be_called { attempt(input, &mut spanned(literal("(")))? } else { None };
    let (name, function, end) = match open {
        Some(open) => argument(input, name, open.range)?,
        None => {
            let end = name.range.end;
            (name, None, end)
        }
    };
    let mut slices: Vec<Spanned<Vec<Stretch>>> = Vec::new();
    while let Some(slice) = slice(input)? {
        slices.push(slice);
        if slices.len() > MAX_STEPS {
            let range = start..input.previous_token_end();
            return cut(Mistake::new(range, format!("slices are sliced {MAX_STEPS} times at the most")));
        }
    }
    let end = slices.last().map_or(end, |slice| slice.range.end);
    Ok(Spanned::new(Operand { name, function, slices, masks: Vec::new() }, start..end))
}

/// The argument of a function, whose parenthesis was read; and where it is closed.
fn argument(
    input: &mut Input<'_>,
    called: Spanned<String>,
    open: Range<usize>,
) -> Step<(Spanned<String>, Option<Spanned<Function>>, usize)> {
    let Some(function) = Function::from_name(&called.node) else {
        let error = Mistake::new(called.range, format!("no function `{}` asks a frame", called.node));
        let all = Function::ALL.map(|(name, _)| name).join(", ");
        return cut(error.help(format!("those that do are {all}")));
    };
    let Some(name) = attempt(input, &mut spanned(word.map(str::to_owned)))? else {
        return unexpected(input, &format!("a field, as in {}(http.host)", called.node));
    };
    if rest(input)?.starts_with(['[', '(']) {
        let error = Mistake::new(name.range, format!("{} takes a field as it is", called.node));
        return cut(error.help(format!("slice what comes of it: {}(http.host)[0:4]", called.node)));
    }
    close(input, ")", open)?;
    Ok((name, Some(Spanned::new(function, called.range)), input.previous_token_end()))
}

fn slice(input: &mut Input<'_>) -> Step<Option<Spanned<Vec<Stretch>>>> {
    let Some(open) = attempt(input, &mut spanned(literal("[")))? else { return Ok(None) };
    let start = open.range.start;
    let mut stretches = vec![stretch(input)?];
    while attempt(input, &mut symbol(","))?.is_some() {
        stretches.push(stretch(input)?);
        if stretches.len() > MAX_STRETCHES {
            let range = start..input.previous_token_end();
            return cut(Mistake::new(range, format!("a slice has {MAX_STRETCHES} parts at the most")));
        }
    }
    close(input, "]", open.range)?;
    Ok(Some(Spanned::new(stretches, start..input.previous_token_end())))
}

fn stretch(input: &mut Input<'_>) -> Step<Stretch> {
    let first = offset(input)?;
    if attempt(input, &mut symbol(":"))?.is_some() {
        let start = first.map_or(0, |first| first.node);
        return Ok(match offset(input)? {
            Some(length) if length.node < 1 => {
                let error = Mistake::new(length.range, format!("a slice cannot have {} octets", length.node));
                return cut(error.help("behind the colon stands how many octets there are; [2-5] goes up to the fifth"));
            }
            Some(length) => Stretch { start, end: End::Length(length.node) },
            None => Stretch { start, end: End::Open },
        });
    }
    let Some(first) = first else {
        return unexpected(input, "which octets, as in [0:4], [2-5], [:4], [4:] or [-1]");
    };
    if attempt(input, &mut symbol("-"))?.is_none() {
        return Ok(Stretch { start: first.node, end: End::Length(1) });
    }
    let Some(last) = offset(input)? else { return unexpected(input, "the last octet, as in [2-5]") };
    if last.node < first.node && (last.node < 0) == (first.node < 0) {
        let range = first.range.start..last.range.end;
        return cut(Mistake::new(range, "the slice ends before it begins").help("write the smaller number first"));
    }
    Ok(Stretch { start: first.node, end: End::Last(last.node) })
}

/// A number that may have a minus before it.
fn offset(input: &mut Input<'_>) -> Step<Option<Spanned<i32>>> {
    let digits = take_while(1.., |c: char| c.is_ascii_alphanumeric());
    let written = (opt('-'), digits).take();
    let Some(written) = attempt(input, &mut spanned(written.map(str::to_owned)))? else {
        return Ok(None);
    };
    match number(&written.node) {
        Some(number) => Ok(Some(Spanned::new(number, written.range))),
        None => {
            let error = Mistake::new(written.range, format!("{} is not the number of an octet", written.node));
            cut(error.help("octets are counted from 0, and from -1 backwards from the end"))
        }
    }
}

/// In C's notations, as everywhere in filters: `8`, `0x8`, `010`.
fn number(text: &str) -> Option<i32> {
    let (sign, size) = text.strip_prefix('-').map_or((1, text), |size| (-1, size));
    let (digits, radix) = match (size.strip_prefix("0x"), size.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (size, 10),
    };
    i32::from_str_radix(digits, radix).ok()?.checked_mul(sign)
}
