//! What is calculated in a filter: of what kind it is, and that all of it can be calculated with.

use std::ops::Range;

use super::Scope;
use super::literal::{Beside, constant, holding};
use super::operand::{self, Asked};
use crate::filter::ast::{self, Choice, Literal, Spanned, Step};
use crate::filter::plan::Operand;
use crate::layer::Kind;
use crate::mistake::Mistake;

/// What an operand yields; a value in it is of the kind of what it stands beside.
pub(super) fn calculated(
    scope: &mut Scope<'_>,
    asked: &Spanned<ast::Operand>,
    beside: Option<&Beside<'_>>,
) -> Result<Asked, Mistake> {
    match &asked.node {
        ast::Operand::Made(_) => operand::valued(scope, asked),
        ast::Operand::Literal(literal) => leaf(scope, &Spanned::new(literal.clone(), asked.range.clone()), beside),
        ast::Operand::Negative(inner) => negative(scope, inner, beside),
        ast::Operand::Choice { how, arguments } => choice(scope, how, arguments),
        ast::Operand::Steps { first, rest } => {
            let name = first.to_string();
            let mut found = calculated(scope, first, beside)?;
            for (step, other) in rest {
                found = stepped(scope, (&name, &first.range), found, *step, other)?;
            }
            Ok(found)
        }
    }
}

/// A value, or a field of that name.
fn leaf(scope: &mut Scope<'_>, literal: &Spanned<Literal>, beside: Option<&Beside<'_>>) -> Result<Asked, Mistake> {
    if let Literal::Word(word) = &literal.node {
        let begins = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if scope.names.field(word).is_some() || (begins && beside.is_none()) {
            return operand::field(scope, &Spanned::new(word.clone(), literal.range.clone()));
        }
    }
    let Some(beside) = beside else {
        let error =
            Mistake::new(literal.range.clone(), format!("{literal} is a value; a calculation begins with a field"));
        return Err(error.help(format!("write the field first, as in tcp.len + {literal} == 5")));
    };
    let found = constant(beside, literal)?;
    if !matches!(literal.node, Literal::Word(_)) {
        let error = Mistake::new(literal.range.clone(), format!("{literal} is nothing to calculate with"));
        return Err(error.help("write a number, or octets such as 47:45"));
    }
    match found.into_value() {
        Some(value) => Ok(Asked { operand: Operand::Constant(value), kind: beside.kind, meaning: "" }),
        None => Err(Mistake::new(literal.range.clone(), "a block of addresses has no bits to ask for")),
    }
}

fn negative(
    scope: &mut Scope<'_>,
    inner: &Spanned<ast::Operand>,
    beside: Option<&Beside<'_>>,
) -> Result<Asked, Mistake> {
    let found = calculated(scope, inner, beside)?;
    if !is_number(found.kind) && found.kind != Kind::Seconds {
        return Err(no_number((&inner.to_string(), &inner.range), found.kind));
    }
    let operand = Operand::Negative(Box::new(found.operand), room(found.kind));
    Ok(Asked { operand, kind: with_sign(found.kind), meaning: "" })
}

