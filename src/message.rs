//! Floor 4: the contract between ordered bytes and the protocols that read them. It names no protocol.
//!
//! A [`Dissector`] is registered and stateless; for each connection it makes a [`Decoder`], which is handed the bytes
//! of both directions in order and hands out [`Draft`]s of messages. What a decoder hands out is small and typed
//! ([`Payload`]); prose and fields are made later, from the same bytes, for what someone looks at.

mod glance;
mod upgrade;

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::layer::{Direction, FieldDef, Layer, Note, Span};

pub use glance::{Carries, Glance};
pub use upgrade::{Head, Upgrade};

/// The typed content of one message. It keeps numbers, not bytes: whoever describes it brings the bytes again.
pub trait Payload: Any + fmt::Debug + Send + Sync {
    /// The registered name of the protocol: `http`, `websocket`.
    fn protocol(&self) -> &'static str;

    /// A few words on the message, for a ladder or a list. `bytes` are the message's own.
    fn summary(&self, bytes: &[u8]) -> String;

    /// The message as layers with fields and provenance. `at` is where `bytes` lie.
    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer>;

    /// How the message's bytes are shared out, in order, in lengths that add up to `len`. Empty for a message whose
    /// bytes belong to other messages, such as one put together from frames.
    fn parts(&self, len: u64) -> Vec<Part>;

    /// Those of its parts that lie in this range of its bytes, perhaps with some before and behind, and where the first begins.
    /// Who has many makes no more of them.
    fn parts_in(&self, len: u64, _range: &Range<u64>) -> (u64, Vec<Part>) {
        (0, self.parts(len))
    }

    /// Which octets of a stream inside it holds, if any: who owns those is decided there.
    fn holds(&self) -> Option<Held> {
        None
    }

    /// Whether it has parts: whether its bytes are its own.
    fn owns_bytes(&self) -> bool {
        !self.parts(0).is_empty()
    }

    /// A copy that lives on its own.
    fn boxed(&self) -> Box<dyn Payload>;

    /// For those who know the type.
    fn as_any(&self) -> &dyn Any;
}

/// A stretch of a message's bytes with one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Who owns it: a protocol's name, or `payload`.
    pub owner: &'static str,
    /// How many octets.
    pub len: u64,
}

/// A piece of a stream inside that a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which stream, where there are several inside.
    pub stream: Option<u32>,
    /// Where the piece lies in that stream.
    pub range: Range<u64>,
    /// How many octets of the message come before it.
    pub at: u64,
}

/// The owner of a stretch that is a piece of a stream inside this one, if nobody is known there.
pub const INSIDE: &str = "inside";

/// A message as the decoder hands it out.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Which way it travelled.
    pub direction: Direction,
    /// Where its bytes lie in the stream of that direction.
    pub range: Range<u64>,
    /// What it is.
    pub payload: &'a dyn Payload,
    /// What is odd about it.
    pub notes: Vec<Note>,
    /// Whether all of it was there. An incomplete message is shown, never hidden.
    pub complete: bool,
}

