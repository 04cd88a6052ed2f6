//! The rules, one after the other. Their order matters: some end the judgement of a segment, and all look at what was
//! known *before* it.

use super::unacked::Sent;
use super::{Analysis, Duplicate, Finding, Findings, Highest, Reuse, Scale, Side, Sight, since};
use crate::flow::SeqNumber;
use crate::packet::Flags;

/// A retransmission so soon after a duplicate ACK is its consequence: 20 ms.
const FAST: i64 = 20_000_000;
/// Where no round trip is known, what comes this soon after later octets was not sent again: 3 ms.
const SOON: i64 = 3_000_000;
/// More than this in flight is a misreading of numbers.
const MAX_FLIGHT: u32 = 2_000_000_000;

/// What the segment is as an answer: its acknowledgement and its window.
pub(super) fn acknowledgements(own: &mut Side, peer: &Side, sight: &Sight, analysis: &mut Analysis) {
    let findings = &mut analysis.findings;
    let next = own.highest.map(|highest| highest.next);
    let is_next = next == Some(sight.seq);
    // A sender "must regularly transmit at least one octet of new data (if available), or retransmit to the receiving TCP
    // peer even if the send window is zero, in order to 'probe' the window" (RFC 9293 §3.8.6.1).
    if sight.len == 1 && is_next && peer.window == Some(0) {
        findings.add(Finding::ZeroWindowProbe);
    } else if !window_rules(own, peer, sight, next, findings) && own.repeats_its_ack(sight) && sight.window != 0 {
        // "(a) the receiver of the ACK has outstanding data, (b) the incoming acknowledgment carries no data, (c) the SYN
        // and FIN bits are both off, (d) the acknowledgment number is equal to the greatest acknowledgment received on the
        // given connection ... and (e) the advertised window in the incoming acknowledgment equals the advertised window in
        // the last incoming acknowledgment" (RFC 5681 §2). Wireshark does not ask for (a), and compares with the last one.
        let number = own.repeats.unwrap_or(0) + 1;
        own.repeats = Some(number);
        findings.add(Finding::DuplicateAck);
        analysis.duplicate = Some(Duplicate { number, frame: own.first_ack_frame });
    }
    if sight.ack != own.last_ack {
        own.first_ack_frame = sight.frame;
        own.repeats = Some(0);
    }
}

/// The rules about windows and keep-alives; returns whether they say all there is to say of the acknowledgement.
fn window_rules(own: &mut Side, peer: &Side, sight: &Sight, next: Option<SeqNumber>, findings: &mut Findings) -> bool {
    if sight.window == 0 && !sight.is_control() {
        findings.add(Finding::ZeroWindow);
    }
    if next.is_some_and(|next| sight.seq.since(next) > 0) && !sight.flags.has(Flags::RST) {
        findings.add(Finding::LostSegment);
        own.counts_flight = false;
    }
    // The number before the next one, so that it must be answered: "An implementation SHOULD send a keep-alive segment with
    // no data; however, it MAY be configurable to send a keep-alive segment containing one garbage octet" (RFC 9293 §3.8.4).
    if sight.len <= 1 && next == Some(sight.seq.plus(1)) && !sight.is_control() {
        findings.add(Finding::KeepAlive);
    }
    let is_bare = sight.len == 0 && next == Some(sight.seq) && sight.ack == own.last_ack && !sight.is_control();
    if is_bare && sight.window != 0 && own.window != Some(sight.window) {
        findings.add(Finding::WindowUpdate);
    }
    if sight.len > 0 && !sight.is_control() && peer.window_end() == Some(sight.seq.plus(sight.len)) {
        findings.add(Finding::WindowFull);
    }
    if !own.repeats_its_ack(sight) {
        return false;
    }
    if sight.window != 0 && peer.last.has(Finding::KeepAlive) {
        findings.add(Finding::KeepAliveAck);
        return true;
    }
    if sight.window == 0 && peer.last.has(Finding::ZeroWindowProbe) {
        findings.add(Finding::ZeroWindowProbeAck);
        return true;
    }
    false
}

