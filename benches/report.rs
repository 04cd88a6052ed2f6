//! The tables: CPU seconds beside those of others, taken in turns in one run.

use std::path::Path;

use super::check::{MEMORY, MEMORY_OF_FLOWS, differences};
use super::measure::{Cost, cost};
use super::traffic::Format;
use super::{Capture, capture, wiretale};

/// How often a program runs at the most; the best counts.
const RUNS: usize = 9;

/// At least so many times quicker than tshark: kind, summary, export of WebSocket.
const TARGETS: &[(&str, f64, Option<f64>)] = &[
    ("small", 40.0, Some(60.0)),
    ("large", 10.0, Some(15.0)),
    ("deflate", 2.5, Some(7.0)),
    ("polling", 25.0, None),
    ("socketio", 40.0, Some(70.0)),
    ("mixed", 15.0, Some(25.0)),
];

pub fn run(keep: &Path, sizes: &[String], kinds: &[String]) {
    for size in sizes {
        let captures: Vec<Capture> =
            kinds.iter().map(|kind| capture(keep, kind, size, usize::MAX, Format::Pcap)).collect();
        counts(size, &captures);
        summary(size, &captures);
        export(size, &captures);
        threads(size, &captures);
    }
    if let Some(smallest) = sizes.first() {
        whole_export(keep, smallest, kinds);
    }
    memory(keep, sizes, kinds);
    start(keep);
}

fn counts(size: &str, captures: &[Capture]) {
    for capture in captures {
        for difference in differences(capture) {
            println!("WRONG at {size}: {difference}");
        }
    }
}

/// How often a program is run: what takes seconds is measured well enough at once, and what is over soon is hit hardest by
/// whatever else the machine does.
fn runs(seconds: f64) -> usize {
    match seconds {
        5.0.. => 1,
        1.0.. => 3,
        _ => RUNS,
    }
}

/// The best of several runs of each, in turns, so that whatever else the machine does hits all alike.
fn race(commands: &[Vec<&str>]) -> Vec<Option<Cost>> {
    let mut best: Vec<Option<Cost>> = vec![None; commands.len()];
    for run in 0..RUNS {
        for (command, best) in commands.iter().zip(&mut best) {
            if run > 0 && best.is_none_or(|best| run >= runs(best.cpu)) {
                continue;
            }
            let cost = cost(command);
            *best = best.and_then(|before| cost.map(|cost| before.best(cost))).or(cost);
        }
    }
    best
}

fn seconds(cost: Option<Cost>) -> String {
    cost.map_or("–".to_owned(), |cost| format!("{:.3}", cost.cpu))
}

fn ratio(others: Option<Cost>, ours: Option<Cost>) -> Option<f64> {
    Some(others?.cpu / ours?.cpu.max(0.001))
}

fn judged(ratio: Option<f64>, target: Option<f64>) -> String {
    match (ratio, target) {
        (None, _) => "–".to_owned(),
        (Some(ratio), None) => format!("{ratio:.1}×"),
        (Some(ratio), Some(target)) => {
            let verdict = if ratio >= target { "" } else { ", **below**" };
            format!("{ratio:.1}× (≥ {target}{verdict})")
        }
    }
}

fn target(kind: &str) -> Option<&'static (&'static str, f64, Option<f64>)> {
    TARGETS.iter().find(|(name, ..)| *name == kind)
}

fn summary(size: &str, captures: &[Capture]) {
    let own = std::env::current_exe().unwrap();
    println!("\n### `replay --summary` at {size}, CPU seconds\n");
    println!(
        "| traffic | wiretale | tshark io,phs | ratio | tcpdump -w | walk | share of the walk's speed |\n|---|---|---|---|---|---|---|"
    );
    for capture in captures {
        let file = capture.file.to_str().unwrap();
        let found = race(&[
            vec![wiretale(), "replay", "--summary", "--json", "--threads", "1", file],
            vec!["tshark", "-q", "-z", "io,phs", "-r", file],
            vec!["tcpdump", "-r", file, "-w", "/dev/null"],
            vec![own.to_str().unwrap(), "walk", file],
        ]);
        let [ours, tshark, tcpdump, walk] = found[..] else { continue };
        let wanted = target(&capture.kind).map(|(_, summary, _)| *summary);
        let share = ratio(walk, ours).map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0));
        println!(
            "| {} | {} | {} | {} | {} | {} | {share} |",
            capture.kind,
            seconds(ours),
            seconds(tshark),
            judged(ratio(tshark, ours), wanted),
            seconds(tcpdump),
            seconds(walk)
        );
    }
}

