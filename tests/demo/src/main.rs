//! `make demo`: a whole release, a bad one taken back by itself, on this machine, with real processes and real traffic.

mod options;
mod shell;
mod story;
mod traffic;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    let options = options::Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(story::tell(&options))
}
