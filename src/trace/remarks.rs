//! What the pipeline says of segments and of octets that are missing.

use std::ops::Range;

use crate::count::{counted, plural};
use crate::flow::Arrival;
use crate::layer::{Group, Note, Severity};

/// Octets that are missing between others.
pub(super) fn gap(gap: &Range<u64>, acknowledged: Option<u64>, rest: &str) -> Note {
    let blame = whose_loss(acknowledged, gap.end);
    let len = gap.end - gap.start;
    let (octets, were) = (counted(len, "octet"), plural(len, "was", "were"));
    let text = format!("{octets} of this stream {were} not captured{blame}{rest}");
    Note::new(Severity::Warn, text, "RFC 9293 §3.4").about(Group::Sequence)
}

/// Octets that are missing at the end of what someone numbered.
pub(super) fn missing_end(octets: u64, from: impl std::fmt::Display, acknowledged: Option<u64>, end: u64) -> Note {
    let blame = whose_loss(acknowledged, end);
    let (last, were) = match octets {
        1 => ("octet".to_owned(), "was"),
        _ => (format!("{octets} octets"), "were"),
    };
    let text = format!("the last {last} that {from} numbered {were} not captured (a FIN counts as one){blame}");
    Note::new(Severity::Warn, text, "RFC 9293 §3.4").about(Group::Sequence)
}

/// Octets that wait for the rest of something that does not come.
pub(super) fn too_much() -> Note {
    let text = "too many octets wait for the rest of one message: what follows in this direction is not read";
    Note::new(Severity::Warn, text, "").about(Group::Undecoded)
}

/// Octets in which nobody can tell what is spoken, and that are too many to be kept.
pub(super) fn too_early() -> Note {
    let text =
        "the capture began in the middle of something long: its octets are not read before it is known what is spoken";
    Note::new(Severity::Warn, text, "").about(Group::Undecoded)
}

/// A connection that is given up for others.
pub(super) fn crowded(id: u32) -> Note {
    let text =
        format!("too many connections are open at once: connection {id}, silent for longest, is not followed further");
    Note::new(Severity::Warn, text, "").about(Group::Undecoded)
}

/// What a segment was to its stream, if that is worth a word.
pub(super) fn arrival(arrival: Arrival) -> Option<Note> {
    match arrival {
        Arrival::InOrder => None,
        Arrival::Early => {
            let text = "bytes that belong in front of it had not come by then";
            Some(Note::new(Severity::Note, text, "RFC 9293 §3.4").about(Group::Sequence))
        }
        Arrival::Repeated => {
            let text = "bytes came before it for the same place: sent again, or captured twice";
            Some(Note::new(Severity::Note, text, "RFC 9293 §3.8").about(Group::Sequence))
        }
        Arrival::Late => {
            let text = "its bytes were given up for missing, and told to be, before it came: they are not read";
            Some(Note::new(Severity::Warn, text, "RFC 9293 §3.4").about(Group::Sequence))
        }
    }
}

/// Octets that came again and were others, while those that came first waited behind a hole.
pub(super) fn differs(offset: u64) -> Note {
    let text = format!(
        "from octet {offset} of the stream on it says something else than what came first and waits there, which is read: \
         a receiver that keeps the later one reads something else"
    );
    Note::new(Severity::Warn, text, "RFC 9293 §3.10.7.4").about(Group::Sequence)
}

/// Who lost octets before this offset: the capture, if the other side has them.
fn whose_loss(acknowledged: Option<u64>, end: u64) -> &'static str {
    if acknowledged.is_some_and(|acknowledged| acknowledged >= end) {
        ", though the other side acknowledged them: the capture lost them, not the network"
    } else {
        ", and the other side did not acknowledge them"
    }
}
