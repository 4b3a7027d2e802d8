//! The program `meridian-proxy`: reads its arguments and runs the app. It knows nothing else.

use std::io::stderr;

use clap::Parser;
use meridian_proxy::app;
use meridian_proxy::args::Args;
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).init();
    Ok(app::run(Args::parse())?)
}
