//! What the pipeline says of segments and of octets that are missing.

use std::ops::Range;

use super::ear::MAX_MESSAGE;
use crate::count::{counted, plural};
use crate::flow::Arrival;
use crate::layer::{Group, Note, Severity};

/// Octets that are missing between others. `kept_out` is a frame that brought some of them, and is not read.
pub(super) fn gap(gap: &Range<u64>, acknowledged: Option<u64>, kept_out: Option<u32>, rest: &str) -> Note {
    let len = gap.end - gap.start;
    let octets = counted(len, "octet");
    let text = match kept_out {
        Some(frame) => {
            let are = plural(len, "is", "are");
            let why = why_not(frame, is_acknowledged(acknowledged, gap.end));
            format!("{octets} of this stream {are} not read{why}{rest}")
        }
        None => {
            let were = plural(len, "was", "were");
            format!("{octets} of this stream {were} not captured{}{rest}", whose_loss(len, acknowledged, gap.end))
        }
    };
    Note::new(Severity::Warn, text, "RFC 9293 §3.4").about(Group::Sequence)
}

/// Octets that are missing at the end of what someone numbered; `kept_out` as above.
pub(super) fn missing_end(
    octets: u64,
    from: impl std::fmt::Display,
    acknowledged: Option<u64>,
    kept_out: Option<u32>,
    end: u64,
) -> Note {
    let last = if octets == 1 { "octet".to_owned() } else { format!("{octets} octets") };
    let text = match kept_out {
        Some(frame) => {
            let are = plural(octets, "is", "are");
            let why = why_not(frame, is_acknowledged(acknowledged, end));
            format!("the last {last} that {from} numbered {are} not read{why}")
        }
        None => {
            let (were, blame) = (plural(octets, "was", "were"), whose_loss(octets, acknowledged, end));
            format!("the last {last} that {from} numbered {were} not captured (a FIN counts as one){blame}")
        }
    };
    Note::new(Severity::Warn, text, "RFC 9293 §3.4").about(Group::Sequence)
}

/// Why octets are not read that this frame brought.
fn why_not(frame: u32, acknowledged: bool) -> String {
    match acknowledged {
        true => format!(
            ": frame {frame} was kept out for its checksum, though the other side acknowledged it. Likely it is whole, and a \
             network card that joined segments left an old sum in it: capture with that off (ethtool -K DEVICE lro off gro off)"
        ),
        false => format!(": frame {frame} was kept out as damaged, and they did not come again"),
    }
}

/// Octets that wait for the rest of something that does not come.
pub(super) fn too_much() -> Note {
    let text = "too many octets wait for the rest of one message: what follows in this direction is not read";
    Note::new(Severity::Warn, text, "").about(Group::Undecoded)
}

/// A message that has more octets than are kept of one.
pub(super) fn too_long() -> Note {
    let text = format!(
        "this message has more octets than are kept ({} MiB, of many connections together): no digest and no text of it \
         is told, and maybe not all of its frames",
        MAX_MESSAGE >> 20
    );
    Note::new(Severity::Note, text, "").about(Group::Undecoded)
}

/// A message that came in more segments than are remembered.
pub(super) fn too_many_frames() -> Note {
    let text = "this message comes in more segments than are remembered of one: not all of its frames are named";
    Note::new(Severity::Note, text, "").about(Group::Undecoded)
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

/// A connection that is given up, as all of them keep too much.
pub(super) fn full(id: u32) -> Note {
    let text = format!(
        "the connections that are open have too much under way to keep all of it: connection {id}, of which much is kept, is not followed \
         further"
    );
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

/// Octets that come behind the end of their stream.
pub(super) fn behind_fin(fin: u32) -> Note {
    let text = format!(
        "payload behind the FIN in frame {fin}, with which its sender ended, and which was acknowledged: no receiver takes it, \
         and it is not read"
    );
    Note::new(Severity::Warn, text, "RFC 9293 §3.10.7.4").about(Group::Sequence)
}

/// Octets that came again and were others, while those that came first waited behind a hole.
pub(super) fn differs(offset: u64) -> Note {
    let text = format!(
        "from octet {offset} of the stream on it says something else than what came first and waits there, which is read: \
         a receiver that keeps the later one reads something else"
    );
    Note::new(Severity::Warn, text, "RFC 9293 §3.10.7.4").about(Group::Sequence)
}

/// Who lost so many octets before this offset: the capture, if the other side has them.
fn whose_loss(octets: u64, acknowledged: Option<u64>, end: u64) -> String {
    let them = plural(octets, "it", "them");
    if is_acknowledged(acknowledged, end) {
        format!(", though the other side acknowledged {them}: the capture lost {them}, not the network")
    } else {
        format!(", and the other side did not acknowledge {them}")
    }
}

/// Whether the other side has all before this offset.
fn is_acknowledged(acknowledged: Option<u64>, end: u64) -> bool {
    acknowledged.is_some_and(|acknowledged| acknowledged >= end)
}
