//! What we say of captures, compared with what tshark, which comes with Wireshark, says of them.
//!
//! Where tshark is missing the comparison is skipped, and said to be; with `WIRETALE_REQUIRE_TSHARK=1` its absence is
//! a failure.
//!
//! - every field that our tables say Wireshark has, in every frame of every saved capture and of conversations made
//!   here (`plays.rs`, `moods.rs`, `asked.rs`, written by `wire.rs`): `compare.rs`;
//! - every display filter of every lesson on its capture, and the claims written into it: `lessons.rs`;
//! - functions and slices in display filters: `filters.rs`;
//! - what is said of checksums, where tshark is told to look at them: `sums.rs`;
//! - the names and types of the fields: `registry.rs`;
//! - where we differ, and why: `exceptions.rs`, found with tshark 4.0; and what is right instead: `right.rs`.

#![allow(clippy::unwrap_used)] // helpers of tests; clippy only knows the tests themselves

mod asked;
mod below;
mod compare;
mod exceptions;
mod filters;
mod lessons;
mod losses;
mod moods;
mod plays;
mod registry;
mod right;
mod sums;
mod tool;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use exceptions::Exception;
use wire::{Form, Talk};

/// By default tshark loses messages in segments that come late; with this it puts them in order, as we do.
const IN_ORDER: &[&str] = &["tcp.reassemble_out_of_order:TRUE"];
/// And it knows that what looks like a port of HTTP is one of TLS.
const ENCRYPTED: &[&str] = &["tcp.reassemble_out_of_order:TRUE", "http.tcp.port:80", "http.tls.port:8080"];
/// And it checks sums.
const STRICT: &[&str] = &["tcp.reassemble_out_of_order:TRUE", "tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"];

/// Every capture in a folder and the folders in it, in order of their paths.
fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let mut captures = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            captures.extend(captures_in(&path));
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            captures.push(path);
        }
    }
    captures.sort();
    captures
}

