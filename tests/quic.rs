//! QUIC that is opened: what it depends on, and what becomes of datagrams that are lost, come twice or in another order. That
//! what is read is what the programs said, `tests/interop.rs` shows; that its fields are those of tshark, `tests/tshark/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use wiretale::capture::Frame;
use wiretale::cli::{Loaded, Secrets};
use wiretale::explain::{Cast, Story};
use wiretale::layer::Direction;
use wiretale::trace::{Pipeline, Trace};
use wiretale::view::{Exporter, KINDS, Wanted, export};

/// The type of the block that holds secrets (pcapng, Decryption Secrets Block).
const SECRETS: u32 = 10;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/interop/captures/{name}.pcapng"))
}

/// The frames of a capture, and the secrets that stand in it.
fn capture(name: &str) -> (Vec<Frame>, String) {
    capture_at(&path(name))
}

fn capture_at(path: &Path) -> (Vec<Frame>, String) {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut secrets, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if word(at) == SECRETS {
            secrets.extend_from_slice(&bytes[at + 16..at + 16 + word(at + 12) as usize]);
        }
        at += word(at + 4) as usize;
    }
    let loaded = Loaded::open(path, Secrets::Known("")).unwrap();
    let frames = loaded.trace.records().map(|(_, record)| record.frame.clone()).collect();
    (frames, String::from_utf8(secrets).unwrap())
}

/// What is told of these frames, be they kept or told while they come.
fn told<'a>(frames: impl IntoIterator<Item = &'a Frame>, secrets: &str) -> Vec<Value> {
    let (mut out, mut streamed) = (Vec::new(), Vec::new());
    let mut exporter = Exporter::new(&mut streamed, &KINDS, None, false);
    let mut passing = Pipeline::new(&mut exporter);
    let mut pipeline = Pipeline::default();
    pipeline.learn_secrets(secrets);
    passing.learn_secrets(secrets);
    for frame in frames {
        pipeline.push(frame.as_ref());
        passing.push(frame.as_ref());
    }
    export(&pipeline.finish(), &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut out).unwrap();
    passing.end();
    exporter.end().unwrap();
    assert!(streamed == out, "what is kept must not change what is told");
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn notes(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter(|line| line["kind"] == "note").map(|line| line["text"].as_str().unwrap()).collect()
}

/// The packets of Engine.IO on the first connection that the server, or its client, sent: types and what they carry.
fn packets(lines: &[Value], to_server: bool) -> Vec<String> {
    let is_meant = |line: &&Value| {
        let to = line["to"].as_str().unwrap_or_default();
        line["kind"] == "engineio.packet" && line["quic"]["connection"] == 0 && to.ends_with(":8080") == to_server
    };
    let says = |line: &Value| format!("{} {} {}", line["type"], line["data"], line["binary_sha256"]);
    lines.iter().filter(is_meant).map(says).collect()
}

#[test]
fn without_its_secrets_a_connection_stays_closed() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let closed = told(&frames, "");
    assert!(packets(&closed, true).is_empty());
    let notes = notes(&closed);
    assert_eq!(notes.len(), 2, "once for each of two connections: {notes:?}");
    assert!(notes.iter().all(|note| note.ends_with("nor in a key log (`--keylog FILE`)")), "{notes:?}");
    // With those of one side only that side's words are opened.
    let of_client: Vec<&str> = secrets.lines().filter(|line| line.starts_with("CLIENT")).collect();
    let half = told(&frames, &of_client.join("\n"));
    assert!(!packets(&half, true).is_empty() && packets(&half, false).is_empty());
    let said = self::notes(&half);
    let one_sided = "QUIC: what the server sent is not opened: of the secrets only the client's are at hand";
    assert_eq!(said.iter().filter(|note| **note == one_sided).count(), 2, "{said:?}");
    assert!(said.iter().all(|note| !note.contains("table of QPACK") && !note.contains("beginning of")), "{said:?}");
    let of_server: Vec<&str> = secrets.lines().filter(|line| line.starts_with("SERVER")).collect();
    let half = told(&frames, &of_server.join("\n"));
    let said = self::notes(&half);
    assert!(said.contains(&"QUIC: what the client sent is not opened: of the secrets only the server's are at hand"));
    assert!(said.iter().all(|note| !note.contains("table of QPACK") && !note.contains("beginning of")), "{said:?}");
    // Wrong ones open nothing, and that is told once.
    let digits = |line: &str| {
        line.rsplit_once(' ').map(|(before, secret)| format!("{before} {}", "7a".repeat(secret.len() / 2)))
    };
    let wrong: Vec<String> = secrets.lines().filter_map(digits).collect();
    let wrong = told(&frames, &wrong.join("\n"));
    assert!(packets(&wrong, true).is_empty());
    let said = self::notes(&wrong);
    assert!(said.len() == 2 && said[0].starts_with("QUIC: a packet does not open"), "{said:?}");
}

