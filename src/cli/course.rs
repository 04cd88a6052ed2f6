//! The lessons: those that are part of the program, and any file.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use rust_embed::RustEmbed;

use super::failure::Failure;
use crate::explain::glossary::{Term, glossary};
use crate::explain::lesson::Lesson;
use crate::filter::TraceNames;
use crate::mistake::{Mistake, nearest};

#[derive(RustEmbed)]
#[folder = "lessons"]
struct LessonFiles;

#[derive(RustEmbed)]
#[folder = "captures"]
struct CaptureFiles;

/// A lesson's file, read and checked.
#[derive(Debug)]
pub struct CourseLesson {
    /// Its name: `09-upgrade`.
    pub name: String,
    /// The file's name or path.
    pub file: String,
    /// The text of the file.
    pub text: String,
    /// What is in it.
    pub lesson: Lesson,
    /// Whether the file is part of the program.
    pub embedded: bool,
}

/// The lessons that are part of the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Course;

impl Course {
    /// Their names in order.
    pub fn names(self) -> Vec<String> {
        let name = |file: Cow<'static, str>| file.strip_suffix(".md").map(str::to_owned);
        let mut names: Vec<String> =
            LessonFiles::iter().filter_map(name).filter(|name| !PAGES.contains(&name.as_str())).collect();
        names.sort();
        names
    }

    /// The text of a lesson's file.
    pub fn text(self, name: &str) -> Option<String> {
        let file = LessonFiles::get(&format!("{name}.md"))?;
        Some(String::from_utf8_lossy(&file.data).into_owned())
    }

    /// Whether all lessons that should come before one are there: in the course, or beside its file.
    pub(super) fn has_before(self, found: &CourseLesson) -> Result<(), Failure> {
        let beside = |name: &str| Path::new(&found.file).with_file_name(format!("{name}.md")).is_file();
        let is_there = |name: &&String| self.text(name).is_some() || (!found.embedded && beside(name));
        let Some(missing) = found.lesson.requires.iter().find(|name| !is_there(name)) else { return Ok(()) };
        let near =
            nearest(missing, self.names().iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
        let message =
            format!("cannot check lesson `{}`: it requires `{missing}`, and there is no such lesson", found.name);
        let help = format!("{}`wiretale lesson` lists those of the course", near.unwrap_or_default());
        Err(Failure::request(message, help))
    }

    /// Whether the glossary has all terms that a lesson says it explains.
    pub(super) fn has_terms(self, found: &CourseLesson) -> Result<(), Failure> {
        let known = self.glossary();
        let is_unknown = |(term, _): &&(String, _)| !known.iter().any(|one| one.is_called(term));
        let Some((term, range)) = found.lesson.terms.iter().find(is_unknown) else { return Ok(()) };
        let near = nearest_few(term, known.iter().map(|one| one.name.as_str()));
        let meant = match near.split_last() {
            None => String::new(),
            Some((last, [])) => format!("did you mean {last}? "),
            Some((last, others)) => format!("did you mean {} or {last}? ", others.join(", ")),
        };
        let error = Mistake::new(range.clone(), format!("the glossary has no term `{term}`"));
        let help =
            format!("{meant}`wiretale define` lists all terms; what it does not have is explained in the prose alone");
        Err(mistake(&found.file, &found.text, error.help(help)))
    }

    /// The terms of the lessons.
    pub fn glossary(self) -> Vec<Term> {
        self.text("glossary").map(|text| glossary(&text)).unwrap_or_default()
    }

    /// The saved capture of a lesson.
    pub fn capture(self, name: &str) -> Option<Cow<'static, [u8]>> {
        CaptureFiles::get(&format!("{name}.pcapng")).map(|file| file.data)
    }

