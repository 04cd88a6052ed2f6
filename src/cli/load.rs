//! From a capture file to a trace.

use std::io;
use std::path::Path;

use super::failure::Failure;
use crate::capture::{About, CaptureError, CaptureFile, Frame, Source};
use crate::explain::Cast;
use crate::layer::{Note, Severity};
use crate::trace::{Pipeline, Trace};

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
            pipeline.remark(Note::new(Severity::Warn, cut.to_string(), ""));
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

/// Reads a capture for a command. One that was cut before its first frame was whole has nothing to tell.
pub(super) fn open(path: &Path) -> Result<Loaded, Failure> {
    let loaded = Loaded::open(path)?;
    match &loaded.about.cut {
        Some(cut) if loaded.trace.is_empty() => {
            let message = format!("cannot read capture `{}`: {cut}, and no frame before that is whole", path.display());
            Err(Failure::request(message, "copy the file again, or capture again and let the program end by itself"))
        }
        _ => Ok(loaded),
    }
}
