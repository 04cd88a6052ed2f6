//! The program as people meet it: what it prints, what it answers to bad input, how it exits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::value::RawValue;
use tempfile::TempDir;
use wiretale::capture::{CaptureFile, Frame, Section, Source, Writer};
use wiretale::cli::Course;
use wiretale::lab::Scenario;

/// The program, with an environment that does not change what it prints.
fn wiretale(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("wiretale").unwrap();
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("WIRETALE_LAB");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    // Nobody's progress is touched.
    command.env("XDG_STATE_HOME", std::env::temp_dir().join(format!("wiretale-tests-{}", std::process::id())));
    command
}

/// What a run printed and how it ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Whether a run ended because nothing can be played here: then a test leaves out what follows, and says so. With
/// `WIRETALE_REQUIRE_LAB=1` that is a failure, but for a build that cannot capture.
fn nothing_is_live(ran: &Ran) -> bool {
    is_left_out(ran.code == 3, &ran.err)
}

fn is_left_out(nothing: bool, why: &str) -> bool {
    let required = std::env::var("WIRETALE_REQUIRE_LAB").is_ok_and(|value| value == "1");
    let can_capture = cfg!(feature = "capture");
    assert!(
        !(nothing && required && can_capture),
        "WIRETALE_REQUIRE_LAB is set, but nothing can be played here: {why}"
    );
    if nothing {
        eprintln!("NOTE: no live run is possible here: left out");
    }
    nothing
}

const CAPTURE: &str = "captures/09-upgrade.pcapng";

fn temporary(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn replay(path: &Path) -> Ran {
    run(&mut wiretale(&["replay", path.to_str().unwrap()]))
}

#[test]
fn bad_captures_get_one_clear_error_and_exit_2() {
    let capture = fs::read(CAPTURE).unwrap();
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty.pcap", b"", "is empty"),
        ("cut.pcapng", &capture[..10], "ends"),
        ("page.html", b"<!doctype html><title>no capture</title>", "no pcap or pcapng file"),
        ("packed.pcap.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "gzip"),
        ("noise.bin", &[7; 64], "no pcap or pcapng file"),
    ];
    for (name, bytes, expected) in cases {
        let (_folder, path) = temporary(name, bytes);
        for command in [&["replay"][..], &["peel"]] {
            let mut arguments = vec![command[0], path.to_str().unwrap()];
            if command[0] == "peel" {
                arguments.push("1");
            }
            let ran = run(&mut wiretale(&arguments));
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name}: {}", ran.err);
            let flat = ran.err.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            assert!(ran.err.contains(name) && flat.contains(expected), "{name}: {}", ran.err);
            assert!(flat.contains("help:"), "{name} gets a next step: {}", ran.err);
        }
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let missing = run(&mut wiretale(&["replay", "no-such-file.pcap"]));
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.contains("no-such-file.pcap"), "{}", missing.err);
    let folder = run(&mut wiretale(&["replay", "captures"]));
    assert_eq!((folder.code, folder.out.as_str()), (2, ""));
    assert!(folder.err.contains("captures"), "{}", folder.err);
}

/// Names of files, and what filters and lessons hold, come from anywhere.
#[test]
fn what_is_quoted_in_an_error_does_not_act_on_the_terminal() {
    let (folder, path) = temporary("e\u{1b}[31mvil\u{202e}.pcap", b"\x1b[31m");
    let lesson = folder.path().join("lesson.md");
    fs::write(&lesson, "+++\r\ntitle = \"\u{1b}[2J\u{202e}\"\r\nquestion\r\n+++\r\n").unwrap();
    let path = path.to_str().unwrap();
    let acts =
        |text: &str| text.replace("\r\n", "\n").contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}');
    for arguments in [
        &["replay", path][..],
        &["export", path],
        &["peel", CAPTURE, "--event", "\u{9b}2J\u{202e}"],
        &["replay", CAPTURE, "--where", "tcp.port == \"\u{202e}\u{1b}[2J\" or or"],
        &["define", "\u{1b}[2J"],
        &["lesson", lesson.to_str().unwrap()],
    ] {
        let ran = run(&mut wiretale(arguments));
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains('·') && !acts(&ran.err), "{:?}", ran.err);
    }
    // The caret still stands below the place: characters before it became longer.
    let ran = run(&mut wiretale(&["replay", CAPTURE, "--where", "http.host == \"\u{1b}\u{1b}\" or nope"]));
    // Behind the first line, which says what is wrong.
    let lines: Vec<&str> = ran.err.lines().skip(1).collect();
    let at = |found: &str| lines.iter().find_map(|line| Some(line.split_once(found)?.0.chars().count())).unwrap();
    assert!((at("nope")..at("nope") + 4).contains(&at("┬")), "{}", ran.err);
}

#[test]
fn a_capture_cut_in_its_last_record_is_told_up_to_there() {
    let capture = fs::read(CAPTURE).unwrap();
    let (_folder, path) = temporary("cut.pcapng", &capture[..capture.len() - 300]);
    let ran = replay(&path);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("101 Switching Protocols"), "{}", ran.out);
    assert!(ran.out.contains("the file ends in the middle"), "{}", ran.out);
}

#[test]
fn a_capture_cut_in_its_first_record_has_nothing_to_tell() {
    let capture = fs::read(CAPTURE).unwrap();
    let (_folder, path) = temporary("stump.pcapng", &capture[..330]);
    let ran = replay(&path);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("stump.pcapng") && ran.err.contains("help:"), "{}", ran.err);
}

#[test]
fn a_capture_comes_from_standard_input_too() {
    let ran = run(wiretale(&["replay", "-"]).write_stdin(fs::read(CAPTURE).unwrap()));
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("101 Switching Protocols"));
}

#[test]
fn pipes_get_plain_text_and_80_columns() {
    for arguments in [&["replay", CAPTURE][..], &["replay", CAPTURE, "--packets"], &["peel", CAPTURE, "8"], &["fields"]]
    {
        let ran = run(&mut wiretale(arguments));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!ran.out.contains('\u{1b}'), "{arguments:?}");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
        }
    }
}

#[test]
fn a_datagram_is_listed_with_its_ports() {
    let events = run(&mut wiretale(&["replay", "captures/15-emit.pcapng", "--packets"])).out;
    assert!(events.contains("socketio: EVENT \"hello\"(\"world\")") && events.contains("engineio: ping"), "{events}");
    assert!(!events.contains("socketio: text") && events.contains("websocket: close without a code"), "{events}");
    let ran = run(&mut wiretale(&["replay", "tests/interop/captures/udp-node.pcapng", "--packets"]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("udp: 52471 → 5005"), "{}", ran.out);
    assert!(!ran.out.contains("data: "), "the layer that carries the data speaks for it: {}", ran.out);
}

#[test]
fn colour_is_a_choice() {
    let colored = |arguments: &[&str]| run(&mut wiretale(arguments)).out.contains('\u{1b}');
    assert!(colored(&["--color", "always", "replay", CAPTURE]));
    assert!(!colored(&["--color", "never", "replay", CAPTURE]));
    let plain = run(&mut wiretale(&["replay", CAPTURE])).out;
    let toned = run(&mut wiretale(&["--color", "always", "replay", CAPTURE])).out;
    assert_eq!(anstream::adapter::strip_str(&toned).to_string(), plain, "colour changes nothing else");
}

#[test]
fn a_filter_narrows_and_its_mistakes_are_pointed_at() {
    let ran = run(&mut wiretale(&["replay", CAPTURE, "--packets", "--where", "websocket.opcode == 8"]));
    assert_eq!(ran.code, 0);
    assert_eq!(ran.out.matches("close 1000").count(), 2, "{}", ran.out);
    let ran = run(&mut wiretale(&["replay", CAPTURE, "--where", "websocket.opcod == 8"]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("websocket.opcode"), "the nearest name is suggested: {}", ran.err);
    assert!(ran.err.contains('╰') && ran.err.contains("--where"), "the place is shown: {}", ran.err);
}

#[test]
fn a_filter_narrows_the_remarks_too() {
    let ran = run(&mut wiretale(&["replay", CAPTURE, "--where", "tcp.stream == 1"]));
    assert!(ran.out.contains("has no Sec-WebSocket-Key"), "{}", ran.out);
    assert!(!ran.out.contains("version 9"), "{}", ran.out);
    let ran = run(&mut wiretale(&["replay", CAPTURE]));
    let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("has no Sec-WebSocket-Key (RFC 6455 §4.2.1) · frame 18"), "the request is to blame: {flat}");
}

#[test]
fn a_filter_that_matches_nothing_is_told_so() {
    for arguments in
        [&["replay", CAPTURE, "--where", "tcp.port == 1"][..], &["replay", CAPTURE, "--packets", "--where", "udp"]]
    {
        let ran = run(&mut wiretale(arguments));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.ends_with("no frame matches this filter (of 34)\n"), "{}", ran.out);
    }
    let unknown = run(&mut wiretale(&["replay", CAPTURE, "--where", "_ws.expert"]));
    assert!(unknown.code == 2 && unknown.err.contains("`wiretale fields` lists them"), "{}", unknown.err);
}

#[test]
fn a_summary_names_its_remarks_and_its_file() {
    let ran = run(&mut wiretale(&["replay", CAPTURE, "--summary"]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("`wiretale export captures/09-upgrade.pcapng --kinds note` lists them"), "{flat}");
    assert!(flat.contains("has no Sec-WebSocket-Key (RFC 6455 §4.2.1)"), "{flat}");
    assert!(flat.contains("Worth a remark 2 notes, 2 errors"), "{flat}");
    for file in ["acks", "loss", "reorder"].map(|name| format!("tests/captures/linux/{name}.pcap")) {
        let on = |threads: &str| run(&mut wiretale(&["replay", &file, "--summary", "--threads", threads])).out;
        assert_eq!(on("3"), on("1"), "{file}: the same on any number of threads");
    }
}

/// What a field can hold is listed where its meaning lists it.
#[test]
fn a_value_that_a_field_never_has_gets_the_list() {
    for (field, some) in [
        ("socketio.type", ["CONNECT", "BINARY_ACK"]),
        ("engineio.type", ["open", "noop"]),
        ("tcp.state.client", ["CLOSED", "TIME-WAIT"]),
        ("tcp.state.server", ["SYN-SENT", "ESTABLISHED"]),
    ] {
        let ran = run(&mut wiretale(&["replay", CAPTURE, "--where", &format!("{field} == 2")]));
        let flat = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.code == 2 && flat.contains("it is one of \""), "{field}: {}", ran.err);
        assert!(some.iter().all(|value| flat.contains(&format!("\"{value}\""))), "{field}: {}", ran.err);
    }
}

/// Recorded of Linux: without a server, there are other ways to begin, and none of them is taken for a loss.
#[test]
fn connections_without_a_server_are_told_as_what_they_are() {
    let told = |name: &str, filter: &str| {
        let file = format!("tests/captures/linux/{name}.pcap");
        let ran = run(&mut wiretale(&["replay", "--packets", &file, "--where", filter]));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let frames = ran.out.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
        let frames: Vec<u32> = frames.collect();
        let (_, remarks) = ran.out.split_once("Worth a remark").unwrap_or_default();
        (frames, remarks.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (frames, remarks) = told("both-open", "tcp.state.client == \"SYN-SENT\" && tcp.state.server == \"SYN-SENT\"");
    assert_eq!(frames, [2, 3]);
    let text = "both sides of connection 0 opened at once: each sent its SYN before it had the other's";
    assert!(
        remarks.starts_with(&format!("note {text}")) && remarks.ends_with("(RFC 9293 §3.5) · frame 2"),
        "{remarks}"
    );
    assert_eq!(told("both-open", "tcp.state.client == \"LAST-ACK\" && tcp.state.server == \"FIN-WAIT-2\"").0, [11]);

    let (frames, remarks) = told("with-itself", "tcp.state.client == tcp.state.server");
    assert_eq!(frames, (1..=9).collect::<Vec<_>>(), "its ends are one");
    assert!(remarks.starts_with("note connection 0 is 127.0.0.1:45701 with itself:"), "{remarks}");
    assert_eq!(remarks.matches("frame").count(), 1, "nothing is missing, and it is closed: {remarks}");
    assert_eq!(told("with-itself", "tcp.state.client == \"TIME-WAIT\"").0, [9]);
}

#[test]
fn no_value_is_lost_on_a_narrow_page() {
    for width in ["40", "50", "80"] {
        let ran = run(&mut wiretale(&["--width", width, "peel", CAPTURE, "6"]));
        let flat: String = ran.out.split_whitespace().collect();
        assert!(flat.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{width}: {}", ran.out);
        assert!(
            flat.contains("tcp.srcportoctets34–358080") || flat.contains("tcp.srcport8080octets34–35"),
            "{width}: {flat}"
        );
    }
}

#[test]
fn a_file_that_is_no_capture_is_not_destroyed() {
    let (_folder, path) = temporary("notes.md", MINE.as_bytes());
    let ran = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--save", path.to_str().unwrap()]));
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), MINE);
}

#[test]
fn a_knob_of_a_saved_capture_cannot_be_turned() {
    let key = "key=AQIDBAUGBwgJCgsMDQ4PEA==";
    assert_eq!(run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--set", key])).code, 2);
    assert_eq!(run(wiretale(&["lesson", "9", "--set", key]).env("WIRETALE_LAB", "saved")).code, 3);
}

#[test]
fn a_turned_knob_shows_in_the_play_and_on_the_wire() {
    let ran = run(&mut wiretale(&["lesson", "9", "--set", "key=AQIDBAUGBwgJCgsMDQ4PEA=="]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("with key \"AQIDBAUGBwgJCgsMDQ4PEA==\""), "{}", ran.out);
    assert!(!ran.out.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "another key has another answer: {}", ran.out);
}

#[test]
fn untrue_prose_is_marked_with_its_line() {
    let text = MINE.replace("Hello.", "It began in frame {{ first(udp) }}.");
    let (_folder, path) = temporary("prose.md", text.as_bytes());
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--from", CAPTURE]));
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("✗ the capture has no answer to first(udp) (line 6)"), "{}", ran.out);
}

#[test]
fn a_lesson_that_shows_a_frame_that_is_not_there_is_told_how_many_there_are() {
    let text = MINE.replace("Hello.", "```show\npeel 99\n```");
    let (_folder, path) = temporary("beyond.md", text.as_bytes());
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--from", CAPTURE]));
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("✗ there is no frame 99: the capture has 34, counted from 1 (line 7)"), "{}", ran.out);
}

#[test]
fn what_a_knob_does_is_not_told_of_a_run_in_which_nobody_turned_it() {
    let ran = run(&mut wiretale(&["lesson", "1", "--from", "captures/01-packet.pcapng"]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("--set word='hello!'\n  The answer is shown then."), "{}", ran.out);
    assert!(!ran.out.contains("You see"), "{}", ran.out);
}

#[test]
fn one_broken_lesson_does_not_keep_the_others_from_being_checked() {
    let (_folder, path) = temporary("broken.md", b"# no front matter\n");
    let ran = run(&mut wiretale(&["check", path.to_str().unwrap(), "9"]));
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("09-upgrade"), "{}", ran.out);
    assert!(ran.err.contains("broken.md"), "{}", ran.err);
    let alone = run(&mut wiretale(&["check", path.to_str().unwrap()]));
    assert_eq!((alone.code, alone.out.as_str()), (2, ""), "there is nothing to list");
}

#[test]
fn a_frame_is_peeled_to_its_last_byte() {
    let ran = run(&mut wiretale(&["peel", CAPTURE, "8"]));
    assert_eq!(ran.code, 0);
    for expected in ["77 octets, each owned once", "XOR the key", "48 65 6c 6c 6f", "\"Hello\"", "octets 68–71"] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
}

#[test]
fn a_frame_that_is_not_there_is_refused() {
    for frame in ["0", "999"] {
        let ran = run(&mut wiretale(&["peel", CAPTURE, frame]));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("34 frames"), "{}", ran.err);
    }
}

