//! The grammar of expressions.
//!
//! ```text
//! expr     = both *( ( "||" / "or" ) both )
//! both     = negation *( ( "&&" / "and" ) negation )
//! negation = ( "!" / "not" ) negation / relation
//! relation = sum [ 1*( compare sum ) / [ "not" ] "in" ( sum ".." sum / set ) ]
//! compare  = "==" / "!=" / "<" / "<=" / ">" / ">=" / "contains"       ; or their words: eq, ne, …
//! set      = "{" sum [ ".." sum ] *( "," sum [ ".." sum ] ) "}"
//! sum      = product *( ( "+" / "-" ) product )
//! product  = sign *( ( "*" / "/" ) sign )
//! sign     = "-" sign / "(" expr ")" / call / string / atom
//! call     = ( "count" / "first" / "last" ) "(" filter ")" / "nth" "(" filter "," expr ")"
//!          / ( "sum" / "min" / "max" / "value" / "values" / "distinct" ) "(" field [ "where" filter / "at" expr ] ")"
//!          / ( "time" / "len" / "hex" / "text" ) "(" expr ")" / "xor" "(" expr "," expr ")"
//! atom     = 1*( ALPHA / DIGIT / "_" / ":" / "." )                    ; ends before ".."
//! ```

use winnow::Parser;
use winnow::combinator::{alt, not, peek, repeat, terminated};
use winnow::stream::Location;
use winnow::token::one_of;

use super::{
    Input, Step, attempt, close, cut, deeper, joined, keyword, space, spanned, symbol, test, unexpected, value, word,
};
use crate::filter::ast::{Call, Element, Formula, Operator, Pick, Relation, Search, Source, Spanned};
use crate::mistake::Mistake;

/// An expression, up to what cannot belong to it.
pub(super) fn formula(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    joined(input, both, alt((symbol("||"), keyword("or"))), Formula::Any)
}

fn both(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    joined(input, negation, alt((symbol("&&"), keyword("and"))), Formula::All)
}

fn negation(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut alt((terminated(symbol("!"), not('=')), keyword("not"))))?.is_none() {
        return relation(input);
    }
    let inner = deeper(input, negation)?;
    let range = start..inner.range.end;
    Ok(Spanned::new(Formula::Not(Box::new(inner)), range))
}

fn relation(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    let first = sum(input)?;
    let start = first.range.start;
    if let Some(negated) = attempt(input, &mut test::membership)? {
        let set = set(input)?;
        let node = Formula::Within { value: Box::new(first), negated, set };
        return Ok(Spanned::new(node, start..input.previous_token_end()));
    }
    let mut rest = Vec::new();
    while let Some(relation) = attempt(input, &mut spanned(test::relation))? {
        let Spanned { node: relation, range } = relation;
        if matches!(relation, Relation::AllEqual | Relation::AnyNotEqual | Relation::Matches) {
            let error = Mistake::new(range, format!("`{relation}` belongs in a filter"));
            return cut(error.help("put it inside a function: count(http.host matches \"…\")"));
        }
        rest.push((relation, sum(input)?));
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok(Spanned::new(Formula::Chain { first: Box::new(first), rest }, start..input.previous_token_end()))
}

fn set(input: &mut Input<'_>) -> Step<Vec<Element>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut symbol("{"))?.is_none() {
        let range = element(input)?;
        return if range.1.is_some() { Ok(vec![range]) } else { unexpected(input, "`..`") };
    }
    let mut set = vec![element(input)?];
    while attempt(input, &mut symbol(","))?.is_some() {
        set.push(element(input)?);
    }
    close(input, "}", start..start + 1)?;
    Ok(set)
}

fn element(input: &mut Input<'_>) -> Step<Element> {
    let low = sum(input)?;
    let high = if attempt(input, &mut symbol(".."))?.is_some() { Some(sum(input)?) } else { None };
    Ok((low, high))
}

fn sum(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    let operator = alt((symbol("+").value(Operator::Add), symbol("-").value(Operator::Subtract)));
    arithmetic(input, product, operator)
}

fn product(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    let operator = alt((symbol("*").value(Operator::Multiply), symbol("/").value(Operator::Divide)));
    arithmetic(input, sign, operator)
}

