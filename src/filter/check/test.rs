//! Display filters: tree → plan.

use regex::bytes::RegexBuilder;

use super::literal::{Beside, constant, holding, holding_of, needle};
use super::operand::{self, Asked};
use super::{Scope, Term, step};
use crate::filter::ast::{Literal, Operand, Quantifier, Relation, Right, Spanned, Test};
use crate::filter::plan::{Constant, Needle, Order, Plan};
use crate::layer::{FieldDef, Kind};
use crate::mistake::Mistake;

/// Wireshark has another library for them, whose time can grow without bound.
const NOT_OF_PCRE: &str =
    "Wireshark takes it; here join several tests: http.host matches \"a\" && !(http.host matches \"b\")";

/// No regular expression may compile to more: lessons are written by strangers.
const MAX_REGEX: usize = 1 << 20;

/// The plan for a filter.
pub fn plan(scope: &mut Scope<'_>, test: &Spanned<Test>) -> Result<Plan, Mistake> {
    match &test.node {
        Test::Present(asked) => present(scope, &Spanned::new(Operand::clone(asked), test.range.clone())),
        Test::Compare { quantifier, left, relation: Relation::Contains, right } => {
            search(scope, *quantifier, left, false, right)
        }
        Test::Compare { quantifier, left, relation: Relation::Matches, right } => {
            search(scope, *quantifier, left, true, right)
        }
        Test::Compare { quantifier, left, relation, right } => compare(scope, *quantifier, left, *relation, right),
        Test::Member { quantifier, field, negated, set } => {
            let left = scope.field(field)?;
            let set = set.iter().map(|element| member(left, element)).collect::<Result<_, _>>()?;
            // `a not in {…}` is the contrary of `a in {…}`: it also holds where there is no `a`. As in Wireshark, `any` and `all`
            // before it change nothing.
            let quantifier = quantifier.filter(|_| !negated).unwrap_or(Quantifier::Any);
            let plan = Plan::Member { left, quantifier, set };
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

fn present(scope: &mut Scope<'_>, asked: &Spanned<Operand>) -> Result<Plan, Mistake> {
    if let Some(name) = asked.node.bare() {
        if starts_with_digit(&name.node) {
            let error =
                Mistake::new(name.range.clone(), format!("{} is a value; a test begins with a field", name.node));
            return Err(error.help(format!("write the field first, as in tcp.port == {}", name.node)));
        }
        return Ok(match scope.term(name)? {
            Term::Field(def) => Plan::Field(def),
            Term::Protocol(protocol) => Plan::Protocol(protocol.name),
        });
    }
    let found = operand::valued(scope, asked)?;
    let function = match &asked.node {
        Operand::Made(made) => made.function.as_ref().filter(|_| made.slices.is_empty()).map(|it| it.node.name()),
        Operand::Choice { how, .. } => Some(how.node.name()),
        Operand::Literal(_) | Operand::Negative(_) | Operand::Steps { .. } => return Ok(Plan::Bits(found.operand)),
    };
    let Some(function) = function else { return Ok(Plan::Sliced(found.operand)) };
    let message = format!("{function} gives a value, which is neither true nor false");
    let example = if found.kind == Kind::Text { "== \"…\"" } else { "> 0" };
    Err(Mistake::new(asked.range.clone(), message).help(format!("compare it: {} {example}", asked.node)))
}

fn compare(
    scope: &mut Scope<'_>,
    quantifier: Option<Quantifier>,
    left: &Spanned<Operand>,
    relation: Relation,
    right: &Right,
) -> Result<Plan, Mistake> {
    let found = match operand::valued(scope, left) {
        Err(error) if left.node.bare().is_some_and(|name| starts_with_digit(&name.node)) => {
            return Err(error.help("write the field first, as in tcp.port == 80"));
        }
        other => other?,
    };
    let (order, usual) = order(relation);
    let quantifier = quantifier.unwrap_or(usual);
    let name = left.node.to_string();
    let beside = Beside { name: &name, kind: found.kind, meaning: found.meaning };
    match other_field(scope, right, &beside)? {
        Ok((other, its_name, range)) => {
            let (this, that) = (holding_of(&name, found.kind), holding_of(&its_name, other.kind));
            let fits = match (found.kind, other.kind) {
                // Text, and the octets of an address, are compared with octets that are cut out of something.
                (Kind::Address | Kind::Text, Kind::Bytes) => other.operand.is_slice(),
                (Kind::Bytes, Kind::Address | Kind::Text) => found.operand.is_slice(),
                (left, right) => comparable(left, right) && (this == that || left != Kind::Address),
            };
            if fits {
                return Ok(Plan::Pair { left: found.operand, quantifier, order, right: other.operand });
            }
            Err(Mistake::new(range, format!("{name} holds {this}; {its_name} holds {that}")))
        }
        Err(value) => {
            let right = constant(&beside, value).map_err(|error| maybe_a_name(scope, value, error))?;
            Ok(Plan::Compare { left: found.operand, quantifier, order, right })
        }
    }
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

/// What stands on the right: what a field yields, with its name and place, or else a value.
type Other<'a> = Result<(Asked, String, std::ops::Range<usize>), &'a Spanned<Literal>>;

/// The field, or what is made of one, that stands where a value could.
fn other_field<'a>(scope: &mut Scope<'_>, right: &'a Right, beside: &Beside<'_>) -> Result<Other<'a>, Mistake> {
    let named = match right {
        Right::Operand(asked) => Spanned::clone(asked),
        Right::Literal(value) => {
            let Literal::Word(word) = &value.node else { return Ok(Err(value)) };
            if scope.names.field(word).is_none() {
                return Ok(Err(value));
            }
            let name = Spanned::new(word.clone(), value.range.clone());
            Spanned::new(Operand::named(name), value.range.clone())
        }
    };
    let found = match &named.node {
        Operand::Made(_) => operand::valued(scope, &named)?,
        _ => step::calculated(scope, &named, Some(beside))?,
    };
    Ok(Ok((found, named.node.to_string(), named.range)))
}

fn comparable(left: Kind, right: Kind) -> bool {
    let octets = |kind| matches!(kind, Kind::Bytes | Kind::Mac);
    let numbers = |kind| matches!(kind, Kind::Uint(_) | Kind::Int(_));
    left == right || (octets(left) && octets(right)) || (numbers(left) && numbers(right))
}

/// A word that is no value may be a protocol, or with a dot a misspelt field.
fn maybe_a_name(scope: &Scope<'_>, value: &Spanned<Literal>, error: Mistake) -> Mistake {
    let Literal::Word(word) = &value.node else { return error };
    if let Some(protocol) = scope.names.protocol(&word.to_lowercase()) {
        return error.help(format!("whether a protocol is there its name alone asks: {}", protocol.name));
    }
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
    let beside = Beside { name: left.name, kind: left.kind, meaning: left.meaning };
    let Some(high) = high else { return Ok((constant(&beside, low)?, None)) };
    let ends = (constant(&beside, low)?, constant(&beside, high)?);
    if matches!(ends, (Constant::Network { .. }, _) | (_, Constant::Network { .. })) {
        let range = low.range.start..high.range.end;
        return Err(Mistake::new(range, "a block of addresses cannot be the end of a range"));
    }
    Ok((ends.0, Some(ends.1)))
}

fn search(
    scope: &mut Scope<'_>,
    quantifier: Option<Quantifier>,
    left: &Spanned<Operand>,
    matches: bool,
    right: &Right,
) -> Result<Plan, Mistake> {
    let found = operand::any(scope, left)?;
    let (kind, name) = (found.kind, left.node.to_string());
    let verb = if matches { "matches" } else { "contains" };
    if !matches!(left.node, Operand::Made(_)) {
        let error = Mistake::new(left.range.clone(), format!("`{verb}` does not look into what is calculated"));
        return Err(error.help(format!("compare them: {name} == …")));
    }
    if !matches!(kind, Kind::Text | Kind::Bytes | Kind::Mac) || (matches && kind == Kind::Mac) {
        let message = format!("`{verb}` looks into text and bytes; {name} holds {}", holding(kind));
        return Err(Mistake::new(left.range.clone(), message));
    }
    let value = match right {
        Right::Literal(value) => value,
        Right::Operand(asked) => {
            let error =
                Mistake::new(asked.range.clone(), format!("`{verb}` looks for a value, not for {}", asked.node));
            return Err(error.help(format!("write {name} {verb} \"…\"")));
        }
    };
    let beside = Beside { name: &name, kind, meaning: found.meaning };
    let needle = if matches { pattern(kind, value)? } else { Needle::Octets(needle(&beside, value)?) };
    Ok(Plan::Search { subject: found.operand, quantifier: quantifier.unwrap_or(Quantifier::Any), needle })
}

fn pattern(kind: Kind, value: &Spanned<Literal>) -> Result<Needle, Mistake> {
    let Literal::Text(octets) = &value.node else {
        let error = Mistake::new(value.range.clone(), "`matches` needs a regular expression in quotes");
        let octet = if let Literal::Character(octet) = value.node { Some(char::from(octet).to_string()) } else { None };
        return Err(error.help(format!("write \"{}\"", octet.unwrap_or_else(|| value.node.to_string()))));
    };
    let regex = RegexBuilder::new(&as_pattern(octets))
        // "matches" ignores the case, as Wireshark does; octets that are no text have none beyond ASCII.
        .case_insensitive(true)
        .unicode(kind == Kind::Text)
        .size_limit(MAX_REGEX)
        .dfa_size_limit(MAX_REGEX)
        .nest_limit(64)
        .build();
    regex.map(Needle::Pattern).map_err(|error| {
        let problem = regex_problem(&error);
        let mistake = Mistake::new(value.range.clone(), &problem);
        if problem.ends_with("not supported") { mistake.help(NOT_OF_PCRE) } else { mistake }
    })
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