/// Where a decoder puts what it found.
pub trait Sink {
    /// A message ended here.
    fn message(&mut self, draft: Draft<'_>);
    /// A note on a message that was handed out before: the one with this direction and range.
    fn remark(&mut self, direction: Direction, range: Range<u64>, note: Note);
    /// Whether someone reads the octets of messages of this direction that are text, or are none. What a decoder makes of them
    /// is only kept then.
    fn wants_octets(&self, _direction: Direction, _is_text: bool) -> bool {
        true
    }
    /// Whether octets of this direction have not come, or are not read.
    fn lacks(&self, _direction: Direction) -> bool {
        false
    }
    /// Up to where in the stream of this direction its receiver is known to have received everything; `None` if nothing is known.
    fn received(&self, _direction: Direction) -> Option<u64> {
        None
    }
    /// A change of protocol was asked for and answered.
    fn upgrade(&mut self, upgrade: Upgrade);
    /// A secret that whoever made the capture has kept, by what it is for and by the session that has it.
    fn secret(&self, _label: &str, _session: &[u8]) -> Option<&[u8]> {
        None
    }
    /// The message just handed out holds octets of another stream: whoever speaks there is listened to.
    fn inside(&mut self, _inside: Inside<'_>) {}
}

/// Octets that a message was found to hold: a piece of a stream inside the stream, such as what was encrypted.
#[derive(Debug, Clone)]
pub struct Inside<'a> {
    /// Which way they travel.
    pub direction: Direction,
    /// Which stream it is, where there are several inside.
    pub stream: Option<u32>,
    /// Where the first of them lies in the stream inside.
    pub offset: u64,
    /// Where the first of them lies in the stream that holds it; the others follow, octet by octet.
    pub from: u64,
    /// The octets.
    pub octets: &'a [u8],
    /// What they are.
    pub piece: Piece,
    /// The sender says that no more will come.
    pub closes: bool,
    /// No more will come, in either direction.
    pub ends: bool,
}

/// What the octets of a stream inside are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// What is said there.
    Content,
    /// A part of a field section, which goes on.
    Part,
    /// A field section, or the last part of one: what it says, and how many octets of the stream inside it takes.
    Section(Section, u64),
}

/// A field section that was read where it lay compressed: its lines in order.
pub type Section = Arc<[FieldLine]>;

/// A line of a field section, and the octets of the section that stand for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldLine {
    /// Its name, as it was written.
    pub name: Arc<str>,
    /// Its value. Octets that are no UTF-8 are replaced.
    pub value: Arc<str>,
    /// Its representation in the section.
    pub at: Range<usize>,
}

/// The bytes of one direction that have not been consumed yet.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Which way they travel.
    pub direction: Direction,
    /// Where the first of them lies in its stream.
    pub offset: u64,
    /// The bytes themselves, without gaps.
    pub bytes: &'a [u8],
    /// Whether no more will come: the stream was closed, broken, or the capture ended.
    pub end: bool,
    /// Whether the sender itself closed the stream and nothing is missing before that; never without `end`.
    pub closed: bool,
}

impl<'a> Input<'a> {
    /// The bytes of this range of a direction, if all of them are in here.
    pub fn within(&self, direction: Direction, range: &Range<u64>) -> Option<&'a [u8]> {
        let start = range.start.checked_sub(self.offset).filter(|_| direction == self.direction)?;
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(range.end - self.offset).ok()?)
    }
}

/// What a decoder did with an [`Input`]. Needing more is a normal outcome, not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This many octets are done with (at least one); there may be more to decode.
    Consumed(usize),
    /// More bytes of this direction are needed.
    NeedMore,
    /// The other direction must move first.
    Wait,
    /// Nothing more can be made of this direction; a draft handed out before says why.
    GiveUp,
    /// This many octets are done with, and the protocol ends here in both directions; what follows belongs to the
    /// protocol agreed on in the [`Upgrade`] just handed out.
    Switch(usize),
    /// This many octets are done with, and the protocol ends here in both directions; what follows begins as a connection
    /// does, and whose it is shows as it does there.
    Tunnel(usize),
}

impl Progress {
    /// How many octets are done with.
    pub fn consumed(self) -> usize {
        match self {
            Self::Consumed(n) | Self::Switch(n) | Self::Tunnel(n) => n,
            Self::NeedMore | Self::Wait | Self::GiveUp => 0,
        }
    }
}

/// What there is to say of a connection that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// What is to be said.
    pub note: Note,
    /// Whose end shows it; `None` if the first end does.
    pub shown_by: Option<Direction>,
}

/// The state of one protocol on one connection.
pub trait Decoder: Send {
    /// Takes what it can from the front of the input.
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress;

    /// A field section lies here in the stream of this direction, compressed: what it says was read elsewhere. `None` says that
    /// it begins here. Told before the decoder is handed the octets.
    fn section(&mut self, _direction: Direction, _range: Range<u64>, _section: Option<Section>) {}

