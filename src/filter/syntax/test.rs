//! The grammar of display filters; wireshark-filter(4).
//!
//! ```text
//! filter   = both *( ( "||" / "or" ) both )
//! both     = unary *( ( "&&" / "and" ) unary )             ; binds tighter than "or"
//! unary    = ( "!" / "not" ) unary / "(" filter ")" / test
//! test     = [ "any" / "all" ] operand [ relation ( value / operand ) / [ "not" ] "in" set ]      ; operand.rs
//! relation = "==" / "eq" / "any_eq" / "!=" / "ne" / "all_ne" / "===" / "all_eq" / "!==" / "~=" / "any_ne"
//!          / "<" / "lt" / "<=" / "le" / ">" / "gt" / ">=" / "ge" / "contains" / "matches" / "~"
//! set      = "{" element *( [ "," ] element ) "}"
//! element  = value [ ".." value ]
//! value    = word / string / char
//! ```

use winnow::Parser;
use winnow::combinator::{alt, not, opt, peek, preceded, terminated};
use winnow::stream::Location;

use super::{
    Input, Step, attempt, close, constant, cut, deeper, joined, keyword, operand, space, symbol, unexpected, word,
};
use crate::filter::ast::{Literal, Operand, Quantifier, Relation, Spanned, Test};
use crate::mistake::Mistake;

/// A display filter, up to what cannot belong to it.
pub(super) fn filter(input: &mut Input<'_>) -> Step<Spanned<Test>> {
    joined(input, both, alt((symbol("||"), keyword("or"))), Test::Any)
}

fn both(input: &mut Input<'_>) -> Step<Spanned<Test>> {
    joined(input, unary, alt((symbol("&&"), keyword("and"))), Test::All)
}

fn unary(input: &mut Input<'_>) -> Step<Spanned<Test>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut alt((terminated(symbol("!"), not('=')), keyword("not"))))?.is_some() {
        let inner = deeper(input, unary)?;
        let range = start..inner.range.end;
        return Ok(Spanned::new(Test::Not(Box::new(inner)), range));
    }
    if attempt(input, &mut symbol("("))?.is_some() {
        let inner = deeper(input, filter)?;
        close(input, ")", start..start + 1)?;
        return Ok(Spanned::new(inner.node, start..input.previous_token_end()));
    }
    test(input)
}

fn test(input: &mut Input<'_>) -> Step<Spanned<Test>> {
    let start = input.current_token_start();
    let quantifier = opt(quantifier).parse_next(input)?;
    let Some(left) = operand::operand(input)? else {
        return unexpected(input, "a field such as tcp.port, or a protocol");
    };
    let node = if let Some(relation) = attempt(input, &mut relation)? {
        Test::Compare {
            quantifier,
            left: Box::new(left),
            relation,
            right: operand::right(input, &relation.to_string(), operand::behind)?,
        }
    } else if let Some(negated) = attempt(input, &mut membership)? {
        Test::Member { quantifier, field: member(left)?, negated, set: set(input)? }
    } else if quantifier.is_some() {
        return unexpected(input, "a comparison");
    } else {
        Test::Present(Box::new(left.node))
    };
    Ok(Spanned::new(node, start..input.previous_token_end()))
}

/// The field that is looked for in a set: wireshark-filter(4) takes nothing else there.
fn member(operand: Spanned<Operand>) -> Step<Spanned<String>> {
    if operand.node.bare().is_some() {
        return Ok(operand.node.name);
    }
    let error = Mistake::new(operand.range, "`in` takes a field as it is");
    cut(error.help(format!("compare with each value: {0} == … || {0} == …", operand.node)))
}

/// `any` or `all`, if a name follows; else the word is itself a name.
fn quantifier(input: &mut Input<'_>) -> Step<Quantifier> {
    let operator = alt((relation.void(), membership.void(), keyword("and").void(), keyword("or").void()));
    let name = peek((not(operator), preceded(space, word)));
    let quantifier = alt((keyword("any").value(Quantifier::Any), keyword("all").value(Quantifier::All)));
    terminated(quantifier, name).parse_next(input)
}

pub(super) fn relation(input: &mut Input<'_>) -> Step<Relation> {
    let symbols = alt((
        symbol("===").value(Relation::AllEqual),
        symbol("==").value(Relation::Equal),
        alt((symbol("!=="), symbol("~="))).value(Relation::AnyNotEqual),
        symbol("!=").value(Relation::NotEqual),
        symbol("<=").value(Relation::LessEqual),
        symbol("<").value(Relation::Less),
        symbol(">=").value(Relation::GreaterEqual),
        symbol(">").value(Relation::Greater),
        symbol("~").value(Relation::Matches),
    ));
    let words = preceded(space, word).verify_map(|word| {
        Some(match word {
            "eq" | "any_eq" => Relation::Equal,
            "ne" | "all_ne" => Relation::NotEqual,
            "all_eq" => Relation::AllEqual,
            "any_ne" => Relation::AnyNotEqual,
            "lt" => Relation::Less,
            "le" => Relation::LessEqual,
            "gt" => Relation::Greater,
            "ge" => Relation::GreaterEqual,
            "contains" => Relation::Contains,
            "matches" => Relation::Matches,
            _ => return None,
        })
    });
    alt((symbols, words)).parse_next(input)
}

/// `in` or `not in`; whether it is the latter.
pub(super) fn membership(input: &mut Input<'_>) -> Step<bool> {
    let not_in = (keyword("not"), keyword("in")).value(true);
    alt((not_in, keyword("in").value(false))).parse_next(input)
}

type Element = (Spanned<Literal>, Option<Spanned<Literal>>);

fn set(input: &mut Input<'_>) -> Step<Vec<Element>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut symbol("{"))?.is_none() {
        return unexpected(input, "a set such as {80, 8000..8080}");
    }
    let mut set = vec![element(input)?];
    loop {
        let comma = attempt(input, &mut symbol(","))?.is_some();
        // Wireshark 2 separated by spaces; what stands before the closing brace ends the set.
        let more = opt(peek(preceded(space, constant.void()))).parse_next(input)?.is_some();
        if !comma && !more {
            break;
        }
        set.push(element(input)?);
    }
    close(input, "}", start..start + 1)?;
    Ok(set)
}

fn element(input: &mut Input<'_>) -> Step<Element> {
    let Some(low) = attempt(input, &mut constant)? else {
        return unexpected(input, "a value");
    };
    if attempt(input, &mut symbol(".."))?.is_none() {
        return Ok((low, None));
    }
    let Some(high) = attempt(input, &mut constant)? else {
        return unexpected(input, "the end of the range");
    };
    Ok((low, Some(high)))
}
