//! Expressions, asked of a capture; gathers the frames the answer rests on.

use std::collections::BTreeSet;
use std::fmt;

use super::evidence::{Evidence, Gathered};
use super::{matches, number};
use crate::filter::ast::{Operator, Pick};
use crate::filter::plan::{Order, Plan, contains};
use crate::filter::records::Records;
use crate::filter::value::{ExprValue, spaced_hex};
use crate::layer::{FieldDef, Kind, Value};
use crate::protocol::text::json_string;

/// An expression whose names and types are known.
#[derive(Debug, Clone)]
pub enum Node {
    Constant(ExprValue),
    Not(Box<Node>),
    Negate(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Arithmetic(Box<Node>, Vec<(Operator, Node)>),
    Chain(Box<Node>, Vec<(Compare, Node)>),
    Within { value: Box<Node>, negated: bool, set: Vec<(Node, Option<Node>)> },
    Count(Plan),
    First(Plan),
    Last(Plan),
    Nth(Plan, Box<Node>),
    Pick { how: Pick, field: &'static FieldDef, from: From },
    Time(Box<Node>),
    Len(Box<Node>),
    Hex(Box<Node>),
    Text(Box<Node>),
    Xor(Box<Node>, Box<Node>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy)]
pub enum Compare {
    Order(Order),
    Contains,
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order(Order::Equal) => "==",
            Self::Order(Order::NotEqual) => "!=",
            Self::Order(Order::Less) => "<",
            Self::Order(Order::LessEqual) => "<=",
            Self::Order(Order::Greater) => ">",
            Self::Order(Order::GreaterEqual) => ">=",
            Self::Contains => "contains",
        })
    }
}

/// A value as it is written in an expression, of long ones the beginning.
fn spelled(value: &ExprValue) -> String {
    if let ExprValue::Text(text) = value {
        return json_string(text, LONGEST);
    }
    let text = value.to_string();
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Of a longer value the beginning is told.
const LONGEST: usize = 60;

/// The frames whose values are taken.
#[derive(Debug, Clone)]
pub enum From {
    Everywhere,
    Where(Plan),
    At(Box<Node>),
}

/// The value of an expression in a capture, and what it rests on.
pub fn evaluate(node: &Node, records: &dyn Records) -> (ExprValue, Evidence) {
    let mut run = Run { records, gathered: Gathered::default() };
    let value = run.value(node);
    (value, run.gathered.finish(records.frames()))
}

/// The comparison for which a claim does not hold, with the values that it has here: `0 == 1`. `None` if it holds, or compares
/// nothing.
pub fn failing(node: &Node, records: &dyn Records) -> Option<String> {
    Run { records, gathered: Gathered::default() }.failing(node)
}

struct Run<'r> {
    records: &'r dyn Records,
    gathered: Gathered,
}

