//! Whether damage is proven. A checksum that does not fit may mean damaged octets, or a sum that was never computed
//! because a network card was to do it; one packet alone cannot tell. So the capture as a whole is asked.
//!
//! The rule, per sender and receiver and in the order of the capture: a sum that does not fit *proves* damage if this
//! sender was seen to fill in true sums towards this receiver, and never to leave them to a card. Then the packet is
//! kept out of its stream, as the receiver keeps it out ("MUST silently discard", RFC 1122 §3.2.1.2, §4.1.3.4; RFC 9293
//! §3.1). In all other cases the packet is read. As long as nothing is known of the sender, the first such packet gets a
//! note; a sender that leaves sums to its card gets none, as each of its packets would have one.
//!
//! - Of 65 536 sums that mean nothing one fits by chance, as where a program or a card writes 0 or leaves an old sum. So where one
//!   did not fit before anything was known of the sender, three have to fit in a row to show that it fills in true sums.
//! - "Left to a card" is only what holds exactly the sum of the pseudo-header, or for an IPv4 header zero.
//! - Every packet is judged once, also a plain acknowledgement: what it acknowledges would be taken for received.
//! - The sums of IPv4 headers count for themselves: hosts compute these even where they leave the others to a card.

use std::net::IpAddr;

use super::{ChecksumVerdict, Packet, Plain, Transport, Version};
use crate::layer::{Group, Note, Severity};
use crate::map::Map;

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
    /// One did not fit, and if that could not be told, it was told.
    told: bool,
    /// How many fitted since.
    in_a_row: u8,
}

/// So many sums that fit in a row are no chance.
const PROOF: u8 = 3;

impl Habit {
    fn is_known(self) -> bool {
        self.true_sums || self.left_to_card
    }

    fn learn(&mut self, verdict: ChecksumVerdict) {
        match verdict {
            ChecksumVerdict::Valid => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.true_sums |= !self.told || self.in_a_row >= PROOF;
            }
            ChecksumVerdict::NotYetComputed => self.left_to_card = true,
            ChecksumVerdict::Wrong | ChecksumVerdict::Absent | ChecksumVerdict::Unverified => {}
        }
    }

    /// What it means that a sum does not fit.
    fn damage(&mut self, what: &'static str, spec: &'static str) -> Option<Damage> {
        let proven = self.true_sums && !self.left_to_card;
        let worth_a_note = proven || !(self.left_to_card || self.told);
        (self.told, self.in_a_row) = (true, 0);
        let (severity, rest) = if proven {
            (Severity::Error, "and those of its sender do: damaged on the way, so it is kept out")
        } else {
            (Severity::Warn, "but it is not known whether its sender fills in any: it is read all the same")
        };
        let text = format!("the checksum of the {what} does not fit, {rest}");
        worth_a_note.then(|| Damage { proven, note: Note::new(severity, text, spec).about(Group::Checksum) })
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
    places: Map<(IpAddr, IpAddr), usize>,
    pairs: Vec<Habits>,
    /// The pairs asked for last, which most often are those asked for next: a connection's two directions.
    latest: [Option<((IpAddr, IpAddr), usize)>; 2],
}

impl Evidence {
    /// Where the habits of a pair are; `None` if there are too many already.
    fn place(&mut self, pair: (IpAddr, IpAddr)) -> Option<usize> {
        if let Some((_, place)) = self.latest.iter().flatten().find(|(known, _)| *known == pair) {
            return Some(*place);
        }
        let place = match self.places.get(&pair) {
            Some(place) => *place,
            None if self.pairs.len() >= MAX_PAIRS => return None,
            None => {
                self.pairs.push(Habits::default());
                self.places.insert(pair, self.pairs.len() - 1);
                self.pairs.len() - 1
            }
        };
        self.latest = [Some((pair, place)), self.latest[0]];
        Some(place)
    }

    /// Learns from a packet that someone else judges: afterwards as much is known as if it had been judged here. It costs
    /// less, for where true sums are known already only one that was left to a card says anything new.
    pub fn learn(&mut self, packet: &Packet, data: &[u8]) {
        let place = packet.net.as_ref().and_then(|net| self.place((net.source, net.destination)));
        let knows = place.and_then(|place| self.pairs.get(place)).is_some_and(|habits| habits.transport.true_sums);
        if knows && !packet.may_be_left_to_card(data) {
            let _ = self.judge_header(packet, data);
        } else {
            self.judge(packet, data);
        }
    }

    /// Where what is known of this packet's sender, towards its receiver, lies.
    pub fn place_of(&mut self, packet: &Packet) -> Option<u32> {
        let net = packet.net.as_ref()?;
        // There are no more than MAX_PAIRS.
        self.place((net.source, net.destination)).map(|place| place as u32)
    }

    /// Whether nothing is to be learned from this packet and nothing to be said of it: its sums are as those of its sender
    /// always were. `place` comes from [`place_of`](Self::place_of). If not, it must be judged.
    // For each plain packet, and only from one place.
    #[inline(always)]
    pub fn expects(&self, place: u32, plain: &Plain, data: &[u8]) -> bool {
        let Some(Habits { header, transport }) = self.pairs.get(place as usize) else { return false };
        let header_is_usual = plain.version == Version::V6 || (header.true_sums && plain.header_is_valid(data));
        if !header_is_usual || !transport.is_known() {
            return false;
        }
        let pseudo = plain.pseudo_header(data);
        match pseudo.and(plain.segment(data)).is_all_ones() {
            true => transport.true_sums,
            false => transport.left_to_card && plain.tcp.checksum == pseudo.folded(),
        }
    }

