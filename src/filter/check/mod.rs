//! Tree → plan: names are looked up, literals converted to what the field beside them holds.

pub mod formula;
mod formula_literal;
mod literal;
mod number;
mod operand;
mod step;
mod suggest;
pub mod test;

use super::ast::Spanned;
use super::records::{Names, Protocol};
use crate::layer::{FieldDef, Kind};
use crate::mistake::Mistake;

/// The names that may be used, and those that were.
pub struct Scope<'n> {
    names: &'n dyn Names,
    pub used: Used,
}

/// The fields and protocols that a filter or expression asks for, each once, in the order of their first use.
#[derive(Debug, Clone, Default)]
pub struct Used {
    pub fields: Vec<&'static FieldDef>,
    pub protocols: Vec<Protocol>,
}

/// What a name means.
enum Term {
    Field(&'static FieldDef),
    Protocol(Protocol),
}

impl<'n> Scope<'n> {
    pub fn new(names: &'n dyn Names) -> Self {
        Self { names, used: Used::default() }
    }

    /// The same names, none used yet.
    fn fresh(&self) -> Self {
        Self::new(self.names)
    }

    /// What the name means; notes that it was used.
    fn term(&mut self, name: &Spanned<String>) -> Result<Term, Mistake> {
        let term = self.lookup(&name.node).ok_or_else(|| suggest::unknown(self.names, name))?;
        self.used.note(&term);
        Ok(term)
    }

    /// The field of this name; a protocol is an error.
    fn field(&mut self, name: &Spanned<String>) -> Result<&'static FieldDef, Mistake> {
        match self.term(name)? {
            Term::Field(def) if def.kind != Kind::Presence => Ok(def),
            Term::Field(_) => Err(valueless(name)),
            Term::Protocol(_) => Err(valueless(name)),
        }
    }

    // A protocol may be listed as a field of kind presence too; as a protocol it can also be searched.
    fn lookup(&self, name: &str) -> Option<Term> {
        let protocol = self.names.protocol(name).map(Term::Protocol);
        protocol.or_else(|| self.names.field(name).map(Term::Field))
    }
}

impl Used {
    /// Whether Wireshark knows all the names.
    pub fn only_wireshark(&self) -> bool {
        self.fields.iter().all(|field| field.wireshark) && self.protocols.iter().all(|protocol| protocol.wireshark)
    }

    /// Adds what another used.
    pub fn join(&mut self, other: &Self) {
        other.fields.iter().for_each(|def| self.note(&Term::Field(def)));
        other.protocols.iter().for_each(|protocol| self.note(&Term::Protocol(*protocol)));
    }

    fn note(&mut self, term: &Term) {
        match term {
            Term::Field(def) if !self.fields.contains(def) => self.fields.push(def),
            Term::Protocol(protocol) if !self.protocols.contains(protocol) => self.protocols.push(*protocol),
            _ => {}
        }
    }
}

fn valueless(name: &Spanned<String>) -> Mistake {
    let message = format!("{name} has no value of its own; it is there or not", name = name.node);
    Mistake::new(name.range.clone(), message).help(format!("its name alone asks whether it is there: {}", name.node))
}
