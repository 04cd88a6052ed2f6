//! Plans and nodes, asked of a capture.

pub mod evidence;
pub mod formula;
mod number;
mod operand;
mod step;

use super::ast::Quantifier;
use super::plan::{Constant, Operand, Order, Plan, Subject, octets, order};
use super::records::Records;
use crate::layer::Value;

/// Whether the frame matches.
pub fn matches(plan: &Plan, records: &dyn Records, frame: u32) -> bool {
    match plan {
        Plan::Protocol(name) => records.has_protocol(frame, name),
        Plan::Field(def) => {
            let mut seen = false;
            records.values(frame, def, &mut |_| seen = true);
            seen
        }
        Plan::Sliced(operand) => {
            let mut seen = false;
            operand::values(records, frame, operand, &mut |value| {
                seen |= octets(value).is_some_and(|it| !it.is_empty());
            });
            seen
        }
        Plan::Bits(operand) => values_hold(records, frame, operand, Quantifier::Any, operand::is_set),
        Plan::Compare { left, quantifier, order, right } => {
            values_hold(records, frame, left, *quantifier, |value| order.holds(right.order(value)))
        }
        Plan::Pair { left, quantifier, order, right } => pair_holds(records, frame, (left, right), *quantifier, *order),
        Plan::Search { subject, quantifier, needle } => match subject.bare_protocol() {
            Some(name) => {
                let mut tally = Tally::default();
                records.protocol_bytes(frame, name, &mut |octets| tally.add(*quantifier, || needle.found_in(octets)));
                tally.holds(*quantifier)
            }
            None => values_hold(records, frame, subject, *quantifier, |value| {
                octets(value).is_some_and(|octets| needle.found_in(octets))
            }),
        },
        Plan::Member { left, quantifier, set } => {
            let left = Operand::plain(Subject::Field(left));
            values_hold(records, frame, &left, *quantifier, |value| {
                set.iter().any(|(low, high)| within(value, low, high.as_ref()))
            })
        }
        Plan::Not(inner) => !matches(inner, records, frame),
        Plan::All(parts) => parts.iter().all(|part| matches(part, records, frame)),
        Plan::Any(parts) => parts.iter().any(|part| matches(part, records, frame)),
    }
}

/// How many values there were, and how many held. A field that is absent holds under neither quantifier.
#[derive(Default)]
struct Tally {
    seen: usize,
    held: usize,
}

impl Tally {
    /// Counts one value, without testing it where the answer is already known.
    fn add(&mut self, quantifier: Quantifier, test: impl FnOnce() -> bool) {
        let decided = match quantifier {
            Quantifier::Any => self.held > 0,
            Quantifier::All => self.held < self.seen,
        };
        self.seen += 1;
        self.held += usize::from(!decided && test());
    }

    fn holds(&self, quantifier: Quantifier) -> bool {
        match quantifier {
            Quantifier::Any => self.held > 0,
            Quantifier::All => self.seen > 0 && self.held == self.seen,
        }
    }
}

fn values_hold(
    records: &dyn Records,
    frame: u32,
    operand: &Operand,
    quantifier: Quantifier,
    test: impl Fn(&Value) -> bool,
) -> bool {
    let mut tally = Tally::default();
    operand::values(records, frame, operand, &mut |value| tally.add(quantifier, || test(value)));
    tally.holds(quantifier)
}

fn pair_holds(
    records: &dyn Records,
    frame: u32,
    (left, right): (&Operand, &Operand),
    quantifier: Quantifier,
    relation: Order,
) -> bool {
    let mut others = Vec::new();
    operand::values(records, frame, right, &mut |value| others.push(value.clone()));
    let mut tally = Tally::default();
    operand::values(records, frame, left, &mut |value| {
        others.iter().for_each(|other| tally.add(quantifier, || relation.holds(order(value, other))));
    });
    tally.holds(quantifier)
}

fn within(value: &Value, low: &Constant, high: Option<&Constant>) -> bool {
    match high {
        None => Order::Equal.holds(low.order(value)),
        Some(high) => Order::GreaterEqual.holds(low.order(value)) && Order::LessEqual.holds(high.order(value)),
    }
}
