//! From a capture file to a trace.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arguments::CaptureArguments;
use super::failure::Failure;
use crate::capture::{About, CaptureError, CaptureFile, Cut, Frame, Source};
use crate::explain::lesson::Lesson;
use crate::explain::{Cast, Summary};
use crate::flow::SHARDS;
use crate::lab::Recording;
use crate::protocol::KeyLog;
use crate::trace::{Keeper, Pipeline, Portion, Trace, Watch};

/// A capture, read and dissected.
#[derive(Debug)]
pub struct Loaded {
    /// Everything in it.
    pub trace: Trace,
    /// Where it comes from.
    pub about: About,
    /// Who is who.
    pub cast: Cast,
}

/// Which secrets of TLS are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets<'a> {
    /// Those that stand in the capture, and these lines of a key log.
    Known(&'a str),
    /// None: what is encrypted stays so, as for everyone who only sees it pass.
    Unused,
}

impl Secrets<'_> {
    /// What a lesson uses that shows what is encrypted as strangers see it, or not.
    pub fn of_lesson(lesson: &Lesson) -> Self {
        if lesson.sealed { Self::Unused } else { Self::Known("") }
    }

    fn pipeline<W: Watch>(self, watch: W) -> Pipeline<W> {
        let mut pipeline = Pipeline::new(watch);
        match self {
            Self::Known(lines) => drop(pipeline.learn_secrets(lines)),
            Self::Unused => pipeline = pipeline.sealed(),
        }
        pipeline
    }
}

/// A capture file that a command was given, and secrets for what is encrypted in it.
pub(super) struct Given<'a> {
    pub(super) path: &'a Path,
    secrets: String,
}

impl<'a> Given<'a> {
    /// Reads the key log, if there is one.
    pub(super) fn of(arguments: &'a CaptureArguments) -> Result<Self, Failure> {
        let secrets = arguments.keylog.as_deref().map(key_log).transpose()?;
        Ok(Self { path: &arguments.file, secrets: secrets.unwrap_or_default() })
    }

    fn source(&self) -> Result<CaptureFile, CaptureError> {
        match self.path.to_str() {
            Some("-") => CaptureFile::from_reader("standard input", io::stdin()),
            _ => CaptureFile::open(self.path),
        }
    }
}

/// More octets of a key log are not read: that is two hundred thousand sessions.
const MAX_KEY_LOG: u64 = 64 << 20;

fn key_log(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let cannot = |cause: &dyn std::fmt::Display, help: &str| {
        Failure::request(format!("cannot read the key log `{name}`: {cause}"), help)
    };
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_KEY_LOG + 1).read_to_end(&mut octets));
    read.map_err(|cause| cannot(&cause, "give the file that SSLKEYLOGFILE named when the program ran"))?;
    if octets.len() as u64 > MAX_KEY_LOG {
        return Err(cannot(&"it has more than 64 MiB", "cut it down to the lines of the sessions in the capture"));
    }
    let lines = String::from_utf8_lossy(&octets).into_owned();
    if KeyLog::default().learn(&lines) == 0 {
        let help = "a line is a label, the 32 octets of the client's random and the secret, in hexadecimal digits";
        return Err(cannot(&"it has no line with a secret", help));
    }
    Ok(lines)
}

impl Loaded {
    /// Reads a file; `-` is standard input.
    pub fn open(path: &Path, secrets: Secrets<'_>) -> Result<Self, CaptureError> {
        Self::read(Given { path, secrets: String::new() }.source()?, secrets)
    }

    /// Reads a capture that is part of the program.
    pub fn embedded(name: &str, bytes: &[u8], secrets: Secrets<'_>) -> Result<Self, CaptureError> {
        Self::read(CaptureFile::from_reader(name, io::Cursor::new(bytes.to_vec()))?, secrets)
    }

    fn read(mut source: impl Source, secrets: Secrets<'_>) -> Result<Self, CaptureError> {
        let mut pipeline = secrets.pipeline(Keeper::default());
        while let Some(frame) = source.next_frame()? {
            pipeline.push(frame);
        }
        let about = source.about().clone();
        about.notes().iter().for_each(|note| pipeline.remark(note));
        let cast = Cast::from_comments(about.comments.iter().map(String::as_str));
        let trace = pipeline.finish().in_sections(about.sections.clone());
        let trace = if about.timeless > 0 { trace.partly_without_times() } else { trace };
        Ok(Self { trace, about, cast })
    }
}

/// Dissects frames that were captured just now.
pub fn trace_frames(frames: &[Frame]) -> Trace {
    let mut pipeline = Pipeline::default();
    for frame in frames {
        pipeline.push(frame.as_ref());
    }
    pipeline.finish()
}

/// Dissects what the lab has recorded just now. Its secrets are known from the start, unless it is to stay sealed.
pub fn trace_recording(recording: &Recording, sealed: bool) -> Trace {
    let secrets = recording.secrets.as_deref().unwrap_or_default();
    let mut pipeline = if sealed { Secrets::Unused } else { Secrets::Known(secrets) }.pipeline(Keeper::default());
    recording.frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.finish()
}

