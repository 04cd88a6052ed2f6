//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::output::{MAX_WIDTH, MIN_WIDTH};
use crate::lab;

/// See the conversation under your sockets: capture, dissect and explain it, every sentence tied to its bytes.
#[derive(Debug, Parser)]
#[command(name = "wiretale", version, max_term_width = 100)]
pub(super) struct Arguments {
    /// When to use colour; `NO_COLOR` is heeded too.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,

    /// How many columns to write; by default as many as the terminal has, but no more than 110, and 80 in a pipe.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "COLUMNS",
          value_parser = clap::value_parser!(u16).range(i64::from(MIN_WIDTH)..=i64::from(MAX_WIDTH)))]
    pub(super) width: Option<u16>,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// The heading of the options that all commands have: they stand behind those of the command.
const EVERYWHERE: &str = "Everywhere";

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play a lesson live and explain what was seen; without a name: list the lessons.
    Lesson(LessonArguments),
    /// Tell whether every sentence of the lessons is true, live and on their saved captures.
    Check(CheckArguments),
    /// Play the same events over several transports, and measure what each costs.
    Compare(CompareArguments),
    /// Tell the story of a saved capture (pcap or pcapng).
    Replay(ReplayArguments),
    /// Show one frame of a capture, layer by layer, with every byte's owner.
    Peel(PeelArguments),
    /// Write what a capture holds as lines of JSON or as CSV, for programs.
    Export(ExportArguments),
    /// Ask questions about a lesson's capture or your own, each answer proved by its bytes.
    Quiz(QuizArguments),
    /// Tell what a term means, and in which lesson it can be seen.
    Define(DefineArguments),
    /// List every field that filters and lessons can ask for.
    Fields(FieldsArguments),
    /// Tell what this machine allows, and the command that fixes what it does not.
    Doctor,
    /// Write a script with which a shell completes what you type: source it, or put it where your shell looks for it.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual page, of the program or of one command: `wiretale man replay | man -l -`.
    Man {
        /// The command.
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct DefineArguments {
    /// The term, such as `full duplex`; without one all are listed.
    pub(super) term: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct QuizArguments {
    /// A lesson by name, number or unique beginning, whose saved capture is asked about; or a capture file. Without one it
    /// is the first lesson.
    #[arg(value_name = "LESSON|FILE.pcapng")]
    pub(super) what: Option<String>,
    /// Play the lesson, and ask about what was captured just now.
    #[arg(long)]
    pub(super) live: bool,
    /// How many questions.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(super) questions: u16,
    /// Ask the same questions as another time.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Print the questions and their answers as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LessonArguments {
    /// A lesson's name, number or unique beginning, or the path of a lesson file; `next` is the first you have not done.
    pub(super) name: Option<String>,
    /// Explain this capture instead of a live run; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) from: Option<PathBuf>,
    /// Keep the capture, with each proved sentence written on its frames; `-` writes standard output.
    #[arg(long, value_name = "FILE.pcapng")]
    pub(super) save: Option<PathBuf>,
    /// Turn a knob of the lesson's script.
    #[arg(long = "set", value_name = "KNOB=VALUE")]
    pub(super) knobs: Vec<String>,
    /// Forget which lessons are done.
    #[arg(long, conflicts_with = "name")]
    pub(super) reset: bool,
    /// Do not ask the predictions, also on a terminal.
    #[arg(long)]
    pub(super) no_predict: bool,
    /// Show under each sentence the expression that proves it; its filters can be pasted into Wireshark.
    #[arg(long)]
    pub(super) proofs: bool,
    /// Print the judged sentences as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Lessons by name, number, unique beginning or path; all of them if none is named.
    pub(super) names: Vec<String>,
    /// Print the table as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which way events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// From the server to the client.
    Down,
    /// From the client to the server.
    Up,
    /// Each time one from the server and one from the client.
    Both,
}

/// Where events are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Net {
    /// The loopback interface.
    Loopback,
    /// Two machines with a wire between them.
    Ethernet,
}

/// Whose header fields requests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Who {
    /// Nobody's: what HTTP needs.
    Minimal,
    /// A browser of today.
    Browser,
    /// A browser of 2009, with a long cookie.
    #[value(name = "firefox-2009")]
    Firefox2009,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CompareFormat {
    /// Tables and bars.
    Table,
    /// One object.
    Json,
    /// A row for each transport.
    Csv,
    /// Tables for a page in Markdown.
    Markdown,
}

#[derive(Debug, Args)]
#[group(skip)] // its name would stand among those of what was typed
pub(super) struct CompareArguments {
    /// Which transports: http10, http11, short-poll, long-poll, sse, websocket, websocket-deflate, socketio, socketio-polling,
    /// socketio-websocket, tcp, udp; those over HTTP if none is named. Or two captures, which are set side by side.
    pub(super) kinds: Vec<String>,
    /// Of two captures: open what is encrypted in them by the secrets in this file, a key log.
    #[arg(long, value_name = "FILE")]
    pub(super) keylog: Option<PathBuf>,
    /// How many events.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(super) events: u16,
    /// The time before each event, such as 50ms.
    #[arg(long, value_name = "TIME", default_value = "50ms")]
    pub(super) every: humantime::Duration,
    /// How many octets each event has.
    #[arg(long, value_name = "OCTETS", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub(super) payload: u16,
    /// Which way the events go.
    #[arg(long, value_enum, default_value_t = Way::Down)]
    pub(super) direction: Way,
    /// How often a client that polls asks in the time between two events.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(super) polls: u16,
    /// Between which machines: one that speaks to itself, or two and a wire.
    #[arg(long, value_enum, default_value_t = Net::Loopback)]
    pub(super) network: Net,
    /// How long the wire takes each way, such as 20ms; it takes one: --network ethernet.
    #[arg(long, value_name = "TIME")]
    pub(super) delay: Option<humantime::Duration>,
    /// How many clients there are; each has all events, and those that ask wait at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=lab::MAX_CLIENTS as i64))]
    pub(super) clients: u8,
    /// Whose header fields each request has; those of the answers stay as few as they can be.
    #[arg(long, value_enum, default_value_t = Who::Minimal)]
    pub(super) profile: Who,
    /// Behind the last event nothing happens for so long, such as 10s: what idling costs.
    #[arg(long, value_name = "TIME")]
    pub(super) idle: Option<humantime::Duration>,
    /// Of 100 TCP segments and datagrams with data the wire loses so many, either way and whatever they carry (SYNs and other
    /// segments without data pass, and so do a client's first datagram and what was lost twice in a row); it takes a wire:
    /// --network ethernet.
    #[arg(long, value_name = "PERCENT", value_parser = loss)]
    pub(super) loss: Option<u8>,
    /// What is lost follows from this number, with the place of each segment among those that go its way.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "loss")]
    pub(super) seed: u32,
    /// Play each so often; what is shown is the run in the middle, and how far the others are from it.
    #[arg(long, value_name = "RUNS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(super) repeat: u8,
    /// How the numbers are printed.
    #[arg(long, value_enum, default_value_t = CompareFormat::Table)]
    pub(super) format: CompareFormat,
    /// Keep the captures in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(super) save: Option<PathBuf>,
    /// Draw the plots into this folder, each as a file of SVG.
    #[arg(long, value_name = "FOLDER")]
    pub(super) svg: Option<PathBuf>,
    /// Write a page with tables and plots, all in one file, for reading and printing.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Look into published numbers instead: quantum-leap, hpbn, long-poll-batching, plain-tcp.
    #[arg(long, value_name = "CASE", conflicts_with = "kinds")]
    pub(super) case: Option<String>,
    /// The names of the options that were typed, `report`: those with a default look the same if they were not.
    #[arg(skip)]
    pub(super) typed: Vec<String>,
}

/// How many of 100 are lost.
fn loss(text: &str) -> Result<u8, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse() {
        Ok(0) => Err("a link that loses nothing is had by leaving this out".to_owned()),
        Ok(percent @ 1..=lab::MOST_LOST_OF_100) => Ok(percent),
        _ => Err(format!(
            "it is a whole number of percent, from 1 to {}: over a link that loses more TCP does little but wait",
            lab::MOST_LOST_OF_100
        )),
    }
}

