//! What both formats have in common.

use std::io::{self, Cursor, Read};

use miette::Diagnostic;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::pcap::tests::LITTLE;
use super::pcapng::tests::TWO_SECTIONS;
use super::{CaptureFile, Window};
use crate::capture::{About, CaptureError, Disorder, Frame, FrameRef, Source};
use crate::layer::{Group, Severity};

/// Every frame, and what is known at the end. Those at hand are taken as such.
fn drain(mut file: CaptureFile) -> (Vec<Frame>, About) {
    let mut frames = Vec::new();
    let mut take = |frame: FrameRef<'_>| {
        assert!(frame.data.len() <= frame.len as usize);
        frames.push(frame.to_frame());
    };
    loop {
        while let Some(frame) = file.at_hand() {
            take(frame);
        }
        let Some(frame) = file.next_frame().unwrap() else { break };
        take(frame);
    }
    assert!(file.at_hand().is_none() && file.next_frame().unwrap().is_none(), "nothing comes after the end");
    (frames, file.about().clone())
}

fn open(bytes: &[u8]) -> Result<CaptureFile, CaptureError> {
    CaptureFile::from_reader("test", Cursor::new(bytes.to_vec()))
}

pub(super) fn read_all(bytes: &[u8]) -> (Vec<Frame>, About) {
    drain(open(bytes).unwrap())
}

/// How many frames came before the cut, where it is, and its sentence.
pub(super) fn cut_of(bytes: &[u8]) -> (usize, u64, String) {
    let (frames, about) = read_all(bytes);
    let cut = about.cut.expect("the capture is cut");
    (frames.len(), cut.offset, cut.to_string())
}

pub(super) fn open_error(bytes: &[u8]) -> String {
    let error = open(bytes).err().expect("this cannot be opened");
    assert!(error.help().is_some());
    error.to_string()
}

/// One octet at a time, now and then interrupted, as pipes may do.
struct Drip(Cursor<Vec<u8>>, u32);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn a_pipe_gives_the_same_as_a_file() {
    for bytes in [LITTLE, TWO_SECTIONS] {
        let dripping = CaptureFile::from_reader("test", Drip(Cursor::new(bytes.to_vec()), 0)).unwrap();
        assert_eq!(drain(dripping), read_all(bytes));
    }
}

#[test]
fn every_prefix_gives_a_prefix_of_the_frames() {
    // Where a record or block ends; a file that ends anywhere else is cut.
    let pcap: &[usize] = &[24, 43];
    let pcapng: &[usize] = &[60, 104, 144, 160, 220, 240, 268, 288, 324];
    for (bytes, ends) in [(LITTLE, pcap), (TWO_SECTIONS, pcapng)] {
        let all = read_all(bytes).0;
        for end in 0..bytes.len() {
            let Ok(file) = open(&bytes[..end]) else {
                assert!(end < ends[0]);
                continue;
            };
            let (frames, about) = drain(file);
            assert_eq!(frames, all[..frames.len()]);
            let begun = ends.iter().rev().find(|&&before| before < end);
            let offset = if ends.contains(&end) { None } else { begun.map(|&before| before as u64) };
            assert_eq!(about.cut.map(|cut| cut.offset), offset, "{end} octets");
        }
    }
}

#[test]
fn reading_fails_in_the_middle() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let mut file = CaptureFile::from_reader("test", Cursor::new(LITTLE[..50].to_vec()).chain(Broken)).unwrap();
    assert!(file.next_frame().unwrap().is_some());
    let error = file.next_frame().unwrap_err();
    assert_eq!(error.to_string(), "cannot read capture `test` beyond byte 50: the disk is on fire");
    assert!(file.next_frame().unwrap().is_none());
    assert!(file.about().cut.is_none());

    let error = CaptureFile::from_reader("test", Broken).err().unwrap();
    assert_eq!(error.to_string(), "cannot read capture `test` beyond byte 0: the disk is on fire");
}

