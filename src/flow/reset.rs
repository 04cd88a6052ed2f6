//! Whether a RST breaks its connection off. Its receiver heeds only one whose number it expects, so that nobody else can end
//! a connection with a guess; what the capture shows of the receiver's state decides.
//!
//! # References
//! - RFC 9293 §3.10.7.4 ("First, check sequence number"; "Second, check the RST bit"), RFC 5961 §3.2.

use super::SeqNumber;
use super::connection::Connection;
use super::half::{Doubt, Ends, Half};
use crate::capture::Timestamp;
use crate::layer::{Direction, Group, Note, Severity};
use crate::packet::{Flags, Tcp};

/// What a segment means for the end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reset {
    /// Nothing.
    #[default]
    None,
    /// It breaks the connection off.
    Breaks,
    /// It is a RST with a number that its receiver has left behind: it is dropped.
    Stale,
    /// It is a RST whose number may be the one that its receiver expects, or not: its sender has not come to it, and octets
    /// before it are missing; or has come further, and what it sent is still on its way. What comes next from its sender
    /// tells.
    Doubtful,
    /// It is the RST of one who is still opening, and answers an acknowledgement of what was never sent here: the other side
    /// holds an older connection, or heard an old SYN, and that ends. This one does not (§3.5.1, §3.10.7.3).
    Answers,
    /// It shows that nobody heeded the doubtful RST in this frame: its sender goes on.
    GoesOn(u32),
    /// It is a challenge ACK: the receiver of the doubtful RST in this frame refuses it.
    Refuses(u32),
}

impl Reset {
    /// What there is to say of the segment.
    pub(super) fn note(self) -> Option<Note> {
        let text = match self {
            Self::Refuses(rst) => {
                let text = format!(
                    "a challenge ACK: it refuses the RST in frame {rst}, whose number is not the one that it expects. Who sent that, and \
                     means it, sends another with the number acknowledged here"
                );
                return Some(Note::new(Severity::Note, text, "RFC 5961 §3.2").about(Group::Sequence));
            }
            Self::None | Self::Breaks | Self::Doubtful | Self::Answers => return None,
            Self::Stale => {
                "its receiver has acknowledged more than lies before the number of this RST: it is dropped, and \
                 the connection goes on"
                    .to_owned()
            }
            Self::GoesOn(rst) => {
                format!("the RST in frame {rst} was not heeded: its number was not the next, and its sender goes on")
            }
        };
        Some(Note::new(Severity::Warn, text, "RFC 9293 §3.10.7.4").about(Group::Sequence))
    }
}

impl Connection {
    /// Takes note of a RST, or of what follows a doubtful one. `was_heard` says that the sender's numbers were
    /// known before this segment. To be asked when the segment is noted otherwise.
    pub(super) fn note_reset(
        &mut self,
        tcp: &Tcp,
        was_heard: bool,
        direction: Direction,
        (frame, time): (u32, Timestamp),
    ) -> Reset {
        let acknowledged = self.halves[self.way_back(direction).index()].acknowledged.filter(|_| was_heard);
        let half = &mut self.halves[direction.index()];
        if !tcp.flags.has(Flags::RST) {
            let Some(Doubt { number, frame: rst, time, is_refused, .. }) = half.ends().doubtful_reset else {
                return self.refuse_reset(tcp, direction);
            };
            half.ends_mut().doubtful_reset = None;
            // The capture had them in another order than they were sent.
            if half.next() == Some(number) {
                half.ends_mut().reset.get_or_insert((rst, time));
                return Reset::Breaks;
            }
            return if is_refused { Reset::None } else { Reset::GoesOn(rst) };
        }
        let number = SeqNumber(tcp.seq);
        let next = half.next().filter(|_| was_heard);
        let is_opening = half.sent == 0 && half.fin().is_none();
        match (acknowledged, next) {
            (Some(acknowledged), Some(next)) if is_opening && number == acknowledged && number != next => {
                Reset::Answers
            }
            // Of one that is not open yet its acknowledgement decides (§3.10.7.3), of which nothing more can be told here.
            (Some(acknowledged), Some(_)) if number.since(acknowledged) < 0 => Reset::Stale,
            (Some(expected), Some(next)) if number != next => {
                let doubt = Doubt { number, frame, time, expected, is_refused: false };
                half.ends_mut().doubtful_reset.get_or_insert(doubt);
                Reset::Doubtful
            }
            _ => {
                half.ends_mut().reset.get_or_insert((frame, time));
                Reset::Breaks
            }
        }
    }

    /// Whether a segment is the challenge ACK of who got a doubtful RST: "If the RST bit is set and the sequence number does not
    /// exactly match the next expected sequence value, yet is within the acceptable window … then the receiver MUST send an
    /// acknowledgment segment (challenge ACK)" (RFC 5961 §3.2). It acknowledges nothing new. What is outside the window is told as
    /// that.
    fn refuse_reset(&mut self, tcp: &Tcp, direction: Direction) -> Reset {
        let way_back = self.way_back(direction).index();
        let Some(doubt) = self.halves[way_back].ends().doubtful_reset else { return Reset::None };
        let own = &self.halves[direction.index()];
        let is_bare = tcp.flags.0 & (Flags::SYN | Flags::FIN | Flags::ACK) == Flags::ACK && tcp.payload_len == 0;
        let says_nothing = own.next() == Some(SeqNumber(tcp.seq)) && SeqNumber(tcp.ack) == doubt.expected;
        let is_outside = || self.outside.as_ref().is_some_and(|outside| outside.has(doubt.frame));
        let is_expected = doubt.number == doubt.expected;
        if doubt.is_refused || is_expected || !is_bare || !says_nothing || is_outside() {
            return Reset::None;
        }
        self.halves[way_back].ends_mut().doubtful_reset = Some(Doubt { is_refused: true, ..doubt });
        Reset::Refuses(doubt.frame)
    }
}

impl Half {
    /// The next number that it has to send, as far as was captured.
    pub(super) fn next(&self) -> Option<SeqNumber> {
        let sent = self.base?.plus(1).plus(self.sent as u32);
        Some(self.fin().map(|fin| fin.end).filter(|end| end.since(sent) > 0).unwrap_or(sent))
    }

    /// The frame of the RST with which it broke off, and when; also of a doubtful one, if nothing followed.
    pub(super) fn broke_off(&self) -> Option<(u32, Timestamp)> {
        let Ends { reset, doubtful_reset, .. } = self.ends();
        let doubtful = doubtful_reset.filter(|doubt| !doubt.is_refused);
        reset.or(doubtful.map(|doubt| (doubt.frame, doubt.time)))
    }
}
