//! What is said → frames: TCP connections on a link without a header, from the first SYN on.

use wiretale::capture::{Frame, LinkType, Timestamp};
use wiretale::explain::Cast;
use wiretale::layer::Direction;
use wiretale::packet::Flags;
use wiretale::trace::{Pipeline, Trace};

use crate::turns::Fate;

/// Initial sequence numbers: the client's wraps after 100 octets.
const ISN: [u32; 2] = [u32::MAX - 100, 7_000];
const SERVER_PORT: u16 = 8080;
const DATA: u8 = Flags::PSH | Flags::ACK;

/// A capture in the making; it keeps the sequence numbers of the latest connection.
#[derive(Default)]
pub struct Wire {
    frames: Vec<Frame>,
    connections: u16,
    next: [u32; 2],
}

impl Wire {
    /// A capture in which one connection is open.
    pub fn open() -> Self {
        let mut wire = Self::default();
        wire.connect();
        wire
    }

    /// Opens a further connection. What is said from now on is said there.
    pub fn connect(&mut self) {
        self.connections += 1;
        self.next = ISN;
        self.segment(Direction::ToServer, Flags::SYN, b"");
        self.segment(Direction::ToClient, Flags::SYN | Flags::ACK, b"");
        self.segment(Direction::ToServer, Flags::ACK, b"");
    }

    /// Octets in the next segment.
    pub fn say(&mut self, direction: Direction, bytes: impl AsRef<[u8]>) {
        self.segment(direction, DATA, bytes.as_ref());
    }

    /// The same, and what becomes of the segment.
    pub fn say_with(&mut self, direction: Direction, fate: Fate, bytes: impl AsRef<[u8]>) {
        self.say(direction, bytes);
        let last = self.frames.len() - 1;
        match fate {
            Fate::Plain => {}
            Fate::Early => self.frames.swap(last - 1, last),
            Fate::Lost => _ = self.frames.pop(),
            Fate::Twice => self.frames.push(self.frames[last].clone()),
            Fate::Fin => self.segment(direction, Flags::FIN | Flags::ACK, b""),
            Fate::Reset => self.segment(direction, Flags::RST, b""),
        }
    }

    /// The capture, dissected.
    pub fn trace(&self) -> Trace {
        trace(&self.frames)
    }

    fn segment(&mut self, direction: Direction, flags: u8, payload: &[u8]) {
        // What an IPv4 packet can hold, with room for both headers.
        let payload = &payload[..payload.len().min(65_000)];
        let seq = self.next[direction.index()];
        let takes_a_number = u32::from(flags & Flags::SYN != 0) + u32::from(flags & Flags::FIN != 0);
        self.next[direction.index()] = seq.wrapping_add(payload.len() as u32 + takes_a_number);
        let ack = if flags & Flags::ACK != 0 { self.next[direction.reverse().index()] } else { 0 };
        let client = 50_000 + self.connections;
        let [from, to] = match direction {
            Direction::ToServer => [client, SERVER_PORT],
            Direction::ToClient => [SERVER_PORT, client],
        };
        let [high, low] = (40 + payload.len() as u16).to_be_bytes();
        let mut data = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        data.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
        data.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
        data.extend([0x50, flags, 0x02, 0x00, 0, 0, 0, 0]); // 5 words; flags; window 512; checksum; urgent pointer
        data.extend(payload);
        self.frames.push(frame(self.frames.len(), LinkType::RAW, data));
    }
}

/// The n-th frame, a millisecond after the one before.
pub fn frame(n: usize, link: LinkType, data: Vec<u8>) -> Frame {
    let time = Timestamp(1_700_000_000_000_000_000 + n as i64 * 1_000_000);
    Frame { time, link, interface: 0, len: data.len() as u32, data, comments: Vec::new() }
}

/// Frames, dissected.
pub fn trace(frames: &[Frame]) -> Trace {
    let mut pipeline = Pipeline::default();
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.finish()
}

/// Dissects a capture and shows all of it.
pub fn show(wire: &Wire) {
    let trace = wire.trace();
    crate::render::everything(&trace, &Cast::default());
    crate::render::streamed(&wire.frames, &trace, "");
}
