//! Capture files compared with what tshark, which comes with Wireshark, reads in them.
//!
//! Every file is made here, octet by octet or with our own writer. Where tshark is missing the comparison is skipped,
//! and said to be; with `WIRETALE_REQUIRE_TSHARK=1` its absence is a failure.

#![allow(clippy::unwrap_used)] // helpers of tests; clippy only knows the tests themselves

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use wiretale::capture::{CaptureFile, Frame, Interface, LinkType, Section, Source, Statistics, Timestamp, Writer};

/// What both sides tell of a frame: its time, its lengths, its comments.
#[derive(Debug, PartialEq)]
struct Told {
    time: String,
    len: u32,
    captured: usize,
    /// Wireshark's own number for the link type.
    encapsulation: u16,
    comments: String,
}

fn ours(path: &Path) -> Vec<Told> {
    let mut file = CaptureFile::open(path).unwrap();
    let mut told = Vec::new();
    while let Some(frame) = file.next_frame().unwrap() {
        told.push(Told {
            time: format!("{}.{:09}", frame.time.0.div_euclid(1_000_000_000), frame.time.0.rem_euclid(1_000_000_000)),
            len: frame.len,
            captured: frame.data.len(),
            encapsulation: if frame.link == LinkType::ETHERNET { 1 } else { 7 },
            comments: frame.comments.join("|"),
        });
    }
    assert_eq!(file.about().cut, None);
    told
}

fn theirs(path: &Path) -> Vec<Told> {
    let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.comment"];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", "-r"]).arg(path);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        // A frame without a time, of a simple packet block, is one at 0 for us.
        let time = Some(next()).filter(|time| !time.is_empty()).unwrap_or("0.000000000".into());
        let (len, captured) = (next().parse().unwrap(), next().parse().unwrap());
        let encapsulation = next().parse().unwrap();
        Told { time, len, captured, encapsulation, comments: next() }
    };
    text.lines().map(line).collect()
}

/// Whether the comparison with `tool` can be made.
fn found(tool: &'static str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let required = std::env::var("WIRETALE_REQUIRE_TSHARK").is_ok_and(|value| value == "1");
    assert!(found || !required, "WIRETALE_REQUIRE_TSHARK is set, but there is no {tool}");
    if !found && SKIPPED.lock().unwrap().insert(tool) {
        // Not `eprintln!`: the test harness would swallow it, because the test passes.
        let text = format!("SKIPPED: there is no {tool} here, so nothing was compared with it\n");
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    found
}

/// The tools whose absence was told.
static SKIPPED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// Compares the frames of a file, which must be as many as `count`.
fn compare(name: &str, bytes: &[u8], count: usize) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    fs::write(&path, bytes).unwrap();
    let ours = ours(&path);
    assert_eq!(ours.len(), count, "{name}");
    if found("tshark") {
        assert_eq!(ours, theirs(&path), "{name}");
    }
}

/// Numbers written in one byte order.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    const BOTH: [Self; 2] = [Self::Little, Self::Big];

    fn u16(self, number: u16) -> Vec<u8> {
        match self {
            Self::Little => number.to_le_bytes().to_vec(),
            Self::Big => number.to_be_bytes().to_vec(),
        }
    }

    fn u32(self, number: u32) -> Vec<u8> {
        match self {
            Self::Little => number.to_le_bytes().to_vec(),
            Self::Big => number.to_be_bytes().to_vec(),
        }
    }

    fn u64(self, number: u64) -> Vec<u8> {
        match self {
            Self::Little => number.to_le_bytes().to_vec(),
            Self::Big => number.to_be_bytes().to_vec(),
        }
    }

    fn numbers(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| self.u32(number)).collect()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let len = self.u32((body.len() + padding.len() + 12) as u32);
        [&self.u32(kind)[..], &len, body, &padding, &len].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, &padding].concat()
    }

    fn section(self, options: &[u8]) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[&self.u32(0x1a2b_3c4d)[..], &version, &self.u64(u64::MAX), options].concat())
    }

    fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &self.u16(0), &self.u32(snaplen), options].concat())
    }

    fn enhanced(self, interface: u32, ticks: u64, len: u32, data: &[u8], options: &[u8]) -> Vec<u8> {
        let head = self.numbers(&[interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, len]);
        let padding = vec![0; data.len().next_multiple_of(4) - data.len()];
        self.block(6, &[&head[..], data, &padding, options].concat())
    }

    fn simple(self, len: u32, data: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.u32(len)[..], data].concat())
    }

    fn obsolete(self, interface: u16, ticks: u64, len: u32, data: &[u8]) -> Vec<u8> {
        let head = self.numbers(&[(ticks >> 32) as u32, ticks as u32, data.len() as u32, len]);
        self.block(2, &[&self.u16(interface)[..], &self.u16(u16::MAX), &head, data].concat())
    }
}