/// The lines of an export as JSON.
fn exported(arguments: &[&str]) -> Vec<serde_json::Value> {
    let ran = run(&mut wiretale(&[&["export"], arguments].concat()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_export_is_one_object_per_line_in_order_of_frames() {
    let lines = exported(&[CAPTURE]);
    assert_eq!(lines[0]["v"], 1);
    assert!(lines[1..].iter().all(|line| line.get("v").is_none()));
    let frames: Vec<_> = lines.iter().map(|line| line["frame"].as_u64().unwrap()).collect();
    assert!(frames.is_sorted(), "{frames:?}");
    let count = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((count("packet"), count("http.request"), count("http.response")), (34, 3, 3));
    assert_eq!((count("websocket.handshake"), count("websocket.frame"), count("websocket.message")), (3, 4, 4));
    let text = lines.iter().find(|line| line["kind"] == "websocket.message").unwrap();
    assert_eq!((text["text"].as_str(), text["payload_len"].as_u64()), (Some("Hello"), Some(5)));
    let digest = "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969"; // of "Hello"
    assert_eq!(text["payload_sha256"], digest);
    let close = lines.iter().rfind(|line| line["kind"] == "websocket.message").unwrap();
    assert_eq!((close["close_code"].as_u64(), close["close_reason"].as_str()), (Some(1000), Some("bye")));
    let answer = lines.iter().find(|line| line["kind"] == "http.response").unwrap();
    assert_eq!((answer["status"].as_u64(), answer["request_frame"].as_u64()), (Some(101), Some(4)));
}

/// The capture ends before the response does: its events are there all the same.
#[test]
fn the_events_of_a_stream_are_exported_when_they_end() {
    let lines = exported(&["tests/captures/samples/r_ssechunk.pcap", "--kinds", "sse.event"]);
    let told = |line: &serde_json::Value| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (line["frame"].as_u64().unwrap(), text("event"), text("data"), text("id"))
    };
    let expected = [(6, "tick", "a", "1"), (7, "message", "b", "1")];
    let expected = expected.map(|(frame, event, data, id)| (frame, event.into(), data.into(), id.into()));
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(lines.iter().all(|line| line["retry"].is_null()));
}

#[test]
fn a_table_has_a_cell_for_everything_that_the_lines_say() {
    let captures = fs::read_dir("tests/interop/captures").unwrap().map(|entry| entry.unwrap().path());
    for path in
        captures.chain(["tests/captures/samples/r_ssechunk.pcap".into(), "tests/captures/tls/tls12.pcap".into()])
    {
        let path = path.to_str().unwrap();
        // Lists and objects stand in their cells as they stand in the lines, with their keys in that order.
        let lines = run(&mut wiretale(&["export", path])).out;
        let lines: Vec<BTreeMap<String, Box<RawValue>>> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ran = run(&mut wiretale(&["export", "--format", "csv", path]));
        let mut table = csv::Reader::from_reader(ran.out.as_bytes());
        let columns = table.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), lines.len(), "{path}");
        for (line, row) in lines.iter().zip(&rows) {
            for (key, value) in line.iter().filter(|(key, _)| *key != "v") {
                let place = columns.iter().position(|column| column == key);
                let cell =
                    place.and_then(|place| row.get(place)).unwrap_or_else(|| panic!("no column for {key}: {path}"));
                let expected = match value.get() {
                    "null" => String::new(),
                    text if text.starts_with('"') => serde_json::from_str(text).unwrap(),
                    other => other.to_owned(),
                };
                assert_eq!(cell, expected, "{key} of {line:?} in {path}");
            }
        }
    }
    let ran = run(&mut wiretale(&["export", "--format", "csv", "README.md"]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "a file that is no capture gives no table either");
}

#[test]
fn an_export_can_be_narrowed() {
    let lines = exported(&[CAPTURE, "--kinds", "http.response,note", "--where", "tcp.stream == 1"]);
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["note", "http.response", "note"]);
    assert!(lines.iter().all(|line| line["stream"] == 1 && line["from"].is_string()), "{lines:?}");
    let ran = run(&mut wiretale(&["export", CAPTURE, "--kinds", "http.respons"]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("http.response"), "{}", ran.err);
}

/// Lines of which these keys are left.
fn with_keys(lines: Vec<serde_json::Value>, keys: &[&str]) -> Vec<serde_json::Value> {
    let is_left = |key: &str| ["v", "kind"].contains(&key) || keys.contains(&key);
    let left = |mut line: serde_json::Value| {
        line.as_object_mut().expect("a line is an object").retain(|key, _| is_left(key));
        line
    };
    lines.into_iter().map(left).collect()
}

#[test]
fn of_each_line_only_the_keys_that_are_asked_for() {
    let keys = ["frame", "text", "tcp", "headers", "payload_sha256", "decoded_len", "from", "data"];
    for path in [CAPTURE, "captures/10-frames.pcapng", "captures/16-audience.pcapng", "tests/captures/tls/tls12.pcap"] {
        assert_eq!(exported(&[path, "--keys", &keys.join(",")]), with_keys(exported(&[path]), &keys), "{path}");
    }
    // What nobody asks for is not kept, and says no other thing of the rest: in fragments, compressed, cut, closed.
    let (kinds, lens) = ("websocket.frame,websocket.message", ["frame", "opcode", "payload_len", "complete"]);
    for name in ["ws-fragments", "ws-deflate", "ws-lengths-64bit", "ws-closes", "websockets-closes", "ws-windows"] {
        let path = format!("tests/interop/captures/{name}.pcapng");
        let whole = exported(&[&path, "--kinds", kinds]);
        for more in ["text", "payload_sha256", "close_code", "close_reason", "frames"] {
            let keys = [&lens[..], &[more]].concat();
            let some = exported(&[&path, "--kinds", kinds, "--keys", &keys.join(",")]);
            assert_eq!(some, with_keys(whole.clone(), &keys), "{path}, {more}");
        }
    }
    let table = ["export", "captures/10-frames.pcapng", "--kinds", "websocket.frame", "--format", "csv"];
    let ran = run(&mut wiretale(&[&table[..], &["--keys", "opcode,kind,frame"]].concat()));
    assert!(
        ran.out.starts_with("opcode,kind,frame\r\n1,websocket.frame,8\r\n"),
        "the order is the asker's: {}",
        ran.out
    );
    let ran = run(&mut wiretale(&[&table[..], &["--keys", "frame,texd"]].concat()));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("`texd`") && ran.err.contains("masking_key"), "{}", ran.err);
}

/// The capture, of which every second frame (or every, or every third) is in a simple packet block, which keeps no time.
fn without_times(name: &str, every: u32) -> Vec<u8> {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut out, mut at, mut frames) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let block = &bytes[at..at + word(at + 4) as usize];
        let is_frame = word(at) == 6;
        frames += u32::from(is_frame);
        if is_frame && frames % every == 0 {
            let padded = (word(at + 20) as usize).next_multiple_of(4);
            let (len, data) = (16 + padded as u32, &block[28..28 + padded]);
            out.extend([3, len, word(at + 24)].iter().flat_map(|word| word.to_le_bytes()));
            out.extend(data.iter().copied().chain(len.to_le_bytes()));
        } else {
            out.extend_from_slice(block);
        }
        at += block.len();
    }
    out
}