/// An acknowledgement of octets that are not in the capture: they arrived, so the capture lacks them. Told once for each
/// stretch.
pub(super) fn missing_data(peer: &mut Side, sight: &Sight, analysis: &mut Analysis) {
    let (Some(ack), Some(contiguous)) = (sight.ack, peer.contiguous) else { return };
    if ack.since(contiguous) <= 0 {
        return;
    }
    match peer.highest.filter(|highest| highest.next.since(contiguous) > 0) {
        Some(highest) => {
            peer.contiguous = Some(highest.next);
            analysis.findings.add(Finding::AckLostSegment);
        }
        None => {
            if peer.repeats == Some(0) {
                analysis.findings.add(Finding::AckLostSegment);
            }
            analysis.is_told_before = true;
            peer.repeats = None;
        }
    }
}

/// What a segment with data, SYN or FIN is that does not go beyond what was sent before.
pub(super) fn data_again(own: &mut Side, peer: &Side, sight: &Sight, analysis: &mut Analysis) {
    let Some(highest) = own.highest.filter(|_| sight.takes() > 0 && !analysis.findings.has(Finding::KeepAlive)) else {
        return;
    };
    let end = sight.seq.plus(sight.len);
    // All of it was acknowledged: nobody needed it.
    if sight.len > 0 && peer.last_ack.is_some_and(|ack| end.since(ack) <= 0) {
        analysis.findings.add(Finding::SpuriousRetransmission);
        analysis.findings.add(Finding::Retransmission);
        return;
    }
    // More than one octet from the number before the next: the first was a probe of a window, the others are new.
    let follows_a_probe = sight.len > 1 && highest.next == sight.seq.plus(1);
    if sight.seq.since(highest.next) >= 0 || follows_a_probe {
        return;
    }
    if is_fast(peer, sight) {
        analysis.findings.add(Finding::FastRetransmission);
        analysis.findings.add(Finding::Retransmission);
    } else if is_out_of_order(&highest, sight) {
        analysis.findings.add(Finding::OutOfOrder);
    } else {
        analysis.findings.add(Finding::Retransmission);
        let eldest = own.unacked.as_mut().and_then(|unacked| unacked.eldest());
        let (frame, time) = eldest.map_or((highest.frame, highest.time), |sent| (sent.frame, sent.time));
        analysis.rto = Some(since(frame, time, sight.time));
    }
}

/// "The fast retransmit algorithm uses the arrival of 3 duplicate ACKs" (RFC 5681 §3.2); two are enough here, for one
/// may be missing from the capture.
fn is_fast(peer: &Side, sight: &Sight) -> bool {
    let waited = sight.time.0.wrapping_sub(peer.last_ack_time.0);
    peer.repeats.is_some_and(|n| n >= 2) && peer.last_ack == Some(sight.seq) && (0..FAST).contains(&waited)
}

/// It comes too soon after the highest octets for the sender to have learned of a loss: that takes a round trip.
fn is_out_of_order(highest: &Highest, sight: &Sight) -> bool {
    let since_highest = sight.time.0.wrapping_sub(highest.time.0);
    let soon = sight.first_rtt.filter(|rtt| *rtt != 0).unwrap_or(SOON);
    let ends_alike = highest.next == sight.seq.plus(sight.takes());
    (0..soon).contains(&since_highest) && !ends_alike
}

/// How many octets are under way after a segment with data, and how many since the last PSH.
fn flight(own: &mut Side, peer: &Side, sight: &Sight, analysis: &mut Analysis) {
    let Some(octets) =
        own.unacked.as_ref().and_then(|unacked| unacked.in_flight()).filter(|_| sight.len > 0 && own.counts_flight)
    else {
        return;
    };
    let pushes = sight.flags.has(Flags::PSH);
    let before = if own.push_is_over { 0 } else { own.pushed };
    own.pushed = before.wrapping_add(sight.len);
    own.push_is_over = pushes;
    // What the other side has though it cannot acknowledge it yet (RFC 2018 §3). SYN and FIN are no octets.
    let octets = octets.wrapping_sub(peer.sacked);
    let octets = if octets < MAX_FLIGHT { octets.saturating_sub(u32::from(sight.opens_or_ends())) } else { 0 };
    analysis.bytes_in_flight = Some(octets).filter(|octets| *octets > 0);
    analysis.push_bytes_sent = Some(own.pushed);
}

