//! `wiretale completions` and `wiretale man`: what shells and manuals want to know, made from the command line itself.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Ending;
use super::arguments::Arguments;
use super::failure::Failure;
use crate::mistake;

/// Writes a script that completes what is typed.
pub(super) fn completions(shell: Shell) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "wiretale", &mut script);
    write(&script)
}

/// Writes the manual page of the program, or of one of its commands, as roff.
pub(super) fn man(name: Option<&str>) -> Result<Ending, Failure> {
    let mut program = Arguments::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let known: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
                let near = mistake::nearest(name, known.iter().copied());
                let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                let help = format!("{near}there are: {}", known.join(", "));
                return Err(Failure::request(format!("cannot describe `{name}`: there is no such command"), help));
            }
        },
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::output)?;
    write(&page)
}

fn write(octets: &[u8]) -> Result<Ending, Failure> {
    io::Write::write_all(&mut io::stdout(), octets).map_err(Failure::output)?;
    Ok(Ending::Done)
}
