//! What happened on connections of QUIC whose secrets are at hand, one line per step.

use std::collections::{BTreeMap, BTreeSet};

use super::Cast;
use super::story::{Chapter, Line, Phase};
use crate::layer::{Direction, Severity};
use crate::protocol::engineio::{EngineIoPacket, Kind};
use crate::protocol::http3::Http3Frame;
use crate::trace::{QuicMessage, Record, Talk, Trace, ends_of};

/// A chapter for each connection on which something can be read, in order of their numbers; and the frames that have a line.
pub(super) fn chapters(trace: &Trace, cast: &Cast, wanted: &dyn Fn(u32) -> bool) -> (Vec<Chapter>, BTreeSet<u32>) {
    let mut chapters: BTreeMap<u32, Chapter> = BTreeMap::new();
    let mut frames = BTreeSet::new();
    let spoken = trace.records().filter(|(number, record)| !record.over_quic.is_empty() && wanted(*number));
    for (number, record) in spoken {
        for message in record.over_quic.iter().filter(|message| is_told(message)) {
            let chapter = chapters.entry(message.connection).or_insert_with(|| begin(cast, record, message));
            frames.insert(number);
            chapter.lines.push(Line {
                frame: number,
                direction: message.direction,
                text: message.payload.summary(&[]),
                phase: if message.payload.protocol() == "http3" { Phase::Http3 } else { Phase::WebTransport },
                time: trace.time(number).unwrap_or(0.0),
                odd: record.over_quic.iter().filter(|other| other.stream == message.stream).any(has_warning),
            });
        }
    }
    (chapters.into_values().collect(), frames)
}

fn begin(cast: &Cast, record: &Record, message: &QuicMessage) -> Chapter {
    let ends = ends_of(record.whole().0).map(|(from, to)| match message.direction {
        Direction::ToServer => (from, to),
        Direction::ToClient => (to, from),
    });
    let party = |address| match cast.name(address) {
        Some(name) => format!("{name} {address}"),
        None => address.to_string(),
    };
    let (client, server) = ends.map(|(client, server)| (party(client), party(server))).unwrap_or_default();
    Chapter {
        connection: message.connection,
        client,
        server,
        lines: Vec::new(),
        acknowledgements: Vec::new(),
        rtt: None,
        talk: Talk::Known("http3"),
        began_as_http: false,
        inside: None,
    }
}

/// A warning about what carries a message is one about the message.
fn has_warning(message: &QuicMessage) -> bool {
    message.notes.iter().any(|note| note.severity >= Severity::Warn)
}

/// Whether a message gets a line: not what only carries something that has one, nor what the two sides set up for themselves.
fn is_told(message: &QuicMessage) -> bool {
    let any = message.payload.as_any();
    let says = |frame: &Http3Frame| !frame.headers().is_empty() || frame.session().is_some();
    any.downcast_ref::<EngineIoPacket>().is_none_or(|packet| packet.kind != Kind::Message)
        && any.downcast_ref().is_none_or(says)
}
