//! What a frame is asked for: names are looked up, and what is made of them must be made of what they hold. What is calculated
//! is in `step.rs`.

use super::literal::holding;
use super::step;
use super::{Scope, Term, valueless};
use crate::filter::ast::{self, Function, Made, Spanned};
use crate::filter::plan::{self, Operand, Subject};
use crate::layer::Kind;
use crate::mistake::Mistake;

/// An operand, and what it yields. A protocol by itself yields octets, which can only be searched.
pub(super) struct Asked {
    pub(super) operand: Operand,
    pub(super) kind: Kind,
    /// What that means, of a field as it is.
    pub(super) meaning: &'static str,
}

impl Asked {
    fn plain(subject: Subject, kind: Kind, meaning: &'static str) -> Self {
        Self { operand: Operand::plain(subject), kind, meaning }
    }
}

/// What is asked for; a protocol by itself is an error.
pub(super) fn valued(scope: &mut Scope<'_>, asked: &Spanned<ast::Operand>) -> Result<Asked, Mistake> {
    match (&asked.node, asked.node.bare()) {
        (_, Some(name)) => field(scope, name),
        (ast::Operand::Made(asked), None) => made(scope, asked),
        _ => step::calculated(scope, asked, None),
    }
}

/// A field as it is.
pub(super) fn field(scope: &mut Scope<'_>, name: &Spanned<String>) -> Result<Asked, Mistake> {
    scope.field(name).map(|def| Asked::plain(Subject::Field(def), def.kind, def.meaning))
}

/// What is asked for, which may be a protocol.
pub(super) fn any(scope: &mut Scope<'_>, asked: &Spanned<ast::Operand>) -> Result<Asked, Mistake> {
    let Some(name) = asked.node.bare() else { return valued(scope, asked) };
    Ok(match scope.term(name)? {
        Term::Protocol(protocol) => Asked::plain(Subject::Protocol(protocol.name), Kind::Bytes, ""),
        Term::Field(def) if def.kind == Kind::Presence => return Err(valueless(name)),
        Term::Field(def) => Asked::plain(Subject::Field(def), def.kind, def.meaning),
    })
}

/// What a function or a slice makes of a field or protocol.
fn made(scope: &mut Scope<'_>, asked: &Made) -> Result<Asked, Mistake> {
    let (subject, mut kind) = match scope.term(&asked.name)? {
        Term::Protocol(protocol) => (Subject::Protocol(protocol.name), Kind::Bytes),
        Term::Field(def) => (Subject::Field(def), def.kind),
    };
    let is_protocol = matches!(subject, Subject::Protocol(_));
    let has_octets = |kind| matches!(kind, Kind::Text | Kind::Bytes | Kind::Mac | Kind::Address);
    if let Some(function) = &asked.function {
        kind = match function.node {
            // So many bits it has in Wireshark.
            Function::Count => Kind::Uint(32),
            Function::Len if has_octets(kind) => Kind::Uint(32),
            Function::Lower | Function::Upper if kind == Kind::Text => Kind::Text,
            Function::Text if matches!(kind, Kind::Uint(_) | Kind::Int(_) | Kind::Address | Kind::Mac) => Kind::Text,
            _ => return Err(unfit(asked, function.node, kind, is_protocol)),
        };
    } else if kind == Kind::Presence {
        return Err(valueless(&asked.name));
    }
    for slice in &asked.slices {
        if !has_octets(kind) {
            let what = match &asked.function {
                Some(function) => format!("{}(…)", function.node.name()),
                None => asked.name.node.clone(),
            };
            let message = format!("{what} holds {}, which cannot be sliced", holding(kind));
            return Err(Mistake::new(slice.range.clone(), message)
                .help("slice text, octets, an address or a protocol: tcp[13] == 2"));
        }
        kind = Kind::Bytes;
    }
    let slices = asked.slices.iter().map(|slice| slice.node.clone()).collect();
    let function = asked.function.as_ref().map(|function| function.node);
    Ok(Asked { operand: Operand::Made(plan::Made { subject, function, slices }), kind, meaning: "" })
}

fn unfit(asked: &Made, function: Function, kind: Kind, is_protocol: bool) -> Mistake {
    let name = &asked.name.node;
    let is = if is_protocol { "is a protocol".to_owned() } else { format!("holds {}", holding(kind)) };
    let takes = match function {
        Function::Len => "text, octets, addresses and protocols",
        Function::Text => "numbers and addresses",
        Function::Count | Function::Lower | Function::Upper => "text",
    };
    let error = Mistake::new(asked.name.range.clone(), format!("{} takes {takes}; {name} {is}", function.name()));
    if kind == Kind::Presence {
        return error.help(format!("whether it is there is asked by its name alone: {name}"));
    }
    match (function, kind) {
        (Function::Text, Kind::Text) => error.help(format!("it is text already: {name} matches \"…\"")),
        (Function::Text, _) => error,
        (Function::Len, _) => error.help(format!("compare the value itself: {name} == …")),
        (_, Kind::Bytes) => error.help(format!("`matches` ignores the case of octets: {name} matches \"…\"")),
        _ => error,
    }
}
