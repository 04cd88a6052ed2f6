//! The requests that wait for their responses.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::layer::{Note, Severity};
use crate::message::Head;

/// More requests than this are not remembered while they wait for their responses.
const MAX_PIPELINED: usize = 1024;
/// So many octets of memory a request takes, and each of its header fields that are kept.
const ASKED: usize = 256;
const HEADER: usize = 128;

/// A request that waits for its response.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) head: Arc<Head>,
    pub(super) range: Range<u64>,
    /// The protocols it asks to change to, in lower case.
    pub(super) upgrade: Vec<String>,
    /// The client has said more before the answer was read.
    pub(super) spoke_early: bool,
    /// Between the request that waits before it and this one so many others came that are not remembered, and are answered
    /// first.
    behind: usize,
}

impl Asked {
    /// A request with this head.
    pub(super) fn new(head: &Arc<Head>, range: Range<u64>) -> Self {
        Self { head: Arc::clone(head), range, upgrade: tokens(head), spoke_early: false, behind: 0 }
    }

    /// How many octets of memory it keeps, about.
    fn kept(&self) -> usize {
        ASKED + self.head.headers.len() * HEADER
    }

    /// A client that asked for another protocol, or for a tunnel, must wait for the answer before it speaks on: until
    /// then nobody knows what its bytes are (RFC 9110 §7.8, §9.3.6).
    pub(super) fn waits(&self) -> bool {
        !self.upgrade.is_empty() || self.head.start == "CONNECT"
    }
}

/// The requests that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Asked>,
    /// So many came after the latest of them that are not remembered.
    forgotten: usize,
    lack: Lack,
    /// So many of them are the oldest for certain, although octets are missing.
    certain: usize,
    /// Requests that begin before this came earlier than they could be read: they may have been answered.
    late_until: u64,
    /// Which of several requests the next response answers is not known: since octets are missing one came before the last
    /// one was answered, or it is not known where the response to one that is not remembered ends.
    doubled: bool,
    /// The client does not wait for answers.
    pipelines: bool,
    /// A request came while another waited.
    overlap: bool,
    /// So many responses came for which nobody is seen to ask so far.
    unasked: usize,
    /// Where octets are missing: up to here the server had received requests when it began to answer. One that begins later is not
    /// answered by that.
    received: Option<u64>,
    /// The same of the latest response for which nobody was seen to ask.
    answered: Option<u64>,
    /// Whether the latest request was answered by one of those is not known: it may have been captured behind its response, or
    /// that was nobody's.
    unsure: bool,
}

/// Why a response may come that no request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Lack {
    /// The connection was there from its beginning, and all that the client said was read.
    #[default]
    Nothing,
    /// The capture began in the middle of the connection.
    Beginning,
    /// Of what the client said not everything could be read.
    Requests,
    /// Octets are missing, of requests or of responses. From here on a request is only remembered if no other waits: then
    /// the next response is its, as most clients wait for one before they ask again.
    Octets,
}

impl Queue {
    /// That of a connection that was joined in its middle.
    pub(super) fn joining() -> Self {
        Self { lack: Lack::Beginning, ..Self::default() }
    }

    /// The request that the next response answers.
    pub(super) fn front(&self) -> Option<&Asked> {
        let is_answered = |asked: &&Asked| asked.behind == 0 && self.received.is_none_or(|end| asked.range.start < end);
        self.waiting.front().filter(is_answered)
    }

    /// Whether what the server had received when it began to answer may tell what it does not answer: TCP acknowledges what it
    /// received with all that it sends (RFC 9293 §3.10.7.4), and requests are answered in their order (RFC 9112 §9.3.2).
    pub(super) fn asks_what_was_received(&self) -> bool {
        self.lack == Lack::Octets || self.waiting.is_empty()
    }

    /// A response begins, before which the server had received so much.
    pub(super) fn begin_answer(&mut self, received: Option<u64>) {
        self.received = received.filter(|_| self.lack == Lack::Octets);
        if self.front().is_none() {
            self.answered = Some(received.unwrap_or(u64::MAX).max(self.answered.unwrap_or_default()));
        }
    }

    /// How many octets of memory they keep, about. At any time hardly more than one waits, and at the most [`MAX_PIPELINED`].
    pub(super) fn kept(&self) -> usize {
        self.waiting.iter().map(Asked::kept).sum()
    }

