use std::io::{self, Cursor};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

use super::{Section, Writer};
use crate::capture::{
    About, CaptureFile, Frame, Interface, LinkType, Lost, MAX_BLOCK, OtherBlock, Source, Statistics, Timestamp,
};

fn interface() -> Interface {
    Interface { name: Some("lo".into()), link: LinkType::ETHERNET, snaplen: 0x40000 }
}

fn frame() -> Frame {
    Frame {
        time: Timestamp(0x1_0000_0002),
        link: LinkType::ETHERNET,
        interface: 0,
        len: 60,
        data: vec![7, 8, 9],
        comments: vec!["why?".into()],
    }
}

fn section() -> Section {
    Section {
        application: Some("wt".into()),
        comments: vec!["one".into()],
        interfaces: vec![interface()],
        big_endian: false,
    }
}

fn write(section: &Section, frames: &[Frame], statistics: Option<Statistics>) -> Vec<u8> {
    let mut writer = Writer::new("test", Vec::new(), section).unwrap();
    for frame in frames {
        writer.write(&frame.as_ref()).unwrap();
    }
    writer.finish(statistics).unwrap()
}

fn read(bytes: Vec<u8>) -> (Vec<Frame>, About) {
    let mut file = CaptureFile::from_reader("test", Cursor::new(bytes)).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = file.next_frame().unwrap() {
        frames.push(frame.to_frame());
    }
    (frames, file.about().clone())
}

#[test]
fn encodes() {
    #[rustfmt::skip]
    let expected = [
        // section header block
        0x0a, 0x0d, 0x0d, 0x0a, 48, 0, 0, 0, // type, length
        0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, // byte-order magic, version 1.0
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // section length: not known
        1, 0, 3, 0, b'o', b'n', b'e', 0, // opt_comment
        4, 0, 2, 0, b'w', b't', 0, 0, // shb_userappl
        0, 0, 0, 0, 48, 0, 0, 0, // opt_endofopt, length
        // interface description block
        1, 0, 0, 0, 40, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 4, 0, // Ethernet, reserved, snapshot length
        2, 0, 2, 0, b'l', b'o', 0, 0, // if_name
        9, 0, 1, 0, 9, 0, 0, 0, // if_tsresol: nanoseconds
        0, 0, 0, 0, 40, 0, 0, 0,
        // enhanced packet block
        6, 0, 0, 0, 48, 0, 0, 0,
        0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, // interface 0, time: high half, low half
        3, 0, 0, 0, 60, 0, 0, 0, 7, 8, 9, 0, // 3 octets of 60
        1, 0, 4, 0, b'w', b'h', b'y', b'?', // opt_comment
        0, 0, 0, 0, 48, 0, 0, 0,
        // interface statistics block
        5, 0, 0, 0, 52, 0, 0, 0,
        0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, // interface 0, time of the last frame
        4, 0, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0, // isb_ifrecv
        5, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, // isb_ifdrop
        0, 0, 0, 0, 52, 0, 0, 0,
    ];
    assert_eq!(write(&section(), &[frame()], Some(Statistics { received: 5, dropped: 1 })), expected);
}

#[test]
fn empty() {
    let bytes = write(&Section::default(), &[], Some(Statistics::default()));
    assert_eq!(bytes.len(), 28, "a bare section header, and no statistics of an interface that is not there");
    assert_eq!(read(bytes).0, []);
}

#[test]
fn long_comments_end_in_an_ellipsis() {
    let mut frame = frame();
    frame.comments = vec!["ü".repeat(40_000), "x".repeat(65_535), "a\0b".into()];
    let comments = read(write(&section(), &[frame.clone()], None)).0.remove(0).comments;
    assert_eq!(comments[0], "ü".repeat(32_766) + "…");
    assert_eq!(comments[0].len(), 65_535);
    assert_eq!(comments[1], frame.comments[1]);
    assert_eq!(comments[2], "a␀b");
}

