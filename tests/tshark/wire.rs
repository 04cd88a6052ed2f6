//! Conversations written octet by octet: link, IP and TCP headers with true checksums, no stack involved.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use wiretale::capture::{Frame, Interface, LinkType, Section, Timestamp, Writer};

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// The links a capture is written on, each an interface of the file.
const LINKS: [LinkType; 6] =
    [LinkType::ETHERNET, LinkType::NULL, LinkType::RAW, LinkType::LINUX_SLL, LinkType::LOOP, LinkType::LINUX_SLL2];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

pub use Side::{Client, Server};

impl Side {
    fn other(self) -> Self {
        match self {
            Client => Server,
            Server => Client,
        }
    }
}

/// One TCP connection, as the frames it takes.
#[derive(Debug, Clone)]
pub struct Talk {
    /// What it is about, for those who read a failure.
    pub name: &'static str,
    link: LinkType,
    ends: [SocketAddr; 2],
    /// The next sequence number of each side.
    next: [u32; 2],
    /// The window each side gives.
    pub windows: [u16; 2],
    /// How far each side's acknowledgements stand from the other's next number.
    pub ack_ahead: [i64; 2],
    pub frames: Vec<(LinkType, Vec<u8>)>,
    /// Nanoseconds by which a frame, by its place, comes later than usual.
    delays: BTreeMap<usize, i64>,
}

impl Talk {
    /// A connection on Ethernet and IPv4, whose numbers start at odd places.
    pub fn new(name: &'static str, port: u16) -> Self {
        Self::between(name, LinkType::ETHERNET, ["10.0.0.1", "10.0.0.2"], port)
    }

    /// A connection between two addresses on a link.
    pub fn between(name: &'static str, link: LinkType, hosts: [&str; 2], port: u16) -> Self {
        let [client, server] = hosts.map(|host| host.parse::<IpAddr>().unwrap());
        let ends = [SocketAddr::new(client, port), SocketAddr::new(server, 8080)];
        let start = u32::from(port).wrapping_mul(2_654_435_761);
        let next = [start, start.rotate_left(13)];
        let windows = [0x2000, 0x2000];
        Self { name, link, ends, next, windows, ack_ahead: [0, 0], frames: Vec::new(), delays: BTreeMap::new() }
    }

    /// To a port that says nothing about what is spoken.
    pub fn of_no_protocol(mut self) -> Self {
        self.ends[1].set_port(40_404);
        self
    }

    /// The numbers the two sides begin with.
    pub fn starting_at(mut self, client: u32, server: u32) -> Self {
        self.next = [client, server];
        self
    }

    /// The next frame comes so much later than the millisecond that lies between two, or earlier.
    pub fn wait(&mut self, nanoseconds: i64) {
        *self.delays.entry(self.frames.len()).or_default() += nanoseconds;
    }

    /// The latest frame was sent, but is not in the capture.
    pub fn lose_last(&mut self) {
        self.frames.pop();
    }

    /// Opens it with three segments, all options in the first two.
    pub fn open(mut self) -> Self {
        self.syn(Client, b"");
        self.syn(Server, b"");
        self.segment(Client, 0, ACK, b"");
        self
    }

    /// One side's SYN, with data if the client is in a hurry.
    pub fn syn(&mut self, from: Side, data: &[u8]) {
        let options = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
        let flags = if from == Client { SYN } else { SYN | ACK };
        self.raw(from, 0, flags, &options, data);
        self.advance(from, 1 + data.len());
    }

    /// Payload in one segment, acknowledged.
    pub fn says(&mut self, from: Side, payload: &[u8]) {
        self.pushes(from, payload);
        self.segment(from.other(), 0, ACK, b"");
    }

    /// Payload in one segment, not acknowledged yet.
    pub fn pushes(&mut self, from: Side, payload: &[u8]) {
        self.segment(from, 0, PSH | ACK, payload);
        self.advance(from, payload.len());
    }

    /// Payload in segments of at most this many octets.
    pub fn dribbles(&mut self, from: Side, payload: &[u8], size: usize) {
        for part in payload.chunks(size) {
            self.pushes(from, part);
        }
        self.segment(from.other(), 0, ACK, b"");
    }

    /// A segment that stands `ahead` octets after the next one expected; the numbers do not advance.
    pub fn segment(&mut self, from: Side, ahead: i64, flags: u8, payload: &[u8]) {
        let options = [1, 1, 8, 10, 0, 0, 0, self.frames.len() as u8, 0, 0, 0, 1];
        self.raw(from, ahead, flags, &options, payload);
    }

    /// Moves one side's next number on.
    pub fn advance(&mut self, side: Side, octets: usize) {
        self.next[side as usize] = self.next[side as usize].wrapping_add(octets as u32);
    }

    /// Both sides end, the one named first, with data on its FIN.
    pub fn close(&mut self, first: Side, data: &[u8]) {
        self.segment(first, 0, FIN | ACK, data);
        self.advance(first, data.len() + 1);
        self.segment(first.other(), 0, FIN | ACK, b"");
        self.advance(first.other(), 1);
        self.segment(first, 0, ACK, b"");
    }