    /// The latest request.
    pub(super) fn back_mut(&mut self) -> Option<&mut Asked> {
        self.waiting.back_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Asked> {
        self.waiting.iter_mut()
    }

    /// Whether no request waits though everything that the client said was read: a response must have been captured too early.
    pub(super) fn has_none(&self) -> bool {
        self.waiting.is_empty() && self.lack == Lack::Nothing && self.unasked + self.forgotten == 0 && !self.unsure
    }

    /// Takes the request that was answered, if it is known.
    pub(super) fn pop(&mut self) -> Option<Asked> {
        if self.front().is_none() {
            self.note_unasked();
            return None;
        }
        self.certain = self.certain.saturating_sub(1);
        self.waiting.pop_front()
    }

    /// Takes a request in, if its response can be known. `answering` says that a response to the oldest one has begun.
    pub(super) fn push(&mut self, asked: Asked, answering: bool) -> bool {
        if self.is_full() {
            self.forget(&asked);
            return false;
        }
        if (self.unasked > 0 || self.unsure) && self.was_answered(asked.range.start) {
            return false;
        }
        if self.lack == Lack::Octets {
            if asked.range.start < self.late_until {
                return false;
            }
            self.doubled |= !self.waiting.is_empty() || self.forgotten > 0;
        }
        if self.doubled {
            self.waiting.truncate(self.certain.max(usize::from(answering)));
            return false;
        }
        self.overlap |= !self.waiting.is_empty();
        self.waiting.push_back(Asked { behind: std::mem::take(&mut self.forgotten), ..asked });
        true
    }

    /// Does not remember a request, only that its response comes in its turn.
    fn forget(&mut self, asked: &Asked) {
        self.forgotten += 1;
        if matches!(&*asked.head.start, "HEAD" | "CONNECT") {
            // Where its response ends depends on that.
            (self.doubled, self.certain) = (true, self.waiting.len());
            self.lose();
        }
    }

    /// Whether a response that nobody was seen to ask for may answer the request that begins here: it could not be read when it
    /// came, or the capture has the two in the wrong order.
    fn was_answered(&mut self, start: u64) -> bool {
        if self.unasked > 0 {
            self.unasked -= 1;
            // Of those that could not be read it is certain.
            self.unsure = start >= self.late_until;
            return true;
        }
        // Who waits for an answer before it asks again has got the one to the request before.
        self.unsure = self.pipelines || self.overlap;
        self.unsure
    }

    /// A response came to a request that is not known.
    pub(super) fn note_unasked(&mut self) {
        match self.waiting.front_mut().map(|asked| &mut asked.behind).unwrap_or(&mut self.forgotten) {
            // Where it is known that something is missing, nothing is concluded from a response without a request.
            0 => self.unasked += usize::from(self.lack == Lack::Nothing),
            forgotten => *forgotten -= 1,
        }
    }

    /// Octets of a request's body are missing, but none of other requests. Those that begin before this came before it was
    /// known, and so may have their responses.
    pub(super) fn note_late(&mut self, until: u64) {
        self.late_until = until;
    }

    /// More stands directly behind a request that begins here. Of those that could not be read when they came that says
    /// nothing.
    pub(super) fn note_pipelining(&mut self, start: u64) {
        self.pipelines |= start >= self.late_until;
    }

    /// Octets of requests are missing. Those that wait are older, and are answered first; those that begin before
    /// `late_until` came before it was known.
    pub(super) fn lose_requests(&mut self, late_until: u64, answering: bool) {
        match self.lack {
            Lack::Octets => self.waiting.truncate(self.certain.max(usize::from(answering))),
            _ => self.certain = self.waiting.len(),
        }
        // What begins behind all that the server had when it answered was not answered.
        let unanswered_from = self.answered.take().unwrap_or(u64::MAX);
        (self.lack, self.late_until) = (Lack::Octets, late_until.min(unanswered_from));
        (self.unasked, self.unsure) = (0, false);
        // Of who does not wait for answers it is not known how many are owed.
        self.doubled |= self.pipelines || self.overlap;
    }

    /// Octets of responses are missing: whichever request waits may have been answered. Returns whether it was not known what
    /// follows one.
    pub(super) fn lose_answers(&mut self) -> bool {
        let waits = self.waiting.back().is_some_and(Asked::waits);
        let is_crowded = self.forgotten > 0 || self.waiting.iter().any(|asked| asked.behind > 0);
        self.waiting.clear();
        self.forgotten = 0;
        (self.lack, self.certain) = (Lack::Octets, 0);
        (self.unasked, self.unsure) = (0, false);
        // That two waited is no wonder then.
        self.overlap = false;
        self.doubled = self.pipelines || is_crowded;
        waits
    }

    /// Not everything that the client says is read.
    pub(super) fn lose(&mut self) {
        if self.lack == Lack::Nothing {
            self.lack = Lack::Requests;
        }
    }

    /// Whether so many wait that no other is remembered.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_PIPELINED
    }

    /// What is to be said of a request that is not remembered.
    pub(super) fn crowded(&self) -> Option<Note> {
        let text = || format!("{MAX_PIPELINED} requests wait for answers: this one is not paired with its own");
        self.is_full().then(|| Note::new(Severity::Warn, text(), "RFC 9112 §9.3.2"))
    }

    /// What is to be said of a response that no request waits for.
    pub(super) fn lacking(&self) -> Option<Note> {
        if self.front().is_some() {
            return None;
        }
        if self.waiting.front().map_or(self.forgotten, |asked| asked.behind) > 0 {
            let text = format!("when its request came {MAX_PIPELINED} others waited for answers: it is not paired");
            return Some(Note::new(Severity::Note, text, "RFC 9112 §9.3.2"));
        }
        let (severity, text, spec) = match self.lack {
            Lack::Nothing if self.unsure => (
                Severity::Note,
                "which request this answers is not known: a response before it came without a request",
                "RFC 9112 §9.2",
            ),
            Lack::Nothing => (
                Severity::Warn,
                "a response without a request: the capture has the beginning of the connection, and none that was read before \
                 asks for it. If the next one came late, or behind octets that are missing, this may be its answer: it is \
                 paired with none",
                "RFC 9112 §9.2",
            ),
            Lack::Beginning => (
                Severity::Warn,
                "a response without a request: the capture may have begun in the middle",
                "RFC 9112 §9.3",
            ),
            Lack::Octets => {
                (Severity::Note, "octets are missing: which request this answers is not known", "RFC 9112 §9.2")
            }
            Lack::Requests => (Severity::Note, "a response to a request that could not be read", "RFC 9112 §9.2"),
        };
        Some(Note::new(severity, text, spec))
    }
}

/// The names of the protocols in `Upgrade = #protocol`, `protocol = protocol-name ["/" protocol-version]` (RFC 9110 §7.8).
pub(super) fn tokens(head: &Head) -> Vec<String> {
    let listed = head.all("upgrade").flat_map(|value| value.split(','));
    let names = listed.map(|protocol| protocol.split('/').next().unwrap_or_default().trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}
