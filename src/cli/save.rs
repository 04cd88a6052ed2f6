//! Keeping a capture as pcapng, with the lesson's words on the frames that prove them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::failure::Failure;
use crate::capture::{CaptureError, CaptureFile, Frame, Interface, OtherBlock, Section, Statistics, Writer};
use crate::explain::Cast;

/// What is to be kept.
#[derive(Debug)]
pub(super) struct Keep<'a> {
    /// What the capture is of, in a sentence.
    pub(super) title: String,
    pub(super) cast: &'a Cast,
    pub(super) interfaces: Vec<Interface>,
    pub(super) statistics: Option<Statistics>,
    /// Secrets of TLS, a line each.
    pub(super) secrets: Option<String>,
    /// Blocks that another program wrote and nobody here understands.
    pub(super) others: Vec<OtherBlock>,
    /// Sentences, each with the frame it is written on.
    pub(super) comments: Vec<(u32, String)>,
}

/// Writes frames to a file, or to standard output if it is `-`. A file appears whole or not at all.
pub(super) fn save(path: &Path, frames: &[Frame], keep: Keep<'_>) -> Result<(), Failure> {
    let name = path.display().to_string();
    refuse_to_destroy(path, &name)?;
    let bytes = encode(&name, frames, keep)?;
    let written = match path.to_str() {
        Some("-") => io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush()),
        _ => write_whole(path, &bytes),
    };
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::output(error),
        _ => Failure::request(
            format!("cannot write capture `{name}`: {error}"),
            "name a file in a folder you may write to",
        ),
    })
}

/// A capture may be replaced by a newer one; any other file is somebody's work.
fn refuse_to_destroy(path: &Path, name: &str) -> Result<(), Failure> {
    if path.as_os_str() == "-" || !path.exists() || CaptureFile::open(path).is_ok() {
        return Ok(());
    }
    let message = format!("cannot write capture `{name}`: a file of this name is there, and it is no capture");
    Err(Failure::request(message, "choose another name, such as one that ends with .pcapng"))
}

fn encode(name: &str, frames: &[Frame], keep: Keep<'_>) -> Result<Vec<u8>, CaptureError> {
    let application = Some(format!("wiretale {}", env!("CARGO_PKG_VERSION")));
    let comments = vec![keep.title, keep.cast.to_comment()];
    // In the other byte order nobody could tell what is a number in blocks that nobody here understands.
    let big_endian = !keep.others.is_empty() && keep.others.iter().all(|other| other.big_endian);
    let section = Section { application, comments, interfaces: keep.interfaces, big_endian };
    let mut writer = Writer::new(name, Vec::new(), &section)?;
    if let Some(secrets) = keep.secrets {
        writer.add_secrets(&secrets)?;
    }
    for other in &keep.others {
        writer.add_other(other)?;
    }
    for (number, frame) in (1u32..).zip(frames) {
        let mut frame = frame.clone();
        frame
            .comments
            .extend(keep.comments.iter().filter(|(on, _)| *on == number).map(|(_, sentence)| sentence.clone()));
        writer.write(&frame.as_ref())?;
    }
    writer.finish(keep.statistics)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The half-written file is of no use; that it may stay behind is the lesser trouble.
        let _ = fs::remove_file(&beside);
    }
    written
}