#[test]
fn what_comes_in_another_order_says_the_same() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let expected = told(&frames, &secrets);
    assert!(packets(&expected, true).len() > 30 && packets(&expected, false).len() > 25);
    // The hellos stay where they are: who has not seen them cannot know the keys.
    let mut others = frames.clone();
    others[12..200].chunks_mut(2).for_each(<[Frame]>::reverse);
    others[60..120].chunks_mut(7).for_each(<[Frame]>::reverse);
    let twice: Vec<&Frame> = others.iter().flat_map(|frame| [frame, frame]).collect();
    for lines in [told(&others, &secrets), told(twice, &secrets)] {
        assert_eq!(packets(&lines, true), packets(&expected, true));
        assert_eq!(packets(&lines, false), packets(&expected, false));
    }
}

/// Whoever must prove its address begins anew, and the hello that counts is the second: aioquic has another random in it.
#[test]
fn after_a_retry_the_second_hello_counts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/quic/quic-retry.pcapng");
    let (frames, secrets) = capture_at(&path);
    let lines = told(&frames, &secrets);
    assert_eq!(notes(&lines), [""; 0]);
    let trace = trace(&frames, &secrets);
    let values = |name: &str| -> Vec<String> {
        let layers = (1..=trace.len()).flat_map(|number| trace.layers(number));
        layers.filter_map(|layer| layer.value(name).map(ToString::to_string)).collect()
    };
    assert_eq!((values("http3.path"), values("http3.status")), (vec!["/greeting".to_owned()], vec!["200".to_owned()]));
    let hellos = values("tls.handshake.random");
    assert!(hellos.len() == 3 && hellos[0] != hellos[1], "{hellos:?}");
    // Without secrets it is said once, of where it begins.
    let closed = told(&frames, "");
    let said: Vec<_> = closed.iter().filter(|line| line["kind"] == "note").map(|line| line["frame"].as_u64()).collect();
    assert_eq!(said, [Some(1)], "{:?}", notes(&closed));
}

/// Who captures on several cores may have the server's first datagram before the client's.
#[test]
fn what_is_said_of_a_server_that_comes_first_fits_together() {
    let (mut frames, secrets) = capture("socketio4-webtransport");
    frames.swap(0, 1);
    let lines = told(&frames, &secrets);
    let notes = notes(&lines);
    let [first, _] = &notes[..] else { panic!("{notes:?}") };
    assert!(first.contains("an Initial packet was captured before the client's"), "{notes:?}");
}

#[test]
fn what_is_lost_is_told() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let whole = told(&frames, &secrets);
    let event = whole.iter().find(|line| line["kind"] == "socketio.packet" && line["data"][0] == "ask me").unwrap();
    let lost = event["frame"].as_u64().unwrap() as usize;
    let rest: Vec<&Frame> = (1..).zip(&frames).filter(|(number, _)| *number != lost).map(|(_, frame)| frame).collect();
    let lines = told(rest, &secrets);
    let (before, after) = (packets(&whole, true), packets(&lines, true));
    assert!(before.starts_with(&after) && after.len() < before.len());
    assert_eq!(packets(&lines, false), packets(&whole, false), "the other direction goes on");
    let notes = notes(&lines);
    assert!(notes[0].starts_with("QUIC: 13 octets of stream 4 are missing, from "), "{notes:?}");
    // Who acknowledges what was lost is not blamed; the other note is that of the end of the play.
    assert!(notes.len() == 2 && notes[1].starts_with("a packet of no octets"), "{notes:?}");
}

/// A program may take the same port for its next connection.
#[test]
fn another_connection_between_the_same_ends_is_another() {
    let (mut frames, secrets) = capture("socketio4-webtransport");
    let of_second = |lines: &[Value]| {
        let is_meant = |line: &&Value| line["kind"] == "socketio.packet" && line["quic"]["connection"] == 1;
        lines.iter().filter(is_meant).map(|line| line["type"].clone()).collect::<Vec<_>>()
    };
    let expected = of_second(&told(&frames, &secrets));
    assert_eq!(expected.len(), 3, "CONNECT, its answer, an event: {expected:?}");
    const SOURCE: std::ops::Range<usize> = 34..36;
    const DESTINATION: std::ops::Range<usize> = 36..38;
    let port = frames[0].data[SOURCE].to_vec();
    for frame in &mut frames {
        let place = if frame.data[DESTINATION] == [0x1f, 0x90] { SOURCE } else { DESTINATION };
        frame.data[place].copy_from_slice(&port);
    }
    let lines = told(&frames, &secrets);
    assert_eq!(of_second(&lines), expected);
    assert!(packets(&lines, true).len() > 30, "and the first is what it was");
}

