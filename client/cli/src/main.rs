//! The program `meridian`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    meridian_cli::app::main()
}
