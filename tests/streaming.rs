//! A capture told while it is read, and nothing of it kept, says what the trace says that keeps everything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use wiretale::capture::{Frame, LinkType, Timestamp};
use wiretale::cli::{Loaded, Secrets, trace_frames};
use wiretale::trace::Pipeline;
use wiretale::view::{Exporter, KINDS, Wanted, export};

/// Every capture in the repository.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("captures"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
                found.push(entry);
            }
        }
    }
    found.sort();
    assert!(found.len() > 40, "the captures were not found");
    found
}

fn wiretale(arguments: &[&str], file: &Path) -> Option<Vec<u8>> {
    let output = Command::cargo_bin("wiretale").unwrap().args(arguments).arg(file).output().unwrap();
    output.status.success().then_some(output.stdout)
}

/// What the trace says that keeps everything.
fn kept(file: &Path) -> Vec<u8> {
    let loaded = Loaded::open(file, Secrets::Known("")).unwrap();
    let mut out = Vec::new();
    export(&loaded.trace, &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut out).unwrap();
    out
}

#[test]
fn an_export_while_reading_is_the_export_of_the_trace() {
    let mut compared = 0;
    for file in captures() {
        let Some(streamed) = wiretale(&["export"], &file) else { continue };
        let (streamed, kept) = (String::from_utf8(streamed).unwrap(), String::from_utf8(kept(&file)).unwrap());
        for (streamed, kept) in streamed.lines().zip(kept.lines()) {
            assert_eq!(streamed, kept, "{}", file.display());
        }
        assert_eq!(streamed.len(), kept.len(), "{}", file.display());
        compared += 1;
    }
    assert!(compared > 40, "only {compared} captures could be read");
}

#[test]
fn a_summary_counts_what_an_export_lists() {
    for file in captures() {
        let Some(lines) = wiretale(&["export"], &file) else { continue };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let (mut message_octets, mut streams) = (0, std::collections::BTreeSet::new());
        for line in lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap();
            *counts.entry(line["kind"].as_str().unwrap().to_owned()).or_default() += 1;
            if line["kind"] == "websocket.message" {
                message_octets += line["payload_len"].as_u64().unwrap_or(0);
            }
            if line["kind"] == "packet" {
                streams.extend(line["stream"].as_u64());
            }
        }
        let summary = wiretale(&["replay", "--summary", "--json"], &file).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        let told: BTreeMap<String, u64> = serde_json::from_value(summary["kinds"].clone()).unwrap();
        let told: BTreeMap<String, u64> = told.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(told, counts, "{}", file.display());
        assert_eq!(summary["websocket"]["message_octets"], message_octets, "{}", file.display());
        assert_eq!(summary["connections"]["tcp"], streams.len(), "{}", file.display());
    }
}

#[test]
fn any_number_of_threads_counts_the_same() {
    for file in captures() {
        let summary = |threads: &str| wiretale(&["replay", "--summary", "--json", "--threads", threads], &file);
        let one = summary("1");
        for threads in ["2", "3", "16"] {
            assert_eq!(summary(threads), one, "{} with {threads} threads", file.display());
        }
    }
}

/// A raw IP packet with a TCP segment, from port 50000 to 80 or back.
fn segment(to_server: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Frame {
    let len = (40 + payload.len()) as u16;
    let ports: [u16; 2] = if to_server { [50_000, 80] } else { [80, 50_000] };
    let mut data = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    data.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    data.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    data.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
    data.extend(payload);
    Frame { time: Timestamp(0), link: LinkType::RAW, interface: 0, len: len.into(), data, comments: Vec::new() }
}

/// The export of frames that are told and forgotten, which is that of frames that are kept.
fn streamed_as_kept(frames: &[Frame]) -> String {
    let mut streamed = Vec::new();
    let mut exporter = Exporter::new(&mut streamed, &KINDS, None, false);
    let mut pipeline = Pipeline::new(&mut exporter);
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end();
    exporter.end().unwrap();
    let mut kept = Vec::new();
    let trace = trace_frames(frames);
    export(&trace, &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut kept).unwrap();
    let (streamed, kept) = (String::from_utf8(streamed).unwrap(), String::from_utf8(kept).unwrap());
    assert_eq!(streamed.lines().collect::<Vec<_>>(), kept.lines().collect::<Vec<_>>());
    streamed
}

/// Found by fuzzing: an answer that only the end of the connection ends is judged in the frame of whoever ended it, and what is
/// remarked there of its request is that one's.
#[test]
fn a_remark_is_by_whoever_sent_its_frame() {
    let asks =
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let answers = b"HTTP/1.1 400 Bad Request\r\n\r\nthe key is missing";
    let (up, down) = (1 + asks.len() as u32, 1 + answers.len() as u32);
    let streamed = streamed_as_kept(&[
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x18, asks),
        segment(false, 1, up, 0x18, answers),
        segment(true, up, down, 0x18, b"no request\r\n\r\n"),
        segment(true, up + 14, 0, 4, b""),
    ]);
    let remark = streamed.lines().find(|line| line.contains("the request has no Sec-WebSocket-Key")).unwrap();
    assert!(remark.contains("\"frame\":6,") && remark.contains("\"to\":\"127.0.0.1:80\""), "{remark}");
}

/// Found by fuzzing: what is read where it lies has its octets also when the message began earlier in the segment, and a
/// gap nobody reads behind has its frame.
#[test]
fn what_is_read_in_passing_loses_nothing() {
    let asks = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switches = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let (up, down) = (1 + asks.len() as u32, 1 + switches.len() as u32);
    let frames = [
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x18, asks),
        segment(false, 1, up, 0x18, switches),
        segment(false, down, up, 0x18, b"\x01\x02he\x80\x03llo\x81\x02hi"),
        segment(false, down + 20, up, 0x18, b"no frame at all"),
        segment(false, down + 50, up, 0x18, b"nor this"),
    ];
    let streamed = streamed_as_kept(&frames);
    assert!(streamed.contains("\"text\":\"hello\""), "{streamed}");
    assert_eq!(streamed.matches("were not captured").count(), 2, "{streamed}");
}

/// Found by fuzzing: that octets come again as others is told of those that wait behind a hole, which are kept by all; not of
/// those that were read, which only some keep.
#[test]
fn octets_that_come_again_as_others_are_told_alike() {
    let asks = b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let other = b"GET / HTTP/1.1\r\nHost: two.example\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let streamed = streamed_as_kept(&[
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 11, 1, 0x18, &asks[10..]),
        segment(true, 11, 1, 0x18, &other[10..]),
        segment(true, 21, 1, 0x18, &other[20..30]),
        segment(true, 1, 1, 0x18, &asks[..10]),
        segment(true, 1, 1, 0x18, other),
    ]);
    let told: Vec<&str> =
        streamed.lines().filter(|line| line.contains("something else than what came first")).collect();
    let frames: Vec<bool> =
        told.iter().zip([4, 5]).map(|(line, frame)| line.contains(&format!("\"frame\":{frame},"))).collect();
    assert_eq!(frames, [true, true], "{told:?}");
    assert!(streamed.contains("\"GET\"") && !streamed.contains("two.example"), "what came first is read: {streamed}");
}
