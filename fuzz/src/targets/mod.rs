//! One function per target, each for whatever octets come.

mod conversation;
mod quic;
mod text;

pub use conversation::{engineio, http1, http2, socketio, sse, tls, websocket};
pub use quic::quic;
pub use text::{filter, lesson, script};

use std::io::Cursor;

use wiretale::capture::{CaptureFile, LinkType, Source};
use wiretale::explain::Cast;
use wiretale::layer::{Note, Severity};
use wiretale::packet::{self, Packet};
use wiretale::trace::{Pipeline, Trace};

use crate::{render, wire};

/// A capture file: read as far as it goes, everything in it shown.
pub fn capture_file(data: &[u8]) {
    if let Some((trace, cast)) = read(data, usize::MAX) {
        render::everything(&trace, &cast);
    }
}

/// Reads at most so many frames of a capture file, as the commands do; `None` if it is no capture.
pub fn read(data: &[u8], frames: usize) -> Option<(Trace, Cast)> {
    let mut file = match CaptureFile::from_reader("fuzz", Cursor::new(data.to_vec())) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let mut pipeline = Pipeline::default();
    for _ in 0..frames {
        let Some(frame) = file.next_frame().expect("memory can be read to its end") else { break };
        assert!(frame.data.len() <= frame.len as usize, "no more was kept than there was");
        pipeline.push(frame);
    }
    let about = file.about().clone();
    if let Some(cut) = &about.cut {
        pipeline.remark(&Note::new(Severity::Warn, cut.to_string(), ""));
    }
    let cast = Cast::from_comments(about.comments.iter().map(String::as_str));
    Some((pipeline.finish(), cast))
}

/// The kinds of link that are known; the others are one kind of unknown.
pub const LINKS: [LinkType; 11] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::RAW_BSD,
    LinkType::RAW_OPENBSD,
    LinkType::RAW,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::LINUX_SLL2,
    LinkType(147),
];

/// Frames on any kind of link: its number, how many octets were not kept, then the frames, each behind its length.
pub fn frame(data: &[u8]) {
    let [link, missing, rest @ ..] = data else { return };
    let link = LINKS[usize::from(*link) % LINKS.len()];
    let mut frames = Vec::new();
    let mut rest = rest;
    while let [high, low, after @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (octets, after) = after.split_at(len);
        let mut frame = wire::frame(frames.len(), link, octets.to_vec());
        frame.len += u32::from(*missing);
        let packet = Packet::decode(link, &frame.data, frame.len);
        packet::describe(&packet, 1, &frame.data);
        packet.checksum(&frame.data);
        frames.push(frame);
        rest = after;
    }
    let trace = wire::trace(&frames);
    render::everything(&trace, &Cast::default());
    render::streamed(&frames, &trace, "");
}
