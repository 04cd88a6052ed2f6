//! The grammar of display filters; wireshark-filter(4).
//!
//! ```text
//! filter   = both *( ( "||" / "or" ) both )
//! both     = unary *( ( "&&" / "and" ) unary )             ; binds tighter than "or"
//! unary    = ( "!" / "not" ) unary / "(" filter ")" / test
//! test     = operand                                                    ; operand.rs
//!          / [ "any" / "all" ] operand ( relation ( value / operand ) / [ "not" ] "in" set )
//!          / operand 1*( relation operand ) relation ( value / operand ) ; but for "contains" and "matches"
//! relation = "==" / "eq" / "any_eq" / "!=" / "ne" / "all_ne" / "===" / "all_eq" / "!==" / "~=" / "any_ne"
//!          / "<" / "lt" / "<=" / "le" / ">" / "gt" / ">=" / "ge" / "contains" / "matches" / "~"
//! set      = "{" element *( "," element ) "}"
//! element  = value [ ".." value ]
//! value    = word / string / char
//! ```

use winnow::Parser;
use winnow::combinator::{alt, not, opt, peek, preceded, terminated};
use winnow::stream::Location;
use winnow::token::literal;

use super::{
    Input, Step, attempt, close, constant, cut, deeper, joined, keyword, operand, space, spanned, symbol, unexpected,
    word,
};
use crate::filter::ast::{Literal, Operand, Quantifier, Relation, Right, Spanned, Test};
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
        chain(input, quantifier, left, relation)?
    } else if let Some(negated) = attempt(input, &mut membership)? {
        Test::Member { quantifier, field: member(left)?, negated, set: set(input)? }
    } else if quantifier.is_some() {
        return unexpected(input, "a comparison");
    } else {
        Test::Present(Box::new(left.node))
    };
    Ok(Spanned::new(node, start..input.previous_token_end()))
}

/// What is compared with what: `a < b < c` says it of each pair. The relation behind `left` was read.
fn chain(
    input: &mut Input<'_>,
    quantifier: Option<Quantifier>,
    mut left: Spanned<Operand>,
    mut relation: Relation,
) -> Step<Test> {
    let mut pairs = Vec::new();
    loop {
        let start = left.range.start;
        let right = operand::right(input, &relation.to_string())?;
        let end = input.previous_token_end();
        let next = attempt(input, &mut spanned(self::relation))?;
        let middle = next.as_ref().map(|next| middle(&right, relation, next)).transpose()?;
        let pair = Test::Compare { quantifier, left: Box::new(left), relation, right };
        pairs.push(Spanned::new(pair, start..end));
        let (Some(middle), Some(next)) = (middle, next) else { break };
        if quantifier.is_some() {
            let error = Mistake::new(next.range, "`any` and `all` speak of one comparison");
            return cut(error.help("write all a < b && all b < c"));
        }
        (left, relation) = (middle, next.node);
    }
    Ok(if pairs.len() == 1 { pairs.remove(0).node } else { Test::All(pairs) })
}

/// What stands between two relations, as what is on the left of the second.
fn middle(right: &Right, before: Relation, next: &Spanned<Relation>) -> Step<Spanned<Operand>> {
    let searches = |relation| matches!(relation, Relation::Contains | Relation::Matches);
    if searches(before) || searches(next.node) {
        let error = Mistake::new(next.range.clone(), "`contains` and `matches` stand in no chain of comparisons");
        return cut(error.help("write a == b && b contains \"…\""));
    }
    match right {
        Right::Operand(operand) => Ok(Spanned::clone(operand)),
        Right::Literal(Spanned { node: Literal::Word(word), range })
            if word.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            let name = Spanned::new(word.clone(), range.clone());
            Ok(Spanned::new(Operand::named(name), range.clone()))
        }
        Right::Literal(value) => {
            let error = Mistake::new(
                value.range.clone(),
                format!("{value} is a value; between two comparisons stands a field"),
            );
            cut(error.help("write tcp.len < tcp.seq < 100, or a > 1 && a < 10"))
        }
    }
}

/// The field that is looked for in a set: wireshark-filter(4) takes nothing else there.
fn member(operand: Spanned<Operand>) -> Step<Spanned<String>> {
    if let Some(name) = operand.node.bare() {
        return Ok(name.clone());
    }
    let error = Mistake::new(operand.range, "`in` takes a field as it is");
    cut(error.help(format!("compare with each value: {0} == … || {0} == …", operand.node)))
}

/// `any` or `all`, if a name follows; else the word is itself a name.
fn quantifier(input: &mut Input<'_>) -> Step<Quantifier> {
    let operator = alt((relation.void(), membership.void(), keyword("and").void(), keyword("or").void()));
    let name = peek((not(operator), preceded(space, alt((word, literal("{"))))));
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
    while attempt(input, &mut symbol(","))?.is_some() {
        set.push(element(input)?);
    }
    if let Some(value) = peek(opt(constant)).parse_next(input)? {
        let error = Mistake::new(value.range, "values are separated by commas");
        return cut(error.help("write tcp.port in {80, 8080}; blanks alone have not sufficed since Wireshark 4"));
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
