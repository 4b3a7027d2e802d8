//! `rollout queue …`.

use clap::{Args, Subcommand};

/// `rollout queue …`.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueCommand {
    /// Show what waits for the lanes of a service, for what, and what was taken out.
    List {
        /// Whose.
        service: String,
    },
    /// Take a request out that has not begun.
    Remove(QueueRemove),
    /// Let rollouts start again from a queue that is held, as after a restore.
    Resume(QueueResume),
}

/// `rollout queue remove`.
#[derive(Clone, Debug, Args)]
pub struct QueueRemove {
    /// Which: SERVICE/ROLLOUT, or services/SERVICE/rollouts/ROLLOUT.
    pub name: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}

/// `rollout queue resume`.
#[derive(Clone, Debug, Args)]
pub struct QueueResume {
    /// Whose.
    pub service: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}
