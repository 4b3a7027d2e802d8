//! The `skyoptima` binary: parse, run, exit code. It knows nothing about HTTP.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match skyoptima::run(skyoptima::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skyoptima: {:#}", anyhow::Error::from(error));
            ExitCode::FAILURE
        }
    }
}
