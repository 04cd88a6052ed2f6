//! `wiretale define`: what a term means, and where to see it.

use super::Ending;
use super::arguments::DefineArguments;
use super::course::Course;
use super::failure::Failure;
use super::output::Output;
use crate::mistake::nearest;
use crate::view;

pub(super) fn run(arguments: &DefineArguments, out: &mut Output) -> Result<Ending, Failure> {
    let terms = Course.glossary();
    let wanted = arguments.term.join(" ");
    if wanted.is_empty() {
        out.lines(view::terms(&terms, out.width))?;
    } else if let Some(term) = terms.iter().find(|term| term.is_called(&wanted)) {
        out.lines(view::term(term, out.width))?;
    } else {
        let near = nearest(&wanted, terms.iter().map(|term| term.name.as_str()));
        let help = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
        let message = format!("cannot find the term `{wanted}`");
        return Err(Failure::request(message, format!("{help}`wiretale define` lists all terms")));
    }
    out.flush()?;
    Ok(Ending::Done)
}