/// The most octets of a capture that one thread reads sooner than several have begun.
const WORTH_SHARING: u64 = 8 << 20;

/// More threads than this only wait for each other's reading.
const MAX_THREADS: usize = 4;

/// How many threads share a capture, unless someone says so.
pub(super) fn threads(asked: Option<usize>, path: &Path) -> usize {
    let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    match (asked, size) {
        // What is no file can be read once only.
        (_, None) => 1,
        (Some(asked), Some(_)) => asked.clamp(1, SHARDS),
        (None, Some(size)) if size < WORTH_SHARING => 1,
        (None, Some(_)) => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
    }
}

/// Counts what is in a capture, shared by so many threads: each reads the file and follows its part of the connections.
/// Where something runs over several connections, as Engine.IO does, one thread begins anew.
pub(super) fn count(given: &Given<'_>, threads: usize) -> Result<(Summary, About), Failure> {
    if threads < 2 {
        return stream(given, Summary::default(), |_| Ok(()));
    }
    let has_sessions = AtomicBool::new(false);
    let parts = std::thread::scope(|scope| {
        let part = |part| {
            let has_sessions = &has_sessions;
            scope.spawn(move || count_part(given, Portion { part, of: threads }, has_sessions))
        };
        let running: Vec<_> = (0..threads).map(part).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    if has_sessions.load(Ordering::Relaxed) {
        return stream(given, Summary::default(), |_| Ok(()));
    }
    let mut sum: Option<(Summary, About)> = None;
    for part in parts {
        let (summary, about) = part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        sum = Some(match sum {
            Some((before, about)) => (before.and(summary), about),
            None => (summary, about),
        });
    }
    Ok(sum.unwrap_or_default())
}

/// One thread's part. It ends early when any of them finds that parts are not enough.
fn count_part(given: &Given<'_>, portion: Portion, has_sessions: &AtomicBool) -> Result<(Summary, About), Failure> {
    let mut source = given.source()?;
    let mut pipeline = Secrets::Known(&given.secrets).pipeline(Summary::default()).sharing(portion);
    loop {
        match source.at_hand() {
            Some(frame) => pipeline.push(frame),
            None => match source.next_frame()? {
                Some(frame) => pipeline.push(frame),
                None => break,
            },
        }
        if pipeline.frames() % 1024 == 0 && pipeline.has_sessions() {
            has_sessions.store(true, Ordering::Relaxed);
        }
        if pipeline.frames() % 1024 == 0 && has_sessions.load(Ordering::Relaxed) {
            break;
        }
    }
    if pipeline.has_sessions() {
        has_sessions.store(true, Ordering::Relaxed);
    }
    let about = source.about().clone();
    if let Some(cut) = about.cut.as_ref().filter(|_| pipeline.frames() == 0) {
        return Err(nothing_whole(given.path, cut));
    }
    if portion.part == 0 {
        about.notes().iter().for_each(|note| pipeline.remark(note));
    }
    Ok((pipeline.end(), about))
}

/// Tells `watch` what is in a capture, without keeping it; `-` is standard input. `pause` is called when all that was read
/// is told, and may end it. Gives back who was told.
pub(super) fn stream<W: Watch>(
    given: &Given<'_>,
    watch: W,
    mut pause: impl FnMut(&mut W) -> Result<(), Failure>,
) -> Result<(W, About), Failure> {
    let mut source = given.source()?;
    let mut pipeline = Secrets::Known(&given.secrets).pipeline(watch);
    loop {
        while let Some(frame) = source.at_hand() {
            pipeline.push(frame);
        }
        if source.is_drained() {
            pause(pipeline.watch())?;
        }
        let Some(frame) = source.next_frame()? else { break };
        pipeline.push(frame);
    }
    let about = source.about().clone();
    if let Some(cut) = about.cut.as_ref().filter(|_| pipeline.frames() == 0) {
        return Err(nothing_whole(given.path, cut));
    }
    about.notes().iter().for_each(|note| pipeline.remark(note));
    Ok((pipeline.end(), about))
}

fn nothing_whole(path: &Path, cut: &Cut) -> Failure {
    let message = format!("cannot read capture `{}`: {cut}, and no frame before that is whole", path.display());
    Failure::request(message, "copy the file again, or capture again and let the program end by itself")
}

/// Reads a capture for a lesson. One that was cut before its first frame was whole has nothing to tell.
pub(super) fn for_lesson(path: &Path, lesson: &Lesson) -> Result<Loaded, Failure> {
    whole(&Given { path, secrets: String::new() }, Secrets::of_lesson(lesson))
}

/// Reads the capture that a command was given.
pub(super) fn given(arguments: &CaptureArguments) -> Result<Loaded, Failure> {
    let given = Given::of(arguments)?;
    whole(&given, Secrets::Known(&given.secrets))
}

fn whole(given: &Given<'_>, secrets: Secrets<'_>) -> Result<Loaded, Failure> {
    let loaded = Loaded::read(given.source()?, secrets)?;
    match &loaded.about.cut {
        Some(cut) if loaded.trace.is_empty() => Err(nothing_whole(given.path, cut)),
        _ => Ok(loaded),
    }
}
