//! Whether damage is proven. A checksum that does not fit may mean damaged octets, or a sum that was never computed
//! because a network card was to do it; one packet alone cannot tell. So the capture as a whole is asked.
//!
//! The rule, per sender and receiver and in the order of the capture: a sum that does not fit *proves* damage if this
//! sender was seen to fill in true sums towards this receiver, and never to leave them to a card. Then the packet is
//! kept out of its stream, as the receiver keeps it out ("MUST silently discard", RFC 1122 §3.2.1.2, §4.1.3.4; RFC 9293
//! §3.1). In all other cases the packet is read. As long as nothing is known of the sender, the first such packet gets a
//! note; a sender that leaves sums to its card gets none, as each of its packets would have one.
//!
//! - "Left to a card" is only what holds exactly the sum of the pseudo-header, or for an IPv4 header zero.
//! - Every packet with a payload is judged once; one without only until its sender is known: a SYN is proof too.
//! - The sums of IPv4 headers count for themselves: hosts compute these even where they leave the others to a card.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{ChecksumVerdict, Packet, Transport};
use crate::layer::{Note, Severity};

/// A checksum that does not fit, and what that proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Whether octets are proven to be damaged; otherwise the sum may be the sender's habit.
    pub proven: bool,
    /// What to tell.
    pub note: Note,
}

/// How a sender was seen to fill in sums.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    true_sums: bool,
    left_to_card: bool,
    /// That it cannot be told was told.
    told: bool,
}

impl Habit {
    fn is_known(self) -> bool {
        self.true_sums || self.left_to_card
    }

    fn learn(&mut self, verdict: ChecksumVerdict) {
        match verdict {
            ChecksumVerdict::Valid => self.true_sums = true,
            ChecksumVerdict::NotYetComputed => self.left_to_card = true,
            ChecksumVerdict::Wrong | ChecksumVerdict::Absent | ChecksumVerdict::Unverified => {}
        }
    }

    /// What it means that a sum does not fit.
    fn damage(&mut self, what: &'static str, spec: &'static str) -> Option<Damage> {
        let proven = self.true_sums && !self.left_to_card;
        let worth_a_note = proven || !(self.left_to_card || self.told);
        self.told = true;
        let (severity, rest) = if proven {
            (Severity::Error, "and those of its sender do: damaged on the way, so it is kept out")
        } else {
            (Severity::Warn, "but it is not known whether its sender fills in any: it is read all the same")
        };
        let text = format!("the checksum of the {what} does not fit, {rest}");
        worth_a_note.then(|| Damage { proven, note: Note::new(severity, text, spec) })
    }
}

/// The habits of one sender towards one receiver.
#[derive(Debug, Clone, Copy, Default)]
struct Habits {
    header: Habit,
    transport: Habit,
}

/// More pairs of hosts than this are not remembered: of the others nothing is proven.
const MAX_PAIRS: usize = 1 << 16;

/// What the packets seen so far prove about the sums of those to come.
#[derive(Debug, Default)]
pub struct Evidence {
    pairs: HashMap<(IpAddr, IpAddr), Habits>,
}

impl Evidence {
    /// Judges the checksums of the next packet; `None` if nothing is wrong with them.
    pub fn judge(&mut self, packet: &Packet, data: &[u8]) -> Option<Damage> {
        let net = packet.net.as_ref()?;
        let pair = (net.source, net.destination);
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            return None;
        }
        let header = net.header_checksum(data);
        let habits = self.pairs.entry(pair).or_default();
        if header == ChecksumVerdict::Wrong {
            return habits.header.damage("IPv4 header", "RFC 1122 §3.2.1.2");
        }
        habits.header.learn(if header == ChecksumVerdict::Absent && net.source.is_ipv4() {
            ChecksumVerdict::NotYetComputed
        } else {
            header
        });
        let (what, spec) = match packet.transport? {
            Transport::Tcp(_) => ("TCP segment", "RFC 9293 §3.1"),
            Transport::Udp(_) => ("UDP datagram", "RFC 1122 §4.1.3.4"),
            Transport::Icmp(_) => return None,
        };
        if packet.payload.is_empty() && habits.transport.is_known() {
            return None;
        }
        let verdict = packet.checksum(data);
        if verdict == ChecksumVerdict::Wrong {
            return habits.transport.damage(what, spec);
        }
        habits.transport.learn(verdict);
        None
    }
}
