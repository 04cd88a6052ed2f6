//! From a capture file to a trace.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Failure;
use crate::capture::{About, CaptureError, CaptureFile, Cut, Frame, Source};
use crate::explain::{Cast, Summary};
use crate::flow::SHARDS;
use crate::layer::{Group, Note, Severity};
use crate::trace::{Pipeline, Portion, Trace, Watch};

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

impl Loaded {
    /// Reads a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        match path.to_str() {
            Some("-") => Self::read(CaptureFile::from_reader("standard input", io::stdin())?),
            _ => Self::read(CaptureFile::open(path)?),
        }
    }

    /// Reads a capture that is part of the program.
    pub fn embedded(name: &str, bytes: &[u8]) -> Result<Self, CaptureError> {
        Self::read(CaptureFile::from_reader(name, io::Cursor::new(bytes.to_vec()))?)
    }

    fn read(mut source: impl Source) -> Result<Self, CaptureError> {
        let mut pipeline = Pipeline::default();
        while let Some(frame) = source.next_frame()? {
            pipeline.push(frame);
        }
        let about = source.about().clone();
        if let Some(cut) = &about.cut {
            pipeline.remark(&Note::new(Severity::Warn, cut.to_string(), "").about(Group::Undecoded));
        }
        let cast = Cast::from_comments(about.comments.iter().map(String::as_str));
        Ok(Self { trace: pipeline.finish(), about, cast })
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
pub(super) fn count(path: &Path, threads: usize) -> Result<(Summary, About), Failure> {
    if threads < 2 {
        return stream(path, Summary::default(), |_| Ok(()));
    }
    let has_sessions = AtomicBool::new(false);
    let parts = std::thread::scope(|scope| {
        let part = |part| {
            let has_sessions = &has_sessions;
            scope.spawn(move || count_part(path, Portion { part, of: threads }, has_sessions))
        };
        let running: Vec<_> = (0..threads).map(part).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    if has_sessions.load(Ordering::Relaxed) {
        return stream(path, Summary::default(), |_| Ok(()));
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
fn count_part(path: &Path, portion: Portion, has_sessions: &AtomicBool) -> Result<(Summary, About), Failure> {
    let mut source = CaptureFile::open(path)?;
    let mut pipeline = Pipeline::new(Summary::default()).sharing(portion);
    while let Some(frame) = source.next_frame()? {
        pipeline.push(frame);
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
    if let Some(cut) = &about.cut {
        if pipeline.frames() == 0 {
            return Err(nothing_whole(path, cut));
        }
        if portion.part == 0 {
            pipeline.remark(&Note::new(Severity::Warn, cut.to_string(), "").about(Group::Undecoded));
        }
    }
    Ok((pipeline.end(), about))
}

/// Tells `watch` what is in a capture, without keeping it; `-` is standard input. `pause` is called when all that was read
/// is told, and may end it. Gives back who was told.
pub(super) fn stream<W: Watch>(
    path: &Path,
    watch: W,
    mut pause: impl FnMut(&mut W) -> Result<(), Failure>,
) -> Result<(W, About), Failure> {
    let mut source = match path.to_str() {
        Some("-") => CaptureFile::from_reader("standard input", io::stdin())?,
        _ => CaptureFile::open(path)?,
    };
    let mut pipeline = Pipeline::new(watch);
    loop {
        if source.is_drained() {
            pause(pipeline.watch())?;
        }
        let Some(frame) = source.next_frame()? else { break };
        pipeline.push(frame);
    }
    let about = source.about().clone();
    if let Some(cut) = &about.cut {
        if pipeline.frames() == 0 {
            return Err(nothing_whole(path, cut));
        }
        pipeline.remark(&Note::new(Severity::Warn, cut.to_string(), "").about(Group::Undecoded));
    }
    Ok((pipeline.end(), about))
}

fn nothing_whole(path: &Path, cut: &Cut) -> Failure {
    let message = format!("cannot read capture `{}`: {cut}, and no frame before that is whole", path.display());
    Failure::request(message, "copy the file again, or capture again and let the program end by itself")
}

/// Reads a capture for a command. One that was cut before its first frame was whole has nothing to tell.
pub(super) fn open(path: &Path) -> Result<Loaded, Failure> {
    let loaded = Loaded::open(path)?;
    match &loaded.about.cut {
        Some(cut) if loaded.trace.is_empty() => Err(nothing_whole(path, cut)),
        _ => Ok(loaded),
    }
}