    /// The lesson that is meant by a name, a number, a unique beginning, or a path.
    pub(super) fn find(self, wanted: &str) -> Result<CourseLesson, Failure> {
        if wanted.contains('/') || wanted.ends_with(".md") {
            return open(Path::new(wanted));
        }
        let names = self.names();
        let number = |name: &String| name.split('-').next().and_then(|n| n.parse::<u32>().ok());
        let exact = names.iter().find(|name| *name == wanted);
        let by_number = wanted.parse::<u32>().ok().and_then(|n| names.iter().find(|name| number(name) == Some(n)));
        let beginning: Vec<&String> =
            names.iter().filter(|name| !wanted.is_empty() && is_beginning(name, wanted)).collect();
        match (exact.or(by_number), beginning.as_slice()) {
            (Some(name), _) => self.read(name),
            (None, [name]) => self.read(name),
            (None, []) => Err(Failure::request(
                format!("cannot find a lesson `{wanted}`"),
                format!(
                    "there are: {}; a file of your own is named by its path, such as ./my-lesson.md",
                    names.join(", ")
                ),
            )),
            (None, several) => {
                let list: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                let message = format!("cannot tell which lesson `{wanted}` means: {}", list.join(", "));
                Err(Failure::request(message, "type more of the name"))
            }
        }
    }

    pub(super) fn read(self, name: &str) -> Result<CourseLesson, Failure> {
        let text = self.text(name).ok_or_else(|| {
            Failure::request(format!("cannot find a lesson `{name}`"), "`wiretale lesson` lists the lessons")
        })?;
        parsed(name.to_owned(), format!("lessons/{name}.md"), text, true)
    }
}

/// The terms that were probably meant, in quotes: the nearest, and others that have a word of it.
fn nearest_few<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    const FEW: usize = 3;
    let lower = wanted.to_lowercase();
    let has_word = |name: &&str| {
        let name = name.to_lowercase();
        lower.split_whitespace().any(|word| word.len() > 3 && name.split_whitespace().any(|other| other == word))
    };
    let mut near: Vec<&str> = nearest(wanted, known.clone()).into_iter().collect();
    for name in known.filter(has_word) {
        if near.len() < FEW && !near.contains(&name) {
            near.push(name);
        }
    }
    near.into_iter().map(|name| format!("`{name}`")).collect()
}

/// Pages beside the lessons.
const PAGES: [&str; 2] = ["README", "glossary"];

/// `09-upgrade` begins with `09` and its words with `up`.
fn is_beginning(name: &str, wanted: &str) -> bool {
    name.starts_with(wanted) || name.split_once('-').is_some_and(|(_, words)| words.starts_with(wanted))
}

fn open(path: &Path) -> Result<CourseLesson, Failure> {
    /// A lesson is a page to read; anything much larger is another kind of file.
    const MAX_FILE: u64 = 1 << 20;
    let file = path.display().to_string();
    let cannot = |cause: String, help: &str| Failure::request(format!("cannot read lesson `{file}`: {cause}"), help);
    let meta = fs::metadata(path).map_err(|error| cannot(error.to_string(), "see whether the path is right"))?;
    if !meta.is_file() {
        return Err(cannot("it is no file".into(), "name a Markdown file"));
    }
    if meta.len() > MAX_FILE {
        return Err(cannot(
            format!("it has {} octets", meta.len()),
            "a lesson is one Markdown file of at most 256 KiB",
        ));
    }
    let bytes = fs::read(path).map_err(|error| cannot(error.to_string(), "see whether you may read it"))?;
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8 text".into(), "name a Markdown file"))?;
    let name = path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
    parsed(name, file, text, false)
}

fn parsed(name: String, file: String, text: String, embedded: bool) -> Result<CourseLesson, Failure> {
    let lesson = Lesson::parse(&text, &TraceNames).map_err(|error| mistake(&file, &text, error))?;
    Ok(CourseLesson { name, file, text, lesson, embedded })
}

/// A mistake in a lesson's file, pointed at.
pub(super) fn mistake(file: &str, text: &str, error: Mistake) -> Failure {
    Failure::mistake(file, text, error)
}