fn arithmetic<'s>(
    input: &mut Input<'s>,
    part: fn(&mut Input<'s>) -> Step<Spanned<Formula>>,
    mut operator: impl Parser<Input<'s>, Operator, winnow::error::ErrMode<Mistake>>,
) -> Step<Spanned<Formula>> {
    let first = part(input)?;
    let start = first.range.start;
    let mut rest = Vec::new();
    while let Some(operator) = attempt(input, &mut operator)? {
        rest.push((operator, part(input)?));
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok(Spanned::new(Formula::Arithmetic { first: Box::new(first), rest }, start..input.previous_token_end()))
}

fn sign(input: &mut Input<'_>) -> Step<Spanned<Formula>> {
    space(input)?;
    let start = input.current_token_start();
    if attempt(input, &mut symbol("-"))?.is_some() {
        let inner = deeper(input, sign)?;
        let range = start..inner.range.end;
        return Ok(Spanned::new(Formula::Negate(Box::new(inner)), range));
    }
    if attempt(input, &mut symbol("("))?.is_some() {
        let inner = deeper(input, formula)?;
        close(input, ")", start..start + 1)?;
        return Ok(Spanned::new(inner.node, start..input.previous_token_end()));
    }
    // As a word it would be one here, and a negation where it stands in parentheses.
    if attempt(input, &mut peek(atom.verify(|word: &str| word == "not")))?.is_some() {
        return unexpected(input, "a value, or a negation in parentheses");
    }
    let called = terminated(spanned(atom), peek(symbol("(")));
    if let Some(name) = attempt(input, &mut { called })? {
        return deeper(input, |input| call(input, &name));
    }
    match attempt(input, &mut value(atom))? {
        Some(literal) => Ok(Spanned::new(Formula::Literal(literal.node), literal.range)),
        None => unexpected(input, "a value or a function such as count(…)"),
    }
}

fn call(input: &mut Input<'_>, name: &Spanned<&str>) -> Step<Spanned<Formula>> {
    space(input)?;
    let open = input.current_token_start();
    symbol("(").parse_next(input)?;
    let node = if let Some(how) = Search::from_name(name.node) {
        search(input, how)?
    } else if let Some(how) = Pick::from_name(name.node) {
        pick(input, how)?
    } else if let Some(how) = Call::from_name(name.node) {
        Formula::Call { how, arguments: arguments(input)? }
    } else {
        let all = [Search::NAMES, Pick::NAMES, Call::NAMES].concat().join(", ");
        let error = Mistake::new(name.range.clone(), format!("there is no function `{}`", name.node));
        return cut(error.help(format!("the functions are {all}")));
    };
    close(input, ")", open..open + 1)?;
    Ok(Spanned::new(node, name.range.start..input.previous_token_end()))
}

fn search(input: &mut Input<'_>, how: Search) -> Step<Formula> {
    let filter = test::filter(input)?;
    if how != Search::Nth {
        return Ok(Formula::Search { how, filter, rank: None });
    }
    if attempt(input, &mut symbol(","))?.is_none() {
        return unexpected(input, "`,` and which one: nth(http, 2)");
    }
    Ok(Formula::Search { how, filter, rank: Some(Box::new(formula(input)?)) })
}

fn pick(input: &mut Input<'_>, how: Pick) -> Step<Formula> {
    let Some(field) = attempt(input, &mut spanned(word.map(str::to_owned)))? else {
        return unexpected(input, "a field such as tcp.len");
    };
    let source = if attempt(input, &mut keyword("where"))?.is_some() {
        Source::Where(Box::new(test::filter(input)?))
    } else if attempt(input, &mut keyword("at"))?.is_some() {
        Source::At(Box::new(formula(input)?))
    } else {
        Source::Everywhere
    };
    Ok(Formula::Pick { how, field, source })
}

fn arguments(input: &mut Input<'_>) -> Step<Vec<Spanned<Formula>>> {
    let mut arguments = vec![formula(input)?];
    while attempt(input, &mut symbol(","))?.is_some() {
        arguments.push(formula(input)?);
    }
    Ok(arguments)
}

/// A word without the signs of arithmetic.
fn atom<'s>(input: &mut Input<'s>) -> Step<&'s str> {
    let plain = one_of(('a'..='z', 'A'..='Z', '0'..='9', '_', ':')).void();
    let dot = ('.', not('.')).void();
    let word = repeat::<_, _, (), _, _>(1.., alt((plain, dot))).take();
    word.verify(|word: &str| !matches!(word, "and" | "or")).parse_next(input)
}
