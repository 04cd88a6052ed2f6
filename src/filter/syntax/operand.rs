//! The grammar of what a frame is asked for.
//!
//! ```text
//! operand = sum *( ( "&" / "bitwise_and" ) sum )
//! sum     = product *( ( "+" / "-" ) product )
//! product = signed *( ( "*" / "/" / "%" ) signed )
//! signed  = [ "-" ] leaf                                                ; no sign before "{"
//! leaf    = "{" operand "}" / ( "min" / "max" / "abs" ) "(" operand *( "," operand ) ")" / made / value
//! made    = name / function "(" name ")" , each with *( "[" stretch *( "," stretch ) "]" )
//! stretch = [ offset ] ":" [ length ] / offset "-" offset / offset      ; the last is one octet
//! offset  = [ "-" ] number                                              ; below zero: from the end
//! ```

use std::net::IpAddr;
use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{alt, not, opt, peek, terminated};
use winnow::stream::Location;
use winnow::token::{literal, take, take_while};

use super::{
    Input, attempt, close, constant, cut, deeper, keyword, rest, space, spanned, symbol, test, unexpected, word,
};
use crate::filter::ast::{
    Choice, End, Function, Literal, Made, Operand, Right, Spanned, Step, Stretch, function_names,
};
use crate::mistake::Mistake;

/// What one of the parsers here yields.
type Parsed<T> = super::Step<T>;

/// A slice may have no more parts: each copies octets of every value.
const MAX_STRETCHES: usize = 16;
/// Nor are more slices of slices taken, or more steps in a row calculated.
const MAX_STEPS: usize = 16;

/// What is asked for on the left of a comparison; nothing if nothing of the sort stands here. A bare word is a name there.
pub(super) fn operand(input: &mut Input<'_>) -> Parsed<Option<Spanned<Operand>>> {
    let begins =
        rest(input)?.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '{' | '-' | '_' | ':' | '.' | '/'));
    if !begins {
        return Ok(None);
    }
    let found = bits(input)?;
    Ok(Some(match found.node {
        Operand::Literal(Literal::Word(name)) => {
            let range = found.range;
            Spanned::new(Operand::named(Spanned::new(name, range.clone())), range)
        }
        Operand::Literal(literal) => {
            let error = Mistake::new(found.range, format!("{literal} is a value; a test begins with a field"));
            return cut(error.help(format!("write the field first, as in http.host == {literal}")));
        }
        node => Spanned::new(node, found.range),
    }))
}

/// A value or another operand behind an operator.
pub(super) fn right(input: &mut Input<'_>, operator: &str) -> Parsed<Right> {
    if rest(input)?.is_empty() {
        return unexpected(input, &format!("a value after `{operator}`"));
    }
    let found = bits(input)?;
    Ok(match found.node {
        Operand::Literal(literal) => Right::Literal(Spanned::new(literal, found.range)),
        node => Right::Operand(Box::new(Spanned::new(node, found.range))),
    })
}

fn bits(input: &mut Input<'_>) -> Parsed<Spanned<Operand>> {
    let and = |input: &mut Input<'_>| {
        alt((terminated(symbol("&"), not('&')), keyword("bitwise_and"))).value(Step::And).parse_next(input)
    };
    steps(input, sum, and)
}

fn sum(input: &mut Input<'_>) -> Parsed<Spanned<Operand>> {
    steps(input, product, |input| {
        alt((symbol("+").value(Step::Add), symbol("-").value(Step::Subtract))).parse_next(input)
    })
}

fn product(input: &mut Input<'_>) -> Parsed<Spanned<Operand>> {
    let operator = |input: &mut Input<'_>| {
        let times = symbol("*").value(Step::Multiply);
        alt((times, symbol("/").value(Step::Divide), symbol("%").value(Step::Remainder))).parse_next(input)
    };
    steps(input, signed, operator)
}

