//! `make bench`: the figures of docs/benchmarks.md, each beside its floor of the same run. `meridian-bench p1` runs one.

mod app;
mod bare;
mod cas;
mod clock;
mod figures;
mod fleet;
mod machine;
mod memory;
mod options;
mod outage;
mod pki;
mod row;
mod simulate;
mod stub;
mod switching;

use std::process::ExitCode;

use clap::Parser;

fn main() -> anyhow::Result<ExitCode> {
    let options = options::Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(app::run(options))
}
