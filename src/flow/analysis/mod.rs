//! What a segment is to those before it: sent again, out of order, a duplicate acknowledgement, a keep-alive …
//!
//! The names and the rules are Wireshark's (`tcp.analysis.*`), so that what is learned here can be looked up there; where
//! its rule says more or less than a standard does, the comment on the rule says so. The rules guess: what a sender *meant*
//! cannot be seen from a capture, and one taken near the receiver looks other than one taken near the sender.
//!
//! Each segment costs constant time and a connection constant space but for [`unacked`], which is bounded, and not kept where
//! nobody asks for more than the names ([`Analysed`]).
//!
//! # References
//! - Retransmission: RFC 6298 §5, RFC 5681 §3. Duplicate ACK: RFC 5681 §2. SACK: RFC 2018. Window scale: RFC 7323 §2.
//! - Keep-alive: RFC 9293 §3.8.4. Zero window: RFC 9293 §3.8.6.1. Fast Open: RFC 7413.

mod fields;
mod finding;
mod options;
mod rules;
#[cfg(test)]
mod tests;
mod unacked;
mod usual;

use super::SeqNumber;
use crate::capture::Timestamp;
use crate::layer::Direction;
use crate::packet::{Flags, SynOptions, Tcp};

pub use fields::{FIELDS, describe};
pub use finding::{Finding, Findings};
pub(super) use options::Options;
use unacked::Unacked;

/// How much is found out of what segments are to those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Analysed {
    /// Nothing of plain ones, as nobody asks.
    Not,
    /// What they are: their [`Findings`].
    Findings,
    /// And what takes remembering each segment under way: round trips, how long a sender waited, how much is in flight.
    #[default]
    Measured,
}

/// An earlier frame, and how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The frame.
    pub frame: u32,
    /// From then to now; negative where the capture's clock stepped back.
    pub nanoseconds: i64,
}

/// Which repetition of an acknowledgement a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// The first is 1.
    pub number: u32,
    /// The frame with the acknowledgement that is repeated.
    pub frame: u32,
}

/// By what the windows of a side are to be multiplied, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Its SYN was not captured, or not whole.
    #[default]
    Unknown,
    /// Its SYN offers this, and what the other side says to that was not captured.
    Offered(u8),
    /// Not agreed on.
    None,
    /// By two to this power.
    By(u8),
}

impl Scale {
    /// The factor as Wireshark has it: -1 where it is unknown, -2 where there is none.
    pub fn factor(self) -> i64 {
        match self {
            Self::Unknown | Self::Offered(_) => -1,
            Self::None => -2,
            Self::By(shift) => 1 << shift.min(14),
        }
    }
}

/// What the analysis says of one segment. Round trips, how long a sender waited and what is in flight are there only where they were
/// asked for ([`Analysed::Measured`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Analysis {
    /// What it is.
    pub findings: Findings,
    /// The segment whose end it acknowledges, and the round trip from it.
    pub acks: Option<Since>,
    /// Of a retransmission: since when the sender had waited.
    pub rto: Option<Since>,
    /// Of a duplicate ACK: of which.
    pub duplicate: Option<Duplicate>,
    /// Of a segment with data: how much is under way with it.
    pub bytes_in_flight: Option<u32>,
    /// Of a segment with data: how much was sent since the last PSH.
    pub push_bytes_sent: Option<u32>,
    /// What its window is to be multiplied by; `None` of a SYN, whose window is never scaled.
    pub scale: Option<Scale>,
    /// What it acknowledges was sent more than once.
    is_ambiguous: bool,
    /// It acknowledges what was not captured, as was told before.
    is_told_before: bool,
}

impl Analysis {
    /// The round trip in nanoseconds, for statistics: "RTT samples MUST NOT be made using segments that were retransmitted
    /// (and thus for which it is ambiguous whether the reply was for the first instance of the packet or a later instance)"
    /// (RFC 6298 §3, Karn's algorithm). `tcp.analysis.ack_rtt` counts those too, from the first instance.
    pub fn round_trip(&self) -> Option<i64> {
        self.acks.filter(|_| !self.is_ambiguous).map(|since| since.nanoseconds)
    }

