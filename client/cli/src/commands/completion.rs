//! `completion`: completions for a shell, to be sourced by it.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Outcome;
use crate::args::CommandLine;
use crate::exit_code::Exit;
use crate::session::Session;

pub(super) fn run(session: &mut Session<'_>, shell: Shell) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "meridian", &mut text);
    session.write(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
