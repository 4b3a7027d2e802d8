//! `make model`: checks the rules in a size, then that every planted bug is found. `meridian-model --size small`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> anyhow::Result<ExitCode> {
    meridian_model::app::run(&meridian_model::app::Options::parse())
}
