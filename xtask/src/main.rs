//! `cargo xtask`: the project's own chores. Only reads the first word; each chore is a function of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let chore = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    xtask::run(&chore, &rest)
}
