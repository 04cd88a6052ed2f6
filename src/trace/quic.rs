//! Which ends speak QUIC with each other, so that short headers are known for what they are, and the connection between them,
//! which is opened where its secrets are at hand.
//!
//! A connection is known by its ends: one that goes on between others is not followed there. Of several between the same ends it
//! is the latest.

use std::net::SocketAddr;

use super::intake::Admitted;
use super::over_quic::{Heard, Live, QuicMessage};
use super::pipeline::Pipeline;
use super::session::Sessions;
use super::watch::{Place, Watch};
use crate::capture::{FrameRef, Moment};
use crate::layer::{Direction, Group, Note, Severity};
use crate::map::Map;
use crate::packet::Packet;
use crate::protocol::KeyLog;
use crate::protocol::quic::{self, Kind, QuicPacket};

/// More pairs of ends than this are not remembered at once.
const MAX_PAIRS: usize = 1 << 15;
/// More connections are not opened at once: what came of them is kept.
const MAX_LIVE: usize = 1 << 8;

/// Two ends, the lower before the higher.
type Ends = (SocketAddr, SocketAddr);

/// Ends that speak QUIC.
#[derive(Default)]
pub(super) struct QuicPairs {
    pairs: Map<Ends, Pair>,
    live: Map<Ends, Box<Live>>,
    /// How many connections were met.
    met: u32,
    /// What is to be told of pairs that are not remembered any longer.
    waited: Vec<(Place, Note)>,
}

/// What is known of two ends.
#[derive(Default)]
struct Pair {
    /// The number of the latest connection between them.
    number: u32,
    /// How long the connection IDs of each are.
    id_lens: [Option<u8>; 2],
    /// Nothing more of their connection can be opened.
    is_over: bool,
    /// Where they first spoke, and which did, until it is said what becomes of what they say.
    first: Option<(Moment, usize)>,
}

/// What stands in a datagram, beside its packets.
type Spoken<'a> = (&'a Packet, &'a [u8], Moment);

impl QuicPairs {
    /// The packets of QUIC in a datagram, if it holds any.
    pub(super) fn read(&mut self, packet: &Packet, data: &[u8], now: Moment) -> Option<Box<[QuicPacket]>> {
        let (ends, sender) = ends(packet)?;
        let known = self.pairs.get(&ends);
        let packets = quic::read(packet.payload.of(data), known.and_then(|pair| pair.id_lens[1 - sender]))?;
        let is_new = known.is_none();
        if is_new && self.pairs.len() >= MAX_PAIRS {
            self.waited.extend(waits(&mut self.pairs));
            self.pairs.clear();
        }
        let met = self.met;
        self.met += u32::from(is_new);
        let new = || Pair { number: met, first: Some((now, sender)), ..Pair::default() };
        let pair = self.pairs.entry(ends).or_insert_with(new);
        pair.id_lens[sender] = quic::own_id_len(&packets).or(pair.id_lens[sender]);
        Some(packets.into())
    }

    /// Opens the packets of a datagram, as far as that is possible, and reads what they carry.
    fn open(
        &mut self,
        (packet, data, now): Spoken<'_>,
        packets: &mut [QuicPacket],
        (secrets, sessions): (Option<&KeyLog>, &mut Sessions),
    ) -> Heard {
        let mut heard = Heard::default();
        let Some((ends, sender)) = ends(packet) else { return heard };
        let payload = packet.payload.of(data);
        let Some(pair) = self.pairs.get_mut(&ends) else { return heard };
        let begins = |packet: &QuicPacket| packet.kind == Kind::Initial;
        if !self.live.contains_key(&ends) && !pair.is_over && packets.iter().any(begins) {
            if self.live.len() >= MAX_LIVE {
                heard.notes.extend(make_room(&mut self.live).map(|note| (now, note)));
            }
            self.live.insert(ends, Box::new(Live::new(pair.number)));
        }
        packets.iter_mut().for_each(|packet| packet.connection = pair.number);
        // Behind a Version Negotiation the client begins anew, and then it is seen.
        let begins_anew = packets.iter().all(|packet| packet.kind == Kind::VersionNegotiation);
        let mut has_secrets = (!begins_anew).then_some(false);
        if let Some(live) = self.live.get_mut(&ends) {
            pair.number = live.number;
            if packets.iter().any(|packet| live.connection.is_another(packet, payload, sender)) {
                heard.late.extend(ended(&ends, live));
                pair.number = self.met;
                self.met += 1;
                **live = Live::new(pair.number);
            }
            packets.iter_mut().for_each(|packet| packet.connection = pair.number);
            live.hear(packets, payload, (sender, now), (secrets, sessions), &mut heard);
            has_secrets = live.connection.has_secrets(secrets);
            live.has_secrets |= has_secrets == Some(true);
            pair.is_over = live.connection.is_over();
        }
        if pair.is_over
            && let Some(mut live) = self.live.remove(&ends)
        {
            heard.late.extend(ended(&ends, &mut live));
        }
        if let Some(has_secrets) = has_secrets
            && let Some((moment, sender)) = pair.first.take()
            && !has_secrets
        {
            match moment.frame == now.frame {
                true => heard.notes.push((now, closed())),
                false => heard.late.push((place(&ends, moment, sender), closed())),
            }
        }
        heard.late.append(&mut self.waited);
        heard
    }

    /// The capture is over: what still waits will not come.
    pub(super) fn finish(&mut self) -> Vec<(Place, Note)> {
        let mut notes = std::mem::take(&mut self.waited);
        notes.extend(waits(&mut self.pairs));
        notes.extend(self.live.iter_mut().flat_map(|(ends, live)| ended(ends, live)));
        notes.sort_by(|(a, a_note), (b, b_note)| (a.moment.frame, &a_note.text).cmp(&(b.moment.frame, &b_note.text)));
        notes
    }
}