#[test]
fn what_has_no_time_is_not_told_to_be_of_1970() {
    let (_folder, path) = temporary("times.pcapng", &without_times("15-emit.pcapng", 2));
    let path = path.to_str().unwrap();
    let lines = exported(&[path]);
    for line in lines.iter().filter(|line| !line["frame"].is_null()) {
        let has_time = !line["frame"].as_u64().unwrap().is_multiple_of(2);
        assert_eq!(line["time"].as_str().is_some_and(|time| time.starts_with("20")), has_time, "{line}");
        assert_eq!(line["time"].is_null(), !has_time, "{line}");
    }
    let waits = lines.iter().filter(|line| !line["event_frame"].is_null());
    let waits: Vec<_> = waits.map(|line| (&line["frame"], &line["event_frame"], &line["rtt_ns"])).collect();
    let has_time = |frame: &serde_json::Value| !frame.as_u64().unwrap().is_multiple_of(2);
    assert!(waits.iter().all(|(ack, event, rtt)| rtt.is_null() != (has_time(ack) && has_time(event))), "{waits:?}");
    assert!(waits.iter().any(|(.., rtt)| rtt.is_null()), "{waits:?}");
    assert_eq!(lines, exported(&[path, "--where", "frame"]), "the same where it is kept");
    let packets = run(&mut wiretale(&["replay", path, "--packets"])).out;
    let second = |number: &str| {
        let line = packets.lines().find(|line| line.split_whitespace().next() == Some(number)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert!(second("3").starts_with("0.0"), "{packets}");
    assert_eq!(second("2"), "server", "{packets}");
}

#[test]
fn a_capture_without_any_time_tells_none() {
    let (_folder, path) = temporary("times.pcapng", &without_times("14-socketio.pcapng", 1));
    let told = replay(&path).out;
    assert!(flat(&told).contains("8 TCP connections, no times wiretale lesson"), "{told}");
    assert!(!told.contains("0.000 ms") && !told.contains(" s later"), "{told}");
    let lines = exported(&[path.to_str().unwrap(), "--kinds", "packet"]);
    assert!(lines.len() == 136 && lines.iter().all(|line| line["time"].is_null()));
}

/// What `replay` says went wrong an export says, too, where it is asked to: each where the last frame that shows it stands.
#[test]
fn what_went_wrong_is_exported_where_it_is_asked_for() {
    let capture = "tests/interop/captures/socketio4-errors.pcapng";
    let is_finding = |line: &serde_json::Value| line["kind"] == "finding";
    assert!(!exported(&[capture]).iter().any(is_finding), "nobody asked");
    let lines = exported(&[capture, "--kinds", "packet,note,finding"]);
    assert_eq!(lines[0]["v"], 1);
    let of_all = |line: &serde_json::Value| line["frame"].as_u64().unwrap_or(u64::MAX);
    assert!(lines.iter().map(of_all).is_sorted(), "in the order of their frames");
    let found: Vec<_> = lines.iter().filter(|line| is_finding(line)).collect();
    let told = flat(&run(&mut wiretale(&["replay", capture])).out);
    assert!(found.len() >= 10, "{found:?}");
    for one in &found {
        let frames = one["frames"].as_array().unwrap();
        assert_eq!(frames.last(), Some(&one["frame"]), "{one}");
        assert!(
            one["time"].is_string() && ["warn", "error", "note"].contains(&one["severity"].as_str().unwrap()),
            "{one}"
        );
        assert!(told.contains(&flat(one["text"].as_str().unwrap())), "{one}\n{told}");
    }
    let frame = found[0]["frame"].to_string();
    let some = exported(&[capture, "--kinds", "finding", "--where", &format!("frame.number == {frame}")]);
    let has_frame = |line: &&&serde_json::Value| line["frames"].as_array().unwrap().contains(&found[0]["frame"]);
    assert_eq!(some.len(), found.iter().filter(has_frame).count());
    let table = run(&mut wiretale(&["export", capture, "--kinds", "finding", "--format", "csv"])).out;
    assert_eq!(table.lines().next(), Some("kind,frame,frames,time,stream,from,to,severity,text,spec"), "{table}");
}

#[test]
fn interfaces_are_counted_in_each_section() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let both = ["01-packet.pcapng", "02-socket.pcapng"].map(|name| fs::read(captures.join(name)).unwrap()).concat();
    let (_folder, path) = temporary("sections.pcapng", &both);
    let path = path.to_str().unwrap();
    let all = exported(&[path, "--kinds", "packet"]).len();
    assert_eq!(exported(&[path, "--kinds", "packet", "--where", "frame.interface_id == 0"]).len(), all);
}

#[test]
fn an_export_of_a_cut_file_says_so_and_of_no_capture_is_nothing() {
    let capture = fs::read(CAPTURE).unwrap();
    let (_folder, path) = temporary("cut.pcapng", &capture[..capture.len() - 300]);
    let lines = exported(&[path.to_str().unwrap()]);
    let last = lines.last().unwrap();
    assert_eq!((last["kind"].as_str(), last["frame"].is_null()), (Some("note"), true), "{last}");
    let (_folder, path) = temporary("page.html", b"<!doctype html>");
    let ran = run(&mut wiretale(&["export", path.to_str().unwrap()]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
}

/// Who heard what is counted by who is meant: a column for each client, also for one who heard nothing of it.
#[test]
fn a_view_of_who_heard_what() {
    let ran = run(&mut wiretale(&["lesson", "16", "--from", "captures/16-audience.pcapng", "--no-predict"]));
    let rows: Vec<Vec<&str>> =
        ran.out.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    for row in [
        ["socketio.event", "ada", "bob", "cleo"],
        ["all", "1", "1", "1"],
        ["rest of the room", "·", "·", "1"],
        ["either room", "1", "·", "1"],
        ["not the room", "·", "1", "·"],
    ] {
        assert!(rows.iter().any(|found| found == &row), "{row:?}: {}", ran.out);
    }
}

#[test]
fn a_lesson_is_found_by_name_number_and_beginning() {
    for name in ["09-upgrade", "9", "09", "up", "lessons/09-upgrade.md"] {
        let ran = run(&mut wiretale(&["lesson", name, "--from", CAPTURE]));
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        assert!(ran.out.contains("The HTTP upgrade"), "{name}");
    }
    let ran = run(&mut wiretale(&["lesson", "nonsense"]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("09-upgrade"), "the lessons are named: {}", ran.err);
    let list = run(&mut wiretale(&["lesson"]));
    assert!(list.code == 0 && list.out.contains("09-upgrade"));
}

#[test]
fn where_nothing_can_be_captured_the_saved_capture_is_shown_and_said_so() {
    let ran = run(wiretale(&["lesson", "9"]).env("WIRETALE_LAB", "saved"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("saved capture"), "{}", ran.err);
    assert!(ran.out.contains("sentences proved"), "{}", ran.out);
}

#[test]
fn a_lesson_of_ones_own_without_a_capture_needs_a_live_run() {
    let (_folder, path) = temporary("mine.md", MINE.as_bytes());
    let ran = run(wiretale(&["lesson", path.to_str().unwrap()]).env("WIRETALE_LAB", "saved"));
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("wiretale doctor"), "{}", ran.err);
}

const MINE: &str = "+++\ntitle = \"Mine\"\nquestion = \"Is it there?\"\n+++\n\nHello.\n\n```script\nada connects\n```\n\n\
    ```claim\nsentence: One question was asked.\nproof: count(http.request) == 1\n```\n";

#[test]
fn an_untrue_sentence_ends_with_1() {
    let text = MINE.replace("== 1", "== 2");
    let (_folder, path) = temporary("untrue.md", text.as_bytes());
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--from", CAPTURE]));
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("✗ One question was asked."), "{}", ran.out);
    assert!(ran.out.contains("this capture says otherwise"), "{}", ran.out);
}

#[test]
fn a_mistake_in_a_lesson_is_reported_with_file_line_column_and_caret() {
    let text = MINE.replace("http.request", "http.requset");
    let (_folder, path) = temporary("wrong.md", text.as_bytes());
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--from", CAPTURE]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let line = 1 + text[..text.find("http.requset").unwrap()].matches('\n').count();
    let column = 1 + "proof: count(".len();
    assert!(ran.err.contains(&format!("wrong.md:{line}:{column}")), "{}", ran.err);
    assert!(ran.err.contains("http.request"), "{}", ran.err);
    assert!(ran.err.contains("──┬──") || ran.err.contains('┬'), "{}", ran.err);
}

#[test]
fn a_mistake_in_a_script_is_reported_in_the_lessons_file() {
    let text = MINE.replace("ada connects", "ada conects");
    let (_folder, path) = temporary("wrong.md", text.as_bytes());
    let ran = run(&mut wiretale(&["check", path.to_str().unwrap()]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("wrong.md:9:") && ran.err.contains("connects"), "{}", ran.err);
}

#[test]
fn a_lesson_that_should_come_before_must_be_there() {
    let text = fs::read_to_string("lessons/17-missed.md").unwrap();
    let wrong = text.replacen("requires = [\"", "requires = [\"x", 1);
    assert_ne!(text, wrong);
    let (_folder, path) = temporary("wrong.md", wrong.as_bytes());
    let ran = run(&mut wiretale(&["check", path.to_str().unwrap()]));
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("it requires `x") && ran.err.contains("did you mean `"), "{}", ran.err);
}

/// What a lesson asks its readers to do can be done.
#[test]
fn a_knob_that_breaks_the_script_is_reported() {
    let text = fs::read_to_string("lessons/17-missed.md").unwrap();
    let wrong = text.replacen("to:     ", "to:     none", 1);
    assert_ne!(text, wrong);
    let (_folder, path) = temporary("wrong.md", wrong.as_bytes());
    let ran = run(&mut wiretale(&["check", path.to_str().unwrap()]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("with `events` turned to `none"), "{}", ran.err);
}

#[test]
fn a_lesson_is_told_as_json() {
    let ran = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--json"]));
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["untrue"], 0);
    let sentences = json["sentences"].as_array().unwrap();
    assert!(sentences.len() > 10);
    assert!(sentences.iter().all(|sentence| sentence["verdict"] == "holds"));
}

#[test]
fn a_knob_that_does_not_exist_is_refused() {
    let ran = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--set", "kye=1"]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("this lesson has: key"), "{}", ran.err);
}

#[test]
fn what_is_saved_can_be_explained_again() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.pcapng");
    let first = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--save", kept.to_str().unwrap()]));
    assert_eq!(first.code, 0, "{}", first.err);
    let again = run(&mut wiretale(&["lesson", "9", "--from", kept.to_str().unwrap()]));
    assert_eq!(again.code, 0);
    let body = |ran: &Ran| ran.out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&first), body(&again), "the same capture tells the same story");
    let bytes = run(&mut wiretale(&["replay", kept.to_str().unwrap()]));
    assert!(bytes.out.contains("Written on the frames"));
    let wrong = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--save", "no-such-folder/x.pcapng"]));
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("no-such-folder/x.pcapng"), "{}", wrong.err);
}

#[test]
fn every_sentence_of_the_course_holds_live_and_saved() {
    let ran = run(&mut wiretale(&["check"]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("✓"), "{}", ran.out);
    assert!(!ran.out.contains("✗"), "{}", ran.out);
}

/// What the page at the door shows is what the program prints, but for what chance chooses.
#[test]
fn the_readme_shows_what_the_program_prints() {
    /// Runs of spaces and of a ladder's dashes as one; and no port, key or time that another run would not have.
    fn alike(text: &str) -> String {
        let spaced = text.replace('─', " ").replace("private network, no root", "saved capture");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let chosen = |at: usize| {
            let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at]);
            (1..=4).any(|back| before(back) == "masked" && words[at].len() == 2)
                || before(1) == "in" && words.get(at + 1) == Some(&"ms")
        };
        let kept = words.iter().enumerate().map(|(at, word)| match word.rsplit_once(':') {
            Some((address, port)) if port.len() == 5 && port.parse::<u16>().is_ok() => address,
            _ if chosen(at) => "…",
            _ => word,
        });
        kept.collect::<Vec<_>>().join(" ")
    }
    let readme = fs::read_to_string("README.md").unwrap();
    let shows = |prompt: &str| -> Vec<String> {
        let (_, behind) = readme.split_once(&format!("    $ {prompt}\n")).unwrap();
        let block: Vec<&str> = behind.lines().take_while(|line| line.starts_with("    ")).collect();
        block.split(|line| line.trim() == "…").map(|lines| alike(&lines.join("\n"))).collect()
    };
    let lesson = run(wiretale(&["lesson", "9", "--no-predict", "--width", "80"]).env("WIRETALE_LAB", "saved"));
    let (printed, shown) = (alike(&lesson.out), shows("wiretale lesson 9"));
    assert_eq!(shown.len(), 4, "{shown:?}");
    shown.iter().for_each(|chunk| assert!(printed.contains(chunk), "{chunk} in {printed}"));
    let replayed = run(&mut wiretale(&["replay", "tests/interop/captures/socketio4-default.pcapng", "--width", "80"]));
    let printed: Vec<&str> = replayed.out.lines().collect();
    let (_, behind) = readme.split_once("    $ wiretale replay my-capture.pcapng\n").unwrap();
    let shown: Vec<&str> = behind.lines().map_while(|line| line.strip_prefix("    ")).collect();
    assert!(
        shown.len() == 4
            && printed.windows(4).any(|rows| {
                rows.iter().zip(&shown).all(|(row, shown)| {
                    row.trim_end_matches([' ', '┐', '│', '┘']).starts_with(shown.trim_end_matches([' ', '│']))
                })
            }),
        "{shown:#?}"
    );
}

/// Every step in the tables of the handbook is one that can be played, once those are connected whom it needs.
#[test]
fn every_step_of_the_handbook_is_understood() {
    let handbook = fs::read_to_string("lessons/README.md").unwrap();
    let (_, section) = handbook.split_once("## The script").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut steps = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap();
        steps.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    assert!(steps.len() > 40, "{steps:?}");
    for step in steps {
        // Someone of each kind is there; a step that opens something of its own stands alone.
        let opened =
            ["ada connects", "bob opens tcp", "cleo sends datagram \"x\"", "dan gets /", "eve subscribes to /"];
        let opens = ["listens", "connects", "opens", "subscribes", "over http/1.0", "over tls"]
            .iter()
            .any(|verb| step.contains(verb));
        let script = match step.split(' ').next() {
            Some("network") => step.clone(),
            Some("clients" | "seed") => step.clone(),
            _ if step.contains("resuming") => format!("server keeps events\n{step}"),
            _ if step.contains("recovering") => {
                format!("server recovers connections\nfay connects to socket.io\nfay loses connection\n{step}")
            }
            _ if step.starts_with("fay connects") || step.contains("refuses") => step.clone(),
            Some("server") if ["keeps", "recovers", "checks", "speaks"].iter().any(|verb| step.contains(verb)) => {
                step.clone()
            }
            _ if step.contains("until") || step.contains("swallows") || step.contains("restarts") => {
                format!("server keeps events\nfay connects to socket.io\n{step}")
            }
            _ if step.contains("fay") || step.contains("emits") || step.contains("room") => {
                let joined = "fay connects to socket.io\nfay connects to socket.io namespace /admin";
                format!("{joined}\n{step}")
            }
            Some("link") => format!("network ethernet\nada connects\n{step}"),
            _ if opens => step.clone(),
            _ => [&opened[..], &[&step]].concat().join("\n"),
        };
        if let Err(error) = Scenario::parse(&script) {
            panic!("`{step}`: {error:?}");
        }
    }
}

/// Every statement of the notes has a lesson, and the frame beside it proves a sentence of that lesson.
#[test]
fn what_notes_say_is_settled_by_a_frame() {
    let handbook = fs::read_to_string("lessons/README.md").unwrap();
    let (_, section) = handbook.split_once("## What notes say").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut proved: BTreeMap<String, BTreeSet<u64>> = Default::default();
    let mut rows = 0;
    for row in section.lines().filter(|line| line.starts_with("| ") && line.contains(".md)")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, said, _, lesson, frame, _] = cells[..] else { panic!("{row}") };
        let lesson = lesson.split([']', '[']).nth(1).unwrap().to_owned();
        let frames = proved.entry(lesson.clone()).or_insert_with(|| {
            let capture = format!("captures/{lesson}.pcapng");
            let ran = run(&mut wiretale(&["lesson", &lesson, "--from", &capture, "--json"]));
            let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
            let frames = told["sentences"].as_array().unwrap().iter().flat_map(|it| it["frames"].as_array().unwrap());
            frames.map(|frame| frame.as_u64().unwrap()).collect()
        });
        assert!(frames.contains(&frame.parse().unwrap()), "{said}: frame {frame} proves nothing in {lesson}");
        rows += 1;
    }
    assert!(rows >= 30, "{rows} statements");
}

