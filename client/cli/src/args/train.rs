//! `train …`.

use clap::{ArgGroup, Args, Subcommand};

use super::Rollout;

/// `train …`.
#[derive(Clone, Debug, Subcommand)]
pub enum TrainCommand {
    /// Show when trains depart next, in their zone and in UTC, and inside which increment.
    Next(TrainNext),
    /// List trains, and when each departs next.
    List {
        /// The playbook; without one, all.
        playbook: Option<String>,
    },
    /// Let a rollout that has not begun wait for a train of its plan.
    Board(TrainBoard),
    /// Let a rollout that has not begun wait for no train.
    Leave(TrainLeave),
}

/// `train next`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["service", "files", "playbook"]))]
pub struct TrainNext {
    /// SERVICE for the plan of its newest rollout, or SERVICE/ROLLOUT.
    pub service: Option<String>,
    /// Of the playbooks in these manifests.
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR|-")]
    pub files: Vec<String>,
    /// Of this playbook; `name@3` for its revision 3.
    #[arg(long)]
    pub playbook: Option<String>,
    /// How many of each.
    #[arg(short = 'n', long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub number: u16,
}

/// `train board`.
#[derive(Clone, Debug, Args)]
pub struct TrainBoard {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// The train.
    #[arg(long)]
    pub train: String,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
}

/// `train leave`.
#[derive(Clone, Debug, Args)]
pub struct TrainLeave {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}
