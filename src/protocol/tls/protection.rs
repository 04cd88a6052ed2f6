//! Packet protection of QUIC: it encrypts by the means of TLS 1.3, and hides the numbers of its packets besides.
//!
//! ```text
//! first octet, its last bits hidden │ … │ number 1 to 4, hidden │ frames …, encrypted │ tag 16
//!                                                ↑ four octets behind the beginning of the number lies the sample
//! ```
//!
//! # References
//! - RFC 9001 §5 (keys, nonce, header protection), §6 (key update); RFC 9000 §17.1 and appendix A.3 (packet numbers).
//! - RFC 9369 §3.3 (version 2).

use ring::{aead, hkdf};

use super::crypt::{Suite, expand};
use crate::layer::Direction;

/// Behind the beginning of a packet's number so many octets are left out before the sample is taken (RFC 9001 §5.4.2).
const LONGEST_NUMBER: usize = 4;
/// AES-128-GCM with SHA-256: "Initial packets … use AEAD_AES_128_GCM" (RFC 9001 §5.2).
const INITIAL_SUITE: u16 = 0x1301;
/// The bit of a short header that changes with the keys (RFC 9001 §6).
const KEY_PHASE: u8 = 0x04;

/// What a version of QUIC makes its keys of.
pub(in crate::protocol) struct PacketLabels {
    /// With this the connection ID is mixed, for the first keys.
    pub(in crate::protocol) salt: [u8; 20],
    /// The labels of key, initialisation vector and header protection.
    pub(in crate::protocol) labels: [&'static [u8]; 3],
    /// The label of the secret that follows.
    pub(in crate::protocol) update: &'static [u8],
}

/// A packet without its protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) struct Unsealed {
    /// Its first octet.
    pub(in crate::protocol) first: u8,
    /// Its number, whole.
    pub(in crate::protocol) number: u64,
    /// How many octets of it are sent.
    pub(in crate::protocol) number_len: usize,
    /// Its frames.
    pub(in crate::protocol) content: Vec<u8>,
}

/// Opens the packets of one side and one level of encryption, in any order.
pub(in crate::protocol) struct PacketOpener {
    suite: Suite,
    labels: &'static PacketLabels,
    secret: Vec<u8>,
    header: aead::quic::HeaderProtectionKey,
    cipher: Cipher,
    /// What came before the last update, for packets that come late.
    before: Option<Cipher>,
    phase: bool,
    /// The lowest number seen with the keys in use.
    since: u64,
    largest: Option<u64>,
}

struct Cipher {
    key: aead::LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
}

impl PacketOpener {
    /// For a traffic secret of TLS 1.3; `None` if it has not the length of the suite's secrets.
    pub(in crate::protocol) fn of(suite: Suite, labels: &'static PacketLabels, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.secret_len() {
            return None;
        }
        let algorithm = header_algorithm(suite);
        let mut header = vec![0; algorithm.key_len()];
        suite.expand(secret, labels.labels[2], &mut header)?;
        Some(Self {
            suite,
            labels,
            secret: secret.to_vec(),
            header: aead::quic::HeaderProtectionKey::new(algorithm, &header).ok()?,
            cipher: Cipher::of(suite, labels, secret)?,
            before: None,
            phase: false,
            since: 0,
            largest: None,
        })
    }

    /// For Initial packets, by the connection ID that the client first sent to: their keys follow from what is in the open
    /// (RFC 9001 §5.2). They keep nobody from reading, only from changing them.
    pub(in crate::protocol) fn initial(labels: &'static PacketLabels, id: &[u8], from: Direction) -> Option<Self> {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &labels.salt).extract(id);
        let label: &[u8] = if from == Direction::ToServer { b"client in" } else { b"server in" };
        let mut secret = [0; 32];
        expand(&initial, label, &mut secret)?;
        Self::of(Suite::of(INITIAL_SUITE)?, labels, &secret)
    }

    /// A packet whose number begins at `at`; `None` if it was not made with these keys, or those that follow them.
    pub(in crate::protocol) fn open(&mut self, packet: &[u8], at: usize) -> Option<Unsealed> {
        let sample = packet.get(at.checked_add(LONGEST_NUMBER)?..)?.get(..self.header.algorithm().sample_len())?;
        let mask = self.header.new_mask(sample).ok()?;
        let mut packet = packet.to_vec();
        let first = packet.first_mut()?;
        let is_short = *first & 0x80 == 0;
        *first ^= mask[0] & if is_short { 0x1f } else { 0x0f };
        let first = *first;
        let number_len = usize::from(first & 3) + 1;
        let octets = packet.get_mut(at..at + number_len)?;
        octets.iter_mut().zip(&mask[1..]).for_each(|(octet, mask)| *octet ^= mask);
        let sent = octets.iter().fold(0, |number: u64, octet| number << 8 | u64::from(*octet));
        let number = whole_number(self.largest, sent, number_len);
        let content = self.decrypt(&mut packet, at + number_len, number, is_short && first & KEY_PHASE != 0)?;
        self.largest = self.largest.max(Some(number));
        Some(Unsealed { first, number, number_len, content })
    }

    fn decrypt(&mut self, packet: &mut [u8], header_len: usize, number: u64, phase: bool) -> Option<Vec<u8>> {
        let (header, sealed) = packet.split_at_mut_checked(header_len)?;
        if phase == self.phase {
            let content = self.cipher.open(number, header, sealed)?;
            self.since = self.since.min(number);
            return Some(content);
        }
        // A try spoils the octets.
        let mut again = sealed.to_vec();
        if number < self.since {
            return self.before.as_ref()?.open(number, header, sealed);
        }
        let mut secret = vec![0; self.secret.len()];
        self.suite.expand(&self.secret, self.labels.update, &mut secret)?;
        let cipher = Cipher::of(self.suite, self.labels, &secret)?;
        let content = cipher.open(number, header, &mut again)?;
        self.before = Some(std::mem::replace(&mut self.cipher, cipher));
        (self.secret, self.phase, self.since) = (secret, phase, number);
        Some(content)
    }
}

