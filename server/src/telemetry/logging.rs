//! Log lines on standard error; standard output belongs to what a program was asked for.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Which lines are written, e.g. `info,meridian_server=debug`.
const FILTER: &str = "MERIDIAN_LOG";
const FILTER_DEFAULT: &str = "info";

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object per line.
    Json,
}

/// Writes lines from now on. For programs alone, and once.
///
/// # Errors
/// If the filter can't be read, or lines are written already.
pub fn begin(format: LogFormat) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = match std::env::var(FILTER) {
        Ok(text) => EnvFilter::try_new(text)?,
        Err(_) => EnvFilter::try_new(FILTER_DEFAULT)?,
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
}
