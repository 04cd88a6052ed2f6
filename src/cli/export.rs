//! `wiretale export`: a capture as lines of JSON or as CSV, for programs.

use std::io::{self, BufWriter, Write};

use super::Ending;
use super::arguments::{ExportArguments, Format};
use super::failure::Failure;
use super::load::{self, Given, Loaded};
use super::replay::parse_filter;
use crate::explain::{self, Finding};
use crate::mistake;
use crate::view::{Exporter, FINDING, KINDS, Table, keys_of};

pub(super) fn run(arguments: &ExportArguments) -> Result<Ending, Failure> {
    let kinds = kinds(arguments)?;
    let keys = keys(arguments, &kinds)?;
    let filter = arguments.filter.as_deref().map(parse_filter).transpose()?;
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut out: Box<dyn Write> = match arguments.format {
        Format::Json => Box::new(out),
        Format::Csv => Box::new(Table::new(out, keys.as_deref().unwrap_or(&keys_of(&kinds)))),
    };
    let tells_findings = kinds.contains(&FINDING);
    if filter.is_none() && !tells_findings {
        return stream(arguments, &kinds, keys.as_deref(), out);
    }
    let Loaded { trace, .. } = load::given(&arguments.capture)?;
    let wanted = |frame: u32| filter.as_ref().is_none_or(|filter| filter.matches(&trace, frame));
    let mut exporter = Exporter::new(&mut out, &kinds, keys.as_deref(), false);
    if tells_findings {
        let is_wanted = |one: &Finding| one.frames.is_empty() || one.frames.iter().any(|frame| wanted(*frame));
        explain::diagnose(&trace).iter().filter(|one| is_wanted(one)).for_each(|one| exporter.finding(&trace, one));
    }
    trace.tell(&mut exporter, &wanted);
    exporter.end().and_then(|()| out.flush()).map_err(Failure::output)?;
    Ok(Ending::Done)
}

/// Writes lines while the capture is read: nothing of it is kept. A filter may ask for anything, and what went wrong takes the
/// end of the story to tell, so for these it is.
fn stream(
    arguments: &ExportArguments,
    kinds: &[&str],
    keys: Option<&[&str]>,
    out: impl Write,
) -> Result<Ending, Failure> {
    let live = arguments.capture.file.as_os_str() == "-";
    let mut exporter = Exporter::new(out, kinds, keys, live);
    load::stream(&Given::of(&arguments.capture)?, &mut exporter, |exporter| match exporter.failure() {
        Some(error) => Err(Failure::output(error)),
        None => {
            exporter.flush();
            Ok(())
        }
    })?;
    exporter.end().map_err(Failure::output)?;
    Ok(Ending::Done)
}

fn kinds(arguments: &ExportArguments) -> Result<Vec<&str>, Failure> {
    if arguments.kinds.is_empty() {
        return Ok(KINDS.to_vec());
    }
    known(&arguments.kinds, &[&KINDS[..], &[FINDING]].concat(), "kind")
}

/// The keys that are asked for; `None` if all are.
fn keys<'a>(arguments: &'a ExportArguments, kinds: &[&str]) -> Result<Option<Vec<&'a str>>, Failure> {
    let there = keys_of(kinds);
    let chosen = (!arguments.keys.is_empty()).then(|| known(&arguments.keys, &there, "key in lines of these kinds"));
    chosen.transpose()
}

/// The names asked for, if all of them are among those `there`.
fn known<'a>(asked: &'a [String], there: &[&str], what: &str) -> Result<Vec<&'a str>, Failure> {
    if let Some(other) = asked.iter().find(|name| !there.contains(&name.as_str())) {
        let near = mistake::nearest(other, there.iter().copied()).map(|near| format!("did you mean `{near}`? "));
        let help = format!("{}there are: {}", near.unwrap_or_default(), there.join(", "));
        return Err(Failure::request(format!("cannot export `{other}`: there is no such {what}"), help));
    }
    Ok(asked.iter().map(String::as_str).collect())
}
