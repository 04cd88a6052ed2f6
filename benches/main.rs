//! `cargo bench --bench ratios`: wiretale beside others on generated captures. See benches/README.md.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be taken ends here")]

mod check;
mod measure;
mod report;
mod traffic;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::{Parser, Subcommand};
use traffic::{Format, KINDS, Order, generate};

/// The seed of every capture, so that all runs measure the same.
const SEED: u64 = 2026;

/// Measures wiretale beside other programs on generated captures, and prints ratios.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Mode>,
    /// How large the captures are, divided by commas.
    #[arg(long, value_delimiter = ',', value_parser = known_size, default_value = "10MB,100MB")]
    sizes: Vec<String>,
    /// Which kinds of traffic; all of them if none is named.
    #[arg(long, value_delimiter = ',')]
    kinds: Vec<String>,
    /// Where captures are kept.
    #[arg(long, default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/captures"))]
    keep: PathBuf,
    /// Only compare counts with the truth and watch memory, on small captures; ends with an error if either is wrong.
    #[arg(long)]
    check: bool,
    /// Only the counts at these sizes, also with small segments and as pcapng.
    #[arg(long)]
    counts: bool,
    /// The program that is measured, if it is not to be the one that is built with this.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_wiretale"))]
    program: String,
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Mode {
    /// Write one capture, and beside it what is in it.
    Generate {
        kind: String,
        #[arg(value_parser = known_size)]
        size: String,
        file: PathBuf,
        #[arg(long, default_value_t = usize::MAX)]
        segment: usize,
        #[arg(long)]
        pcapng: bool,
    },
    /// Walk over the records of a pcap file and do nothing else.
    #[command(hide = true)]
    Walk { file: PathBuf },
    /// Run a program and tell what it cost.
    #[command(hide = true)]
    Cost {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// A capture that is to be looked at.
#[derive(Clone)]
struct Capture {
    kind: String,
    file: PathBuf,
}

/// The program that is measured.
static PROGRAM: OnceLock<String> = OnceLock::new();

/// The path of the program that is measured.
fn wiretale() -> &'static str {
    PROGRAM.get().unwrap()
}

fn main() {
    let arguments = Arguments::parse();
    PROGRAM.set(arguments.program.clone()).unwrap();
    match &arguments.command {
        Some(Mode::Generate { kind, size, file, segment, pcapng }) => {
            let format = if *pcapng { Format::Pcapng } else { Format::Pcap };
            write_capture(kind, octets(size).unwrap(), *segment, format, file);
        }
        Some(Mode::Walk { file }) => println!("{}", measure::walk(file)),
        Some(Mode::Cost { command }) => measure::tell_cost(command),
        None if arguments.check => check::run(&arguments.keep),
        None if arguments.counts => check::counts(&arguments.keep, &arguments.sizes, &kinds(&arguments)),
        None => report::run(&arguments.keep, &arguments.sizes, &kinds(&arguments)),
    }
}

fn kinds(arguments: &Arguments) -> Vec<String> {
    if arguments.kinds.is_empty() {
        KINDS.iter().map(|kind| (*kind).to_owned()).collect()
    } else {
        arguments.kinds.clone()
    }
}

fn known_size(size: &str) -> Result<String, String> {
    octets(size).map(|_| size.to_owned())
}

/// `10MB` in octets.
fn octets(size: &str) -> Result<u64, String> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &size[digits.len()..] {
        "GB" => 1_000_000_000,
        "MB" => 1_000_000,
        "kB" => 1000,
        "" => 1,
        other => return Err(format!("sizes are in kB, MB or GB, not {other}")),
    };
    digits.parse::<u64>().map(|number| number * unit).map_err(|error| format!("{size}: {error}"))
}

fn write_capture(kind: &str, size: u64, segment: usize, format: Format, file: &Path) {
    let segment = segment.min(traffic::LOOPBACK_SEGMENT);
    let truth = generate(&Order { kind, size, segment, format, seed: SEED }, file).unwrap();
    fs::write(truth_of(file), serde_json::to_vec(&truth).unwrap()).unwrap();
}

fn truth_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".truth.json");
    name.into()
}

/// The capture of this kind and size, generated unless it is there already.
fn capture(keep: &Path, kind: &str, size: &str, segment: usize, format: Format) -> Capture {
    fs::create_dir_all(keep).unwrap();
    let variant = match (segment, format) {
        (usize::MAX, Format::Pcap) => String::new(),
        (usize::MAX, Format::Pcapng) => "-ng".to_owned(),
        (segment, _) => format!("-{segment}"),
    };
    let extension = if format == Format::Pcap { "pcap" } else { "pcapng" };
    let file = keep.join(format!("{kind}-{size}{variant}.{extension}"));
    if !truth_of(&file).exists() {
        eprintln!("generating {}", file.display());
        write_capture(kind, octets(size).unwrap(), segment, format, &file);
    }
    Capture { kind: kind.to_owned(), file }
}