/// One event by its name: its first frame, every octet owned.
#[test]
fn an_event_is_peeled_by_its_name() {
    let by_name = |capture: &str, name: &str| run(&mut wiretale(&["peel", capture, "--event", name, "--width", "80"]));
    let ran = by_name("captures/16-audience.pcapng", "all");
    assert!(ran.out.starts_with("`all` is also in 40, 41\nframe 39, peeled"), "{}", ran.out);
    assert_eq!(
        run(&mut wiretale(&["peel", "captures/16-audience.pcapng", "39", "--width", "80"])).out,
        ran.out.split_once('\n').unwrap().1
    );
    let ran = by_name("captures/08-server-sent-events.pcapng", "temperature");
    assert!(ran.out.starts_with("frame 12, peeled"), "{} {}", ran.out, ran.err);
    let ran = by_name("captures/16-audience.pcapng", "al");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot find an event `al`"), "{}", ran.err);
}

/// What is done is marked, and `next` is the first that is not, whose prerequisites are.
#[test]
fn progress_is_kept() {
    let home = TempDir::new().unwrap();
    let run_here = |arguments: &[&str]| run(wiretale(arguments).env("XDG_STATE_HOME", home.path()));
    let next = || run_here(&["lesson", "next", "--from", "captures/01-packet.pcapng", "--json"]);
    assert!(next().out.contains("\"lesson\": \"01-packet\""));
    assert!(!run_here(&["lesson"]).out.contains('✓'));
    let ran = run_here(&["lesson", "1", "--from", "captures/01-packet.pcapng"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(next().out.contains("\"lesson\": \"02-socket\""), "{}", next().out);
    assert!(run_here(&["lesson", "--width", "100"]).out.contains("✓   01-packet"));
    // A lesson whose sentences do not hold is not done.
    assert_eq!(run_here(&["lesson", "2", "--from", "captures/01-packet.pcapng"]).code, 1);
    assert!(next().out.contains("\"lesson\": \"02-socket\""));
    assert!(!run_here(&["lesson", "--reset"]).out.contains('✓'));
    assert!(next().out.contains("\"lesson\": \"01-packet\""));
}

#[test]
fn a_check_is_told_as_json() {
    let ran = run(wiretale(&["check", "9", "--json"]).env("WIRETALE_LAB", "saved"));
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let checked = told["checked"].as_array().unwrap();
    assert_eq!((checked[0]["run"].as_str(), &checked[0]["result"]), (Some("live"), &serde_json::Value::Null));
    let saved = &checked[1]["result"];
    assert_eq!(saved["sentences"], saved["held"]);
    assert!(saved["sentences"].as_u64().unwrap() > 10 && saved["untrue"].as_array().unwrap().is_empty(), "{saved}");
    // Each sentence with its proof and the frames it rests on, as `lesson --json` has them.
    let proofs = saved["proofs"].as_array().unwrap();
    assert_eq!(Some(proofs.len() as u64), saved["sentences"].as_u64());
    assert!(proofs.iter().all(|one| one["verdict"] == "holds" && one["line"].is_u64()), "{saved}");
    let key = proofs.iter().find(|one| one["sentence"].as_str().unwrap().starts_with("The key was answered")).unwrap();
    assert!(key["proof"].as_str().unwrap().contains("accept_valid"), "{key}");
    assert_eq!(key["frames"], serde_json::json!([6]));
    let ran = run(&mut wiretale(&["lesson", "9", "--from", CAPTURE, "--json"]));
    let lesson: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(lesson["sentences"], saved["proofs"]);
}

/// A lesson in a file of its own, with these lines in its front matter and this step.
fn lesson_of(front: &str, step: &str) -> (TempDir, PathBuf) {
    let text = format!("+++\ntitle = \"T\"\nquestion = \"Q?\"\n{front}\n+++\n\n```script\nada connects\n{step}\n```\n");
    temporary("own.md", text.as_bytes())
}

/// What an error says, without the lines and frames that miette draws.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "·")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_term_that_is_not_in_the_glossary_is_refused() {
    let checked = |terms: &str| {
        let (_folder, path) = lesson_of(&format!("terms = [\"frame\", {terms}]"), "ada sends text \"x\"");
        let ran = run(wiretale(&["check", path.to_str().unwrap()]).env("WIRETALE_LAB", "saved"));
        (ran.code, flat(&ran.err))
    };
    let (code, said) = checked("\"websoket\"");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the glossary has no term `websoket`") && said.contains("own.md:4:19"), "{said}");
    assert!(said.contains("did you mean `WebSocket`"), "{said}");
    let said = checked("\"lost frame\"").1;
    assert!(said.contains("did you mean `control frame`, `frame` or `WebSocket frame`?"), "{said}");
    assert!(checked("\"entropy\"").1.contains("help: `wiretale define` lists all terms"));
    assert!(!checked("\"Web Sockets\", \"full-duplex\"").1.contains("the glossary"));
}

#[test]
fn a_quote_in_a_knob_says_how_it_is_written() {
    let (_folder, path) = lesson_of("[knobs]\nword = \"hi\"", "ada sends text \"$word\"");
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--no-predict", "--set", "word=say \"hi\""]));
    let said = flat(&ran.err);
    assert_eq!(ran.code, 2, "{said}");
    assert!(said.contains("with --set word=say \"hi\": `hi` is one word too many"), "{said}");
    assert!(said.contains("a quote inside a text has a backslash before it, as in JSON"), "{said}");
    let ran = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--no-predict", "--set", "word="]));
    assert!(!ran.err.contains("--set"), "{}", ran.err);
}

/// A line of what is not all there says so; no other has the key.
#[test]
fn an_export_says_what_is_incomplete() {
    let incomplete = |path: &str| -> Vec<(String, u64)> {
        let ran = run(&mut wiretale(&["export", path]));
        let lines = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let said = lines.filter(|line| line.get("complete").is_some());
        said.map(|line| {
            assert_eq!(line["complete"], false, "{line}");
            (line["kind"].as_str().unwrap().to_owned(), line["frame"].as_u64().unwrap())
        })
        .collect()
    };
    let one = |kind: &str, frame| vec![(kind.to_owned(), frame)];
    assert_eq!(incomplete("captures/08-server-sent-events.pcapng"), one("http.response", 15));
    assert_eq!(incomplete(CAPTURE), []);
    let requests = incomplete("tests/captures/http1/cut_heads.pcap");
    assert_eq!(requests.iter().map(|(_, frame)| *frame).collect::<Vec<_>>(), [4, 6, 8, 10]);
    // A capture that ends within the frame of a WebSocket, and one that kept the beginnings of frames alone.
    let (_folder, path, _) = shortened(CAPTURE, &|number, len| match number {
        0..8 => Some(len),
        8 => Some(len - 2),
        _ => None,
    });
    assert_eq!(incomplete(path.to_str().unwrap()), one("websocket.frame", 8));
    // So what rides on others: an event of a stream, a packet without its attachments, the last packet in the body of a poll.
    let cut_at = |path: &str, last: usize, less: usize| -> Vec<(String, u64)> {
        let (_folder, path, _) = shortened(path, &|number, len| match number.cmp(&last) {
            std::cmp::Ordering::Less => Some(len),
            std::cmp::Ordering::Equal => Some(len - less),
            std::cmp::Ordering::Greater => None,
        });
        incomplete(path.to_str().unwrap())
    };
    let two = |kinds: [&str; 2], frame| kinds.map(|kind| (kind.to_owned(), frame)).to_vec();
    assert_eq!(cut_at("captures/08-server-sent-events.pcapng", 12, 5), two(["sse.event", "http.response"], 12));
    assert_eq!(cut_at("tests/interop/captures/socketio4-websocket.pcapng", 30, 0), one("socketio.packet", 30));
    let polling = "tests/interop/captures/socketio4-polling.pcapng";
    assert_eq!(cut_at(polling, 104, 5), two(["http.response", "engineio.packet"], 104));
    let (_folder, path, _) = shortened("captures/03-tcp-udp.pcapng", &|_, len| Some(len.min(50)));
    let datagrams = incomplete(path.to_str().unwrap());
    assert!(datagrams.len() > 5 && datagrams.iter().all(|(kind, _)| kind == "udp.datagram"), "{datagrams:?}");
    // A table has a column for it.
    let ran = run(&mut wiretale(&["export", "--format", "csv", "--kinds", "udp.datagram", path.to_str().unwrap()]));
    assert!(ran.out.lines().next().unwrap().ends_with(",complete"), "{}", ran.out);
    assert!(ran.out.lines().nth(1).unwrap().ends_with(",false"), "{}", ran.out);
}

