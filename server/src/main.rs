//! The control plane's program: reads its arguments, runs, and tells how it ended. It knows nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use meridian_server::args::Args;

fn main() -> ExitCode {
    match meridian_server::program::main(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meridian-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