impl Run<'_> {
    fn value(&mut self, node: &Node) -> ExprValue {
        match node {
            Node::Constant(value) => value.clone(),
            Node::Not(inner) => match self.value(inner) {
                ExprValue::Bool(truth) => ExprValue::Bool(!truth),
                _ => ExprValue::None,
            },
            Node::Negate(inner) => number::negate(&self.value(inner)),
            // What decides ends the search; none counts as false.
            Node::All(parts) => ExprValue::Bool(parts.iter().all(|part| self.value(part) == ExprValue::Bool(true))),
            Node::Any(parts) => ExprValue::Bool(parts.iter().any(|part| self.value(part) == ExprValue::Bool(true))),
            Node::Arithmetic(first, rest) => rest.iter().fold(self.value(first), |left, (operator, right)| {
                number::compute(&left, *operator, &self.value(right))
            }),
            Node::Chain(first, rest) => self.chain(first, rest),
            Node::Within { value, negated, set } => self.within(value, *negated, set),
            Node::Count(plan) => self.count(plan),
            Node::First(plan) => self.found(|run| run.matching(plan).next()),
            Node::Last(plan) => {
                self.found(|run| (1..=run.records.frames()).rev().find(|frame| matches(plan, run.records, *frame)))
            }
            Node::Nth(plan, rank) => self.nth(plan, rank),
            Node::Pick { how, field, from } => self.pick(*how, field, from),
            Node::Time(frame) => match self.frame(frame) {
                Some(frame) => ExprValue::Seconds(self.records.time(frame)),
                None => ExprValue::None,
            },
            Node::Len(of) => len(&self.value(of)),
            Node::Hex(of) => hex(&self.value(of)),
            Node::Text(of) => match self.value(of).octets() {
                Some(octets) => ExprValue::Text(String::from_utf8_lossy(octets).into_owned()),
                None => ExprValue::None,
            },
            Node::Xor(data, mask) => xor(&self.value(data), &self.value(mask)),
        }
    }

    fn chain(&mut self, first: &Node, rest: &[(Compare, Node)]) -> ExprValue {
        let mut left = self.value(first);
        for (compare, right) in rest {
            let right = self.value(right);
            if !holds(*compare, &left, &right) {
                return ExprValue::Bool(false);
            }
            left = right;
        }
        ExprValue::Bool(true)
    }

    fn failing(&mut self, node: &Node) -> Option<String> {
        match node {
            Node::All(parts) => {
                let part = parts.iter().find(|part| self.value(part) != ExprValue::Bool(true))?;
                self.failing(part)
            }
            Node::Chain(first, rest) => {
                let mut left = self.value(first);
                for (compare, right) in rest {
                    let right = self.value(right);
                    if !holds(*compare, &left, &right) {
                        return Some(format!("{} {compare} {}", spelled(&left), spelled(&right)));
                    }
                    left = right;
                }
                None
            }
            _ => None,
        }
    }

    fn within(&mut self, value: &Node, negated: bool, set: &[(Node, Option<Node>)]) -> ExprValue {
        let value = self.value(value);
        if value == ExprValue::None {
            return ExprValue::Bool(false);
        }
        let inside = set.iter().any(|(low, high)| {
            let low = self.value(low);
            match high.as_ref().map(|high| self.value(high)) {
                None => holds(Compare::Order(Order::Equal), &value, &low),
                Some(high) => {
                    holds(Compare::Order(Order::GreaterEqual), &value, &low)
                        && holds(Compare::Order(Order::LessEqual), &value, &high)
                }
            }
        });
        ExprValue::Bool(inside != negated)
    }

    /// The frames that match, in order.
    fn matching<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = u32> + use<'_, 'p> {
        let records = self.records;
        (1..=records.frames()).filter(move |frame| matches(plan, records, *frame))
    }

    fn count(&mut self, plan: &Plan) -> ExprValue {
        let frames: Vec<u32> = self.matching(plan).collect();
        self.gathered.in_vain |= frames.is_empty();
        let count = frames.len();
        self.gathered.frames.extend(frames);
        ExprValue::Integer(count as i128)
    }

    /// The frame that a search finds, which is evidence; so is that there is none.
    fn found(&mut self, search: impl FnOnce(&Self) -> Option<u32>) -> ExprValue {
        match search(self) {
            Some(frame) => {
                self.gathered.frames.insert(frame);
                ExprValue::Frame(frame)
            }
            None => {
                self.gathered.in_vain = true;
                ExprValue::None
            }
        }
    }

    fn nth(&mut self, plan: &Plan, rank: &Node) -> ExprValue {
        let rank = number::whole(&self.value(rank)).and_then(|rank| usize::try_from(rank).ok()?.checked_sub(1));
        match rank {
            Some(before) => self.found(|run| run.matching(plan).nth(before)),
            None => ExprValue::None,
        }
    }

    /// The frame that a number names, if the capture has it.
    fn frame(&mut self, node: &Node) -> Option<u32> {
        let frame = u32::try_from(number::whole(&self.value(node))?).ok()?;
        let known = (1..=self.records.frames()).contains(&frame);
        known.then(|| {
            self.gathered.frames.insert(frame);
            frame
        })
    }

    fn pick(&mut self, how: Pick, field: &'static FieldDef, from: &From) -> ExprValue {
        let mut picked = Picked::new(how);
        match from {
            From::Everywhere => self.visit(1..=self.records.frames(), field, &mut picked),
            From::Where(plan) => self.visit(self.matching(plan), field, &mut picked),
            From::At(frame) => match self.frame(frame) {
                Some(frame) => self.visit(std::iter::once(frame), field, &mut picked),
                None => return ExprValue::None,
            },
        }
        self.gathered.in_vain |= picked.frames.is_empty() && !matches!(from, From::At(_));
        self.gathered.frames.extend(&picked.frames);
        picked.finish(field.kind)
    }

    fn visit(&self, frames: impl Iterator<Item = u32>, field: &'static FieldDef, picked: &mut Picked) {
        for frame in frames {
            self.records.values(frame, field, &mut |value| picked.add(frame, value));
            if picked.how == Pick::Value && !picked.values.is_empty() {
                return;
            }
        }
    }
}

