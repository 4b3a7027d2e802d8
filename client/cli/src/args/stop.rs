//! `stop-the-line …`.

use clap::{ArgGroup, Args, Subcommand};

/// `stop-the-line …`.
#[derive(Clone, Debug, Subcommand)]
pub enum StopCommand {
    /// Let nothing go forward in a scope. Whatever goes back still does.
    Raise(StopOrderArgs),
    /// Lift such a stop.
    Lift(StopOrderArgs),
    /// Let one rollout go on in spite of a stop.
    Exempt(StopExempt),
    /// List the stops that stand.
    List,
}

/// Which stop.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("scope").required(true).args(["organisation", "service", "region", "rollout"]))]
pub struct StopWhere {
    /// Everything.
    #[arg(long)]
    pub organisation: bool,
    /// All rollouts of this service.
    #[arg(long)]
    pub service: Option<String>,
    /// All rollouts, in this region.
    #[arg(long)]
    pub region: Option<String>,
    /// This rollout, by its own name.
    #[arg(long)]
    pub rollout: Option<String>,
}

/// `stop-the-line raise` and `lift`.
#[derive(Clone, Debug, Args)]
pub struct StopOrderArgs {
    /// Where.
    #[command(flatten)]
    pub scope: StopWhere,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}

/// `stop-the-line exempt`.
#[derive(Clone, Debug, Args)]
pub struct StopExempt {
    /// Which rollout: SERVICE for its newest, SERVICE/ROLLOUT, or services/SERVICE/rollouts/ROLLOUT.
    pub name: String,
    /// Which stop.
    #[command(flatten)]
    pub scope: StopWhere,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
}
