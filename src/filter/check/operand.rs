//! What a frame is asked for: names are looked up, and what is made of them must be made of what they hold.

use super::literal::{Beside, constant, holding};
use super::test::{comparable, other_field};
use super::{Scope, Term, valueless};
use crate::filter::ast::{self, Function, Spanned};
use crate::filter::plan::{Mask, Operand, Subject};
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
    match asked.node.bare() {
        Some(name) => scope.field(name).map(|def| Asked::plain(Subject::Field(def), def.kind, def.meaning)),
        None => made(scope, &asked.node),
    }
}

/// What is asked for, which may be a protocol.
pub(super) fn any(scope: &mut Scope<'_>, asked: &Spanned<ast::Operand>) -> Result<Asked, Mistake> {
    let Some(name) = asked.node.bare() else { return made(scope, &asked.node) };
    Ok(match scope.term(name)? {
        Term::Protocol(protocol) => Asked::plain(Subject::Protocol(protocol.name), Kind::Bytes, ""),
        Term::Field(def) if def.kind == Kind::Presence => return Err(valueless(name)),
        Term::Field(def) => Asked::plain(Subject::Field(def), def.kind, def.meaning),
    })
}

/// What a function or a slice makes of a field or protocol.
fn made(scope: &mut Scope<'_>, asked: &ast::Operand) -> Result<Asked, Mistake> {
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
    let meaning = match subject {
        Subject::Field(def) if function.is_none() && asked.slices.is_empty() => def.meaning,
        _ => "",
    };
    let is_protocol = is_protocol && function.is_none() && asked.slices.is_empty();
    let masks = masks(scope, asked, kind, is_protocol)?;
    Ok(Asked { operand: Operand { subject, function, slices, masks }, kind, meaning })
}

/// What the bits are asked for by.
fn masks(scope: &mut Scope<'_>, asked: &ast::Operand, kind: Kind, is_protocol: bool) -> Result<Vec<Mask>, Mistake> {
    let unmasked = ast::Operand { masks: Vec::new(), ..asked.clone() }.to_string();
    let has_bits = matches!(kind, Kind::Uint(_) | Kind::Int(_) | Kind::Bytes | Kind::Address);
    if !asked.masks.is_empty() && (!has_bits || is_protocol) {
        let is = if is_protocol { "is a protocol".to_owned() } else { format!("holds {}", holding(kind)) };
        let error = Mistake::new(asked.name.range.clone(), format!("{unmasked} {is}, which has no bits to ask for"));
        return Err(error.help("numbers, octets, addresses and slices have: tcp.flags & 0x12 == 0x12, tcp[13] & 2"));
    }
    let mut found = Vec::new();
    let mut fields = 0;
    for mask in &asked.masks {
        found.push(match other_field(scope, mask)? {
            Ok((other, name, range)) => {
                fields += 1;
                if !comparable(kind, other.kind) || other.kind == Kind::Text {
                    let (this, that) = (holding(kind), holding(other.kind));
                    return Err(Mistake::new(range, format!("{unmasked} holds {this}; {name} holds {that}")));
                }
                // Each may have many values, and all of them would meet.
                if fields > 1 {
                    let error = Mistake::new(range, "the bits of several other fields at once are too many");
                    return Err(error.help("one field, and numbers: tcp.flags & tcp.len & 0x3"));
                }
                Mask::Operand(other.operand)
            }
            Err(value) => {
                let beside = Beside { name: &unmasked, kind, meaning: "" };
                let constant = constant(&beside, value)?;
                let Some(constant) = constant.into_value() else {
                    return Err(Mistake::new(value.range.clone(), "a block of addresses has no bits to ask for"));
                };
                Mask::Value(constant)
            }
        });
    }
    Ok(found)
}

fn unfit(asked: &ast::Operand, function: Function, kind: Kind, is_protocol: bool) -> Mistake {
    let name = &asked.name.node;
    let is = if is_protocol { "is a protocol".to_owned() } else { format!("holds {}", holding(kind)) };
    let takes = if function == Function::Len { "text, octets, addresses and protocols" } else { "text" };
    let error = Mistake::new(asked.name.range.clone(), format!("{} takes {takes}; {name} {is}", function.name()));
    if kind == Kind::Presence {
        return error.help(format!("whether it is there is asked by its name alone: {name}"));
    }
    match (function, kind) {
        (Function::Len, _) => error.help(format!("compare the value itself: {name} == …")),
        (_, Kind::Bytes) => error.help(format!("`matches` ignores the case of octets: {name} matches \"…\"")),
        _ => error,
    }
}
