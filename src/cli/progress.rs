//! Which lessons somebody has been through: a line each in a file of the user's state directory
//! (XDG Base Directory Specification, `XDG_STATE_HOME`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::course::Course;
use super::failure::Failure;

/// The lessons that are done.
#[derive(Debug, Default)]
pub(super) struct Progress {
    file: Option<PathBuf>,
    done: BTreeSet<String>,
}

impl Progress {
    /// Reads it; whoever has no home, or has done nothing, has none.
    pub(super) fn read() -> Self {
        let file = state().map(|folder| folder.join("wiretale").join("lessons-done"));
        let text = file.as_deref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let known = Course.names();
        // A lesson may have been renamed since.
        let done = text.lines().map(str::to_owned).filter(|name| known.contains(name)).collect();
        Self { file, done }
    }

    pub(super) fn has(&self, lesson: &str) -> bool {
        self.done.contains(lesson)
    }

    /// Notes that a lesson is done.
    pub(super) fn add(&mut self, lesson: &str) -> io::Result<()> {
        if !self.done.insert(lesson.to_owned()) {
            return Ok(());
        }
        let Some(file) = &self.file else { return Ok(()) };
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        let lines: String = self.done.iter().map(|name| format!("{name}\n")).collect();
        fs::write(file, lines)
    }

    /// Where it is kept.
    pub(super) fn place(&self) -> String {
        self.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// Forgets all of it.
    pub(super) fn reset(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let message = format!("cannot forget the progress in `{}`: {error}", file.display());
                Err(Failure::request(message, "see whether you may delete the file"))
            }
            _ => Ok(()),
        }
    }

    /// The first lesson that is not done, of those whose prerequisites are.
    pub(super) fn next(&self) -> Result<Option<String>, Failure> {
        for name in Course.names() {
            let ready = |found: &super::course::CourseLesson| found.lesson.requires.iter().all(|other| self.has(other));
            if !self.has(&name) && ready(&Course.read(&name)?) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

fn state() -> Option<PathBuf> {
    // "If an implementation encounters a relative path in any of these variables it should … ignore it."
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(Path::new(".local/state"))))
}