/// The next step of a calculation that begins with `first`: its name and place.
fn stepped(
    scope: &mut Scope<'_>,
    first: (&str, &Range<usize>),
    left: Asked,
    step: Step,
    other: &Spanned<ast::Operand>,
) -> Result<Asked, Mistake> {
    let kind = left.kind;
    match (step, kind) {
        (Step::And, Kind::Uint(_) | Kind::Int(_) | Kind::Bytes | Kind::Address) => {}
        (Step::And, _) => return Err(no_bits(first, kind)),
        (_, kind) if is_number(kind) => {}
        (Step::Add | Step::Subtract, Kind::Seconds) => {}
        (_, Kind::Seconds) => {
            let error = Mistake::new(
                first.1.clone(),
                format!("{} holds seconds, which are only added and subtracted", first.0),
            );
            return Err(error);
        }
        _ => return Err(no_number(first, kind)),
    }
    let right = calculated(scope, other, Some(&Beside { name: first.0, kind, meaning: "" }))?;
    let fits = kind == right.kind
        || (is_number(kind) && is_number(right.kind))
        || (step == Step::And && kind == Kind::Bytes && right.kind == Kind::Mac);
    if !fits {
        let (this, that) = (holding(kind), holding(right.kind));
        return Err(Mistake::new(other.range.clone(), format!("{} holds {this}; {other} holds {that}", first.0)));
    }
    let has_sign = step != Step::And || matches!(right.kind, Kind::Int(_));
    let (mut rest, bits) = (Vec::new(), room(kind));
    let first = match left.operand {
        // Steps of one rank are made one after the other.
        Operand::Steps { first, rest: before, bits: room } if room == bits => {
            rest = before;
            first
        }
        operand => Box::new(operand),
    };
    rest.push((step, right.operand));
    let kind = if has_sign { with_sign(kind) } else { kind };
    Ok(Asked { operand: Operand::Steps { first, rest, bits }, kind, meaning: "" })
}

/// The least or the greatest of several, or one without its sign.
fn choice(scope: &mut Scope<'_>, how: &Spanned<Choice>, arguments: &[Spanned<ast::Operand>]) -> Result<Asked, Mistake> {
    let mut found: Vec<Operand> = Vec::new();
    let mut first: Option<(String, Kind)> = None;
    for argument in arguments {
        let beside = first.as_ref().map(|(name, kind)| Beside { name, kind: *kind, meaning: "" });
        let asked = calculated(scope, argument, beside.as_ref())?;
        let name = argument.to_string();
        if how.node == Choice::Abs && !is_number(asked.kind) && asked.kind != Kind::Seconds {
            return Err(no_number((&name, &argument.range), asked.kind));
        }
        found.push(asked.operand);
        match &mut first {
            None => first = Some((name, asked.kind)),
            Some((_, kind)) if with_sign(*kind) == with_sign(asked.kind) => {
                // One of them may be below zero.
                *kind = if *kind == asked.kind { *kind } else { with_sign(*kind) };
            }
            Some((of, kind)) => {
                let (this, that) = (sized(*kind), sized(asked.kind));
                let message =
                    format!("{} compares what is of one kind: {of} holds {this}, {name} {that}", how.node.name());
                return Err(Mistake::new(argument.range.clone(), message));
            }
        }
    }
    let kind = first.map_or(Kind::Bool, |(_, kind)| kind);
    Ok(Asked { operand: Operand::Choice(how.node, found), kind, meaning: "" })
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Uint(_) | Kind::Int(_))
}

/// What comes of calculating with it, which may be below zero.
fn with_sign(kind: Kind) -> Kind {
    match kind {
        Kind::Uint(bits) => Kind::Int(bits + 1),
        other => other,
    }
}

/// In how many bits Wireshark calculates with it.
fn room(kind: Kind) -> u32 {
    match kind {
        Kind::Uint(bits) if bits > 32 => 64,
        Kind::Int(bits) if bits > 33 => 64,
        _ => 32,
    }
}

fn sized(kind: Kind) -> String {
    match kind {
        Kind::Uint(bits) => format!("a number of {bits} bits"),
        other => holding(other).to_owned(),
    }
}

fn no_number((name, range): (&str, &Range<usize>), kind: Kind) -> Mistake {
    let message = format!("{name} holds {}, with which nothing is calculated", holding(kind));
    Mistake::new(range.clone(), message).help("numbers and seconds are: tcp.seq + tcp.len == tcp.nxtseq")
}

fn no_bits((name, range): (&str, &Range<usize>), kind: Kind) -> Mistake {
    let message = format!("{name} holds {}, which has no bits to ask for", holding(kind));
    let error = Mistake::new(range.clone(), message);
    error.help("numbers, octets, addresses and slices have: tcp.flags & 0x12 == 0x12, tcp[13] & 2")
}
