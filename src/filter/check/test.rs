//! Display filters: tree → plan.

use regex::bytes::RegexBuilder;

use super::literal::{constant, holding, needle};
use super::{Scope, Term};
use crate::filter::ast::{Literal, Quantifier, Relation, Spanned, Test};
use crate::filter::plan::{Constant, Needle, Order, Plan, Subject};
use crate::layer::{FieldDef, Kind};
use crate::mistake::Mistake;

/// No regular expression may compile to more: lessons are written by strangers.
const MAX_REGEX: usize = 1 << 20;

/// The plan for a filter.
pub fn plan(scope: &mut Scope<'_>, test: &Spanned<Test>) -> Result<Plan, Mistake> {
    match &test.node {
        Test::Present(name) => present(scope, &Spanned::new(name.clone(), test.range.clone())),
        Test::Compare { quantifier, field, relation: Relation::Contains | Relation::Matches, value } => search(
            scope,
            *quantifier,
            field,
            matches!(&test.node, Test::Compare { relation: Relation::Matches, .. }),
            value,
        ),
        Test::Compare { quantifier, field, relation, value } => compare(scope, *quantifier, field, *relation, value),
        Test::Member { quantifier, field, negated, set } => {
            let left = scope.field(field)?;
            let set = set.iter().map(|element| member(left, element)).collect::<Result<_, _>>()?;
            let plan = Plan::Member { left, quantifier: quantifier.unwrap_or(Quantifier::Any), set };
            // `a not in {…}` is the contrary of `a in {…}`: it also holds where there is no `a`.
            Ok(if *negated { Plan::Not(Box::new(plan)) } else { plan })
        }
        Test::Not(inner) => Ok(Plan::Not(Box::new(plan(scope, inner)?))),
        Test::All(parts) => Ok(Plan::All(plans(scope, parts)?)),
        Test::Any(parts) => Ok(Plan::Any(plans(scope, parts)?)),
    }
}

fn plans(scope: &mut Scope<'_>, parts: &[Spanned<Test>]) -> Result<Vec<Plan>, Mistake> {
    parts.iter().map(|part| plan(scope, part)).collect()
}

fn present(scope: &mut Scope<'_>, name: &Spanned<String>) -> Result<Plan, Mistake> {
    if name.node.starts_with(|c: char| c.is_ascii_digit()) {
        let error = Mistake::new(name.range.clone(), format!("{} is a value; a test begins with a field", name.node));
        return Err(error.help(format!("write the field first, as in tcp.port == {}", name.node)));
    }
    Ok(match scope.term(name)? {
        Term::Field(def) => Plan::Field(def),
        Term::Protocol(protocol) => Plan::Protocol(protocol.name),
    })
}

fn compare(
    scope: &mut Scope<'_>,
    quantifier: Option<Quantifier>,
    field: &Spanned<String>,
    relation: Relation,
    value: &Spanned<Literal>,
) -> Result<Plan, Mistake> {
    let left = match scope.field(field) {
        Err(error) if starts_with_digit(&field.node) => {
            return Err(error.help("write the field first, as in tcp.port == 80"));
        }
        other => other?,
    };
    let (order, usual) = order(relation);
    let quantifier = quantifier.unwrap_or(usual);
    if let Some(right) = other_field(scope, value)? {
        return if comparable(left.kind, right.kind) {
            Ok(Plan::Pair { left, quantifier, order, right })
        } else {
            let (this, that) = (holding(left.kind), holding(right.kind));
            let message = format!("{} holds {this}; {} holds {that}", left.name, right.name);
            Err(Mistake::new(value.range.clone(), message))
        };
    }
    let right = constant(left, value).map_err(|error| maybe_a_name(scope, value, error))?;
    Ok(Plan::Compare { left, quantifier, order, right })
}

/// The comparison, and how many values must hold if nothing is said: wireshark-filter(4), "Some protocol fields may
/// occur several times": `!=` is true if all differ, `!==` if any does.
fn order(relation: Relation) -> (Order, Quantifier) {
    match relation {
        Relation::NotEqual => (Order::NotEqual, Quantifier::All),
        Relation::AnyNotEqual => (Order::NotEqual, Quantifier::Any),
        Relation::AllEqual => (Order::Equal, Quantifier::All),
        Relation::Less => (Order::Less, Quantifier::Any),
        Relation::LessEqual => (Order::LessEqual, Quantifier::Any),
        Relation::Greater => (Order::Greater, Quantifier::Any),
        Relation::GreaterEqual => (Order::GreaterEqual, Quantifier::Any),
        Relation::Equal | Relation::Contains | Relation::Matches => (Order::Equal, Quantifier::Any),
    }
}