/// What is to be told of pairs of which it was not said yet what becomes of what they say: no more comes of them.
fn waits(pairs: &mut Map<Ends, Pair>) -> impl Iterator<Item = (Place, Note)> {
    pairs.iter_mut().filter_map(|(ends, pair)| {
        let (moment, sender) = pair.first.take()?;
        Some((place(ends, moment, sender), closed()))
    })
}

/// Gives up connections that are followed: those of which there are no secrets, and if that does not help, all.
fn make_room(live: &mut Map<Ends, Box<Live>>) -> Option<Note> {
    live.retain(|_, live| live.connection.is_opened());
    if live.len() < MAX_LIVE {
        return None;
    }
    live.clear();
    let text = format!("QUIC: more than {MAX_LIVE} connections are opened at once: those before this one are given up");
    Some(Note::new(Severity::Warn, text, "").about(Group::Undecoded))
}

/// Where something is to be said of what one of two ends sent.
fn place((lower, higher): &Ends, moment: Moment, sender: usize) -> Place {
    let ends = if sender == 0 { (*lower, *higher) } else { (*higher, *lower) };
    Place { moment, stream: None, ends: Some(ends) }
}

/// What is to be said of a connection on which no more comes.
fn ended(ends: &Ends, live: &mut Live) -> Vec<(Place, Note)> {
    let client = live.connection.client().unwrap_or(0);
    let of = |(moment, direction, note): (Moment, Direction, Note)| {
        let sender = if direction == Direction::ToServer { client } else { 1 - client };
        (place(ends, moment, sender), note)
    };
    live.end().into_iter().map(of).collect()
}

/// Two ends, and which of them speaks.
fn ends(packet: &Packet) -> Option<(Ends, usize)> {
    let (_, from, to) = packet.udp()?;
    Some(if from <= to { ((from, to), 0) } else { ((to, from), 1) })
}

/// What is to be told of two ends that first speak, if there are no secrets.
fn closed() -> Note {
    let text = "QUIC: what its packets carry is encrypted, and only their headers and the hellos are read; what follows, such as \
                HTTP/3 or WebTransport, is not opened: its secrets stand neither in the capture nor in a key log (`--keylog FILE`)";
    Note::new(Severity::Note, text, "RFC 9001 §5").about(Group::Undecoded)
}

impl<W: Watch> Pipeline<W> {
    /// Opens the packets of QUIC in a datagram, and finds the messages in the streams that they carry.
    pub(super) fn open_quic(&mut self, admitted: &mut Admitted, frame: FrameRef<'_>, now: Moment) -> Vec<QuicMessage> {
        let Some(mut packets) = admitted.quic.take() else { return Vec::new() };
        let (packet, data) = admitted.whole(frame.data);
        let with = (self.common.secrets.as_ref(), &mut self.common.sessions);
        let Heard { messages, notes, late } = self.intake.quic.open((packet, data, now), &mut packets, with);
        self.intake.notes.extend(notes);
        self.intake.late.extend(late);
        self.intake.notes.extend(messages.iter().flat_map(|message| &message.notes).map(|note| (now, note.clone())));
        admitted.quic = Some(packets);
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    /// A datagram from this port with an Initial packet that nobody can open.
    fn datagram(port: u16) -> Vec<u8> {
        let mut quic = vec![0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 30];
        quic.resize(quic.len() + 30, 0x5a);
        carrying(port, &quic)
    }

    fn carrying(port: u16, quic: &[u8]) -> Vec<u8> {
        let len = 8 + quic.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend((20 + len).to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend(port.to_be_bytes());
        bytes.extend([1, 187]);
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend_from_slice(quic);
        bytes
    }

    /// A Version Negotiation packet says nothing of secrets: what follows it does.
    #[test]
    fn who_begins_anew_is_not_judged_before() {
        let mut pairs = QuicPairs::default();
        let mut told = |bytes: &[u8]| {
            let packet = Packet::decode(LinkType::RAW, bytes, bytes.len() as u32);
            let mut packets = pairs.read(&packet, bytes, Moment::default()).unwrap();
            pairs.open((&packet, bytes, Moment::default()), &mut packets, (None, &mut Sessions::default())).notes.len()
        };
        let offers = [&[0xc0, 0, 0, 0, 0, 2, 1, 2, 2, 3, 4][..], &[0, 0, 0, 1]].concat();
        // An Initial packet that does not open may be that of a server before the client's: what is said, is said at the end.
        assert_eq!([told(&carrying(5000, &offers)), told(&datagram(5000))], [0, 0]);
        assert_eq!(pairs.finish().len(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut pairs = QuicPairs::default();
        let mut notes = 0;
        let mut read = |port: u16, pairs: &mut QuicPairs| {
            let bytes = datagram(port);
            let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
            let Some(mut packets) = pairs.read(&packet, &bytes, Moment::default()) else { return false };
            let with = (None, &mut Sessions::default());
            notes += pairs.open((&packet, &bytes, Moment::default()), &mut packets, with).notes.len();
            true
        };
        assert!((1..4000).all(|port| read(port, &mut pairs)));
        assert!(pairs.live.len() <= MAX_LIVE && pairs.pairs.len() <= MAX_PAIRS, "{}", pairs.live.len());
        // Who sends nothing that can be opened is not tried for ever.
        (0..100).for_each(|_| assert!(read(5000, &mut pairs)));
        assert!(pairs.pairs.values().filter(|pair| pair.is_over).count() == 1);
        assert_eq!(notes + pairs.finish().len(), 4000, "once for each pair of ends");
        assert_eq!(pairs.finish().len(), 0);
    }
}