    /// The message at the front of these octets of a direction, if it is as usual: what [`decode`](Self::decode) would hand
    /// out, without a note. Nothing has changed then, whether or not the caller takes it: who only counts messages need
    /// not have them decoded. `None` says nothing.
    fn glance<'a>(&'a mut self, _direction: Direction, _bytes: &'a [u8]) -> Option<Glance<'a>> {
        None
    }

    /// Where the message begins of which this direction's decoder has consumed a part and not handed it out yet: its
    /// bytes are kept for those who want to read it.
    fn begun(&self, _direction: Direction) -> Option<u64> {
        None
    }

    /// Whether that message is a text, which some read who read no others.
    fn begun_is_text(&self, _direction: Direction) -> bool {
        true
    }

    /// What is to be said of a connection that has ended, both of its directions having been read. `ender` is who ended TCP,
    /// if one did.
    fn farewell(&self, _ender: Option<Ender>) -> Option<Parting> {
        None
    }

    /// How many octets of memory it keeps of what was said, about: not what each decoder takes, but what grows with that, or is
    /// much. Asked with each segment that it is handed.
    fn kept(&self) -> usize {
        0
    }

    /// Whether nothing is under way: what was asked is answered, or both sides have said that it is over, so that whoever breaks
    /// the connection off takes nothing from anyone.
    fn is_idle(&self) -> bool {
        false
    }

    /// What was said that tells why the connection is broken off, if anything was: an alert.
    fn says_why(&self) -> Option<&'static str> {
        None
    }

    /// Whether what is said inside in this direction stays encrypted from here on, as there is no key for it.
    fn is_sealed(&self, _direction: Direction) -> bool {
        false
    }

    /// Bytes are missing from the stream of this direction; `behind` are those that are there after them. Returns whether
    /// the decoder can go on.
    fn gap(&mut self, direction: Direction, missing: Range<u64>, behind: &[u8]) -> bool;
}

/// Who ended the connection below, as the direction that went from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ender {
    /// The first to close with FIN.
    Closed(Direction),
    /// It sent a RST, before either sent FIN.
    BrokeOff(Direction),
}

/// The first bytes of a connection, for a dissector to look at.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// First bytes from the client.
    pub to_server: &'a [u8],
    /// First bytes from the server.
    pub to_client: &'a [u8],
    /// Whether no more will come.
    pub end: bool,
    /// The capture began in the middle of the connection: these are the first bytes that were captured, not sent.
    pub joined: bool,
}

/// What a dissector thinks of a [`Probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Certainly another protocol.
    No,
    /// More bytes are needed to tell.
    NeedMore,
    /// It is this protocol.
    Yes,
}

/// A protocol over TCP, as registered.
pub trait Dissector: Sync {
    /// The name used in filters: `http`.
    fn name(&self) -> &'static str;

    /// Its fields.
    fn fields(&self) -> &'static [&'static FieldDef];

    /// Whether the beginning of a connection is this protocol.
    fn probe(&self, probe: Probe<'_>) -> Verdict;

    /// A decoder for a connection that speaks it from the beginning; `None` when it is only ever changed to.
    fn decoder(&self) -> Option<Box<dyn Decoder>>;

    /// A decoder for a connection that was joined in its middle, and that [`Dissector::probe`] said yes to.
    fn joined(&self, _probe: Probe<'_>) -> Option<Box<dyn Decoder>> {
        self.decoder()
    }

    /// Judges a change to this protocol. Only called with tokens it [owns](Dissector::upgrade_token).
    /// Hands the judgement to `sink` as a message; returns the decoder for what follows if the protocol was changed.
    fn upgraded(&self, upgrade: &Upgrade, sink: &mut dyn Sink) -> Option<Box<dyn Decoder>>;

    /// The token that asks for it in an upgrade, in lower case.
    fn upgrade_token(&self) -> Option<&'static str>;
}