    /// The window in octets, as far as it is known. "The window field in a segment where the SYN bit is set MUST NOT be scaled"
    /// (RFC 7323 §2.2).
    pub(super) fn window(&self, tcp: &Tcp) -> u64 {
        match self.scale {
            Some(Scale::By(shift)) => u64::from(tcp.window) << shift.min(14),
            _ => u64::from(tcp.window),
        }
    }

    /// Whether there is anything to say (`tcp.analysis`).
    pub fn says_something(&self) -> bool {
        self.findings.is_unusual() || self.acks.is_some() || self.push_bytes_sent.is_some() || self.is_told_before
    }
}

/// What the analysis needs to know of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) seq: SeqNumber,
    /// The acknowledgement, if it counts.
    pub(super) ack: Option<SeqNumber>,
    pub(super) len: u32,
    pub(super) flags: Flags,
    pub(super) window: u16,
    pub(super) syn_options: SynOptions,
    pub(super) options: Options,
    pub(super) frame: u32,
    pub(super) time: Timestamp,
    /// Whether it opens what is or was open.
    pub(super) reuse: Reuse,
    /// The first round trip of the connection in nanoseconds, if known before this segment.
    pub(super) first_rtt: Option<i64>,
    /// The base of the other side's numbers.
    pub(super) ack_base: SeqNumber,
}

/// What a SYN is to the connection known between its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reuse {
    /// There was none.
    #[default]
    None,
    /// It begins another.
    Anew,
    /// It begins the same again, with the same number.
    Again,
}

impl Sight {
    pub(super) fn new(tcp: &Tcp, data: &[u8], frame: u32, time: Timestamp) -> Self {
        let syn_options = if tcp.flags.has(Flags::SYN) { tcp.syn_options(data) } else { SynOptions::default() };
        Self { syn_options, options: Options::of(tcp, data), ..Self::without_options(tcp, frame, time) }
    }

    // Who asks for less than all of it makes no more.
    #[inline(always)]
    fn without_options(tcp: &Tcp, frame: u32, time: Timestamp) -> Self {
        Self {
            seq: SeqNumber(tcp.seq),
            ack: tcp.flags.has(Flags::ACK).then_some(SeqNumber(tcp.ack)),
            len: tcp.payload_len,
            flags: tcp.flags,
            window: tcp.window,
            syn_options: SynOptions::default(),
            options: Options::default(),
            frame,
            time,
            reuse: Reuse::None,
            first_rtt: None,
            ack_base: SeqNumber(0),
        }
    }

    /// How many sequence numbers it takes: one for each octet, one for SYN, one for FIN (RFC 9293 §3.4).
    fn takes(&self) -> u32 {
        self.len.wrapping_add(u32::from(self.opens_or_ends()))
    }

    fn opens_or_ends(&self) -> bool {
        self.flags.0 & (Flags::SYN | Flags::FIN) != 0
    }

    fn is_control(&self) -> bool {
        self.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST) != 0
    }
}

/// The highest number sent, and when.
#[derive(Debug, Clone, Copy)]
struct Highest {
    next: SeqNumber,
    frame: u32,
    time: Timestamp,
}

/// One side as a sender of numbers and of acknowledgements.
#[derive(Debug, Clone)]
struct Side {
    highest: Option<Highest>,
    /// Up to here all it sent was captured: an acknowledgement beyond this is of octets that were not.
    contiguous: Option<SeqNumber>,
    last_ack: Option<SeqNumber>,
    last_ack_time: Timestamp,
    /// How often its last acknowledgement was repeated; `None` after it was told that the other side acknowledges what
    /// is not in the capture.
    repeats: Option<u32>,
    /// The frame of the acknowledgement that is repeated.
    first_ack_frame: u32,
    window: Option<u16>,
    /// Whether that window came with a SYN, which is never scaled (RFC 7323 §2.2).
    window_is_of_syn: bool,
    scale: Scale,
    last: Findings,
    /// Whether `bytes_in_flight` can be counted: not while a segment is missing.
    counts_flight: bool,
    pushed: u32,
    push_is_over: bool,
    sacked: u32,
    /// What it has under way, where that is remembered: apart, as the short way has no use for it.
    unacked: Option<Box<Unacked>>,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            highest: None,
            contiguous: None,
            last_ack: None,
            last_ack_time: Timestamp::default(),
            repeats: Some(0),
            first_ack_frame: 0,
            window: None,
            window_is_of_syn: false,
            scale: Scale::Unknown,
            last: Findings::default(),
            counts_flight: true,
            pushed: 0,
            push_is_over: false,
            sacked: 0,
            unacked: None,
        }
    }
}

