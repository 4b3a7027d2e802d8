//! `make robustness` and `make chaos-demo`.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    meridian_robustness::app::main()
}