impl Side {
    /// What a SYN is to the connection that is known.
    pub(super) fn begin(&mut self, sight: &Sight, findings: &mut Findings) {
        if sight.reuse == Reuse::Anew {
            findings.add(Finding::ReusedPorts);
        }
        // A RST answered an earlier SYN, perhaps with numbers from nowhere: back to what was sent for certain.
        if let (Reuse::Again, Some(highest), Some(contiguous)) = (sight.reuse, &mut self.highest, self.contiguous) {
            highest.next = contiguous;
        }
    }

    /// Whether it is the same acknowledgement once more, with the same window and no data.
    fn repeats_its_ack(&self, sight: &Sight) -> bool {
        let is_next = self.highest.is_some_and(|highest| highest.next == sight.seq);
        sight.len == 0
            && !sight.is_control()
            && is_next
            && self.window == Some(sight.window)
            && sight.ack == self.last_ack
    }

    /// The number up to which this side is ready to take octets, if the scale of its window is known.
    #[inline(always)]
    pub(super) fn window_end(&self) -> Option<SeqNumber> {
        let shift = match self.scale {
            Scale::Unknown | Scale::Offered(_) => return None,
            Scale::None => 0,
            Scale::By(_) if self.window_is_of_syn => 0,
            Scale::By(shift) => shift,
        };
        self.last_ack.zip(self.window).map(|(ack, window)| ack.plus(u32::from(window) << shift))
    }

    /// Takes note of what the segment sends and acknowledges.
    pub(super) fn remember(&mut self, sight: &Sight, findings: Findings) {
        let end = sight.seq.plus(sight.takes());
        // The octet of a probe is not taken for sent: it comes again with those after it.
        if !findings.has(Finding::ZeroWindowProbe) {
            if self.highest.is_none_or(|highest| end.since(highest.next) > 0) {
                self.highest = Some(Highest { next: end, frame: sight.frame, time: sight.time });
            }
            if self.contiguous.is_none_or(|contiguous| contiguous == sight.seq) {
                self.contiguous = self.highest.map(|highest| highest.next);
            }
        }
        self.window = Some(sight.window);
        self.last_ack = sight.ack;
        self.last_ack_time = sight.time;
        self.last = findings;
        self.window_is_of_syn = sight.flags.has(Flags::SYN) || (self.window_is_of_syn && sight.ack.is_none());
    }

    /// Remembers what is under way, and says of it what is asked for beyond findings: none depends on it.
    pub(super) fn measure(&mut self, peer: &mut Self, sight: &Sight, analysis: &mut Analysis) {
        let next = sight.seq.plus(sight.takes());
        if sight.takes() > 0 {
            self.unacked.get_or_insert_default().push(Sent {
                seq: sight.seq,
                next,
                frame: sight.frame,
                time: sight.time,
            });
        }
        if let Some((ended, is_ambiguous)) = sight.ack.and_then(|ack| peer.unacked.as_mut()?.acknowledge(ack)) {
            analysis.acks = Some(since(ended.frame, ended.time, sight.time));
            analysis.is_ambiguous = is_ambiguous;
        }
        flight(self, peer, sight, analysis);
        self.sacked = sight.options.sacked;
    }

    /// The scale holds only if both SYNs ask for it (RFC 7323 §2.2), and a SYN ACK may only where the SYN does.
    pub(super) fn learn_scale(&mut self, peer: &mut Self, sight: &Sight) {
        if !sight.flags.has(Flags::SYN) {
            return;
        }
        let answers = sight.ack.is_some();
        match (sight.syn_options.window_scale, peer.scale) {
            (None, _) if sight.syn_options.cut => {}
            (None, _) => (self.scale, peer.scale) = (Scale::None, Scale::None),
            (Some(_), Scale::None) => self.scale = Scale::None,
            (Some(shift), Scale::Offered(other)) => (self.scale, peer.scale) = (Scale::By(shift), Scale::By(other)),
            (Some(shift), Scale::Unknown) if !answers => self.scale = Scale::Offered(shift),
            (Some(shift), Scale::Unknown | Scale::By(_)) => self.scale = Scale::By(shift),
        }
    }
}
