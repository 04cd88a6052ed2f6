//! Puts frames into a capture file: Ethernet, IPv4 or IPv6, TCP or UDP, with true checksums.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::truth::Truth;

/// Which file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pcap,
    Pcapng,
}

/// A TCP segment to be sent.
pub struct Segment<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub payload: &'a [u8],
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// A capture file that grows.
pub struct Wire {
    out: BufWriter<File>,
    format: Format,
    /// Microseconds since 1970.
    now: u64,
    /// Octets written so far.
    pub written: u64,
    /// The most octets of payload in one segment.
    pub segment: usize,
    pub truth: Truth,
    frame: Vec<u8>,
}

impl Wire {
    pub fn create(path: &Path, format: Format, segment: usize) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let header: &[u32] = match format {
            Format::Pcap => &[0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1],
            // Section header of 28 octets, interface description of 20: Ethernet, microseconds.
            Format::Pcapng => &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 1, 20, 1, 262_144, 20],
        };
        for word in header {
            out.write_all(&word.to_le_bytes())?;
        }
        let now = 1_700_000_000_000_000;
        Ok(Self { out, format, now, written: 0, segment, truth: Truth::default(), frame: Vec::new() })
    }

    pub fn finish(mut self) -> io::Result<Truth> {
        self.out.flush()?;
        Ok(self.truth)
    }

    pub fn tcp(&mut self, segment: &Segment<'_>) -> io::Result<()> {
        let options: &[u8] = if segment.flags & SYN != 0 {
            // MSS 65495, SACK permitted, timestamps to be put in, window scale 7.
            &[2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7]
        } else {
            &[1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]
        };
        let clock = ((self.now / 1000) as u32).to_be_bytes();
        let header = 20 + options.len();
        let mut tcp = Vec::with_capacity(header + segment.payload.len());
        tcp.extend(segment.from.port().to_be_bytes());
        tcp.extend(segment.to.port().to_be_bytes());
        tcp.extend(segment.seq.to_be_bytes());
        tcp.extend(segment.ack.to_be_bytes());
        tcp.extend([((header / 4) << 4) as u8, segment.flags, 0x7f, 0xff, 0, 0, 0, 0]);
        tcp.extend(options);
        let at = if segment.flags & SYN != 0 { 28 } else { 24 };
        tcp[at..at + 4].copy_from_slice(&clock);
        tcp.extend(segment.payload);
        self.ip(segment.from.ip(), segment.to.ip(), 6, 16, tcp)
    }

    pub fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let len = (8 + payload.len()) as u16;
        let mut udp = [from.port().to_be_bytes(), to.port().to_be_bytes(), len.to_be_bytes(), [0, 0]].concat();
        udp.extend(payload);
        self.truth.kind("udp.datagram");
        self.ip(from.ip(), to.ip(), 17, 6, udp)
    }

    /// Fills in the checksum at this place, puts IP and Ethernet before, and writes the frame.
    fn ip(&mut self, from: IpAddr, to: IpAddr, protocol: u8, at: usize, mut body: Vec<u8>) -> io::Result<()> {
        let addresses = [octets(from), octets(to)].concat();
        let mut sum = Sum::default();
        sum.add(&addresses);
        sum.add(&[0, protocol]);
        sum.add(&(body.len() as u16).to_be_bytes());
        sum.add(&body);
        let checksum = match sum.complement() {
            // RFC 768: a sum of zero is sent as all ones.
            0 if protocol == 17 => u16::MAX,
            sum => sum,
        };
        body[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
        self.frame.clear();
        self.frame.extend([0; 12]);
        if from.is_ipv4() {
            let len = (20 + body.len()) as u16;
            let mut header = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0x40, 0, 64, protocol, 0, 0];
            header.extend(&addresses);
            let mut sum = Sum::default();
            sum.add(&header);
            header[10..12].copy_from_slice(&sum.complement().to_be_bytes());
            self.frame.extend([0x08, 0x00]);
            self.frame.extend(header);
        } else {
            self.frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            self.frame.extend((body.len() as u16).to_be_bytes());
            self.frame.extend([protocol, 64]);
            self.frame.extend(&addresses);
        }
        self.frame.extend(&body);
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        self.now += 7;
        let len = self.frame.len() as u32;
        self.truth.frames += 1;
        self.truth.kind("packet");
        self.truth.octets += u64::from(len);
        match self.format {
            Format::Pcap => {
                let (seconds, fraction) = ((self.now / 1_000_000) as u32, (self.now % 1_000_000) as u32);
                for word in [seconds, fraction, len, len] {
                    self.out.write_all(&word.to_le_bytes())?;
                }
                self.out.write_all(&self.frame)?;
                self.written += 16 + u64::from(len);
            }
            Format::Pcapng => {
                let padding = (4 - len % 4) % 4;
                let total = 32 + len + padding;
                for word in [6, total, 0, (self.now >> 32) as u32, self.now as u32, len, len] {
                    self.out.write_all(&word.to_le_bytes())?;
                }
                self.out.write_all(&self.frame)?;
                self.out.write_all(&[0; 4][..padding as usize])?;
                self.out.write_all(&total.to_le_bytes())?;
                self.written += u64::from(total);
            }
        }
        Ok(())
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The Internet checksum (RFC 1071) of pieces that each have an even number of octets, but for the last.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, octets: &[u8]) {
        let (words, rest) = octets.as_chunks::<4>();
        self.0 += words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>();
        for pair in rest.chunks(2) {
            self.0 += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
    }

    fn complement(&self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}
