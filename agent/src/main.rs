//! The program `meridian-agent`: reads its arguments and runs the app. It knows nothing else.

use clap::Parser;
use meridian_agent::args::Args;
use meridian_agent::{app, logs};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    logs::to_stderr(args.log_format);
    app::run(&args)
}