/// Follows one connection, segment by segment.
#[derive(Debug, Clone, Default)]
pub(super) struct Analyser {
    sides: [Side; 2],
    /// A SYN brought a cookie and data.
    fast_open: bool,
    /// Nobody asks for more than findings: what is under way is not remembered.
    findings_only: bool,
}

impl Analyser {
    /// One that finds out so much.
    pub(super) fn of(analysed: Analysed) -> Self {
        Self { findings_only: analysed < Analysed::Measured, ..Self::default() }
    }

    /// Takes the next segment.
    pub(super) fn push(&mut self, direction: Direction, sight: &Sight) -> Analysis {
        let (own, peer) = sides(&mut self.sides, direction);
        own.usual(peer, sight, !self.findings_only).unwrap_or_else(|| self.push_unusual(direction, sight))
    }

    /// By which power of two the windows are multiplied that go this way, where that is known for certain.
    #[inline]
    pub(super) fn shift(&self, direction: Direction) -> Option<u8> {
        match self.sides[direction.index()].scale {
            Scale::Unknown | Scale::Offered(_) => None,
            Scale::None => Some(0),
            Scale::By(shift) => Some(shift.min(14)),
        }
    }

    /// Takes the next segment, a plain one, if no rule has anything to say of it; else nothing happens. `options` are those that
    /// measuring takes; where there are none, nothing is measured.
    // Nearly all segments come this way, and only here.
    #[inline(always)]
    pub(super) fn pass(
        &mut self,
        direction: Direction,
        (tcp, options): (&Tcp, Option<Options>),
        (frame, time): (u32, Timestamp),
    ) -> bool {
        let (own, peer) = sides(&mut self.sides, direction);
        let sight = Sight::without_options(tcp, frame, time);
        match options {
            None => own.usual(peer, &sight, false).is_some(),
            Some(options) => own.usual(peer, &Sight { options, ..sight }, true).is_some(),
        }
    }

    /// Asks all rules.
    fn push_unusual(&mut self, direction: Direction, sight: &Sight) -> Analysis {
        let (own, peer) = sides(&mut self.sides, direction);
        let mut analysis = Analysis::default();
        own.begin(sight, &mut analysis.findings);
        peer.counts_flight |= sight.ack.is_some();
        rules::acknowledgements(own, peer, sight, &mut analysis);
        rules::missing_data(peer, sight, &mut analysis);
        rules::data_again(own, peer, sight, &mut analysis);
        own.remember(sight, analysis.findings);
        match self.findings_only {
            true => analysis.rto = None,
            false => own.measure(peer, sight, &mut analysis),
        }
        Self::fast_open(&mut self.fast_open, sight, &mut analysis.findings);
        own.learn_scale(peer, sight);
        analysis.scale = (!sight.flags.has(Flags::SYN)).then_some(own.scale);
        analysis
    }

    /// Data in the SYN: whether the SYN ACK takes it shows in what it acknowledges (RFC 7413 §4.2.2).
    fn fast_open(data_in_syn: &mut bool, sight: &Sight, findings: &mut Findings) {
        if !sight.flags.has(Flags::SYN) {
            return;
        }
        match sight.ack {
            None if sight.options.cookie => {
                *data_in_syn |= sight.len > 0;
                findings.add(Finding::TfoSyn);
            }
            Some(ack) if ack.since(sight.ack_base) > 1 => findings.add(Finding::TfoAck),
            Some(_) if *data_in_syn => findings.add(Finding::TfoIgnored),
            _ => {}
        }
    }
}

/// The side that sends in this direction, and the other.
fn sides([client, server]: &mut [Side; 2], direction: Direction) -> (&mut Side, &mut Side) {
    match direction {
        Direction::ToServer => (client, server),
        Direction::ToClient => (server, client),
    }
}

fn since(frame: u32, then: Timestamp, now: Timestamp) -> Since {
    Since { frame, nanoseconds: now.0.wrapping_sub(then.0) }
}
