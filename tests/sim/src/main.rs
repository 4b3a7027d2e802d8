//! The runner of simulated histories: a process per seed, several at a time, a watchdog for each. It knows seeds and what
//! came of them, not what is played; the program `seed` beside it plays.
//!
//! Reading order: [`options`], [`play`] (one process), [`many`], [`one`] (replay and the shortest list of faults),
//! [`planted`].

mod app;
mod many;
mod one;
mod options;
mod planted;
mod play;

fn main() -> std::process::ExitCode {
    app::main()
}