fn export(size: &str, captures: &[Capture]) {
    println!("\n### `export --kinds websocket.frame,websocket.message` at {size}, CPU seconds\n");
    println!("`--keys` writes what tshark is asked for and no more: number, stream, opcode, length and payload.\n");
    println!(
        "| traffic | wiretale | with `--keys` | tshark -T fields | ratio | with `--keys` |\n|---|---|---|---|---|---|"
    );
    for capture in captures.iter().filter(|capture| !matches!(capture.kind.as_str(), "flows" | "polling")) {
        let file = capture.file.to_str().unwrap();
        let fields =
            ["frame.number", "tcp.stream", "websocket.opcode", "websocket.payload_length", "websocket.payload"];
        let mut tshark = vec!["tshark", "-r", file, "-Y", "websocket", "-T", "fields"];
        fields.iter().for_each(|field| tshark.extend(["-e", field]));
        let kinds = "websocket.frame,websocket.message";
        let all = vec![wiretale(), "export", "--kinds", kinds, file];
        let some = [&all[..], &["--keys", "frame,stream,opcode,payload_len,text"]].concat();
        let found = race(&[all, some, tshark]);
        let [all, some, tshark] = found[..] else { continue };
        let wanted = target(&capture.kind).and_then(|(_, _, export)| *export);
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            capture.kind,
            seconds(all),
            seconds(some),
            seconds(tshark),
            judged(ratio(tshark, all), wanted),
            judged(ratio(tshark, some), None)
        );
    }
}

fn whole_export(keep: &Path, size: &str, kinds: &[String]) {
    println!("\n### The whole `export` at {size}, CPU seconds\n");
    println!("| traffic | wiretale | tshark -T ek | ratio |\n|---|---|---|---|");
    for kind in kinds.iter().filter(|kind| *kind != "flows") {
        let capture = capture(keep, kind, size, usize::MAX, Format::Pcap);
        let file = capture.file.to_str().unwrap();
        let found = race(&[vec![wiretale(), "export", file], vec!["tshark", "-T", "ek", "-r", file]]);
        let judgement = judged(ratio(found[1], found[0]), Some(60.0));
        println!("| {kind} | {} | {} | {judgement} |", seconds(found[0]), seconds(found[1]));
    }
}

fn threads(size: &str, captures: &[Capture]) {
    println!("\n### Two threads against one at {size}, seconds on the clock\n");
    println!("| traffic | one | two | ratio |\n|---|---|---|---|");
    for capture in captures {
        let file = capture.file.to_str().unwrap();
        let with = |threads| vec![wiretale(), "replay", "--summary", "--json", "--threads", threads, file];
        let found = race(&[with("1"), with("2")]);
        let (Some(one), Some(two)) = (found[0], found[1]) else { continue };
        println!("| {} | {:.3} | {:.3} | {:.2}× |", capture.kind, one.wall, two.wall, one.wall / two.wall);
    }
}

fn memory(keep: &Path, sizes: &[String], kinds: &[String]) {
    println!("\n### Peak memory of `replay --summary`, MiB\n");
    println!("| traffic | {} | growth | limit |\n|---|{}---|---|", sizes.join(" | "), "---|".repeat(sizes.len()));
    for kind in kinds {
        let taken: Vec<i64> = sizes
            .iter()
            .filter_map(|size| {
                let capture = capture(keep, kind, size, usize::MAX, Format::Pcap);
                let file = capture.file.to_str().unwrap();
                cost(&[wiretale(), "replay", "--summary", "--json", file]).map(|cost| cost.memory)
            })
            .collect();
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { continue };
        let cells: Vec<String> = taken.iter().map(|kib| format!("{:.1}", *kib as f64 / 1024.0)).collect();
        let limit = if kind == "flows" { MEMORY_OF_FLOWS } else { MEMORY };
        let verdict = if *last <= limit { "" } else { " **above**" };
        let growth = 100.0 * (*last as f64 / *first as f64 - 1.0);
        println!("| {kind} | {} | {growth:.1} % | {} MiB{verdict} |", cells.join(" | "), limit >> 10);
    }
}

fn start(keep: &Path) {
    let small = capture(keep, "flows", "1kB", usize::MAX, Format::Pcap);
    let file = small.file.to_str().unwrap();
    let best = |command: &[&str]| (0..20).filter_map(|_| cost(command)).map(|cost| cost.wall).fold(f64::MAX, f64::min);
    println!("\n### Start, milliseconds on the clock (at most 5)\n");
    println!("| command | wiretale |\n|---|---|");
    println!("| `--help` | {:.1} |", best(&[wiretale(), "--help"]) * 1000.0);
    println!("| `replay` of ten packets | {:.1} |", best(&[wiretale(), "replay", file]) * 1000.0);
}