#[test]
fn saved_captures() {
    if !tool::is_here() {
        return;
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut captures = ["captures", "tests/captures"].map(|folder| captures_in(&home.join(folder))).concat();
    // What is encrypted, with its secrets beside it.
    let recorded = captures_in(&home.join("tests/interop/captures"));
    let is_encrypted =
        |path: &PathBuf| ["-tls", "-webtransport"].iter().any(|name| path.to_string_lossy().contains(name));
    captures.extend(recorded.into_iter().filter(is_encrypted));
    assert!(captures.len() >= 25, "only {} captures were found", captures.len());
    let mut wrong = String::new();
    for path in captures {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let preferences = if name.contains("-tls") { ENCRYPTED } else { IN_ORDER };
        match compare::capture(&path, preferences, &Exception::of(&name)) {
            Ok(tally) => println!("{name}: {} frames, {} values", tally.frames, tally.values),
            Err(text) => wrong.push_str(&text),
        }
    }
    assert!(wrong.is_empty(), "we and tshark differ:\n{wrong}");
}

/// What a comparison counts of its captures, tshark counts too.
#[test]
fn comparisons_weigh_what_tshark_weighs() {
    if !tool::is_here() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wiretale"));
    command.args(["compare", "--events", "3", "--every", "10ms", "--format", "json", "--save"]).arg(home.path());
    let ran = command.args(["http10", "short-poll", "long-poll", "sse", "websocket", "tcp", "udp"]).output().unwrap();
    if ran.status.code() == Some(3) {
        let required = std::env::var("WIRETALE_REQUIRE_LAB").is_ok_and(|value| value == "1");
        assert!(!required || !cfg!(feature = "capture"), "WIRETALE_REQUIRE_LAB is set, but nothing can be played here");
        return eprintln!("NOTE: no live run is possible here: left out");
    }
    let compared: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let contenders = compared["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 7);
    for one in contenders {
        let name = one["transport"].as_str().unwrap();
        let path = home.path().join(format!("{name}.pcapng"));
        let frames = tool::fields(&path, &[], &["frame.len", "http.request.method", "tcp.flags.syn"]);
        let octets: u64 = frames.iter().map(|frame| frame["frame.len"][0].parse::<u64>().unwrap()).sum();
        let requests = frames.iter().filter(|frame| !frame["http.request.method"].is_empty()).count();
        let cost = &one["cost"];
        let counted = (cost["frames"].as_u64().unwrap() as usize, cost["octets"].as_u64().unwrap());
        assert_eq!(counted, (frames.len(), octets), "{name}");
        assert_eq!(cost["requests"].as_u64().unwrap() as usize, requests, "{name}");
    }
}

/// Writes conversations to a file and compares it under this name.
fn made(name: &str, talks: &[Talk], form: Form) {
    if !tool::is_here() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(format!("{name}.pcapng"));
    wire::save(&path, talks, form);
    let result = compare::capture(&path, STRICT, &Exception::of(name));
    let names: Vec<String> = (0..).zip(talks).map(|(n, talk): (u32, _)| format!("  {n} {}", talk.name)).collect();
    let wrong = result.as_ref().err().cloned().unwrap_or_default();
    assert!(result.is_ok(), "we and tshark differ:\n{wrong}\nconversations by tcp.stream:\n{}", names.join("\n"));
    println!("{name}: {result:?}");
}

#[test]
fn made_http() {
    made("http", &plays::http(), Form::InTurn);
}

#[test]
fn made_requests() {
    made("requests", &asked::requests(), Form::InTurn);
}

#[test]
fn made_websocket() {
    made("websocket", &plays::websocket(), Form::InTurn);
}

#[test]
fn made_tcp() {
    made("tcp", &plays::tcp(), Form::InTurn);
}

#[test]
fn made_port_reuse() {
    made("port reuse", &plays::port_reuse(), Form::InTurn);
}

#[test]
fn made_out_of_order() {
    made("out of order", &plays::out_of_order(), Form::InTurn);
}

#[test]
fn made_on_every_link() {
    made("links", &plays::links(), Form::Mixed);
}

#[test]
fn made_by_dice() {
    let talks: Vec<Talk> = (0..16).map(plays::random).collect();
    made("dice", &talks, Form::Mixed);
}

#[test]
fn made_links_and_tags() {
    made("links and tags", &below::links(), Form::InTurn);
}

#[test]
fn made_arp_and_icmp() {
    made("arp and icmp", &below::neighbours(), Form::InTurn);
}

#[test]
fn made_fragments() {
    made("fragments", &below::fragments(), Form::InTurn);
}

#[test]
fn made_jumbograms() {
    made("jumbograms", &below::jumbograms(), Form::InTurn);
}

#[test]
fn made_routes() {
    made("routes", &below::routes(), Form::InTurn);
}

#[test]
fn made_signatures() {
    made("signed", &below::signed(), Form::InTurn);
}

/// In two passes tshark knows of each fragment where its packet is whole.
#[test]
fn fragments_know_where_they_are_whole() {
    if !tool::is_here() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("fragments.pcapng");
    wire::save(&path, &below::fragments(), Form::InTurn);
    let trace = compare::load(&path);
    let mut filters = Vec::new();
    let mut expected = Vec::new();
    for (field, frames) in [("ip.reassembled_in", 1..=13_u32), ("ipv6.reassembled.in", 14..=23)] {
        for frame in frames {
            // The frame that completes a packet says so in other fields.
            let whole = trace.record(frame).unwrap().reassembled_in.filter(|whole| *whole != frame);
            let asked = whole.map_or(String::new(), |whole| format!(" == {whole}"));
            filters.push(format!("{field}{asked} && frame.number == {frame}"));
            expected.push(Ok(if whole.is_some() { vec![frame] } else { Vec::new() }));
        }
    }
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    assert_eq!(tool::filtered(&path, tool::Passes::Two, &filters), expected);
}

#[test]
fn made_damage() {
    made("damage", &below::damaged(), Form::InTurn);
}

#[test]
fn made_datagrams() {
    made("datagrams", &below::datagrams(), Form::InTurn);
}

#[test]
fn lost_segments() {
    made("lost", &losses::lost(), Form::InTurn);
}

#[test]
fn windows_and_keep_alives() {
    made("windows", &losses::windows(), Form::InTurn);
}

#[test]
fn frames_not_captured() {
    made("not captured", &losses::not_captured(), Form::InTurn);
}

#[test]
fn openings() {
    made("openings", &losses::openings(), Form::InTurn);
}

#[test]
fn endings() {
    made("endings", &losses::endings(), Form::InTurn);
}

#[test]
fn ports_used_again() {
    made("ports used again", &losses::reuse(), Form::InTurn);
}

#[test]
fn lost_by_dice() {
    let talks: Vec<Talk> = (0..24).map(losses::by_dice).collect();
    made("lost by dice", &talks, Form::InTurn);
}

#[test]
fn odd_http() {
    made("odd http", &moods::http(), Form::InTurn);
}

#[test]
fn odd_websocket() {
    made("odd websocket", &moods::websocket(), Form::InTurn);
}

#[test]
fn odd_tcp() {
    made("odd tcp", &moods::tcp(), Form::InTurn);
}

#[test]
fn odd_packets() {
    made("odd packets", &moods::packets(), Form::InTurn);
}

/// Of each frame only the headers, or a little more.
#[test]
fn cut_short() {
    made("cut", &[plays::http(), plays::websocket()].concat(), Form::Cut(96));
}
