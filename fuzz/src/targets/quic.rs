//! QUIC whose secrets are known, and all that is read in it: frames, HTTP/3, WebTransport, Engine.IO and Socket.IO.

use std::collections::HashMap;

use wiretale::explain::Cast;
use wiretale::trace::Pipeline;

use crate::quic::{Quic, secrets};
use crate::{render, turns};

/// The bit of a wrapped turn's first octet that ends its stream; the others are the stream's number.
const FIN: u8 = 0x80;

/// A turn is a packet's frames; a wrapped one is what is said next on a stream, behind an octet that names it.
pub fn quic(data: &[u8]) {
    let mut quic = Quic::open();
    let mut ends: HashMap<(u8, usize), u32> = HashMap::new();
    for turn in turns::read(data) {
        let content = match turn.bytes {
            [stream, octets @ ..] if turn.wrapped => {
                let id = stream & 0x3f;
                let end = ends.entry((id, turn.direction.index())).or_default();
                let kind = 0x0c | u8::from(stream & FIN != 0);
                let content = [&[kind, id][..], &(0x8000_0000 | *end).to_be_bytes(), octets].concat();
                *end += octets.len() as u32;
                content
            }
            octets => octets.to_vec(),
        };
        quic.say_with(turn.direction, turn.fate, &content);
    }
    let mut pipeline = Pipeline::default();
    pipeline.learn_secrets(&secrets());
    quic.frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let trace = pipeline.finish();
    let hellos = (1..=2).filter_map(|number| trace.record(number)?.quic.as_ref());
    assert_eq!(hellos.filter(|packets| packets[0].opened.is_some()).count(), 2, "the hellos are opened");
    render::everything(&trace, &Cast::default());
    render::streamed(&quic.frames, &trace, &secrets());
}
