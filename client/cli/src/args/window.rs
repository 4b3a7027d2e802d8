//! `window …`.

use clap::{Args, Subcommand};

/// `window …`.
#[derive(Clone, Debug, Subcommand)]
pub enum WindowCommand {
    /// Show when steps of a playbook may start next, in local time and in UTC.
    Next(WindowNext),
    /// Print windows and freezes of a playbook as a calendar (RFC 5545, `.ics`) that other programs can show.
    Export(WindowExport),
}

/// `window next`.
#[derive(Clone, Debug, Args)]
pub struct WindowNext {
    /// The playbook; `name@3` for its revision 3.
    pub playbook: String,
    /// By whose clock, where windows follow the regions' own.
    #[arg(long)]
    pub region: Option<String>,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub number: u16,
}

/// `window export`.
#[derive(Clone, Debug, Args)]
pub struct WindowExport {
    /// The playbook; `name@3` for its revision 3.
    pub playbook: String,
    /// By whose clock, where windows follow the regions' own.
    #[arg(long)]
    pub region: Option<String>,
    /// How far ahead.
    #[arg(long, default_value_t = 62, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
}
