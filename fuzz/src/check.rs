//! What holds for every input. It is the check of `src/trace/testing.rs`, made again of what is public.

use wiretale::layer::{Buffer, Layer, Span};
use wiretale::mistake::Mistake;
use wiretale::trace::{Trace, layer_sums};
use wiretale::view::Line;

/// Each octet has one owner, every field lies in its buffer, every message in its stream.
pub fn trace(trace: &Trace) {
    for (number, record) in trace.records() {
        ledger(trace, number, record.frame.data.len() as u32);
        trace.layers(number).iter().for_each(|layer| spans(trace, layer));
    }
    for message in trace.messages() {
        assert!(message.frames.is_sorted_by(|a, b| a < b), "frames ascend: {message:?}");
        assert!(trace.record(message.frame()).is_some(), "it ends in a frame: {message:?}");
        let len = message.range.end - message.range.start;
        assert_eq!(trace.bytes(message).len() as u64, len, "its bytes are there: {message:?}");
        let mut on_wire = Vec::new();
        for (number, range) in trace.in_frames(&message.span()) {
            let data = &trace.record(number).expect("a stream's bytes come from frames").frame.data;
            on_wire.extend_from_slice(&data[range.start as usize..range.end as usize]);
        }
        // What was encrypted lies there, too, octet by octet, but is not to be read.
        assert_eq!(on_wire.len() as u64, len, "all of them lie in frames: {message:?}");
        let is_same = on_wire == trace.bytes(message);
        assert!(is_same || message.inside, "and lie where its span says: {message:?}");
        let owned: u64 = message.payload.parts(len).iter().map(|part| part.len).sum();
        assert_eq!(owned, if message.owns_bytes() { len } else { 0 }, "its shares add up: {message:?}");
    }
}

/// Every captured octet exactly once, and the sums equal the captured length.
fn ledger(trace: &Trace, number: u32, len: u32) {
    let shares = trace.ledger(number);
    let mut at = 0;
    for share in &shares {
        assert_eq!(share.range.start, at, "frame {number}: neither hole nor overlap: {shares:?}");
        assert!(!share.is_empty(), "frame {number}: {shares:?}");
        at = share.range.end;
    }
    assert_eq!(at, len, "frame {number}: {shares:?}");
    assert_eq!(layer_sums(&shares).iter().map(|(_, sum)| sum).sum::<u32>(), len, "frame {number}");
}

/// Each span inside its buffer.
fn spans(trace: &Trace, layer: &Layer) {
    let derived = layer.derived.iter().map(|derived| &derived.from);
    let fields = layer.fields.iter().filter_map(|field| field.span.as_ref());
    for span in fields.chain(&layer.span).chain(derived) {
        let Some(len) = buffer_len(trace, layer, span) else { continue };
        let Span { range, .. } = span;
        assert!(range.start <= range.end && range.end <= len, "{span:?} in {len} octets: {layer:#?}");
    }
}

fn buffer_len(trace: &Trace, layer: &Layer, span: &Span) -> Option<u64> {
    if let Buffer::Frame(number) = span.buffer {
        return Some(trace.record(number).expect("a span is in a frame that is there").frame.data.len() as u64);
    }
    if let Buffer::Stream(connection, direction) = span.buffer {
        return Some(trace.stream(connection, direction).expect("a span is in a stream that is there").end());
    }
    if let Buffer::Decrypted(connection, direction) = span.buffer {
        return Some(trace.inside(connection, direction).expect("a span is in what was decrypted").end());
    }
    let Buffer::Derived(index) = span.buffer else { return None };
    Some(layer.derived[index].bytes.len() as u64)
}

/// What a peer sent, or a lesson's author wrote, must not act on the terminal.
pub fn lines(lines: &[Line]) {
    for line in lines {
        let acts = line.pieces().iter().any(|(_, text)| text.contains(char::is_control));
        assert!(!acts, "control characters reach the terminal: {line:?}");
    }
}

/// A mistake says something, and points at whole characters of the text.
pub fn mistake(text: &str, mistake: &Mistake) {
    assert!(text.get(mistake.range.clone()).is_some(), "{text:?}: {mistake:?}");
    assert!(!mistake.message.is_empty(), "{text:?}: {mistake:?}");
}