/// Every term of a lesson, and every one the notes have in their vocabularies, is in the glossary; and each leads to lessons
/// that are there.
#[test]
fn every_term_is_defined() {
    let terms = Course.glossary();
    let mut wanted: Vec<String> = [
        "socket",
        "web socket",
        "Socket.io",
        "client",
        "server",
        "OSI model",
        "TCP model",
        "TCP",
        "UDP",
        "packets",
        "full duplex",
        "room",
        "namespace",
        "message queue",
    ]
    .map(str::to_owned)
    .to_vec();
    for name in Course.names() {
        let text = Course.text(&name).unwrap();
        let line = text.lines().find(|line| line.starts_with("terms")).unwrap();
        wanted.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    assert!(wanted.len() > 60);
    for term in wanted {
        assert!(terms.iter().any(|known| known.is_called(&term)), "`{term}` is not in lessons/glossary.md");
    }
    for term in &terms {
        assert!(!term.meaning.is_empty() && !term.lessons.is_empty(), "{term:?}");
        assert!(term.lessons.iter().all(|lesson| Course.names().contains(lesson)), "{term:?}");
    }
    let names: Vec<String> = terms.iter().map(|term| term.name.to_lowercase()).collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn a_term_is_told() {
    let ran = run(&mut wiretale(&["define", "Web", "Sockets", "--width", "60"]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("WebSocket\n  A protocol for messages") && ran.out.contains("RFC 6455"), "{}", ran.out);
    assert!(ran.out.ends_with("wiretale lesson 09-upgrade\n"), "{}", ran.out);
    let ran = run(&mut wiretale(&["define", "sokket"]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `socket`?"), "{}", ran.err);
    let ran = run(&mut wiretale(&["define"]));
    let listed = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(listed.contains("full duplex · handshake"), "{}", ran.out);
}

#[test]
fn the_first_lesson_of_the_handbook_works_as_it_stands() {
    let handbook = fs::read_to_string("lessons/README.md").unwrap();
    let start = handbook.find("````markdown\n").unwrap() + "````markdown\n".len();
    let lesson = &handbook[start..start + handbook[start..].find("````").unwrap()];
    let (_folder, path) = temporary("hello.md", lesson.as_bytes());
    let ran = run(&mut wiretale(&["check", path.to_str().unwrap()]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 ✓"), "{}", ran.out);
}

/// Whoever turns the knob as the lesson proposes still reads true sentences only.
#[test]
fn every_lesson_holds_with_its_knob_turned() {
    let mut turned = 0;
    for file in fs::read_dir("lessons").unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let Some((_, modify)) = text.split_once("\n```modify\n") else { continue };
        let value = |key: &str| modify.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        let knob = format!("{}={}", value("knob:"), value("to:"));
        let path = format!("./{}", file.display());
        let ran = run(&mut wiretale(&["lesson", &path, "--no-predict", "--set", &knob]));
        if nothing_is_live(&ran) {
            return;
        }
        assert_eq!(ran.code, 0, "{path} {knob}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains('✗'), "{path} {knob}: {}", ran.out);
        assert!(ran.out.contains("You see"), "{path} {knob}: {}", ran.out);
        turned += 1;
    }
    assert!(turned >= 11, "{turned}");
}

#[test]
fn a_comparison_adds_up_to_the_last_octet() {
    let ran = run(&mut wiretale(&["compare", "--events", "4", "--every", "10ms", "--format", "json"]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    let compared: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let contenders = compared["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 6);
    for one in contenders {
        let (name, cost) = (one["transport"].as_str().unwrap(), &one["cost"]);
        let layers = cost["layers"].as_array().unwrap().iter().map(|layer| layer[1].as_u64().unwrap());
        assert_eq!(layers.sum::<u64>(), cost["octets"].as_u64().unwrap(), "{name}");
        assert_eq!(cost["events"].as_array().unwrap().len(), 4, "{name}: every event is found on the wire");
        assert_eq!(one["latencies"].as_array().unwrap().len(), 4, "{name}: and in the log");
        assert!(cost["per_event"].as_f64().unwrap() > 50.0, "{name}");
    }
    let count = |name: &str, key: &str| {
        let one = contenders.iter().find(|one| one["transport"] == name).unwrap();
        one["cost"][key].as_u64().unwrap()
    };
    assert_eq!((count("http10", "connections"), count("long-poll", "connections")), (4, 1));
    assert_eq!((count("short-poll", "requests"), count("short-poll", "empty_answers")), (16, 12));
    assert_eq!(count("socketio", "connections"), 3, "two for polling, one for the WebSocket");
    assert_eq!((count("long-poll", "requests"), count("sse", "requests"), count("websocket", "requests")), (4, 1, 1));
}

/// What a comparison says in JSON; `None` where nothing can be played.
fn compared(arguments: &[&str]) -> Option<serde_json::Value> {
    let ran = run(&mut wiretale(&[&["compare", "--format", "json"], arguments].concat()));
    if nothing_is_live(&ran) {
        return None;
    }
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    Some(serde_json::from_str(&ran.out).unwrap())
}

#[test]
fn what_both_ends_saw_is_kept_and_compared() {
    let script = "network ethernet recorded at both ends\nlink drops segment 1 to the server\nada opens tcp\nada writes \"lost\"\n";
    let lesson = format!("+++\ntitle = \"Mine\"\nquestion = \"Where is it lost?\"\n+++\n\n```script\n{script}```\n");
    let (folder, path) = temporary("mine.md", lesson.as_bytes());
    let (client, server) = (folder.path().join("x.pcapng"), folder.path().join("x-server.pcapng"));
    let [path, client, server] = [&path, &client, &server].map(|path| path.to_str().unwrap());
    let ran = run(&mut wiretale(&["lesson", path, "--save", client]));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("at the server's") && ran.err.contains(server), "{} {}", ran.out, ran.err);
    let compared = run(&mut wiretale(&["compare", client, server]));
    assert!(compared.out.lines().any(|line| line.contains("sent again") && line.contains("-1")), "{}", compared.out);
    let told = wiretale(&["lesson", path, "--save", "-"]).output().unwrap().stderr;
    assert!(String::from_utf8_lossy(&told).contains("name a file"));
}

/// A ledger somebody else took on loopback, of ten messages of 20 octets: frames, pure acknowledgements, octets on the wire,
/// and those above TCP or UDP. Header fields are each program's own, and how often a kernel acknowledges alone depends on its
/// load (a frame of 66 octets); all else is the same to the octet.
#[test]
fn a_ledger_taken_elsewhere_comes_out_the_same() {
    let theirs = [
        ("udp", "up", [10, 0, 620, 200]),
        ("tcp", "down", [26, 12, 1932, 200]),
        ("http10", "down", [100, 40, 8190, 390 + 1040]),
        ("http11", "down", [28, 4, 3104, 390 + 850]),
        ("short-poll", "down", [28, 4, 3104, 390 + 850]),
        ("long-poll", "down", [28, 4, 3104, 390 + 850]),
        ("sse", "down", [30, 14, 2386, 68 + 322]),
        ("websocket", "down", [32, 14, 2641, 160 + 353]),
    ];
    const ALONE: i64 = 66;
    for (name, direction, [frames, alone, octets, above]) in theirs {
        let asked = ["--direction", direction, "--events", "10", "--payload", "20", "--every", "30ms", "--polls", "1"];
        let Some(all) = compared(&[&[name], &asked[..]].concat()) else { return };
        let cost = &all["contenders"][0]["cost"];
        let count = |key: &str| cost[key].as_i64().unwrap();
        let layer = |names: &[&str]| -> i64 {
            let layers = cost["layers"].as_array().unwrap().iter();
            layers
                .filter(|layer| names.contains(&layer[0].as_str().unwrap()))
                .map(|layer| layer[1].as_i64().unwrap())
                .sum()
        };
        let below = layer(&["link", "ip", "tcp", "udp"]);
        let ours = (count("frames") - count("pure_acks"), below - ALONE * count("pure_acks"));
        assert_eq!(ours, (frames - alone, octets - above - ALONE * alone), "{name}: {cost}");
    }
}

/// Idling is known, so what each would take at other paces is told, and drawn.
#[test]
fn a_comparison_tells_what_events_cost_at_other_paces() {
    let folder = std::env::temp_dir().join(format!("wiretale-paces-{}", std::process::id()));
    let arguments =
        ["compare", "websocket", "short-poll", "--events", "3", "--every", "40ms", "--idle", "400ms", "--svg"];
    let ran = run(wiretale(&arguments).arg(&folder));
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Least is taken from 0.1 to"), "{text}");
    let svg = fs::read_to_string(folder.join("event-rate.svg")).unwrap();
    assert!(svg.contains("websocket") && svg.contains("events a minute"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn several_clients_both_ways_and_idling_are_compared() {
    let kinds = ["websocket", "tcp", "udp", "socketio"];
    let more = ["--direction", "both", "--clients", "2", "--events", "3", "--every", "10ms", "--idle", "600ms"];
    let Some(all) = compared(&[&kinds[..], &more].concat()) else { return };
    assert_eq!(all["directions"], serde_json::json!(["to_client", "to_server"]));
    for one in all["contenders"].as_array().unwrap() {
        let (name, cost) = (one["transport"].as_str().unwrap(), &one["cost"]);
        assert_eq!(cost["events"].as_array().unwrap().len(), 12, "{name}: three, each way, for both clients");
        assert_eq!(one["latencies"].as_array().unwrap().len(), 12, "{name}");
        let layers = cost["layers"].as_array().unwrap().iter().map(|layer| layer[1].as_u64().unwrap());
        assert_eq!(layers.sum::<u64>(), cost["octets"].as_u64().unwrap(), "{name}");
        // Two clients: what a heartbeat takes was measured in a play of its own, and there is one every 25 s.
        let (beat, every) = (&cost["heartbeat"]["octets"], &cost["heartbeat"]["every"]);
        assert_eq!(
            (beat.is_f64(), every.as_f64()),
            (name == "socketio", (name == "socketio").then_some(25.0)),
            "{name}"
        );
        let beats = beat.as_f64().map_or(0.0, |octets| 2.0 * octets * 60.0 / 25.0);
        assert_eq!(cost["idle_per_minute"].as_f64(), Some(beats), "{name}: nothing is said but that");
        // A ping, its pong, and one acknowledgement or two.
        assert!(beat.as_f64().is_none_or(|octets| (200.0..300.0).contains(&octets)), "{name}: {beat}");
        assert_eq!(one["between"], serde_json::json!([12, 12]), "{name}: captured between sending and receiving");
        let open = cost["held_open"].as_f64().unwrap();
        assert!(if name == "udp" { open == 0.0 } else { (1.5..=6.0).contains(&open) }, "{name}: {open}");
    }
    let Some(polls) = compared(&["short-poll", "--events", "2", "--every", "80ms", "--idle", "600ms"]) else { return };
    let idle = polls["contenders"][0]["cost"]["idle_per_minute"].as_f64().unwrap();
    assert!(idle > 10_000.0, "who polls goes on asking: {idle}");
    let Some(waits) = compared(&["long-poll", "--events", "2", "--every", "10ms", "--idle", "900ms"]) else { return };
    // In 650 ms one question, its empty answer, and at most two acknowledgements more.
    let idle = waits["contenders"][0]["cost"]["idle_per_minute"].as_f64().unwrap() * 0.65 / 60.0;
    assert!((200.0..500.0).contains(&idle), "one exchange: {idle}");
}

#[test]
fn requests_carry_the_header_fields_of_a_kind_of_client() {
    let kinds = ["http10", "sse", "websocket", "socketio"];
    let of = |profile| compared(&[&kinds[..], &["--profile", profile, "--events", "2", "--every", "10ms"]].concat());
    let (Some(minimal), Some(browser)) = (of("minimal"), of("browser")) else { return };
    for (few, many) in minimal["contenders"].as_array().unwrap().iter().zip(browser["contenders"].as_array().unwrap()) {
        // How often a client of Socket.IO polls until it has its WebSocket is not always the same.
        let each = |one: &serde_json::Value| {
            let mut layers = one["cost"]["layers"].as_array().unwrap().iter();
            let http = layers.find(|layer| layer[0] == "http").unwrap();
            http[1].as_f64().unwrap() / one["cost"]["requests"].as_f64().unwrap()
        };
        let more = each(many) - each(few);
        assert!((300.0..450.0).contains(&more), "{}: {more} octets more in each request", few["transport"]);
    }
}

#[test]
fn what_the_wire_loses_comes_late_or_never() {
    const KINDS: [&str; 6] = ["udp", "tcp", "websocket", "http10", "long-poll", "socketio-websocket"];
    let loss = ["--network", "ethernet", "--loss", "30", "--seed", "3", "--events", "8", "--every", "10ms"];
    let Some(all) = compared(&[&KINDS[..], &loss[..]].concat()) else { return };
    assert_eq!((all["loss"].as_u64(), all["seed"].as_u64()), (Some(30), Some(3)));
    let contenders = all["contenders"].as_array().unwrap();
    for (one, name) in contenders.iter().zip(KINDS) {
        let lost = one["lost"].as_u64().unwrap();
        let arrived = one["latencies"].as_array().unwrap().len() as u64;
        let again = one["cost"]["retransmissions"].as_u64().unwrap();
        assert!(lost > 0, "{name}");
        assert_eq!(one["sent"].as_u64(), Some(8), "{name}");
        assert_eq!(arrived, if name == "udp" { 8 - lost } else { 8 }, "{name}: TCP sends again, UDP does not");
        let is_right = match name {
            "udp" => again == 0,
            // Two that follow each other may be sent again in one.
            "socketio-websocket" | "http10" => again > 0,
            _ => again >= lost,
        };
        assert!(is_right, "{name}: {lost} lost, {again} sent again");
        assert_eq!(one["cost"]["events"].as_array().unwrap().len(), 8, "{name}: each is seen where it was sent");
    }
    // Each datagram is one event, and none is sent again: which are lost follows from the seed alone.
    let of = |seed: &str| {
        let asked =
            ["udp", "--network", "ethernet", "--loss", "30", "--events", "40", "--every", "1ms", "--seed", seed];
        compared(&asked).unwrap()["contenders"][0]["lost"].as_u64().unwrap()
    };
    let lost = ["3", "3", "4", "5"].map(of);
    assert!(lost[0] == lost[1] && lost.iter().all(|lost| (3..25).contains(lost)), "{lost:?}");
    assert!(lost[0] != lost[2] || lost[0] != lost[3], "another seed loses others: {lost:?}");
    let csv = run(&mut wiretale(&[&["compare", "udp", "--format", "csv"], &loss[..]].concat())).out;
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let cell = |name: &str| rows[1][rows[0].iter().position(|column| *column == name).unwrap()];
    let lost: u64 = cell("lost").parse().unwrap();
    assert_eq!((cell("sent"), cell("arrived")), ("8", (8 - lost).to_string().as_str()), "{csv}");
}

/// Requests and answers are lost as events are, both ways and with several clients; the play ends all the same.
#[test]
fn whatever_has_data_may_be_lost() {
    let kinds = ["tcp", "websocket", "socketio", "udp"];
    let more = ["--direction", "both", "--clients", "2", "--events", "4", "--every", "5ms"];
    let loss = ["--network", "ethernet", "--loss", "20", "--delay", "2ms", "--seed", "11"];
    let Some(all) = compared(&[&kinds[..], &more, &loss].concat()) else { return };
    for (one, name) in all["contenders"].as_array().unwrap().iter().zip(kinds) {
        let (lost, arrived) = (one["lost"].as_u64().unwrap(), one["latencies"].as_array().unwrap().len() as u64);
        assert_eq!((one["sent"].as_u64(), lost > 0), (Some(16), true), "{name}");
        assert_eq!(arrived, if name == "udp" { 16 - lost } else { 16 }, "{name}");
        let layers = one["cost"]["layers"].as_array().unwrap().iter().map(|layer| layer[1].as_u64().unwrap());
        assert_eq!(layers.sum::<u64>(), one["cost"]["octets"].as_u64().unwrap(), "{name}");
    }
}

#[test]
fn an_impossible_comparison_is_refused_with_its_reason() {
    for (arguments, reason) in [
        (&["websockets"][..], "did you mean `websocket`?"),
        (&["captures/01-packet.pcapng"], "with anything but one other capture"),
        (&["sse", "--direction", "up"], "nothing to send but requests"),
        (&["--events", "0"], "invalid value '0'"),
        (&["tcp", "--payload", "99999"], "99999"),
        (&["tcp", "--clients", "11"], "11 is not in 1..=10"),
        (&["tcp", "--idle", "1000years"], "and so does idling"),
        (&["tcp", "--loss", "5"], "there is no wire that could"),
        (&["tcp", "--network", "ethernet", "--loss", "100"], "a whole number of percent, from 1 to 50"),
        (&["udp", "--network", "ethernet", "--loss", "0"], "had by leaving this out"),
        (&["tcp", "--network", "ethernet", "--loss", "5", "--seed", "4294967296"], "4294967296"),
        (&["tcp", "--delay", "5ms"], "there is no wire that could take time"),
        (&["tcp", "--seed", "5"], "--loss"),
        (&["tcp", "udp", "--keylog", "keys.log"], "what is compared is no two captures"),
        (&["--keylog", "keys.log"], "what is compared is no two captures"),
        (&["websocket", "--events", "200", "--every", "1s"], "all waits together last at most 30 seconds"),
    ] {
        let ran = run(&mut wiretale(&[&["compare"], arguments].concat()));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        let text = ran.err.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(text.contains(reason), "{arguments:?}: {text}");
    }
}

#[test]
fn three_fresh_runs_in_a_row_all_hold() {
    for _ in 0..3 {
        let ran = run(&mut wiretale(&["lesson", "09-upgrade"]));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn the_doctor_says_what_is_possible() {
    let ran = run(&mut wiretale(&["doctor"]));
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    assert!(ran.out.contains("What this machine allows"));
    assert!(ran.out.contains("Lessons run live") || ran.out.contains("cannot run live"), "{}", ran.out);
}

#[test]
fn shells_and_manuals_learn_every_command() {
    let commands = ["lesson", "check", "compare", "replay", "peel", "export", "quiz", "define", "fields", "doctor"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&mut wiretale(&["completions", shell]));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(commands.iter().all(|command| ran.out.contains(command)), "{shell}: {}", ran.out);
    }
    let page = run(&mut wiretale(&["man"]));
    assert!(page.out.starts_with(".ie") && page.out.contains(".TH wiretale 1"), "{}", page.out);
    assert!(commands.iter().all(|command| page.out.contains(&format!("wiretale\\-{command}(1)"))), "{}", page.out);
    let page = run(&mut wiretale(&["man", "replay"]));
    assert!(page.out.contains("wiretale\\-replay") && page.out.contains("\\-\\-speed"), "{}", page.out);
    let wrong = run(&mut wiretale(&["man", "reply"]));
    assert!(wrong.code == 2 && wrong.err.contains("did you mean `replay`?"), "{}", wrong.err);
}

/// Packets come one by one, in their time or when somebody asks; all that follows the list is there, too.
#[test]
fn a_capture_is_told_packet_by_packet() {
    let listed = run(&mut wiretale(&["replay", CAPTURE, "--packets"]));
    for more in [&["--speed", "1000"][..], &["--step"]] {
        let told = run(&mut wiretale(&[&["replay", CAPTURE], more].concat()));
        assert_eq!((told.code, &told.out), (0, &listed.out), "{more:?}");
    }
    for more in [&["--speed", "0"][..], &["--speed", "x"], &["--speed", "1", "--step"], &["--step", "--summary"]] {
        assert_eq!(run(&mut wiretale(&[&["replay", CAPTURE], more].concat())).code, 2, "{more:?}");
    }
    let Some(seen) = on_a_terminal(&format!("replay {CAPTURE} --step"), "\n\nq\n") else { return };
    // What is typed ahead is echoed at once: the lines do not end.
    assert_eq!(seen.matches("tcp: ").count(), 3, "two were asked for behind the first: {seen}");
}

#[test]
fn fields_are_listed_with_their_meaning() {
    let ran = run(&mut wiretale(&["fields", "opcode"]));
    assert!(ran.out.contains("websocket.opcode") && ran.out.contains("RFC 6455"), "{}", ran.out);
    let ran = run(&mut wiretale(&["fields", "zzz"]));
    assert_eq!(ran.code, 2);
}

/// Errors are broken at spaces alone: names can be copied.
#[test]
fn an_error_breaks_no_name_at_its_hyphens() {
    for width in ["40", "60", "80", "110"] {
        let ran = run(&mut wiretale(&["lesson", "nope", "--width", width]));
        let pieces: Vec<&str> = ran.err.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
        assert_eq!(ran.code, 2, "{}", ran.err);
        for name in ["08-server-sent-events", "10-frames", "16-audience"] {
            assert!(pieces.contains(&name), "{width}: {}", ran.err);
        }
        let wide = ran.err.lines().filter(|line| line.chars().count() > width.parse::<usize>().unwrap().max(60));
        assert_eq!(wide.count(), 0, "{}", ran.err);
    }
}

/// An option that would be ignored is refused, by its name, before anything is played or read.
#[test]
fn what_a_way_to_compare_does_not_read_is_refused() {
    let two = [CAPTURE, "captures/04-loss.pcapng"];
    let refused = |way: &[&str], named: &str, options: &[&[&str]]| {
        for option in options {
            let ran = run(&mut wiretale(&[&["compare", "--width", "200"], way, option].concat()));
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{option:?}");
            let what = format!("cannot use {}", option[0]);
            assert!(ran.err.contains(&what) && ran.err.contains(named), "{}", ran.err);
            assert!(ran.err.contains(&format!("help: leave {}", option[0])), "{}", ran.err);
        }
    };
    let wire: [&[&str]; 4] = [&["--network", "ethernet"], &["--delay", "1ms"], &["--repeat", "1"], &["--events", "10"]];
    let drawn: [&[&str]; 2] = [&["--report", "x.html"], &["--svg", "x"]];
    refused(&["--case", "quantum-leap"], "with --case", &[&wire[..], &drawn].concat());
    let played: [&[&str]; 3] = [&["--save", "x"], &["--clients", "2"], &["--loss", "2", "--seed", "1"]];
    refused(&two, "with two captures", &[&wire[..], &drawn, &played].concat());
    assert_eq!(run(&mut wiretale(&["compare", "--case", "hpbn", "--format", "markdown"])).code, 2);
    assert_eq!(run(&mut wiretale(&["compare", two[0], two[1], "--format", "json"])).code, 0);
}

/// What is asked for is had, to the last column: only what a terminal tells is bounded.
#[test]
fn as_many_columns_are_written_as_are_asked_for() {
    for width in [110, 150, 200] {
        let ran = run(&mut wiretale(&["define", "--width", &width.to_string()]));
        let longest = ran.out.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= width && longest > width - 15), "{width}: {longest:?}");
    }
    for command in ["replay", "peel", "compare", "doctor"] {
        let help = run(&mut wiretale(&[command, "--help"])).out;
        let (own, everywhere) = help.split_once("Everywhere:").unwrap();
        assert!(everywhere.contains("--width") && everywhere.contains("--color"), "{help}");
        assert!(!own.contains("--width") && !everywhere.contains("--help"), "{help}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["replay"][..], &["peel", CAPTURE, "x"], &["dance"], &["--width", "7", "doctor"]] {
        assert_eq!(run(&mut wiretale(arguments)).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_quiz_is_the_same_for_the_same_seed() {
    let ask = |more: &[&str]| run(&mut wiretale(&[&["quiz", "10-frames", "--seed", "4"], more].concat()));
    let (first, second) = (ask(&[]), ask(&[]));
    assert_eq!((first.code, &first.out), (0, &second.out));
    assert!(first.out.contains("5 questions about 10-frames") && first.out.contains("The answers"), "{}", first.out);
    assert!(first.out.contains("filter: frame.number == "), "{}", first.out);
    let json: serde_json::Value = serde_json::from_str(&ask(&["--json", "--questions", "3"]).out).unwrap();
    assert_eq!((json["seed"].as_u64(), json["questions"].as_array().map(Vec::len)), (Some(4), Some(3)));
    let own = run(&mut wiretale(&["quiz", CAPTURE, "--seed", "4"]));
    assert!(own.code == 0 && own.out.contains(CAPTURE), "{}{}", own.out, own.err);
}

#[test]
fn a_quiz_about_nothing_is_refused() {
    for (arguments, reason) in [
        (&["no-such-lesson"][..], "cannot find a lesson"),
        (&["missing.pcapng"], "missing.pcapng"),
        (&[CAPTURE, "--live"], "it is a capture"),
        (&["captures/01-packet.pcapng", "--questions", "0"], "invalid value '0'"),
    ] {
        let ran = run(&mut wiretale(&[&["quiz"], arguments].concat()));
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        let text = ran.err.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(text.contains(reason), "{arguments:?}: {text}");
    }
}

/// What is typed on a terminal, and what is seen there. `script` lends one; where it is missing this is left out.
fn on_a_terminal(command: &str, typed: &str) -> Option<String> {
    let program = Command::cargo_bin("wiretale").unwrap();
    let line = format!("{} {command}", program.get_program().to_string_lossy());
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(env!("CARGO_MANIFEST_DIR")).write_stdin(typed);
    terminal.env("XDG_STATE_HOME", std::env::temp_dir().join(format!("wiretale-tests-{}", std::process::id())));
    let output = terminal.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_quiz_helps_grades_and_skips() {
    let json = run(&mut wiretale(&["quiz", "10", "--seed", "4", "--questions", "3", "--json"])).out;
    let quiz: serde_json::Value = serde_json::from_str(&json).unwrap();
    let right = |n: usize| quiz["questions"][n]["answer"].as_u64().unwrap() + 1;
    let wrong = right(1) % 2 + 1;
    let typed = format!("h\n9\n{}\n{wrong}\ns\n", right(0));
    let Some(seen) = on_a_terminal("quiz 10 --seed 4 --questions 3", &typed) else {
        return eprintln!("NOTE: there is no `script` here: left out");
    };
    for part in ["hint", "That is none of them", "✓ yes", "✗ no", "1 of 2 right, 1 skipped"] {
        assert!(seen.contains(part), "{part} is not in {seen}");
    }
}

#[test]
fn a_prediction_has_a_hint() {
    const KEY: &str = "Because a server that does not know the protocol";
    let command = "lesson 09-upgrade --from captures/09-upgrade.pcapng";
    let Some(seen) = on_a_terminal(command, "h\n2\nh\n2\n") else {
        return eprintln!("NOTE: there is no `script` here: left out");
    };
    assert!(seen.contains("A TCP connection opens with a SYN") && seen.contains("(your answer)"), "{seen}");
    let (before, after) = seen.split_once("What would a server have to keep to itself").unwrap();
    assert!(before.contains("To review") && !before.contains(KEY) && after.contains(KEY), "{seen}");
    assert!(after.contains("✗ no") && after.contains("of 2 right."), "{seen}");
    // Who skips sees nothing of that.
    let seen = on_a_terminal(command, "s\ns\n").unwrap();
    assert!(seen.contains("To review") && !seen.contains(KEY) && !seen.contains("You had"), "{seen}");
    let right = on_a_terminal(command, "s\n1\n").unwrap();
    assert!(right.contains("✓ yes") && right.contains("You had 1 of 1 right."), "{right}");
}

/// On a terminal nobody is left without help.
#[test]
fn every_prediction_of_the_course_has_a_hint() {
    for name in Course.names() {
        let text = Course.text(&name).unwrap();
        let lesson = wiretale::explain::lesson::Lesson::parse(&text, &wiretale::filter::TraceNames).unwrap();
        for item in &lesson.items {
            if let wiretale::explain::lesson::Item::Review(review) = item {
                assert!(review.hint.is_some() && review.choices.len() > 1, "{name}: nobody grades its review");
            }
            if let wiretale::explain::lesson::Item::Predict(predict) = item {
                assert!(predict.hint.is_some(), "{name}: {}", predict.ask.before_run().plain());
            }
        }
    }
}

/// The first time a lesson's prose uses a term of the glossary in bold, it is a link to it; and no link leads nowhere.
#[test]
fn terms_are_linked_at_first_use() {
    let glossary = fs::read_to_string("lessons/glossary.md").unwrap();
    let terms = wiretale::explain::glossary::glossary(&glossary);
    let anchor = |name: &str| {
        let kept = name.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect::<String>()
    };
    let anchors: BTreeSet<String> = terms.iter().map(|term| anchor(&term.name)).collect();
    let (mut links, mut unlinked) = (0, Vec::new());
    for name in Course.names() {
        let text = Course.text(&name).unwrap();
        let (mut seen, mut in_block) = (BTreeSet::new(), false);
        for line in text.lines() {
            in_block ^= line.starts_with("```");
            if in_block {
                continue;
            }
            for target in line.split("](glossary.md#").skip(1) {
                let target = target.split(')').next().unwrap();
                assert!(anchors.contains(target), "{name}: there is no `{target}` in the glossary");
                links += 1;
            }
            for (place, bold) in line.split("**").enumerate().filter(|(place, _)| place % 2 == 1) {
                let term = terms.iter().find(|term| term.is_called(bold));
                let is_link = line.split("**").nth(place + 1).is_some_and(|rest| rest.starts_with("](glossary.md#"));
                if let Some(term) = term.filter(|term| seen.insert(term.name.clone()))
                    && !is_link
                {
                    unlinked.push(format!("{name}: {}", term.name));
                }
            }
        }
    }
    assert!(links > 40 && unlinked.is_empty(), "{links} links; these have none: {unlinked:?}");
}

/// What a publication says and what is measured are told apart, and the measured is what its own headers weigh.
#[test]
fn published_numbers_are_looked_into() {
    let json = |case: &str| {
        let ran = run(&mut wiretale(&["compare", "--case", case, "--format", "json"]));
        assert!([0, 3].contains(&ran.code), "{case}: {}", ran.err);
        (!nothing_is_live(&ran)).then(|| serde_json::from_str::<serde_json::Value>(&ran.out).unwrap())
    };
    let Some(leap) = json("quantum-leap") else { return };
    let cells = |told: &serde_json::Value, row: usize| -> Vec<String> {
        let row = &told["tables"][0]["rows"][row];
        row.as_array().unwrap().iter().skip(1).map(|cell| cell.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(cells(&leap, 0), ["871", "2", "435:1"], "header characters");
    assert_eq!(cells(&leap, 1)[..2], ["909", "2"], "header bytes");
    assert_eq!(cells(&leap, 2), ["930", "23", "40:1"], "all above TCP");
    let wire: Vec<f64> = cells(&leap, 3)[..2].iter().map(|cell| cell.parse().unwrap()).collect();
    assert!((6.0..9.0).contains(&(wire[0] / wire[1])), "about seven to one on the wire: {wire:?}");
    let tcp = json("plain-tcp").unwrap();
    let each = |row: usize| cells(&tcp, row)[2].parse::<i64>().unwrap();
    assert_eq!(each(1) - each(0), 2, "the header of a short frame");
    let batching = json("long-poll-batching").unwrap();
    let octets: Vec<u64> = (0..4).map(|row| cells(&batching, row)[1].parse().unwrap()).collect();
    assert!(octets[0] > octets[3] && octets[2] < octets[3], "they cross: {octets:?}");
    let hpbn = json("hpbn").unwrap();
    let above: Vec<u64> = (0..4).map(|row| cells(&hpbn, row)[1].parse().unwrap()).collect();
    assert_eq!(above, [14, 2, 6, 2], "{above:?}");
    let ran = run(&mut wiretale(&["compare", "--case", "quantum-lea"]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `quantum-leap`?"), "{}", ran.err);
}

#[test]
fn a_comparison_is_drawn_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, page) = (folder.path().join("plots"), folder.path().join("page.html"));
    let arguments = ["compare", "sse", "websocket", "--events", "3", "--every", "5ms", "--format", "markdown", "--svg"];
    let mut command = wiretale(&arguments);
    command.arg(&svg).arg("--report").arg(&page);
    let ran = run(&mut command);
    if nothing_is_live(&ran) {
        return;
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("3 events to the client, one every 5ms"), "{}", ran.out);
    assert!(ran.out.contains("\n\n|  | TCP | asked |") && ran.out.contains("| sum | "), "{}", ran.out);
    let page = fs::read_to_string(page).unwrap();
    for name in ["layers", "latency", "break-even", "packets"] {
        let plot = fs::read_to_string(svg.join(format!("{name}.svg"))).unwrap();
        assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"), "{name}: {plot}");
        assert!(plot.contains("sse") && plot.contains("websocket"), "{name} names what it shows");
        assert!(page.contains(&plot), "{name} is on the page");
    }
    assert!(page.matches('✓').count() >= 2 && page.trim_end().ends_with("</html>"), "the layers add up on the page");
}

#[test]
fn two_captures_are_set_side_by_side() {
    let same = run(&mut wiretale(&["compare", CAPTURE, CAPTURE]));
    assert!(same.code == 0 && same.out.contains("Both tell the same story"), "{}{}", same.out, same.err);
    let ran = run(&mut wiretale(&["compare", "captures/05-keep-alive.pcapng", "captures/06-polling.pcapng"]));
    assert!(ran.out.contains("part there") && ran.out.contains("frame "), "{}", ran.out);
    let json = run(&mut wiretale(&["compare", CAPTURE, "captures/10-frames.pcapng", "--format", "json"]));
    let pair: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(pair["sides"].as_array().unwrap().len(), 2);
    assert!(pair["alike"].as_u64().unwrap() >= 3 && pair["partings"][0].is_object(), "both open TCP: {pair}");
    let missing = run(&mut wiretale(&["compare", CAPTURE, "missing.pcapng"]));
    assert!(missing.code == 2 && missing.err.contains("missing.pcapng"), "{}", missing.err);
}

/// A capture need not be called one, and may come from standard input; what is neither is told to be neither.
#[test]
fn captures_to_compare_have_any_name() {
    let (_folder, path) = temporary("without", &fs::read(CAPTURE).unwrap());
    let path = path.to_str().unwrap();
    let same = run(&mut wiretale(&["compare", path, CAPTURE]));
    assert!(same.code == 0 && same.out.contains("Both tell the same story"), "{}{}", same.out, same.err);
    let same = run(wiretale(&["compare", "-", path]).pipe_stdin(CAPTURE).unwrap());
    assert!(same.code == 0 && same.out.contains("Both tell the same story"), "{}{}", same.out, same.err);
    for given in [["missing", path], [path, "missing"]] {
        let ran = run(wiretale(&["compare"]).args(given));
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("`missing`: there is no such transport, and no such file"), "{}", ran.err);
        assert!(ran.err.contains("compare FIRST.pcapng SECOND.pcapng"), "{}", ran.err);
    }
}

/// What went over UDP is counted, where anything did.
#[test]
fn datagrams_are_set_side_by_side() {
    let quic = "tests/interop/captures/socketio4-webtransport.pcapng";
    let json = run(&mut wiretale(&["compare", quic, CAPTURE, "--format", "json"]));
    let pair: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let count = exported(&[quic, "--kinds", "udp.datagram"]).len();
    assert!(count > 0 && pair["sides"][0][1]["datagrams"] == count, "{}", json.out);
    assert!(pair["sides"][0][1]["quic_packets"].as_u64().unwrap() >= count as u64, "{}", json.out);
    assert_eq!((&pair["sides"][1][1]["datagrams"], &pair["sides"][1][1]["quic_packets"]), (&0.into(), &0.into()));
    let told = run(&mut wiretale(&["compare", quic, CAPTURE])).out;
    assert!(told.contains("UDP datagrams") && told.contains("QUIC packets"), "{told}");
    assert!(!run(&mut wiretale(&["compare", CAPTURE, CAPTURE])).out.contains("UDP datagrams"));
}

/// Captures of which nothing can be compared are not alike.
#[test]
fn what_cannot_be_compared_is_said() {
    let at = |name: &str| format!("tests/interop/captures/{name}.pcapng");
    let (datagrams, opened) = (at("udp-node"), at("socketio4-webtransport"));
    for (first, second) in [(&datagrams, &datagrams), (&datagrams, &opened), (&opened, &datagrams)] {
        let ran = run(&mut wiretale(&["compare", first, second, "--width", "100"]));
        assert!(ran.code == 1 && !ran.out.contains('✓') && !ran.out.contains("part there"), "{}", ran.out);
        assert!(ran.out.contains("Nothing was compared") && ran.out.contains("(datagrams of UDP)"), "{}", ran.out);
    }
    let json = run(&mut wiretale(&["compare", &datagrams, &opened, "--format", "json"]));
    let pair: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(json.code == 1 && pair["lines"][0] == 0 && pair["partings"] == serde_json::json!([]), "{}", json.out);
    assert_eq!(pair["untold"][0][0]["frames"].as_array().unwrap().len(), 34);
}

/// Who speaks over UDP is known by the ports, too, and what a ladder of QUIC tells is not said to be told nowhere.
#[test]
fn datagrams_have_ports() {
    let capture = "tests/interop/captures/socketio4-webtransport.pcapng";
    let ran = run(&mut wiretale(&["replay", capture, "--packets", "--width", "90"]));
    assert!(ran.out.contains(":58813 → :8080 "), "{}", ran.out);
    let ran = run(&mut wiretale(&["replay", capture, "--width", "100"]));
    assert!(ran.out.contains("in no line above") && !ran.out.contains("in no TCP connection"), "{}", ran.out);
}

/// A pcapng without some of its blocks, chosen by their type and by how many of that type came before.
fn without(whole: &[u8], is_left_out: impl Fn(u32, usize) -> bool) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    let (mut kept, mut seen, mut at) = (Vec::new(), BTreeMap::new(), 0);
    while at < whole.len() {
        let (kind, end) = (word(at), at + word(at + 4) as usize);
        let number = seen.entry(kind).or_insert(0);
        if !is_left_out(kind, *number) {
            kept.extend_from_slice(&whole[at..end]);
        }
        *number += 1;
        at = end;
    }
    kept
}

/// QUIC that can be opened is compared, and QUIC that cannot is named: also to who looks for an event.
#[test]
fn stories_over_quic_are_set_side_by_side() {
    let opened = "tests/interop/captures/socketio4-webtransport.pcapng";
    let same = run(&mut wiretale(&["compare", opened, opened, "--format", "json"]));
    let pair: serde_json::Value = serde_json::from_str(&same.out).unwrap();
    assert!(same.code == 0 && pair["alike"].as_u64().unwrap() > 50, "{}", same.out);
    let whole = fs::read(opened).unwrap();
    let (secrets, packet) = (10, 6);
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed.pcapng");
    fs::write(&closed, without(&whole, |kind, _| kind == secrets)).unwrap();
    let shorter = folder.path().join("shorter.pcapng");
    fs::write(&shorter, without(&whole, |kind, number| kind == packet && number >= 100)).unwrap();
    let ran = run(&mut wiretale(&["compare", opened, shorter.to_str().unwrap(), "--width", "100"]));
    assert!(ran.code == 0 && ran.out.contains("on QUIC connection 0"), "{}", ran.out);
    let closed = closed.to_str().unwrap();
    // What is not found may stand in what was not opened.
    let peeled = |path: &str| run(&mut wiretale(&["peel", path, "--event", "nobody"])).err;
    assert!(peeled(closed).contains("`--keylog FILE`") && !peeled(opened).contains("--keylog"), "{}", peeled(opened));
    for (first, second) in [(closed, closed), (opened, closed), (closed, opened)] {
        let ran = run(&mut wiretale(&["compare", first, second, "--width", "100"]));
        assert!(ran.code == 1 && !ran.out.contains('✓'), "{}", ran.out);
        assert!(ran.out.contains("(QUIC that could not be read)"), "{}", ran.out);
    }
}

/// A wire that takes time is in every latency.
#[test]
fn a_wire_that_takes_time_is_measured() {
    let arguments =
        ["compare", "websocket", "--network", "ethernet", "--delay", "15ms", "--events", "3", "--format", "json"];
    let ran = run(&mut wiretale(&arguments));
    if nothing_is_live(&ran) {
        return;
    }
    let compared: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let latencies = compared["contenders"][0]["latencies"].as_array().unwrap();
    assert!(latencies.iter().all(|latency| latency.as_u64().unwrap() >= 15_000_000), "{latencies:?}");
    let refused = run(&mut wiretale(&["compare", "--delay", "15ms"]));
    assert!(refused.code == 2 && refused.err.contains("no wire"), "{}", refused.err);
}

/// Ctrl-C ends a play where it is: what was recorded is kept whole, and nothing of it is left behind.
#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_recorded() {
    const EVENT: &str = "the event that is waited for";
    let script = format!(
        "server keeps events\nada connects to socket.io\nserver emits \"{EVENT}\" to everyone\nwait 9s\nwait 9s\nada disconnects\n"
    );
    let text = format!("+++\ntitle = \"T\"\nquestion = \"Q?\"\n+++\n```script\n{script}```\n");
    let (folder, lesson) = temporary("slow.md", text.as_bytes());
    let capture = folder.path().join("kept.pcapng");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_wiretale"))
        .args(["lesson", "--no-predict", "--save"])
        .args([&capture, &lesson])
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Whether anything is left of the queue's folder, and whether the event lies there: it is kept before it is sent, and whoever gets
    // it has connected before.
    let queue = || {
        let folders = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        folders.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("wiretale-queue"))
    };
    let is_on_record = || {
        let files = queue().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
        let octets = files.filter_map(|file| fs::read(file.ok()?.path()).ok()).collect::<Vec<_>>().concat();
        octets.windows(EVENT.len()).any(|octets| octets == EVENT.as_bytes())
    };
    while !is_on_record() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    if let Some(status) = child.try_wait().unwrap() {
        assert_eq!(status.code(), Some(3), "it ends by itself only where nothing can be played");
        assert!(is_left_out(true, "it ended by itself"));
        return;
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("the play was ended in line "), "{said}");
    let kept = replay(&capture);
    assert!(kept.code == 0 && kept.out.contains("socket.io") && !kept.out.contains("cut"), "{}{}", kept.out, kept.err);
    assert_eq!(queue(), None, "the folder of the queue is gone");
}

#[test]
fn a_comparison_may_be_repeated() {
    let arguments = ["compare", "tcp", "--events", "3", "--every", "5ms", "--repeat", "3", "--format", "json"];
    let ran = run(&mut wiretale(&arguments));
    if nothing_is_live(&ran) {
        return;
    }
    let compared: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let one = &compared["contenders"][0];
    let runs: Vec<u64> = one["runs"].as_array().unwrap().iter().map(|octets| octets.as_u64().unwrap()).collect();
    assert!(runs.len() == 3 && runs.is_sorted() && runs[1] == one["cost"]["octets"].as_u64().unwrap(), "{runs:?}");
    assert_eq!(one["latencies"].as_array().unwrap().len(), 9, "those of all runs");
    let table = run(&mut wiretale(&arguments[..8]));
    assert!(
        table.out.contains("in the middle of 3 runs") && table.out.contains("arithmetic, not measured"),
        "{}",
        table.out
    );
    let scaled: Vec<f64> = {
        let (_, behind) = table.out.split_once("of 2^20 bits").expect("the unit of old articles");
        let row = behind.lines().nth(2).unwrap();
        row.replace('\u{a0}', "").split_whitespace().skip(1).map(|cell| cell.parse().unwrap()).collect()
    };
    let ratio = scaled[2] / scaled[3];
    assert!((ratio - 1.048_576).abs() < 0.01, "the same in another unit: {scaled:?}");
}

/// QUIC is known by its long headers; what follows with short ones, and who is asked for, by what came before.
#[test]
fn quic_is_told_as_far_as_it_is_in_the_open() {
    let frames = |capture: &str, filter: &str| -> Vec<u64> {
        let capture = format!("tests/captures/quic/{capture}.pcap");
        let lines = exported(&[&capture, "--kinds", "packet", "--where", filter]);
        lines.iter().map(|line| line["frame"].as_u64().unwrap()).collect()
    };
    assert_eq!(frames("quic", "quic"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]);
    assert_eq!(frames("quic", "quic.header_form == 0"), [7, 8, 9, 10, 11]);
    assert_eq!(
        frames("quic", "tls.handshake.extensions_server_name == \"localhost\""),
        [1, 3],
        "once more behind the Retry"
    );
    assert_eq!(
        frames("quic", "tls.handshake.type == 2"),
        [4],
        "the server's, with keys of the connection ID after the Retry"
    );
    assert_eq!(frames("quic-long-hello", "tls.handshake.extensions_alpn_str == \"echo\""), [2], "where its end came");
    assert_eq!(frames("quic-version-2", "tls.handshake.type"), [1, 2]);
    let lines = exported(&["tests/captures/quic/quic.pcap", "--kinds", "packet,note"]);
    let notes: Vec<_> = lines.iter().filter(|line| line["kind"] == "note").map(|line| line["frame"].as_u64()).collect();
    assert_eq!(notes, [Some(1), Some(13)], "once for each pair of ends");
    assert_eq!(lines[0]["layers"], serde_json::json!(["eth", "ip", "udp", "quic"]));
    let ran = run(&mut wiretale(&["peel", "tests/captures/quic/quic.pcap", "1", "--width", "80"]));
    assert!(ran.out.contains("ClientHello for localhost") && ran.out.contains("each owned once"), "{}", ran.out);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("behind the last packet of QUIC: they fill the datagram"), "{words}");
}

/// A capture of which so many octets of each frame were kept, or the frame not at all; told by its number and its length.
fn shortened(path: &str, kept: &dyn Fn(usize, usize) -> Option<usize>) -> (TempDir, PathBuf, Vec<Frame>) {
    let mut file = CaptureFile::open(Path::new(path)).unwrap();
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(frame) = file.next_frame().unwrap() {
        let mut frame = frame.to_frame();
        let Some(kept) = kept(frames.len() + 1, frame.data.len()) else { break };
        frame.data.truncate(kept);
        frames.push(frame);
    }
    let section = Section { interfaces: file.about().interfaces.clone(), ..Section::default() };
    let mut writer = Writer::new("short", Vec::new(), &section).unwrap();
    frames.iter().for_each(|frame| writer.write(&frame.as_ref()).unwrap());
    let (folder, path) = temporary("short.pcapng", &writer.finish(None).unwrap());
    (folder, path, frames)
}

/// Of a capture that kept only the beginnings of frames the story tells once what each of them lacks; an export tells of each.
#[test]
fn what_a_short_capture_left_out_is_told_together() {
    let (_folder, path, frames) = shortened("captures/15-emit.pcapng", &|_, len| Some(len.min(96)));
    let flat = replay(&path).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = frames.iter().filter(|frame| frame.data.len() < frame.len as usize).count();
    assert!(cut > 3 && flat.matches("the capture kept ").count() == 1, "{flat}");
    assert!(flat.contains("the capture kept 96 of the frame's … octets · frames 4, 6, 8, 25, 27"), "{flat}");
    assert_eq!(flat.matches("of this stream were not captured").count(), 1, "{flat}");
    let lines = run(&mut wiretale(&["export", "--kinds", "note", path.to_str().unwrap()])).out;
    assert_eq!(lines.matches("the capture kept 96 of the frame's ").count(), cut, "{lines}");
}

/// A lesson has no `--packets`: what is in no connection is named, and nothing is told that it does not take.
#[test]
fn help_is_of_the_command_that_was_asked() {
    let capture = "captures/03-tcp-udp.pcapng";
    let text = MINE.replace("Hello.", "```show\nladder\n```");
    let (_folder, path) = temporary("mine.md", text.as_bytes());
    let lesson = run(&mut wiretale(&["lesson", path.to_str().unwrap(), "--from", capture, "--no-predict"]));
    assert!(lesson.out.contains("in no TCP connection") && !lesson.out.contains("--packets"), "{}", lesson.out);
    let told = run(&mut wiretale(&["replay", capture]));
    assert!(told.out.contains("`--packets` lists them"), "{}", told.out);
}

#[test]
fn event_streams_are_told_apart_from_who_polls_at_their_path() {
    let told = run(&mut wiretale(&["replay", "captures/13-showdown.pcapng", "--width", "200"])).out;
    assert!(
        told.contains("streaming of /news at server: the answer is an event stream by its content type · frame 140\n")
    );
}

#[test]
fn what_icmp_quotes_is_not_what_it_is() {
    let listed =
        run(&mut wiretale(&["replay", "tests/captures/udp/unreachable.pcap", "--packets", "--width", "120"])).out;
    assert!(listed.contains("udp: 40508 → 9306, 5 octets of payload"), "{listed}");
    assert!(listed.contains("icmp: nobody listens on this port"), "{listed}");
}

/// Nobody answers a datagram itself: without ICMP it is just gone.
#[test]
fn a_datagram_that_nobody_took_is_told() {
    let exported = run(&mut wiretale(&["export", "tests/captures/udp/unreachable.pcap", "--kinds", "finding"]));
    let line: serde_json::Value = serde_json::from_str(exported.out.trim_end()).expect("one finding");
    let says =
        "UDP from 127.0.0.1 to 127.0.0.1:9306 did not arrive, as 127.0.0.1 says with ICMP: nobody listens on this port";
    assert_eq!(
        (&line["text"], &line["severity"], &line["frames"]),
        (&serde_json::json!(says), &serde_json::json!("warn"), &serde_json::json!([1, 2]))
    );
}

#[test]
fn who_refuses_a_certificate_is_told_with_the_cause() {
    let told = run(&mut wiretale(&["replay", "tests/captures/tls/unknown-ca.pcap", "--width", "200"])).out;
    let says =
        "127.0.0.1:39032 ended TLS with the alert unknown_ca: it does not know who signed the other side's certificate";
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(says), "{told}");
    // That says all: the RST behind it is no second thing that went wrong.
    assert!(told.contains("note 127.0.0.1:39032 broke connection 0 off while open, behind an alert of TLS"), "{told}");
}

/// By real programs: in TLS 1.2 it is in the open, in 1.3 only lengths are.
#[test]
fn who_shows_no_certificate_is_told() {
    for (version, says) in [
        (
            "12",
            "127.0.0.1:7443 ended TLS with the alert handshake_failure: the client must show a certificate, and showed none",
        ),
        ("13", "Likely it asks for a certificate, and the client showed none"),
    ] {
        let file = format!("tests/captures/tls/no-certificate-{version}.pcap");
        let told = run(&mut wiretale(&["replay", &file, "--width", "200"])).out;
        assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(says), "{told}");
    }
}

#[test]
fn who_closes_without_close_notify_is_named_and_not_who_minds_it() {
    let told = run(&mut wiretale(&["replay", "tests/captures/tls/tls-only.pcapng", "--width", "200"])).out;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains(
            "note 127.0.0.1:38732 closed TCP without the alert close_notify before it, so that 127.0.0.1:7401"
        ),
        "{told}"
    );
    assert!(!told.contains("ended TLS with the alert"), "{told}");
    // The same server is asked in the open, too.
    let cause = "It speaks TLS on other connections, and this was asked in the open: likely it takes nothing else";
    assert!(
        told.contains(
            &["GET /plain was never answered: 127.0.0.1:7401 broke off instead, 22 µs later. ", cause].concat()
        ),
        "{told}"
    );
}

/// No line is wider than the terminal, but for words that cannot be broken and commands that somebody copies.
#[test]
fn no_line_is_wider_than_the_terminal() {
    let captures = [
        ("captures/02-socket.pcapng", "2"),
        ("captures/04-loss.pcapng", "4"),
        ("captures/08-server-sent-events.pcapng", "8"),
        ("captures/09-upgrade.pcapng", "9"),
        ("captures/16-audience.pcapng", "16"),
        ("captures/20-privacy.pcapng", "20"),
    ];
    let others =
        ["tests/captures/quic/quic.pcap", "tests/captures/linux/loss.pcap", "tests/captures/samples/g_mid.pcap"];
    let mut asked: Vec<Vec<&str>> = vec![vec!["lesson"], vec!["define"], vec!["fields"]];
    asked.push(vec!["compare", captures[1].0, captures[3].0]);
    for path in captures.iter().map(|(path, _)| *path).chain(others) {
        asked.extend([vec!["replay", path], vec!["replay", "--summary", path], vec!["replay", "--packets", path]]);
        asked.push(vec!["peel", path, "2"]);
    }
    for (path, lesson) in captures {
        asked.push(vec!["lesson", lesson, "--from", path, "--no-predict", "--proofs"]);
        asked.push(vec!["quiz", path]);
    }
    let mut wide = Vec::new();
    for (arguments, width) in asked.iter().flat_map(|one| [60, 80, 100].map(|width| (one, width))) {
        let ran = run(wiretale(&["--width", &width.to_string()]).args(arguments));
        assert!(!ran.out.is_empty(), "{arguments:?}: {}", ran.err);
        for line in ran.out.lines().filter(|line| line.chars().count() > width) {
            let text = line.trim_start();
            let indent = line.len() - text.len();
            let longest = text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
            if indent + longest <= width && !text.starts_with("wiretale ") {
                wide.push(format!("{width} {arguments:?}: {line}"));
            }
        }
    }
    assert_eq!(wide, [] as [String; 0], "{}", wide.join("\n"));
}

/// A table breaks no word: where there is no room its rows are written below each other.
#[test]
fn tables_break_no_word() {
    let lesson = ["lesson", "15", "--from", "captures/15-emit.pcapng", "--no-predict"];
    for width in ["40", "60", "80", "110"] {
        let words = |arguments: &[&str]| {
            let ran = run(wiretale(&["--width", width]).args(arguments));
            ran.out.split_whitespace().map(|word| word.trim_end_matches(':').to_owned()).collect::<BTreeSet<_>>()
        };
        let has = |arguments: &[&str], wanted: &[&str]| {
            let found = words(arguments);
            let missing: Vec<_> = wanted.iter().filter(|word| !found.contains(**word)).collect();
            assert_eq!(missing, [] as [&&str; 0], "{width} {arguments:?}");
        };
        has(&["replay", "--summary", CAPTURE], &["messages", "websocket", "websocket.handshake", "octets"]);
        has(&["lesson"], &["08-server-sent-events", "19-guarantees", "WebSocket?"]);
        let fields = if width == "60" { ["ack_rtt", "number"] } else { ["socketio.ack_rtt", "frame.number"] };
        has(&lesson, &fields);
    }
}

/// Nor does a line end in spaces, which nobody sees until it is copied.
#[test]
fn no_line_ends_in_spaces() {
    for width in ["40", "60", "80", "110"] {
        for arguments in [
            &["peel", CAPTURE, "8"][..],
            &["peel", CAPTURE, "1"],
            &["peel", "tests/captures/quic/quic.pcap", "1"],
            &["replay", CAPTURE],
            &["replay", CAPTURE, "--packets"],
            &["replay", CAPTURE, "--summary"],
            &["lesson", "9", "--from", CAPTURE, "--no-predict", "--proofs"],
            &["lesson", "16", "--from", "captures/16-audience.pcapng", "--no-predict"],
        ] {
            let ran = run(wiretale(&["--width", width]).args(arguments));
            let ends: Vec<&str> = ran.out.lines().filter(|line| line.ends_with(' ')).collect();
            assert!(!ran.out.is_empty() && ends.is_empty(), "{width} {arguments:?}: {ends:#?}");
        }
    }
}

/// Numbers have one style wherever people read them, and are plain for programs.
#[test]
fn long_numbers_are_grouped_for_people_alone() {
    let capture = "captures/13-showdown.pcapng";
    let json: serde_json::Value =
        serde_json::from_str(&run(&mut wiretale(&["replay", "--summary", capture, "--json"])).out).unwrap();
    let octets = json["octets"].as_u64().unwrap().to_string();
    let grouped = format!("{}\u{a0}{}", &octets[..octets.len() - 3], &octets[octets.len() - 3..]);
    for arguments in [&["replay", "--summary", capture][..], &["replay", capture], &["compare", capture, capture]] {
        let out = run(&mut wiretale(arguments)).out;
        assert!(out.contains(&grouped) && !out.contains(&octets), "{octets}: {out}");
    }
    let ran = run(&mut wiretale(&["compare", "tcp", "--events", "2", "--every", "5ms", "--payload", "1500"]));
    if !nothing_is_live(&ran) {
        assert!(ran.out.contains("1\u{a0}500 octets each"), "{}", ran.out);
    }
}

/// Real stacks have four layers (RFC 1122 §1.1.3): the lesson says that the seven of the OSI model are a way to sort, and on loopback
/// neither it nor `peel` invents a link or a physical layer.
#[test]
fn layers_are_counted_honestly() {
    const LOOPBACK: &str = "captures/01-packet.pcapng";
    let lesson = run(&mut wiretale(&["lesson", "1", "--from", LOOPBACK, "--no-predict", "--width", "200"])).out;
    let lesson = lesson.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "has four layers, as RFC 1122 counts them: link, internet, transport, application",
        "Courses often count seven, after the OSI model. That is a way to sort things, not another thing on the wire",
        "on a loopback there is no physical layer either",
        "made up by the loopback",
    ] {
        assert!(lesson.contains(says), "{says:?} is not in:\n{lesson}");
    }

    let peel = |capture: &str, frame: &str| run(&mut wiretale(&["--width", "120", "peel", capture, frame])).out;
    let (invented, made_up) =
        ("invented by loopback: all zero", "the loopback device has no Ethernet, its header is made up");
    let loopback = peel(LOOPBACK, "1");
    assert!(loopback.contains(invented) && loopback.contains(made_up), "{loopback}");
    for layer in ["link", "internet", "transport"] {
        assert_eq!(
            loopback.lines().filter(|line| line.contains(&format!(" {layer}  "))).count(),
            1,
            "{layer}: {loopback}"
        );
    }
    for other in ["physical", "session", "presentation", "data link"] {
        assert!(!loopback.to_lowercase().contains(other), "{other}: {loopback}");
    }

    // The wire of the lab is an Ethernet: its frames have addresses that somebody sent.
    let mut with_transport = 0;
    for frame in 1..=12 {
        let ethernet = peel("captures/04-loss.pcapng", &frame.to_string());
        assert!(ethernet.contains("02:00:00:00:00:0"), "{ethernet}");
        assert!(!ethernet.contains("invented") && !ethernet.contains("made up"), "{ethernet}");
        with_transport += usize::from(ethernet.contains(" transport  "));
    }
    assert!(with_transport > 0);
}
