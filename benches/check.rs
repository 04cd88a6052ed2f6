//! Counts held equal to the truth, and memory held to its limits. No time is judged.

use std::fs;
use std::path::Path;
use std::process::{Command, exit};

use serde_json::Value;

use super::measure::cost;
use super::traffic::{Format, KINDS};
use super::{Capture, capture, truth_of, wiretale};

/// Peak memory that no capture exceeds, in KiB.
pub const MEMORY: i64 = 16 << 10;
/// The same for half a million short flows.
pub const MEMORY_OF_FLOWS: i64 = 64 << 10;

/// The small check of CI.
pub fn run(keep: &Path) {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let size = if kind == "flows" { "20MB" } else { "4MB" };
        for (segment, format) in [(usize::MAX, Format::Pcap), (1448, Format::Pcap), (usize::MAX, Format::Pcapng)] {
            let capture = capture(keep, kind, size, segment, format);
            wrong.extend(differences(&capture));
            let limit = if kind == "flows" { MEMORY_OF_FLOWS } else { MEMORY };
            let file = capture.file.to_str().unwrap();
            for command in [&[wiretale(), "replay", "--summary", file][..], &[wiretale(), "export", file]] {
                let memory = cost(command).map_or(i64::MAX, |cost| cost.memory);
                if memory > limit {
                    wrong.push(format!("{} takes {memory} KiB, more than {limit}", command[1..].join(" ")));
                }
            }
        }
    }
    end(&wrong);
}

/// Every count at these sizes, with large and small segments and in both formats.
pub fn counts(keep: &Path, sizes: &[String], kinds: &[String]) {
    let mut wrong = Vec::new();
    for size in sizes {
        for kind in kinds {
            for (segment, format) in [(usize::MAX, Format::Pcap), (1448, Format::Pcap), (usize::MAX, Format::Pcapng)] {
                let capture = capture(keep, kind, size, segment, format);
                let found = differences(&capture);
                println!("{}: {}", capture.file.display(), if found.is_empty() { "equal" } else { "NOT EQUAL" });
                wrong.extend(found);
            }
        }
    }
    end(&wrong);
}

fn end(wrong: &[String]) {
    if !wrong.is_empty() {
        eprintln!("{}", wrong.join("\n"));
        exit(1);
    }
    println!("every count equals the truth, and memory stays within its limits");
}

/// Where the summary of a capture is not what was generated.
pub fn differences(capture: &Capture) -> Vec<String> {
    let output = Command::new(wiretale()).args(["replay", "--summary", "--json"]).arg(&capture.file).output().unwrap();
    let name = capture.file.display();
    let Ok(told) = serde_json::from_slice::<Value>(&output.stdout) else {
        return vec![format!("{name}: no summary: {}", String::from_utf8_lossy(&output.stderr))];
    };
    let truth: Value = serde_json::from_slice(&fs::read(truth_of(&capture.file)).unwrap()).unwrap();
    let mut found = Vec::new();
    compare(&name.to_string(), &truth, &told, &mut found);
    found
}

fn compare(path: &str, truth: &Value, told: &Value, found: &mut Vec<String>) {
    match truth {
        Value::Object(entries) => {
            for (key, truth) in entries {
                compare(&format!("{path}: {key}"), truth, &told[key], found);
            }
        }
        truth => {
            // What is not told at all is null: that differs from a zero, too.
            if told.as_u64().is_none() || truth.as_u64() != told.as_u64() {
                found.push(format!("{path}: {told} where there are {truth}"));
            }
        }
    }
}