#[test]
fn what_cannot_be_opened() {
    let home = tempfile::tempdir().unwrap();
    let name = home.path().display();
    let said = |path: &std::path::Path| CaptureFile::open(path).err().map(|error| error.to_string()).unwrap();
    assert_eq!(said(home.path()), format!("cannot open capture `{name}`: it is a directory"));
    let missing = said(&home.path().join("missing"));
    assert!(missing.starts_with(&format!("cannot open capture `{name}/missing`: No such file")), "{missing}");

    let error = open(b"\x1f\x8b\x08\0").err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot read capture `test`: it is no pcap or pcapng file but looks like a gzip file"
    );
    assert_eq!(error.help().unwrap().to_string(), "it is compressed: decompress it first with gunzip");
    assert_eq!(open_error(b"hi"), "cannot read capture `test`: it is no pcap or pcapng file but looks like text");
}

#[test]
fn long_frames_pass_and_longer_ones_are_damage() {
    let mut bytes = LITTLE[..24].to_vec();
    bytes.extend([0; 8]);
    bytes.extend((crate::capture::MAX_RECORD as u32).to_le_bytes().repeat(2));
    bytes.resize(bytes.len() + crate::capture::MAX_RECORD, 0xaa);
    let (frames, about) = read_all(&bytes);
    assert_eq!((frames.len(), frames[0].data.len(), about.cut), (1, crate::capture::MAX_RECORD, None));
    bytes[32] += 1;
    assert_eq!(cut_of(&bytes).0, 0);
}

/// A valid file with some octets changed, some left out, and its end cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base = prop_oneof![Just(LITTLE), Just(TWO_SECTIONS)];
    let changes = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8);
    (base, changes, any::<proptest::sample::Index>(), 0..4usize).prop_map(|(base, changes, at, gone)| {
        let mut bytes = base.to_vec();
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let at = at.index(bytes.len() - gone);
        bytes.drain(at..at + gone);
        bytes
    })
}

proptest! {
    #[test]
    fn random_octets_never_panic(bytes in vec(any::<u8>(), 0..512), head in prop_oneof![Just(0), Just(24), Just(60)]) {
        let base = if head == 24 { LITTLE } else { TWO_SECTIONS };
        if let Ok(file) = open(&[&base[..head], &bytes].concat()) {
            drain(file);
        }
    }

    #[test]
    fn random_mutations_never_panic(bytes in mutated()) {
        if let Ok(file) = open(&bytes) {
            let (_, about) = drain(file);
            assert!(about.cut.is_none_or(|cut| cut.offset <= bytes.len() as u64));
        }
    }
}

#[test]
fn a_window_is_bounded_by_what_it_is_asked_for() {
    let mut window = Window::new(Box::new(io::repeat(0)));
    for _ in 0..50 {
        window.fill(3 << 20).unwrap();
        window.take(3 << 20);
    }
    assert!(window.capacity() <= 6 << 20);
}

/// Which frames are earlier than the one before is counted, and told: in a low voice where it is less than a millisecond.
#[test]
fn frames_that_go_back_in_time_are_told() {
    let file = |microseconds: &[u32]| {
        let mut bytes = LITTLE[..24].to_vec();
        for time in microseconds {
            bytes.extend([7, *time, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
        }
        read_all(&bytes).1
    };
    let about = file(&[500, 300, 400, 400, 100, 900]);
    assert_eq!(about.disorder, Disorder { frames: 2, first: 2, largest: 300_000 });
    let [note] = &about.notes()[..] else { panic!("{:?}", about.notes()) };
    assert_eq!((note.severity, note.group), (Severity::Chat, Group::Sequence));
    let says =
        "2 frames are earlier than the one before (frame 2 is the first), by up to 0.300 ms: times between frames";
    assert!(note.text.starts_with(says), "{}", note.text);
    let about = file(&[500, 999_999, 5]);
    assert_eq!(about.disorder, Disorder { frames: 1, first: 3, largest: 999_994_000 });
    let [note] = &about.notes()[..] else { panic!("{:?}", about.notes()) };
    assert!(note.severity == Severity::Note && note.text.contains("1 frame is earlier"), "{}", note.text);
    assert_eq!(file(&[500, 500, 900]).notes(), []);
    // A frame without a time is not earlier.
    assert_eq!(read_all(TWO_SECTIONS).1.disorder, Disorder::default());
}