impl Cipher {
    fn of(suite: Suite, labels: &PacketLabels, secret: &[u8]) -> Option<Self> {
        let mut key = vec![0; suite.aead().key_len()];
        suite.expand(secret, labels.labels[0], &mut key)?;
        let mut iv = [0; aead::NONCE_LEN];
        suite.expand(secret, labels.labels[1], &mut iv)?;
        Some(Self { key: aead::LessSafeKey::new(aead::UnboundKey::new(suite.aead(), &key).ok()?), iv })
    }

    fn open(&self, number: u64, header: &[u8], sealed: &mut [u8]) -> Option<Vec<u8>> {
        let mut nonce = self.iv;
        nonce[aead::NONCE_LEN - 8..].iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        Some(self.key.open_in_place(nonce, aead::Aad::from(header), sealed).ok()?.to_vec())
    }
}

fn header_algorithm(suite: Suite) -> &'static aead::quic::Algorithm {
    if suite.aead() == &aead::CHACHA20_POLY1305 {
        &aead::quic::CHACHA20
    } else if suite.aead() == &aead::AES_256_GCM {
        &aead::quic::AES_256
    } else {
        &aead::quic::AES_128
    }
}

/// The number of which only the last octets are sent: the one nearest to what is expected (RFC 9000 appendix A.3).
fn whole_number(largest: Option<u64>, sent: u64, len: usize) -> u64 {
    let expected = largest.map_or(0, |largest| largest.saturating_add(1));
    let window = 1_u64 << (8 * len);
    let near = (expected & !(window - 1)) | sent;
    if near.saturating_add(window / 2) <= expected && near < (1 << 62) - window {
        near + window
    } else if near > expected.saturating_add(window / 2) && near >= window {
        near - window
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::hex;

    static LABELS: PacketLabels =
        PacketLabels { salt: [0; 20], labels: [b"quic key", b"quic iv", b"quic hp"], update: b"quic ku" };

    static LABELS_2: PacketLabels =
        PacketLabels { salt: [0; 20], labels: [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"], update: b"quicv2 ku" };

    /// The example of RFC 9000 appendix A.3, and its edges.
    #[test]
    fn numbers_are_completed() {
        assert_eq!(whole_number(Some(0xa82f_30ea), 0x9b32, 2), 0xa82f_9b32);
        assert_eq!(whole_number(None, 7, 1), 7);
        assert_eq!(whole_number(Some(255), 0, 1), 256);
        assert_eq!(whole_number(Some(256), 0xff, 1), 255);
        assert_eq!(whole_number(Some(u64::MAX), 0, 4), !0xffff_ffff);
    }

    /// RFC 9001 and RFC 9369, appendix A.5 of each: a short header packet with ChaCha20-Poly1305, number 654360564, that holds
    /// a PING.
    #[test]
    fn a_short_header_packet_is_opened() {
        let secret = hex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
        let packets = [
            (&LABELS, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"),
            (&LABELS_2, "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba"),
        ];
        for (labels, packet) in packets {
            let mut opener = PacketOpener::of(Suite::of(0x1303).unwrap(), labels, &secret).unwrap();
            // "this packet number … would be encoded on 3 bytes": its receiver has seen those before it.
            opener.largest = Some(654_360_560);
            let packet = hex(packet);
            let opened = opener.open(&packet, 1).unwrap();
            assert_eq!((opened.number, opened.number_len, opened.first), (654_360_564, 3, 0x42));
            assert_eq!(opened.content, [1]);
            let mut spoilt = packet.clone();
            spoilt[20] ^= 1;
            assert_eq!(opener.open(&spoilt, 1), None);
            (0..packet.len()).for_each(|len| assert_eq!(opener.open(&packet[..len], 1), None, "{len}"));
        }
    }

    /// The same appendix names the secret that follows.
    #[test]
    fn the_next_secret_is_that_of_the_rfc() {
        let secret = hex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
        let following = [
            (&LABELS, "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"),
            (&LABELS_2, "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88"),
        ];
        for (labels, expected) in following {
            let mut next = [0; 32];
            Suite::of(0x1303).unwrap().expand(&secret, labels.update, &mut next).unwrap();
            assert_eq!(next[..], hex(expected)[..]);
        }
    }

    /// A packet as its sender makes it.
    fn seal(suite: u16, secret: &[u8], number: u64, phase: bool, content: &[u8]) -> Vec<u8> {
        let suite = Suite::of(suite).unwrap();
        let cipher = Cipher::of(suite, &LABELS, secret).unwrap();
        let first = 0x41 | if phase { KEY_PHASE } else { 0 };
        let mut packet = [&[first, 9, 9][..], &(number as u16).to_be_bytes(), content].concat();
        let mut nonce = cipher.iv;
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        let (header, body) = packet.split_at_mut(5);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag = cipher.key.seal_in_place_separate_tag(nonce, aead::Aad::from(&header[..]), body).unwrap();
        packet.extend_from_slice(tag.as_ref());
        packet
    }

    /// Hides what [`seal`] left to be seen, with the first keys of the side.
    fn hide(opener: &PacketOpener, mut packet: Vec<u8>) -> Vec<u8> {
        let mask = opener.header.new_mask(&packet[7..23]).unwrap();
        packet[0] ^= mask[0] & 0x1f;
        packet[3..5].iter_mut().zip(&mask[1..]).for_each(|(octet, mask)| *octet ^= mask);
        packet
    }

    /// RFC 9001 §6: the keys change with the phase, there and back, and what comes late is opened with those before.
    #[test]
    fn keys_are_updated() {
        for (suite, len) in [(0x1301, 32), (0x1302, 48), (0x1303, 32)] {
            let secrets = (0..3).fold(vec![vec![7; len]], |mut all, _| {
                let mut next = vec![0; len];
                Suite::of(suite).unwrap().expand(all.last().unwrap(), LABELS.update, &mut next).unwrap();
                all.push(next);
                all
            });
            let mut opener = PacketOpener::of(Suite::of(suite).unwrap(), &LABELS, &secrets[0]).unwrap();
            let content = b"more than enough octets";
            // The number, and which keys: the third comes late.
            for (number, update) in [(0, 0), (2, 1), (1, 0), (3, 1), (5, 2), (4, 1), (6, 2), (7, 3)] {
                let packet = hide(&opener, seal(suite, &secrets[update], number, update % 2 == 1, content));
                let opened = opener.open(&packet, 3).unwrap_or_else(|| panic!("{suite:x} {number}"));
                assert_eq!((opened.number, &opened.content[..]), (number, &content[..]));
            }
            // What nobody made changes nothing.
            let mut wrong = hide(&opener, seal(suite, &secrets[0], 8, false, content));
            assert_eq!(opener.open(&wrong, 3), None);
            wrong.truncate(12);
            assert_eq!(opener.open(&wrong, 3), None);
            let packet = hide(&opener, seal(suite, &secrets[3], 8, true, content));
            assert!(opener.open(&packet, 3).is_some());
        }
    }
}
