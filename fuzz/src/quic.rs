//! What is said → datagrams of QUIC, from the hellos on, and the secrets that open them.
//!
//! # References
//! - RFC 9001 §5; the first keys §5.2. HKDF-Expand-Label: RFC 8446 §7.1.

use ring::{aead, hkdf};
use wiretale::capture::{Frame, LinkType};
use wiretale::layer::Direction;

use crate::turns::Fate;
use crate::wire;

/// Of version 1.
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
    0x0a,
];
/// What the client sends to first, and then each side calls itself.
const FIRST_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const IDS: [[u8; 4]; 2] = [[0xc1; 4], [0x5e; 4]];
/// What the client chose by chance, and the secrets of each side.
const RANDOM: u8 = 7;
const APPLICATION: [u8; 2] = [0xaa, 0xbb];
/// Packets keep two octets of their numbers.
const NUMBER: usize = 2;

/// A capture of one connection in the making.
pub struct Quic {
    pub frames: Vec<Frame>,
    keys: [Keys; 2],
    numbers: [u64; 2],
}

struct Keys {
    key: aead::LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    header: aead::quic::HeaderProtectionKey,
}

/// The key log of every such connection.
pub fn secrets() -> String {
    let line = |label: &str, secret: u8| {
        let digits = |octet: u8| format!("{octet:02x}").repeat(32);
        format!("{label} {} {}\n", digits(RANDOM), digits(secret))
    };
    line("CLIENT_TRAFFIC_SECRET_0", APPLICATION[0]) + &line("SERVER_TRAFFIC_SECRET_0", APPLICATION[1])
}

impl Quic {
    /// A connection on which both hellos were said, of a client that wants to speak HTTP/3.
    pub fn open() -> Self {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(&FIRST_ID);
        let first: [Keys; 2] = [&b"client in"[..], b"server in"].map(|label| Keys::of(&expand(&initial, label, 32)));
        let keys = APPLICATION.map(|secret| Keys::of(&[secret; 32]));
        let mut quic = Self { frames: Vec::new(), keys, numbers: [0; 2] };
        // Version, random, no session, one suite, no compression, ALPN.
        let client =
            [&[3, 3][..], &[RANDOM; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 9, 0, 16, 0, 5, 0, 3, 2, b'h', b'3']].concat();
        let server = [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0]].concat();
        quic.hello(Direction::ToServer, &first[0], (&FIRST_ID, &IDS[0]), 1, &client);
        quic.hello(Direction::ToClient, &first[1], (&IDS[0], &IDS[1]), 2, &server);
        quic
    }

    /// The frames of the next packet of a side, and what becomes of its datagram.
    pub fn say_with(&mut self, direction: Direction, fate: Fate, content: &[u8]) {
        let d = direction.index();
        let number = self.numbers[d];
        self.numbers[d] += 1;
        let header = [&[0x41][..], &IDS[1 - d], &(number as u16).to_be_bytes()].concat();
        // What an IPv4 packet can hold; and enough for a sample.
        let mut content = content[..content.len().min(60_000)].to_vec();
        content.resize(content.len().max(4), 0);
        let packet = self.keys[d].seal(header, number, &content);
        self.datagram(direction, &packet);
        let last = self.frames.len() - 1;
        match fate {
            Fate::Early if last > 2 => self.frames.swap(last - 1, last),
            Fate::Lost => _ = self.frames.pop(),
            Fate::Twice => self.frames.push(self.frames[last].clone()),
            _ => {}
        }
    }

    fn hello(&mut self, direction: Direction, keys: &Keys, (to, from): (&[u8], &[u8]), kind: u8, body: &[u8]) {
        let message = [&[kind, 0, 0, body.len() as u8][..], body].concat();
        let content = [&[6, 0, 0x40, message.len() as u8][..], &message].concat();
        let len = NUMBER + content.len() + aead::MAX_TAG_LEN;
        let mut header = vec![0xc1, 0, 0, 0, 1, to.len() as u8];
        header.extend(to);
        header.push(from.len() as u8);
        header.extend(from);
        header.extend([0, 0x40, len as u8, 0, 0]);
        let packet = keys.seal(header, 0, &content);
        self.datagram(direction, &packet);
    }

    fn datagram(&mut self, direction: Direction, payload: &[u8]) {
        let [from, to] = match direction {
            Direction::ToServer => [50_001_u16, 443],
            Direction::ToClient => [443, 50_001],
        };
        let len = (8 + payload.len() as u16).to_be_bytes();
        let [high, low] = (28 + payload.len() as u16).to_be_bytes();
        let mut data = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        data.extend([from.to_be_bytes(), to.to_be_bytes(), len, [0, 0]].concat());
        data.extend(payload);
        self.frames.push(wire::frame(self.frames.len(), LinkType::RAW, data));
    }
}

impl Keys {
    fn of(secret: &[u8]) -> Self {
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &expand(&secret, b"quic key", 16));
        let header = aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &expand(&secret, b"quic hp", 16));
        Self {
            key: aead::LessSafeKey::new(key.expect("it has its length")),
            iv: expand(&secret, b"quic iv", aead::NONCE_LEN).try_into().expect("it has its length"),
            header: header.expect("it has its length"),
        }
    }

    /// A packet with this header, which ends in its number.
    fn seal(&self, header: Vec<u8>, number: u64, content: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        nonce[aead::NONCE_LEN - 8..].iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        let mut sealed = content.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let done = self.key.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut sealed);
        done.expect("it is not too long");
        let at = header.len() - NUMBER;
        let mut packet = [header, sealed].concat();
        let mask = self.header.new_mask(&packet[at + 4..at + 20]).expect("a sample has its length");
        packet[0] ^= mask[0] & if packet[0] & 0x80 == 0 { 0x1f } else { 0x0f };
        packet[at..at + NUMBER].iter_mut().zip(&mask[1..]).for_each(|(octet, mask)| *octet ^= mask);
        packet
    }
}

fn expand(secret: &hkdf::Prk, label: &[u8], len: usize) -> Vec<u8> {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let info = [&[0, len as u8, 6 + label.len() as u8][..], b"tls13 ", label, &[0]];
    let mut out = vec![0; len];
    let made = secret.expand(&info, Len(len)).and_then(|made| made.fill(&mut out));
    made.expect("so short a key can be made");
    out
}
