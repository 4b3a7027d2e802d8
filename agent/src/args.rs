//! The command line. It knows names and defaults, not what they do.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Meridian's agent: brings the goals of one region about and reports what it sees.
#[derive(Clone, Debug, Parser)]
#[command(name = "meridian-agent", version)]
pub struct Args {
    /// The configuration (YAML).
    #[arg(long, env = "MERIDIAN_AGENT_CONFIG")]
    pub config: PathBuf,
    /// How log lines look. What is logged is said by `RUST_LOG`, `info` by default.
    #[arg(long, env = "MERIDIAN_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}