/// One or more parts with operators of one rank between them.
fn steps(
    input: &mut Input<'_>,
    part: fn(&mut Input<'_>) -> Parsed<Spanned<Operand>>,
    mut operator: impl FnMut(&mut Input<'_>) -> Parsed<Step>,
) -> Parsed<Spanned<Operand>> {
    let first = part(input)?;
    let start = first.range.start;
    let mut rest = Vec::new();
    while let Some(step) = attempt(input, &mut |input: &mut Input<'_>| operator(input))? {
        if super::rest(input)?.is_empty() {
            return unexpected(input, &format!("a value after `{step}`"));
        }
        rest.push((step, part(input)?));
        if rest.len() > MAX_STEPS {
            let range = start..input.previous_token_end();
            return cut(Mistake::new(range, format!("a calculation has {MAX_STEPS} steps in a row at the most")));
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let end = input.previous_token_end();
    Ok(Spanned::new(Operand::Steps { first: Box::new(first), rest }, start..end))
}

fn signed(input: &mut Input<'_>) -> Parsed<Spanned<Operand>> {
    let text = rest(input)?;
    let start = input.current_token_start();
    // The sign of a number belongs to it.
    let is_sign = text.strip_prefix('-').is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    if !is_sign {
        return leaf(input);
    }
    '-'.void().parse_next(input)?;
    if rest(input)?.starts_with(['-', '{']) {
        let error = Mistake::new(start..start + 1, "a sign stands before a field or a number");
        return cut(error.help("write {tcp.seq - tcp.ack} * -1"));
    }
    let inner = leaf(input)?;
    let range = start..inner.range.end;
    let node = match inner.node {
        Operand::Literal(Literal::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit()) => {
            Operand::Literal(Literal::Word(format!("-{word}")))
        }
        node => Operand::Negative(Box::new(Spanned::new(node, inner.range))),
    };
    Ok(Spanned::new(node, range))
}

fn leaf(input: &mut Input<'_>) -> Parsed<Spanned<Operand>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut symbol("{"))?.is_some() {
        let inner = deeper(input, bits)?;
        if peek(opt(test::relation)).parse_next(input)?.is_some() {
            let error = Mistake::new(start..start + 1, "`{…}` groups what is calculated, not tests");
            return cut(error.help("write {tcp.len + 1} * 2 == 4; tests are grouped by (…)"));
        }
        close(input, "}", start..start + 1)?;
        return Ok(Spanned::new(inner.node, start..input.previous_token_end()));
    }
    let Some(found) = value(input)? else {
        if let Some(relation) = peek(opt(spanned(test::relation))).parse_next(input)? {
            let message = format!("expected a field such as tcp.port, or a value, found `{}`", relation.node);
            return cut(Mistake::new(relation.range, message));
        }
        return unexpected(input, "a field such as tcp.port, or a value");
    };
    let Literal::Word(word) = &found.node else { return Ok(Spanned::new(Operand::Literal(found.node), found.range)) };
    let name = Spanned::new(word.clone(), found.range.clone());
    match Choice::from_name(word) {
        Some(how) => choice(input, Spanned::new(how, found.range)),
        None => made(input, name),
    }
}

/// A value, or the name of a field. A slash divides, unless it belongs to a block of addresses.
fn value<'s>(input: &mut Input<'s>) -> Parsed<Option<Spanned<Literal>>> {
    space(input)?;
    let read = peek(opt(word)).parse_next(input)?;
    let divided = read.and_then(|read| read.split_once('/')).map(|(dividend, _)| dividend);
    match divided.filter(|dividend| !dividend.is_empty() && dividend.parse::<IpAddr>().is_err()) {
        Some(dividend) => {
            let word = take(dividend.len()).map(|word: &'s str| Literal::Word(word.to_owned()));
            spanned(word).parse_next(input).map(Some)
        }
        None => attempt(input, &mut constant),
    }
}

/// A function of several values, whose name was read.
fn choice(input: &mut Input<'_>, how: Spanned<Choice>) -> Parsed<Spanned<Operand>> {
    let start = how.range.start;
    let Some(open) = attempt(input, &mut spanned(literal("(")))? else {
        // It could be the name of a protocol.
        let name = Spanned::new(how.node.name().to_owned(), how.range.clone());
        return Ok(Spanned::new(Operand::Literal(Literal::Word(name.node)), how.range));
    };
    let mut arguments = vec![deeper(input, bits)?];
    while attempt(input, &mut symbol(","))?.is_some() {
        arguments.push(deeper(input, bits)?);
        if arguments.len() > MAX_STEPS {
            let range = start..input.previous_token_end();
            return cut(Mistake::new(range, format!("{} takes {MAX_STEPS} values at the most", how.node.name())));
        }
    }
    close(input, ")", open.range)?;
    let range = start..input.previous_token_end();
    if how.node == Choice::Abs && arguments.len() > 1 {
        return cut(Mistake::new(range, "abs takes one value").help("write abs(tcp.seq - tcp.ack)"));
    }
    Ok(Spanned::new(Operand::Choice { how, arguments }, range))
}

/// What a name that may be that of a function begins. If nothing is made of it, it may be a value.
fn made(input: &mut Input<'_>, name: Spanned<String>) -> Parsed<Spanned<Operand>> {
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
    let node = match function {
        None if slices.is_empty() => Operand::Literal(Literal::Word(name.node)),
        function => Operand::Made(Made { name, function, slices }),
    };
    Ok(Spanned::new(node, start..end))
}

/// The argument of a function, whose parenthesis was read; and where it is closed.
fn argument(
    input: &mut Input<'_>,
    called: Spanned<String>,
    open: Range<usize>,
) -> Parsed<(Spanned<String>, Option<Spanned<Function>>, usize)> {
    let Some(function) = Function::from_name(&called.node) else {
        let error = Mistake::new(called.range, format!("no function `{}` asks a frame", called.node));
        return cut(error.help(format!("those that do are {}", function_names())));
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

fn slice(input: &mut Input<'_>) -> Parsed<Option<Spanned<Vec<Stretch>>>> {
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

fn stretch(input: &mut Input<'_>) -> Parsed<Stretch> {
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
fn offset(input: &mut Input<'_>) -> Parsed<Option<Spanned<i32>>> {
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
