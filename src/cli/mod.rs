//! The command line: one file per subcommand. Results go to standard output, everything else to standard error.
//!
//! Exit codes: 0 done; 1 the answer is "no" (a sentence is untrue, captures of which nothing can be compared); 2 the
//! request was wrong (usage, unreadable file); 3 this machine does not allow it.

mod arguments;
mod bar;
mod check;
mod compare;
mod course;
mod define;
mod doctor;
mod export;
mod failure;
mod fields;
mod knobs;
mod lesson;
mod load;
mod manual;
mod output;
mod peel;
mod predict;
mod progress;
mod quiz;
mod replay;
mod save;
mod unread;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub use course::{Course, CourseLesson};
pub use load::{Loaded, Secrets, trace_frames, trace_recording};

use arguments::{Arguments, Command};
use output::Output;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It did what was asked.
    Done,
    /// The answer is "no".
    No,
    /// This machine does not allow it.
    NotAllowed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::No => Self::from(1),
            Ending::NotAllowed => Self::from(3),
        }
    }
}

/// Runs the program with its arguments. Starts no thread before the lab was entered.
pub fn run() -> ExitCode {
    let arguments = typed();
    let mut out = Output::new(arguments.color, arguments.width);
    let result = match arguments.command {
        Command::Lesson(arguments) => lesson::run(&arguments, &mut out),
        Command::Check(arguments) => check::run(&arguments, &mut out),
        Command::Compare(arguments) => compare::run(&arguments, &mut out),
        Command::Replay(arguments) => replay::run(&arguments, &mut out),
        Command::Peel(arguments) => peel::run(&arguments, &mut out),
        Command::Export(arguments) => export::run(&arguments),
        Command::Quiz(arguments) => quiz::run(&arguments, &mut out),
        Command::Define(arguments) => define::run(&arguments, &mut out),
        Command::Fields(arguments) => fields::run(&arguments, &mut out),
        Command::Doctor => doctor::run(&mut out),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::man(command.as_deref()),
    };
    match result {
        Ok(ending) => ending.into(),
        Err(failure) => failure.report(out.colors(), out.width),
    }
}

/// What was typed; what cannot be understood is told by clap, which ends the program.
fn typed() -> Arguments {
    let matches = Arguments::command().get_matches();
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let (Command::Compare(compare), Some((_, matches))) = (&mut arguments.command, matches.subcommand()) {
        compare.typed = unread::names_typed(matches);
    }
    arguments
}