/// HTTP/3 is found in the layers, as filters and `peel` see them.
#[test]
fn requests_and_answers_are_layers() {
    let trace = Loaded::open(&path("socketio4-webtransport-upgrade"), Secrets::Known("")).unwrap().trace;
    let values = |name: &str| -> Vec<String> {
        let layers = (1..=trace.len()).flat_map(|number| trace.layers(number));
        layers.filter_map(|layer| layer.value(name).map(ToString::to_string)).collect()
    };
    assert_eq!(values("http3.method"), ["CONNECT"]);
    assert_eq!(values("http3.path"), ["/socket.io/"]);
    assert_eq!(values("http3.status"), ["200"]);
    assert_eq!(values("webtransport.session_id"), ["0"]);
    assert!(values("engineio.transport").contains(&"webtransport".to_owned()));
    let sids = values("engineio.sid");
    assert!(sids.windows(2).all(|pair| pair[0] == pair[1]), "the session goes on where polling began it: {sids:?}");
}

/// An event is found by its name, whatever carried it.
#[test]
fn an_event_is_peeled_by_its_name() {
    let mut program = assert_cmd::Command::cargo_bin("wiretale").unwrap();
    let ran = program
        .arg("peel")
        .arg(path("socketio4-webtransport"))
        .args(["--event", "ask me", "--width", "100"])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    for expected in ["STREAM 4 from 207", "EVENT \"ask me\"()", "engineio.transport                 webtransport"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// The trace of these frames.
fn trace<'a>(frames: impl IntoIterator<Item = &'a Frame>, secrets: &str) -> Trace {
    let mut pipeline = Pipeline::default();
    pipeline.learn_secrets(secrets);
    frames.into_iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.finish()
}

/// The lines of the ladder of the first connection.
fn ladder(trace: &Trace) -> Vec<(u32, Direction, String)> {
    let story = Story::tell(trace, &Cast::default(), &|_| true);
    story.quic[0].steps.iter().map(|step| (step.frame, step.direction, step.text.clone())).collect()
}

/// All but the frames with these numbers.
fn without<'a>(frames: &'a [Frame], lost: &[usize]) -> Vec<&'a Frame> {
    (1..).zip(frames).filter(|(number, _)| !lost.contains(number)).map(|(_, frame)| frame).collect()
}

/// The frame in which the server opens the session of Engine.IO on the first connection.
const OPENS: usize = 16;

/// The secrets alone do not tell with which suite a connection is encrypted.
#[test]
fn a_connection_without_its_hello_is_told() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let lines = told(without(&frames, &[2]), &secrets);
    assert!(packets(&lines, true).is_empty());
    let notes = notes(&lines);
    let expected = "QUIC: the server's hello, which says how the packets are encrypted, was not seen: ";
    assert_eq!(notes.iter().filter(|note| note.starts_with(expected)).count(), 1, "{notes:?}");
    // Without the secrets that is not what it lacks.
    let closed = told(without(&frames, &[2]), "");
    assert!(self::notes(&closed).iter().all(|note| !note.starts_with(expected)));
}

#[test]
fn who_closes_a_connection_is_in_its_ladder() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let lines = ladder(&trace(&frames, &secrets));
    assert_eq!(lines.last().unwrap(), &(209, Direction::ToServer, "CONNECTION_CLOSE 0x0".to_owned()));
    assert!(lines.iter().all(|(.., text)| !text.starts_with("message")), "Socket.IO has its own lines: {lines:?}");
}

/// Without its session a packet of Engine.IO is not read on, but it was there.
#[test]
fn packets_of_a_session_without_a_name_are_in_the_ladder() {
    let (frames, secrets) = capture("socketio4-webtransport");
    let lines = ladder(&trace(without(&frames, &[OPENS]), &secrets));
    let has = |text: &str| lines.iter().any(|(_, way, said)| *way == Direction::ToServer && said == text);
    assert!(has("message \"0\"") && has("message \"2[\"ask me\"]\""), "{lines:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Octets that were spoilt on the way open nothing, or say something else; nobody falls over them.
    #[test]
    fn spoilt_datagrams_do_no_harm(spoilt in prop::collection::vec((1_usize..230, any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let (mut frames, secrets) = capture("socketio4-webtransport");
        for (frame, at, octet) in spoilt {
            let data = &mut frames[frame].data;
            let at = 42 + at.index(data.len() - 42);
            data[at] = octet;
        }
        let lines = told(&frames, &secrets);
        prop_assert!(lines.len() > frames.len());
    }
}
