//! Options of `wiretale compare` that one of its ways would ignore: they are refused, so that nobody takes what is printed for
//! what was asked for.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::arguments::CompareArguments;
use super::failure::Failure;

/// What every way to compare reads.
const ALWAYS: [&str; 3] = ["kinds", "color", "width"];

/// The names of what was typed, and not left to its default.
pub(super) fn names_typed(matches: &ArgMatches) -> Vec<String> {
    let names = matches.ids().map(clap::Id::as_str);
    let is_typed = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    names.filter(is_typed).map(str::to_owned).collect()
}

/// Refuses all options but those that this way to compare reads.
pub(super) fn unread(arguments: &CompareArguments, way: &str, reads: &[&str], why: &str) -> Result<(), Failure> {
    let is_read = |name: &str| ALWAYS.contains(&name) || reads.contains(&name);
    let listed = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(|name| format!("--{name}")).collect();
        match names.as_slice() {
            [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
            _ => names.join(""),
        }
    };
    let ignored = listed(&mut arguments.typed.iter().map(String::as_str).filter(|name| !is_read(name)));
    if ignored.is_empty() {
        return Ok(());
    }
    let reads = listed(&mut reads.iter().copied().filter(|name| *name != "case"));
    let help = format!(
        "leave {ignored} out: {reads} are read here; or compare transports, which read all: wiretale compare websocket sse"
    );
    Err(Failure::request(format!("cannot use {ignored} with {way}: {why}"), help))
}