    /// The next sequence number of a side.
    pub fn next(&self, side: Side) -> u32 {
        self.next[side as usize]
    }

    /// A segment with these options, which must fill words of four octets.
    pub fn raw(&mut self, from: Side, ahead: i64, flags: u8, options: &[u8], payload: &[u8]) {
        let (source, destination) = (self.ends[from as usize], self.ends[from.other() as usize]);
        let seq = self.next[from as usize].wrapping_add(ahead as u32);
        let ack_ahead = self.ack_ahead[from as usize] as u32;
        let ack = if flags & ACK == 0 { 0 } else { self.next[from.other() as usize].wrapping_add(ack_ahead) };
        let mut tcp = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        tcp.extend([((20 + options.len()) as u8 / 4) << 4, flags]);
        tcp.extend(self.windows[from as usize].to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(options);
        tcp.extend(payload);
        let sum = checksum(&[&pseudo_header(source.ip(), destination.ip(), tcp.len()), &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let packet = ip_packet(source.ip(), destination.ip(), self.frames.len() as u16, &tcp);
        let header = link_header(self.link, from, source.is_ipv6());
        self.frames.push((self.link, [header, packet].concat()));
    }
}

fn link_header(link: LinkType, from: Side, v6: bool) -> Vec<u8> {
    let ether_type = if v6 { [0x86, 0xdd] } else { [8, 0] };
    let [client, server] = [[2u8, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
    match (link, from) {
        (LinkType::ETHERNET, Client) => [&server[..], &client, &ether_type].concat(),
        (LinkType::ETHERNET, Server) => [&client[..], &server, &ether_type].concat(),
        // Address family, in the byte order of the host: 30 is IPv6 on macOS.
        (LinkType::NULL, _) => vec![if v6 { 30 } else { 2 }, 0, 0, 0],
        (LinkType::LINUX_SLL, from) => {
            let kind = if from == Client { 4 } else { 0 };
            [&[0, kind, 0, 1, 0, 6][..], &client, &[0, 0], &ether_type].concat()
        }
        _ => Vec::new(),
    }
}

fn ip_packet(source: IpAddr, destination: IpAddr, id: u16, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = (20 + payload.len()) as u16;
            let mut header = [&[0x45, 0][..], &len.to_be_bytes(), &id.to_be_bytes(), &[0x40, 0, 64, 6, 0, 0]].concat();
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            [&header, payload].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = payload.len() as u16;
            let head = [&[0x60, 0, 0, 0][..], &len.to_be_bytes(), &[6, 64]].concat();
            [&head[..], &source.octets(), &destination.octets(), payload].concat()
        }
        _ => unreachable!("both ends have the same version"),
    }
}

fn pseudo_header(source: IpAddr, destination: IpAddr, len: usize) -> Vec<u8> {
    let mut header = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => header.extend(address.octets()),
            IpAddr::V6(address) => header.extend(address.octets()),
        }
    }
    header.extend([0, 6]);
    header.extend((len as u16).to_be_bytes());
    header
}

/// The Internet checksum (RFC 1071); every part but the last has an even number of octets.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words.map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// How conversations are written to a file.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// One after the other.
    InTurn,
    /// Their frames take turns.
    Mixed,
    /// One after the other, and of each frame only this many octets.
    Cut(usize),
}

/// Writes conversations to a file.
pub fn save(path: &Path, talks: &[Talk], form: Form) {
    let interface = |link| Interface { name: None, link, snaplen: 0 };
    let section = Section { interfaces: LINKS.map(interface).to_vec(), ..Section::default() };
    let out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut writer = Writer::new("made", out, &section).unwrap();
    let placed = |talk: &'_ Talk| -> Vec<(usize, i64, LinkType, Vec<u8>)> {
        let frames = talk.frames.iter().enumerate();
        let delay = |turn| talk.delays.get(&turn).copied().unwrap_or(0);
        frames.map(|(turn, (link, data))| (turn, delay(turn), *link, data.clone())).collect()
    };
    let mut frames: Vec<_> = talks.iter().flat_map(placed).collect();
    if let Form::Mixed = form {
        frames.sort_by_key(|(turn, ..)| *turn);
    }
    let kept = if let Form::Cut(octets) = form { octets } else { usize::MAX };
    let mut delays = 0;
    for (n, (_, delay, link, data)) in (0..).zip(frames) {
        delays += delay;
        let frame = Frame {
            // Steps of different lengths, odd nanoseconds in them.
            time: Timestamp(1_700_000_000_000_000_000 + n * 1_000_003 + n * n * 17 + delays),
            link,
            interface: LINKS.iter().position(|known| *known == link).unwrap() as u32,
            len: data.len() as u32,
            data: data[..data.len().min(kept)].to_vec(),
            comments: Vec::new(),
        };
        writer.write(&frame.as_ref()).unwrap();
    }
    writer.finish(None).unwrap();
}