/// Which capture is read.
#[derive(Debug, Args)]
pub(super) struct CaptureArguments {
    /// The capture file; `-` reads standard input.
    pub(super) file: PathBuf,
    /// Open what is encrypted with TLS or QUIC by the secrets in this file: a key log, as programs write it where SSLKEYLOGFILE
    /// names it. Those that stand in the capture are used anyway.
    #[arg(long, value_name = "FILE")]
    pub(super) keylog: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    pub(super) capture: CaptureArguments,
    /// Tell only of the frames that match this Wireshark display filter.
    #[arg(long = "where", value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// List the packets, one line each, instead of drawing ladders.
    #[arg(long)]
    pub(super) packets: bool,
    /// List them as they came, so many times as fast: 1 is as it was. A silence of more than 5 seconds lasts 5.
    #[arg(long, value_name = "TIMES", value_parser = speed, conflicts_with_all = ["summary", "step"])]
    pub(super) speed: Option<f64>,
    /// List them one by one, each when you press Enter; `q` ends it.
    #[arg(long, conflicts_with = "summary")]
    pub(super) step: bool,
    /// Count instead of telling: by protocol, kind and connection. Nothing is kept, so the capture may be of any size.
    #[arg(long, conflicts_with_all = ["packets", "filter"])]
    pub(super) summary: bool,
    /// Print the summary as JSON.
    #[arg(long, requires = "summary")]
    pub(super) json: bool,
    /// How many threads share the counting; the numbers are the same whatever it is.
    #[arg(long, value_name = "NUMBER", requires = "summary")]
    pub(super) threads: Option<usize>,
}

/// How many times as fast.
fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "it is not a number, such as 1 or 0.5".to_owned())?;
    if (0.01..=1000.0).contains(&speed) { Ok(speed) } else { Err("it is from 0.01 to 1000".to_owned()) }
}

#[derive(Debug, Args)]
pub(super) struct PeelArguments {
    #[command(flatten)]
    pub(super) capture: CaptureArguments,
    /// The number of the frame, from 1.
    #[arg(required_unless_present = "event")]
    pub(super) frame: Option<u32>,
    /// The first frame in which an event of this name ends, of Socket.IO or of an event stream.
    #[arg(long, value_name = "NAME", conflicts_with = "frame")]
    pub(super) event: Option<String>,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line.
    Json,
    /// A table, its cells divided by commas, with the names of its columns in the first row.
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    pub(super) capture: CaptureArguments,
    /// Only these kinds of lines, divided by commas: packet, http.request, websocket.message, … With `finding` what went wrong is
    /// told, too, as `replay` does; the whole capture is kept for that.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub(super) kinds: Vec<String>,
    /// Of each line only these keys, divided by commas: frame, stream, opcode, text, … A line of JSON says its `kind` anyway;
    /// the columns of a table are these, in this order.
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    pub(super) keys: Vec<String>,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(super) format: Format,
    /// Only what ended in frames that match this Wireshark display filter.
    #[arg(long = "where", value_name = "FILTER")]
    pub(super) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct FieldsArguments {
    /// Only fields whose name or meaning holds this word.
    pub(super) word: Option<String>,
}