/// A UDP datagram in IPv4, from 10.0.0.1 to 10.0.0.2, with the payload `hi`.
const PACKET: &[u8] = &[
    0x45, 0, 0, 30, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4: 30 octets, protocol 17
    0x30, 0x39, 0x30, 0x3a, 0, 10, 0, 0, b'h', b'i', // UDP: ports 12345 and 12346, 10 octets
];

/// Ethernet, then the packet.
fn ethernet() -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], PACKET].concat()
}

#[test]
fn pcap_of_every_kind() {
    let kinds = [(0xa1b2_c3d4, &[][..]), (0xa1b2_3c4d, &[]), (0xa1b2_cd34, &[0, 0, 0, 3, 8, 0, 4, 0])];
    for order in Order::BOTH {
        for (magic, more) in kinds {
            let mut bytes = order.u32(magic);
            bytes.extend([order.u16(2), order.u16(4), order.numbers(&[0, 0, 65_535, 101])].concat());
            for fraction in [0, 7, 999_999] {
                bytes.extend(order.numbers(&[1_700_000_000, fraction, PACKET.len() as u32, 60]));
                bytes.extend(more);
                bytes.extend(PACKET);
            }
            compare(&format!("{magic:x}-{}.pcap", bytes[0]), &bytes, 3);
        }
    }
}

#[test]
fn pcapng_of_every_resolution() {
    let now = 1_700_000_000u64;
    for order in Order::BOTH {
        for (resolution, per_second) in [
            (0, 1),
            (3, 1_000),
            (6, 1_000_000),
            (7, 10_000_000),
            (9, 1_000_000_000),
            (0x80, 1),
            (0x80 | 10, 1 << 10),
            (0x80 | 20, 1 << 20),
            (10, 10_000_000_000),
            (0x80 | 32, 1 << 32),
        ] {
            let options = [order.option(9, &[resolution]), order.option(14, &order.u64(3_600)), order.u32(0)].concat();
            let mut bytes = [order.section(&[]), order.interface(101, 0, &options)].concat();
            for ticks in [now * per_second, now * per_second + 1, now * per_second + per_second / 3] {
                bytes.extend(order.enhanced(0, ticks, 30, PACKET, &[]));
            }
            compare(&format!("resolution-{resolution}.pcapng"), &bytes, 3);
        }
    }
}

#[test]
fn pcapng_of_several_sections_and_interfaces() {
    let mut bytes = Vec::new();
    for (order, seconds) in [(Order::Little, 1_000), (Order::Big, 2_000), (Order::Little, 3_000)] {
        let comments = [order.option(1, b"section"), order.option(1, b"comment"), order.u32(0)].concat();
        bytes.extend(order.section(&comments));
        bytes.extend(order.interface(101, 20, &[]));
        bytes.extend(order.interface(1, 0, &[order.option(2, b"eth0"), order.option(9, &[9])].concat()));
        let comments = [order.option(1, "größe".as_bytes()), order.option(1, b"two"), order.u32(0)].concat();
        bytes.extend(order.enhanced(0, seconds * 1_000_000 + 5, 30, &PACKET[..20], &comments));
        bytes.extend(order.block(0x7777_7777, &order.numbers(&[1, 2, 3])));
        bytes.extend(order.enhanced(1, seconds * 1_000_000_000 + 5, 44, &ethernet(), &[]));
        bytes.extend(order.simple(30, &PACKET[..20]));
        bytes.extend(order.obsolete(1, seconds * 1_000_000_000 + 6, 44, &ethernet()));
        bytes.extend(order.enhanced(1, seconds * 1_000_000_000 + 7, 44, &[], &[]));
    }
    compare("sections.pcapng", &bytes, 15);

    // tshark 4.0 counts interfaces anew in every section; we count over the whole file.
    let mut file = CaptureFile::from_reader("sections", std::io::Cursor::new(bytes)).unwrap();
    let mut interfaces = Vec::new();
    while let Some(frame) = file.next_frame().unwrap() {
        interfaces.push(frame.interface);
    }
    assert_eq!(interfaces, [0, 1, 0, 1, 1, 2, 3, 2, 3, 3, 4, 5, 4, 5, 5]);
}

