//! Who heard what: how often each value of a field went to whom.

use std::net::SocketAddr;

use super::told::{cell_text, safe};
use crate::explain::Cast;
use crate::layer::FieldDef;
use crate::trace::Trace;

/// No more rows and columns than these are made.
const MOST_VALUES: usize = 200;
const MOST_EARS: usize = 20;
const NEVER: &str = "·";

/// A table: a head, and a row for each value in the order in which they came; a column for each client in the order in which
/// they connected, and behind them whoever else heard any of it.
pub(super) fn heard(
    trace: &Trace,
    cast: &Cast,
    field: &FieldDef,
    wanted: &dyn Fn(u32) -> bool,
) -> (Vec<String>, Vec<Vec<String>>) {
    let name = |address: SocketAddr| cast.name(address).map_or_else(|| address.to_string(), safe);
    let mut ears: Vec<String> = Vec::new();
    for connection in trace.connections() {
        place(&mut ears, name(connection.client), MOST_EARS);
    }
    let mut values: Vec<String> = Vec::new();
    let mut counts: Vec<Vec<usize>> = Vec::new();
    for frame in (1..=trace.len()).filter(|frame| wanted(*frame)) {
        let packet = trace.record(frame).map(|record| record.whole().0);
        let ends =
            packet.and_then(|packet| packet.tcp().map(|(.., to)| to).or_else(|| packet.udp().map(|(.., to)| to)));
        let Some(to) = ends else { continue };
        let layers = trace.layers(frame);
        for found in layers.iter().flat_map(|layer| &layer.fields).filter(|found| found.def.name == field.name) {
            let Some(row) = place(&mut values, cell_text(&found.value), MOST_VALUES) else { continue };
            let Some(ear) = place(&mut ears, name(to), MOST_EARS) else { continue };
            counts.resize(values.len(), Vec::new());
            let of_value = &mut counts[row];
            of_value.resize(ears.len().max(of_value.len()), 0);
            of_value[ear] += 1;
        }
    }
    let cell = |count: Option<&usize>| match count {
        None | Some(0) => NEVER.to_owned(),
        Some(count) => count.to_string(),
    };
    let rows = values.into_iter().zip(&counts).map(|(value, of_value)| {
        std::iter::once(value).chain((0..ears.len()).map(|ear| cell(of_value.get(ear)))).collect()
    });
    let rows = rows.collect();
    (std::iter::once(field.name.to_owned()).chain(ears).collect(), rows)
}

/// The place of a thing among others, behind them if it is new; `None` if there is no room.
fn place(things: &mut Vec<String>, thing: String, most: usize) -> Option<usize> {
    if let Some(known) = things.iter().position(|known| *known == thing) {
        return Some(known);
    }
    if things.len() >= most {
        return None;
    }
    things.push(thing);
    Some(things.len() - 1)
}
