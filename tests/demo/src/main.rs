//! `make demo`: a whole release, a bad one taken back by itself, on this machine, with real processes and real traffic.
//! `make demo-playbook`: a launch with everything that a playbook asks for, its days shortened.

mod launch;
mod options;
mod shell;
mod story;
mod traffic;

use clap::Parser;
use options::Story;

fn main() -> anyhow::Result<()> {
    let options = options::Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match options.story {
            Some(Story::Launch { pace }) => launch::tell(pace).await,
            None => story::tell(&options).await,
        }
    })
}