/// What has been made of a field's values so far.
struct Picked {
    how: Pick,
    frames: BTreeSet<u32>,
    values: Vec<ExprValue>,
    known: BTreeSet<Vec<u8>>,
}

impl Picked {
    fn new(how: Pick) -> Self {
        Self { how, frames: BTreeSet::new(), values: Vec::new(), known: BTreeSet::new() }
    }

    fn add(&mut self, frame: u32, value: &Value) {
        match self.how {
            Pick::Values | Pick::Distinct => {
                self.frames.insert(frame);
                if self.known.insert(key(value)) {
                    self.values.push(value.into());
                }
            }
            Pick::Sum => {
                self.frames.insert(frame);
                let sum = self.values.pop();
                let value = ExprValue::from(value);
                self.values.push(sum.map_or(value.clone(), |sum| number::compute(&sum, Operator::Add, &value)));
            }
            Pick::Min => self.replace_if(frame, value, Order::Less),
            Pick::Max => self.replace_if(frame, value, Order::Greater),
            Pick::Value => {
                if self.values.is_empty() {
                    self.frames.insert(frame);
                    self.values.push(value.into());
                }
            }
        }
    }

    /// Keeps the value if it is the first, or stands so to the one kept; the proof is the frame that has it.
    fn replace_if(&mut self, frame: u32, value: &Value, order: Order) {
        let value = value.into();
        let better = self.values.last().is_none_or(|kept| order.holds(number::order(&value, kept)));
        if better {
            self.frames = BTreeSet::from([frame]);
            self.values = vec![value];
        }
    }

    fn finish(mut self, kind: Kind) -> ExprValue {
        match self.how {
            Pick::Distinct => ExprValue::Integer(self.values.len() as i128),
            Pick::Values => ExprValue::List(self.values),
            // The sum of no numbers is 0, as their count is.
            Pick::Sum if self.values.is_empty() && kind == Kind::Seconds => ExprValue::Seconds(0),
            Pick::Sum if self.values.is_empty() => ExprValue::Integer(0),
            Pick::Sum | Pick::Min | Pick::Max | Pick::Value => self.values.pop().unwrap_or(ExprValue::None),
        }
    }
}

/// Equal for equal values. A field's values are all of one kind, so the kind need not be part of it.
fn key(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn holds(compare: Compare, left: &ExprValue, right: &ExprValue) -> bool {
    if matches!((left, right), (ExprValue::None, _) | (_, ExprValue::None)) {
        return false;
    }
    match compare {
        Compare::Order(order) => order.holds(number::order(left, right)),
        Compare::Contains => {
            left.octets().zip(right.octets()).is_some_and(|(haystack, needle)| contains(haystack, needle))
        }
    }
}

fn len(value: &ExprValue) -> ExprValue {
    let len = match value {
        ExprValue::List(values) => Some(values.len()),
        value => value.octets().map(<[u8]>::len),
    };
    len.map_or(ExprValue::None, |len| ExprValue::Integer(len as i128))
}

fn hex(value: &ExprValue) -> ExprValue {
    match (number::whole(value), value.octets()) {
        (Some(n), _) if n < 0 => ExprValue::Text(format!("-0x{:x}", n.unsigned_abs())),
        (Some(n), _) => ExprValue::Text(format!("0x{n:x}")),
        (_, Some(octets)) => ExprValue::Text(spaced_hex(octets)),
        _ => ExprValue::None,
    }
}

/// RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at index
/// i modulo 4 of the masking key"; here the shorter is the mask, of any length but zero.
fn xor(left: &ExprValue, right: &ExprValue) -> ExprValue {
    let (Some(left), Some(right)) = (left.octets(), right.octets()) else { return ExprValue::None };
    let (data, mask) = if left.len() >= right.len() { (left, right) } else { (right, left) };
    if mask.is_empty() {
        return ExprValue::None;
    }
    ExprValue::Bytes(data.iter().zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key).collect())
}