#[test]
fn interfaces_may_come_late() {
    let mut writer = Writer::new("test", Vec::new(), &section()).unwrap();
    let mut frame = Frame { link: LinkType::RAW, interface: 1, ..frame() };
    let error = writer.write(&frame.as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write a frame to capture `test`: it has no interface 1 with link type 101");
    let raw = Interface { name: None, link: LinkType::RAW, snaplen: 0 };
    assert_eq!(writer.add_interface(&raw).unwrap(), 1);
    writer.write(&frame.as_ref()).unwrap();
    frame.interface = 0;
    writer.write(&frame.as_ref()).unwrap_err();
    let (frames, about) = read(writer.finish(None).unwrap());
    assert_eq!((frames.len(), about.interfaces), (1, vec![interface(), raw]));
}

#[test]
fn wrong_length() {
    let mut writer = Writer::new("test", io::sink(), &section()).unwrap();
    let mut frame = frame();
    frame.data = vec![0; MAX_BLOCK - 20];
    let error = writer.write(&frame.as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write a block to capture `test`: it has 17825"), "{error}");
}

#[test]
fn the_output_fails() {
    let mut room = [0; 100];
    let mut writer = Writer::new("test", &mut room[..], &section()).unwrap();
    let error = writer.write(&frame().as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write capture `test`: failed to write whole buffer");
}

/// Text without U+0000, which no reader would give back.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>().prop_filter("not zero", |&c| c != '\0'), 0..12).prop_map(String::from_iter)
}

fn interfaces() -> impl Strategy<Value = Vec<Interface>> {
    let interface = (option::of(text()), any::<u16>(), any::<u32>()).prop_map(|(name, link, snaplen)| Interface {
        name,
        link: LinkType(link),
        snaplen,
    });
    vec(interface, 1..4)
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let frame = (0..=i64::MAX, any::<u32>(), any::<u16>(), vec(any::<u8>(), 0..80), vec(text(), 0..3)).prop_map(
        |(time, interface, more, data, comments)| Frame {
            time: Timestamp(time),
            link: LinkType(0),
            interface,
            len: data.len() as u32 + u32::from(more),
            data,
            comments,
        },
    );
    vec(frame, 0..20)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        application in option::of(text()),
        comments in vec(text(), 0..3),
        interfaces in interfaces(),
        mut frames in frames(),
        counts in option::of(any::<(u64, u64)>()),
        big_endian in any::<bool>(),
    ) {
        for frame in &mut frames {
            frame.interface %= interfaces.len() as u32;
            frame.link = interfaces[frame.interface as usize].link;
        }
        let statistics = counts.map(|(received, dropped)| Statistics { received, dropped });
        let section = Section { application, comments, interfaces, big_endian };
        let (read, about) = read(write(&section, &frames, statistics));
        prop_assert_eq!(read, frames);
        prop_assert_eq!(about.statistics, statistics);
        prop_assert_eq!(about.cut, None);
        let Section { application, comments, interfaces, .. } = section;
        prop_assert_eq!((about.application, about.comments, about.interfaces), (application, comments, interfaces));
    }
}

#[test]
fn secrets_are_kept_and_come_back() {
    let mut writer = Writer::new("test", Vec::new(), &section()).unwrap();
    writer.add_secrets("CLIENT_RANDOM aa bb\n").unwrap();
    writer.add_secrets("x").unwrap();
    writer.write(&frame().as_ref()).unwrap();
    let (frames, about) = read(writer.finish(None).unwrap());
    assert_eq!((frames, about.secrets.as_deref()), (vec![frame()], Some("CLIENT_RANDOM aa bb\nx")));
    assert!(Writer::new("test", Vec::new(), &section()).unwrap().add_secrets(&"x".repeat(MAX_BLOCK + 1)).is_err());
    assert_eq!(read(write(&section(), &[frame()], None)).1.secrets, None);
}

/// Names of hosts and blocks nobody knows are somebody's work: they are in the file that is written next.
#[test]
fn other_blocks_are_kept() {
    let block = |kind: u32, body: &[u8]| OtherBlock { kind, body: body.to_vec(), big_endian: false };
    let names = block(4, &[1, 0, 6, 0, 127, 0, 0, 1, b'a', 0, 0, 0, 0, 0, 0, 0]);
    let kept = [names, block(0xbad, &[1, 2, 3, 4]), block(0x8000_0001, b"")];
    let mut writer = Writer::new("test", Vec::new(), &section()).unwrap();
    for other in kept.iter().chain([&block(0x4000_0bad, &[1, 2, 3, 4])]) {
        writer.add_other(other).unwrap();
    }
    writer.write(&frame().as_ref()).unwrap();
    let (frames, about) = read(writer.finish(None).unwrap());
    assert_eq!((frames, about.others.as_slice()), (vec![frame()], &kept[..]), "but for what asks not to be copied");
    assert!(Writer::new("test", Vec::new(), &section()).unwrap().add_other(&block(7, &vec![0; MAX_BLOCK])).is_err());
}

/// What is a number in a block that nobody knows nobody knows: it keeps its byte order, in a section of that order.
#[test]
fn other_blocks_keep_their_byte_order() {
    let block = |kind: u32, big_endian: bool| OtherBlock { kind, body: vec![0, 0, 0, 7], big_endian };
    for own in [false, true] {
        let section = Section { big_endian: own, ..section() };
        for blocks in [vec![block(0xbad, own)], vec![block(0xbad, !own), block(0x8000_0001, own), block(4, !own)]] {
            let mut writer = Writer::new("test", Vec::new(), &section).unwrap();
            blocks.iter().for_each(|block| writer.add_other(block).unwrap());
            writer.write(&frame().as_ref()).unwrap();
            let written = writer.finish(Some(Statistics { received: 5, dropped: 1 })).unwrap();
            assert_eq!(written[8] == 0x1a, own, "the section's own order");
            let (frames, about) = read(written);
            let mut expected = blocks.clone();
            expected.sort_by_key(|block| block.big_endian != own);
            assert_eq!((frames, &about.others), (vec![frame()], &expected));
            assert_eq!((about.interfaces, about.comments), (vec![interface()], vec!["one".to_owned()]));
            assert_eq!((about.lost, about.cut), (Lost::default(), None));
            assert_eq!(about.statistics, Some(Statistics { received: 5, dropped: 1 }));
        }
    }
}

/// Secrets of other protocols are nobody's here, and kept; what is not kept is counted.
#[test]
fn what_is_not_kept_is_counted() {
    let mut writer = Writer::new("test", Vec::new(), &section()).unwrap();
    let block = |kind: u32, body: Vec<u8>| OtherBlock { kind, body, big_endian: false };
    let wireguard = block(10, [&0x5747_4b4c_u32.to_le_bytes()[..], &4_u32.to_le_bytes(), b"keys"].concat());
    writer.add_other(&wireguard).unwrap();
    for kind in [0x4000_0bad, 0x4000_0bad, 7, 8] {
        writer.add_other(&block(kind, vec![0; 600_000])).unwrap();
    }
    let (_, about) = read(writer.finish(None).unwrap());
    assert_eq!(about.others.iter().map(|other| other.kind).collect::<Vec<_>>(), [10, 7]);
    assert_eq!((about.lost, about.secrets), (Lost { forbidden: 2, crowded: 1 }, None));
}
