//! What the program may be told. It does nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Shipped programs under real faults.
#[derive(Clone, Debug, Parser)]
#[command(name = "meridian-robustness", version, about)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The ground that a keeper has laid for us, and its folder. Given by the program to itself.
    #[arg(long, global = true, hide = true, num_args = 2)]
    pub on: Option<Vec<String>>,
}

/// What the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Break everything for some minutes while rollouts go on, and judge what was seen.
    Storm(StormOptions),
    /// Show one bad release, an owner killed and a region cut off.
    Demo(DemoOptions),
}

/// How a storm is made.
#[derive(Clone, Debug, Args)]
pub struct StormOptions {
    /// Minutes of faults.
    #[arg(long, default_value_t = 3)]
    pub minutes: u64,
    /// Adds this piece to those in a file, and tells the sum.
    #[arg(long)]
    pub append: Option<PathBuf>,
    /// Equal servers.
    #[arg(long, default_value_t = 3)]
    pub servers: u8,
    /// What chance begins with; each run has its own unless told.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// How the demo is made.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// Requests per second in each region.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
}
