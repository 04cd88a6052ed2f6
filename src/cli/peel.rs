//! `wiretale peel`: one frame, layer by layer.

use super::Ending;
use super::arguments::PeelArguments;
use super::failure::Failure;
use super::load;
use super::output::Output;
use crate::explain::Peel;
use crate::view;

pub(super) fn run(arguments: &PeelArguments, out: &mut Output) -> Result<Ending, Failure> {
    let loaded = load::open(&arguments.file)?;
    let Some(peel) = Peel::new(&loaded.trace, arguments.frame) else {
        let file = arguments.file.display();
        let message =
            format!("cannot peel frame {} of `{file}`: it has {} frames", arguments.frame, loaded.trace.len());
        return Err(Failure::request(
            message,
            format!("`wiretale replay {file} --packets` lists them; they count from 1"),
        ));
    };
    out.lines(view::onion(&peel, out.width))?;
    out.text("")?;
    out.lines(view::hex_dump(&peel, out.width))?;
    out.text("")?;
    out.lines(view::fields(&loaded.trace, &peel, out.width))?;
    out.flush()?;
    Ok(Ending::Done)
}
