//! From the options to the exit code. It knows no seed.

use std::process::ExitCode;

use crate::options::{self, Options, Task};
use crate::{many, one, planted};

/// The program.
pub fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("sim: {why}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let outcome = match &options.task {
        Task::Seeds(count) => many::run(&options, *count),
        Task::Seed(seed) => one::run(&options, *seed),
        Task::Planted(names) => planted::run(&options, names),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("sim: {error}");
            ExitCode::from(2)
        }
    }
}