/// The field that stands where a value could.
fn other_field(scope: &mut Scope<'_>, value: &Spanned<Literal>) -> Result<Option<&'static FieldDef>, Mistake> {
    let Literal::Word(word) = &value.node else { return Ok(None) };
    if scope.names.field(word).is_none() {
        return Ok(None);
    }
    scope.field(&Spanned::new(word.clone(), value.range.clone())).map(Some)
}

fn comparable(left: Kind, right: Kind) -> bool {
    let octets = |kind| matches!(kind, Kind::Text | Kind::Bytes | Kind::Mac);
    left == right || (octets(left) && octets(right))
}

/// A word with a dot that is no value may be a misspelt field.
fn maybe_a_name(scope: &Scope<'_>, value: &Spanned<Literal>, error: Mistake) -> Mistake {
    let Literal::Word(word) = &value.node else { return error };
    if !word.contains('.') || starts_with_digit(word) {
        return error;
    }
    match super::suggest::nearest(scope.names, word) {
        Some(near) => error.help(format!("did you mean the field `{near}`?")),
        None => error,
    }
}

fn starts_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

fn member(
    left: &'static FieldDef,
    (low, high): &(Spanned<Literal>, Option<Spanned<Literal>>),
) -> Result<(Constant, Option<Constant>), Mistake> {
    let Some(high) = high else { return Ok((constant(left, low)?, None)) };
    let ends = (constant(left, low)?, constant(left, high)?);
    if matches!(ends, (Constant::Network { .. }, _) | (_, Constant::Network { .. })) {
        let range = low.range.start..high.range.end;
        return Err(Mistake::new(range, "a block of addresses cannot be the end of a range"));
    }
    Ok((ends.0, Some(ends.1)))
}

fn search(
    scope: &mut Scope<'_>,
    quantifier: Option<Quantifier>,
    field: &Spanned<String>,
    matches: bool,
    value: &Spanned<Literal>,
) -> Result<Plan, Mistake> {
    let (subject, def) = match scope.term(field)? {
        Term::Protocol(protocol) => (Subject::Protocol(protocol.name), None),
        Term::Field(def) if def.kind == Kind::Presence => (Subject::Protocol(def.name), None),
        Term::Field(def) => (Subject::Field(def), Some(def)),
    };
    let kind = def.map_or(Kind::Bytes, |def| def.kind);
    let verb = if matches { "matches" } else { "contains" };
    if !matches!(kind, Kind::Text | Kind::Bytes | Kind::Mac) || (matches && kind == Kind::Mac) {
        let message = format!("`{verb}` looks into text and bytes; {} holds {}", field.node, holding(kind));
        return Err(Mistake::new(field.range.clone(), message));
    }
    let needle = if matches { pattern(kind, value)? } else { Needle::Octets(needle(def, value)?) };
    Ok(Plan::Search { subject, quantifier: quantifier.unwrap_or(Quantifier::Any), needle })
}

fn pattern(kind: Kind, value: &Spanned<Literal>) -> Result<Needle, Mistake> {
    let Literal::Text(octets) = &value.node else {
        let error = Mistake::new(value.range.clone(), "`matches` needs a regular expression in quotes");
        return Err(error.help(format!("write \"{}\"", value.node)));
    };
    let regex = RegexBuilder::new(&as_pattern(octets))
        // "matches" ignores the case, as Wireshark does; octets that are no text have none beyond ASCII.
        .case_insensitive(true)
        .unicode(kind == Kind::Text)
        .size_limit(MAX_REGEX)
        .dfa_size_limit(MAX_REGEX)
        .nest_limit(64)
        .build();
    regex.map(Needle::Pattern).map_err(|error| Mistake::new(value.range.clone(), regex_problem(&error)))
}

/// The pattern as text: an octet that is none is named by its number.
fn as_pattern(octets: &[u8]) -> String {
    let mut pattern = String::new();
    for chunk in octets.utf8_chunks() {
        pattern.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|octet| pattern.push_str(&format!("\\x{octet:02x}")));
    }
    pattern
}

/// What is wrong with a regular expression, in one line: the last that the regex crate writes.
fn regex_problem(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", last.trim_start_matches("error: "))
        }
    }
}
