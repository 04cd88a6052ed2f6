//! What would be left to chance, and is the same for the same seed: keys of WebSocket handshakes, masks, what servers call
//! those they know, and what TLS makes up.
//!
//! The libraries choose their masks themselves and cannot be told to choose others. So what a client writes is masked anew
//! below them, on its way to the kernel.
//!
//! # References
//! - RFC 6455 §5.2, §5.3: a mask is four octets, repeated over the payload; taken off and put on by the same exclusive or.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A sequence of octets that a seed begins: splitmix64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// That of one connection of a client, which a number tells from others.
    pub fn of(seed: u64, client: &str, connection: u64) -> Self {
        // FNV-1a: who connects when must not matter.
        let name = client
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
        Self(seed ^ name ^ connection.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// What stands in `Sec-WebSocket-Key`: 16 octets in base64.
    pub fn key(&mut self) -> String {
        STANDARD.encode([self.next().to_le_bytes(), self.next().to_le_bytes()].concat())
    }

    /// A name that nobody guesses: 15 octets in base64 that goes into an address, as Socket.IO's servers call what they know.
    pub fn name(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(&[self.next().to_le_bytes(), self.next().to_le_bytes()].concat()[..15])
    }

    /// What Engine.IO's server may call a session: 12 octets in the same base64.
    pub fn sid(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(&[self.next().to_le_bytes(), self.next().to_le_bytes()].concat()[..12])
    }

    /// So many octets as there is room for.
    pub fn fill(&mut self, octets: &mut [u8]) {
        octets.chunks_mut(8).for_each(|eight| eight.copy_from_slice(&self.next().to_le_bytes()[..eight.len()]));
    }

    /// A number below this one, which is not 0.
    #[cfg_attr(
        not(all(target_os = "linux", feature = "capture")),
        expect(dead_code, reason = "without a wire nothing is lost")
    )]
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        [a, b, c, d]
    }
}

/// Gives the frames of a client other masks, whatever pieces they are written in.
#[derive(Debug)]
pub struct Masks {
    chance: Chance,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request of the handshake, until the empty line that ends it: how much of that was seen.
    Handshake(usize),
    /// The header of a frame, as far as it was written.
    Header(Vec<u8>),
    /// The payload: how much of it is left, what turns the old mask into the new, and where in that.
    Payload { left: u64, change: [u8; 4], at: usize },
    /// What is no frame of a client: it passes as it is.
    Unmasked,
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

impl Masks {
    /// For a connection whose client is about to ask for a WebSocket.
    pub fn new(chance: Chance) -> Self {
        Self { chance, state: State::Handshake(0) }
    }

    /// Takes what is written next; returns what is to be written instead, which may wait for the rest of a header.
    pub fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        octets.iter().for_each(|octet| self.take(*octet, &mut out));
        out
    }

    fn take(&mut self, octet: u8, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Unmasked => out.push(octet),
            State::Handshake(seen) => {
                out.push(octet);
                *seen = match END_OF_HEAD.get(*seen) {
                    Some(next) if *next == octet => *seen + 1,
                    _ => usize::from(octet == b'\r'),
                };
                if *seen == END_OF_HEAD.len() {
                    self.state = State::Header(Vec::new());
                }
            }
            State::Header(header) => {
                header.push(octet);
                if header.len() >= 2 && header[1] & 0x80 == 0 {
                    out.append(header);
                    self.state = State::Unmasked;
                    return;
                }
                let Some((len, at)) = length(header).filter(|(_, at)| header.len() == at + 4) else { return };
                let mask = self.chance.mask();
                let mut change = mask;
                change.iter_mut().zip(&header[at..]).for_each(|(new, old)| *new ^= old);
                header[at..].copy_from_slice(&mask);
                out.append(header);
                self.state =
                    if len == 0 { State::Header(Vec::new()) } else { State::Payload { left: len, change, at: 0 } };
            }
            State::Payload { left, change, at } => {
                out.push(octet ^ change[*at % 4]);
                *at += 1;
                *left -= 1;
                if *left == 0 {
                    self.state = State::Header(Vec::new());
                }
            }
        }
    }
}

/// How long the payload is, and where the mask stands, if the header is there as far as that.
fn length(header: &[u8]) -> Option<(u64, usize)> {
    let number = |octets: &[u8]| octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
    match header.get(1)? & 0x7f {
        126 => header.get(2..4).map(|octets| (number(octets), 4)),
        127 => header.get(2..10).map(|octets| (number(octets), 10)),
        len => Some((u64::from(len), 2)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use tungstenite::protocol::frame::Frame;
    use tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn written(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut frame = Frame::message(payload.to_vec(), OpCode::Data(Data::Binary), true);
        frame.header_mut().mask = Some(mask);
        let mut octets = Vec::new();
        frame.format(&mut octets).unwrap();
        octets
    }

    proptest! {
        /// Whatever masks were put on and however it is written, what comes out is what the seed says, and says the same.
        #[test]
        fn frames_differ_in_nothing_but_their_masks(
            payloads in vec(vec(any::<u8>(), 0..200), 1..6),
            masks in any::<[[u8; 4]; 2]>(),
            cuts in vec(1_usize..40, 1..10),
        ) {
            let mut came = Vec::new();
            for mask in masks {
                let frames = payloads.iter().flat_map(|payload| written(payload, mask));
                let octets: Vec<u8> = REQUEST.iter().copied().chain(frames).collect();
                let (mut masks, mut out, mut rest) = (Masks::new(Chance::of(7, "ada", 0)), Vec::new(), &octets[..]);
                for cut in cuts.iter().cycle() {
                    let (piece, after) = rest.split_at((*cut).min(rest.len()));
                    out.extend(masks.pass(piece));
                    rest = after;
                    if rest.is_empty() {
                        break;
                    }
                }
                prop_assert_eq!(out.len(), octets.len());
                came.push(out);
            }
            prop_assert_eq!(&came[0], &came[1]);
            let mut chance = Chance::of(7, "ada", 0);
            let expected = payloads.iter().flat_map(|payload| written(payload, chance.mask()));
            prop_assert_eq!(&came[0], &REQUEST.iter().copied().chain(expected).collect::<Vec<_>>());
        }
    }

    #[test]
    fn long_frames_and_what_is_no_frame() {
        for len in [125, 126, 65_535, 65_536] {
            let payload = vec![7; len];
            let mut masks = Masks::new(Chance::of(1, "ada", 0));
            assert_eq!(masks.pass(REQUEST), REQUEST);
            let out = masks.pass(&[written(&payload, [1, 2, 3, 4]), vec![0x88, 0, 1, 2, 3]].concat());
            let mut chance = Chance::of(1, "ada", 0);
            assert_eq!(out, [written(&payload, chance.mask()), vec![0x88, 0, 1, 2, 3]].concat(), "{len}");
        }
    }

    #[test]
    fn each_connection_has_a_chance_of_its_own() {
        let key = |seed, client, connection| Chance::of(seed, client, connection).key();
        assert_eq!(key(7, "ada", 0), key(7, "ada", 0));
        assert_eq!(STANDARD.decode(key(7, "ada", 0)).unwrap().len(), 16);
        let all = [key(7, "ada", 0), key(8, "ada", 0), key(7, "bob", 0), key(7, "ada", 1)];
        assert!((0..4).all(|one| (0..one).all(|other| all[one] != all[other])), "{all:?}");
    }
}
