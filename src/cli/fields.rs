//! `wiretale fields`: every field with its meaning.

use super::Ending;
use super::arguments::FieldsArguments;
use super::failure::Failure;
use super::output::Output;
use crate::trace::all_fields;
use crate::view;

pub(super) fn run(arguments: &FieldsArguments, out: &mut Output) -> Result<Ending, Failure> {
    let word = arguments.word.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |text: &str| text.to_lowercase().contains(&word);
    let fields: Vec<_> = all_fields().filter(|def| wanted(def.name) || wanted(def.meaning)).collect();
    if fields.is_empty() {
        return Err(Failure::request(format!("cannot find a field for `{word}`"), "`wiretale fields` lists them all"));
    }
    out.lines(view::field_list(&fields, out.width))?;
    out.flush()?;
    Ok(Ending::Done)
}