/// What the writer is given in the tests below.
fn written() -> (Section, Vec<Frame>) {
    let interface = |name: &str, link, snaplen| Interface { name: Some(name.into()), link, snaplen };
    let section = Section {
        application: Some("wiretale".into()),
        comments: vec!["staged by a test".into()],
        interfaces: vec![interface("lo", LinkType::ETHERNET, 262_144), interface("tun0", LinkType::RAW, 24)],
        big_endian: false,
    };
    let frame = |time, interface: usize, data: &[u8], comments: &[&str]| Frame {
        time: Timestamp(time),
        link: section.interfaces[interface].link,
        interface: interface as u32,
        len: 44,
        data: data.to_vec(),
        comments: comments.iter().map(ToString::to_string).collect(),
    };
    let frames = vec![
        frame(1_700_000_000_123_456_789, 0, &ethernet(), &[]),
        frame(1_700_000_000_123_456_788, 1, &PACKET[..24], &["cut to 24 octets", "grüße"]),
        frame(0, 0, &ethernet(), &["the first second"]),
    ];
    (section, frames)
}

fn write_to(path: &Path) -> Vec<Frame> {
    let (section, frames) = written();
    let out = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let mut writer = Writer::new("written", out, &section).unwrap();
    for frame in &frames {
        writer.write(&frame.as_ref()).unwrap();
    }
    writer.finish(Some(Statistics { received: 9, dropped: 6 })).unwrap();
    frames
}

#[test]
fn what_is_written_is_read_by_both() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("written.pcapng");
    let frames = write_to(&path);
    compare("written.pcapng", &fs::read(&path).unwrap(), frames.len());
    if !found("tshark") {
        return;
    }
    let told = theirs(&path);
    assert_eq!(told[0].time, "1700000000.123456789");
    assert_eq!(told[1].comments, "cut to 24 octets|grüße");
    assert_eq!((told[1].len, told[1].captured), (44, 24));
}

#[test]
fn capinfos_sees_what_is_said_of_the_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("written.pcapng");
    write_to(&path);
    if !found("capinfos") {
        return;
    }
    let output = Command::new("capinfos").arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "nanoseconds (9)",
        "Capture application: wiretale",
        "staged by a test",
        "Name = lo",
        "Name = tun0",
        "Number of stat entries = 1",
    ] {
        assert!(text.contains(part), "capinfos does not say `{part}`:\n{text}");
    }
}

/// The names of hosts in a capture of either byte order are in the one that is made of it, and so is what nobody knows.
#[test]
fn what_others_wrote_survives_in_either_byte_order() {
    let names = |order: Order| {
        let record = [&order.u16(1)[..], &order.u16(9), &[10, 0, 0, 1], b"host\0", &[0, 0, 0], &order.u32(0)].concat();
        order.block(4, &record)
    };
    let unknown = |order: Order| order.block(0x8000_0007, &order.numbers(&[7]));
    let part = |order: Order| {
        let capture = [order.interface(101, 0, &[]), order.enhanced(0, 1, 30, PACKET, &[])].concat();
        [order.section(&[]), names(order), unknown(order), capture].concat()
    };
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from.pcapng"), home.path().join("to.pcapng"));
    let (little, big) = (part(Order::Little), part(Order::Big));
    for (bytes, count, sections) in [(little.clone(), 1, 1), (big.clone(), 1, 1), ([big, little].concat(), 2, 2)] {
        fs::write(&from, &bytes).unwrap();
        let lesson = ["lesson", "3", "--json", "--from", from.to_str().unwrap(), "--save", to.to_str().unwrap()];
        let saved = assert_cmd::Command::cargo_bin("wiretale").unwrap().args(lesson).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&saved.stderr).matches("lacks").count(), 0);
        let read = |path: &Path| {
            let mut file = CaptureFile::open(path).unwrap();
            while file.next_frame().unwrap().is_some() {}
            let mut others = file.about().others.clone();
            others.sort_by_key(|other| (other.big_endian, other.kind));
            others
        };
        assert_eq!(read(&to), read(&from));
        let written = fs::read(&to).unwrap();
        let headers = written.windows(4).filter(|window| *window == [0x0a, 0x0d, 0x0d, 0x0a]).count();
        assert_eq!((headers, written[8] == 0x1a), (sections, bytes[8] == 0x1a && sections == 1));
        compare("to.pcapng", &written, count);
        if !found("capinfos") || !found("editcap") {
            continue;
        }
        // What editcap reads it writes again, but for names.
        let again = home.path().join("again.pcapng");
        assert!(Command::new("editcap").args([&to, &again]).status().unwrap().success());
        assert_eq!(ours(&again).len(), count);
        let output = Command::new("capinfos").arg(&to).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // One for each block with names, whichever section it stands in.
        let names = format!("resolved IPv4 addresses in file: {count}");
        assert!(output.status.success() && text.contains(&names), "{text}");
    }
}