    /// The same for a packet that another thread judges, from which only is learned.
    pub fn expects_elsewhere(&self, place: u32, plain: &Plain, data: &[u8]) -> bool {
        let Some(Habits { header, transport }) = self.pairs.get(place as usize) else { return false };
        let header_is_usual = plain.version == Version::V6 || (header.true_sums && plain.header_is_valid(data));
        header_is_usual && transport.true_sums && plain.tcp.checksum != plain.pseudo_header(data).folded()
    }

    /// Takes note of what the sum of the IPv4 header says. Returns the damage, or else the habits of the pair; `None` if
    /// there is no IP header, or no more room.
    fn judge_header(&mut self, packet: &Packet, data: &[u8]) -> Option<Result<&mut Habits, Option<Damage>>> {
        let net = packet.net.as_ref()?;
        let place = self.place((net.source, net.destination))?;
        let habits = self.pairs.get_mut(place)?;
        let header = net.header_checksum(data);
        if header == ChecksumVerdict::Wrong {
            return Some(Err(habits.header.damage("IPv4 header", "RFC 1122 §3.2.1.2")));
        }
        habits.header.learn(if header == ChecksumVerdict::Absent && net.source.is_ipv4() {
            ChecksumVerdict::NotYetComputed
        } else {
            header
        });
        Some(Ok(habits))
    }

    /// Judges the checksums of the next packet; `None` if nothing is wrong with them.
    pub fn judge(&mut self, packet: &Packet, data: &[u8]) -> Option<Damage> {
        let habits = match self.judge_header(packet, data)? {
            Ok(habits) => habits,
            Err(damage) => return damage,
        };
        let (what, spec) = match packet.transport? {
            Transport::Tcp(_) => ("TCP segment", "RFC 9293 §3.1"),
            Transport::Udp(_) => ("UDP datagram", "RFC 1122 §4.1.3.4"),
            // It is in no stream that it could be kept out of.
            Transport::Icmp(icmp) => {
                let is_wrong = packet.checksum(data) == ChecksumVerdict::Wrong;
                return is_wrong.then(|| Damage { proven: false, note: icmp.damaged() });
            }
        };
        let verdict = packet.checksum(data);
        if verdict == ChecksumVerdict::Wrong {
            return habits.transport.damage(what, spec);
        }
        habits.transport.learn(verdict);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use super::*;
    use crate::capture::LinkType;
    use crate::packet::Flags;

    /// A raw IP packet with TCP: its sum true, left to a card, or neither; its IPv4 header's true, zero, or neither.
    fn packet(host: u8, tcp_sum: u8, header_sum: u8, payload: &[u8], flags: u8) -> Vec<u8> {
        let len = 40 + payload.len() as u8;
        let mut bytes = vec![0x45, 0, 0, len, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, host, 10, 0, 0, 9];
        bytes.extend([0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 1, 0, 0, 0, 0]);
        bytes.extend(payload);
        let sum = |octets: &[u8]| {
            let words = octets.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w.get(1).copied().unwrap_or(0)));
            let sum: u32 = words.sum();
            ((sum & 0xffff) + (sum >> 16)) as u16
        };
        let pseudo = [&bytes[12..20], &[0, 6, 0, len - 20]].concat();
        let tcp = match tcp_sum {
            0 => sum(&pseudo),
            1 => 0x1234,
            _ => !sum(&[&pseudo[..], &bytes[20..]].concat()),
        };
        bytes[36..38].copy_from_slice(&tcp.to_be_bytes());
        let header = match header_sum {
            0 => 0,
            1 => 0x4321,
            _ => !sum(&bytes[..20]),
        };
        bytes[10..12].copy_from_slice(&header.to_be_bytes());
        bytes
    }

    /// Of so many sums that mean nothing some fit by chance, and prove nothing.
    #[test]
    fn a_sum_that_fits_by_chance_proves_nothing() {
        const NOTHING: u8 = 1;
        const TRUE: u8 = 2;
        let judged = |sums: &[u8]| -> Vec<Option<bool>> {
            let mut evidence = Evidence::default();
            let mut judge = |sum: &u8| {
                let bytes = packet(1, *sum, 2, b"x", Flags::ACK);
                let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
                evidence.judge(&packet, &bytes).map(|damage| damage.proven)
            };
            sums.iter().map(&mut judge).collect()
        };
        let by_chance = judged(&[NOTHING, NOTHING, TRUE, NOTHING, TRUE, TRUE, NOTHING]);
        assert_eq!(by_chance, [Some(false), None, None, None, None, None, None]);
        assert_eq!(judged(&[NOTHING, TRUE, TRUE, TRUE, NOTHING])[4], Some(true));
        assert_eq!(judged(&[TRUE, NOTHING]), [None, Some(true)], "where none was wrong before, one says enough");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// Who only learns from some of the packets judges the others as if it had judged all.
        #[test]
        fn learning_is_as_good_as_judging(
            packets in vec((1_u8..3, 0_u8..6, 0_u8..6, vec(any::<u8>(), 0..6), any::<u8>(), any::<bool>()), 1..60),
        ) {
            let (mut all, mut some) = (Evidence::default(), Evidence::default());
            for (host, tcp_sum, header_sum, payload, flags, is_own) in packets {
                let bytes = packet(host, tcp_sum, header_sum, &payload, flags);
                let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
                let damage = all.judge(&packet, &bytes);
                if is_own {
                    prop_assert_eq!(some.judge(&packet, &bytes), damage);
                } else {
                    some.learn(&packet, &bytes);
                }
            }
        }
    }
}
