mod compressed;
mod joined;
mod large;
mod missing;
mod numbers;
mod outside;
mod pairing;
mod rival;
mod whole;

use crate::trace::Trace;

/// Names of a frame's layers, outermost first.
fn names(trace: &Trace, number: u32) -> Vec<&'static str> {
    trace.layers(number).iter().map(|layer| layer.protocol).collect()
}
