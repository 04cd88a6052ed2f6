//! Which request a response answers, and what follows from that.

use std::ops::Range;

use super::HttpDecoder;
use crate::layer::{Direction, Note, Severity};
use crate::message::{Head, Input, Progress, Sink, Upgrade};
use crate::protocol::for_upgrade;
use crate::protocol::http1::asked::{Asked, tokens};
use crate::protocol::http1::lost::{Lost, Why};
use crate::protocol::http1::open::{Extent, Open};

/// With more octets a change of protocol does not wait for its request.
const MAX_BEFORE_REQUEST: usize = 16 << 10;

/// Whether a response begins here that changes the protocol: a 101.
fn changes_protocol(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.") && bytes.get(8..).is_some_and(|rest| rest.starts_with(b" 101"))
}

impl HttpDecoder {
    /// Whether nobody knows yet what the client's next octets are.
    pub(super) fn waits_for_answer(&mut self) -> bool {
        self.open[Direction::ToServer.index()].is_none() && self.asked.back_mut().is_some_and(|asked| asked.waits())
    }

    /// Whether these octets of the server's change the protocol and the request for that is still to come, as where the capture
    /// has two segments in the wrong order: it is to be read first, for behind the change it would be no HTTP.
    pub(super) fn waits_for_request(&self, input: Input<'_>) -> bool {
        input.direction == Direction::ToClient
            && self.asked.has_none()
            && !input.end
            && input.bytes.len() <= MAX_BEFORE_REQUEST
            && changes_protocol(input.bytes)
    }

    /// Whether what the server says now is an answer to the oldest request.
    pub(super) fn is_answering(&self) -> bool {
        self.open[Direction::ToClient.index()].as_ref().is_some_and(|open| open.is_answer)
    }

    /// Answers are missing.
    pub(super) fn lose_answers(&mut self) {
        if self.asked.lose_answers() {
            // Another protocol, or HTTP still.
            self.lost[Direction::ToServer.index()].get_or_insert(Lost::new(Why::Gap));
        }
    }

    /// A request may be answered before its body is there: with 100, or with a refusal (RFC 9110 §10.1.1).
    pub(super) fn remember(&mut self, open: &Open, offset: u64) {
        let asked = Asked::new(&open.texts, offset..offset + open.head.len as u64);
        let waits = asked.waits();
        if !self.asked.push(asked, self.is_answering()) && waits {
            // Whether the protocol is changed will not be known.
            self.lost[Direction::ToServer.index()] = Some(Lost::new(Why::Gap));
        }
    }

    /// The whole of a request is there.
    pub(super) fn asked_all_of(&mut self, range: Range<u64>) {
        if let Some(asked) = self.asked.iter_mut().rfind(|asked| asked.range.start == range.start) {
            asked.range = range;
        }
    }

    /// "This allows the client to wait for an indication that it is worthwhile to send the content before actually doing so"
    /// (RFC 9110 §10.1.1): where the answer comes instead, the body need not.
    fn spare(&mut self, asked: Option<&Asked>) {
        let (Some(asked), Some(open)) = (asked, &mut self.open[Direction::ToServer.index()]) else { return };
        let nothing_came = open.seen <= open.head.len as u64;
        open.is_spared =
            open.start == asked.range.start && nothing_came && asked.head.has_token("expect", "100-continue");
    }

    /// Ends a request whose body is not sent, as its answer came instead of 100 (Continue), and the next request is: its length
    /// alone would have that be the body. The connection has to last for one to come.
    pub(super) fn pass_spared(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Option<Progress> {
        let open = self.open[input.direction.index()].as_mut().filter(|open| open.is_spared)?;
        let is_next = open.is_passed_over(input);
        if !self.persistence.lasts() || is_next == Some(false) {
            return None;
        }
        if is_next.is_none() {
            let may_go_on = !input.end && !matches!(open.extent(input), Extent::Whole(_));
            return may_go_on.then_some(Progress::NeedMore);
        }
        let text = "the body was not sent, as the answer came instead of 100 (Continue), and the next request follows: a server \
                    that still waits for the body takes that request for it";
        open.notes.push(Note::new(Severity::Note, text, "RFC 9110 §10.1.1"));
        let len = open.head.len as u64;
        Some(self.finish(input, len, false, sink))
    }

    /// Pairs a final response, or the 101, with its request; the others (100, 103) only announce.
    pub(super) fn answer(
        &mut self,
        status: u16,
        (head, is_answer): (&Head, bool),
        (range, len): (Range<u64>, usize),
        sink: &mut dyn Sink,
    ) -> Progress {
        if (100..200).contains(&status) && status != 101 {
            return Progress::Consumed(len);
        }
        let asked = if is_answer { self.asked.pop() } else { None };
        self.spare(asked.as_ref());
        if asked.as_ref().is_some_and(|asked| asked.head.start == "CONNECT") && (200..300).contains(&status) {
            return Progress::Tunnel(len);
        }
        let switched = status == 101;
        let offered = asked.as_ref().map(|asked| asked.upgrade.as_slice()).unwrap_or_default();
        // What was chosen the answer says; of a refusal, or of an answer that does not, that is told which is known here.
        let known = || offered.iter().find(|token| for_upgrade(token).is_some()).or(offered.first()).cloned();
        let chosen = if switched { tokens(head).into_iter().next() } else { None };
        let Some(token) = chosen.or_else(known) else {
            self.changed |= switched;
            return Progress::Consumed(len);
        };
        let spoke_early = asked.as_ref().is_some_and(|asked| asked.spoke_early);
        let (request, request_range) = asked.map(|asked| (asked.head, asked.range)).unzip();
        let request = request.as_deref().cloned().unwrap_or_default();
        sink.upgrade(Upgrade {
            token,
            request,
            response: head.clone(),
            request_range,
            response_range: range,
            switched,
            spoke_early,
        });
        if switched { Progress::Switch(len) } else { Progress::Consumed(len) }
    }
}
