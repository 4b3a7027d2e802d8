//! The arguments of `rollout …`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::queue::QueueCommand;

/// `rollout …`.
#[derive(Clone, Debug, Subcommand)]
pub enum RolloutCommand {
    /// Start a rollout: of a reviewed plan, or of a plan compiled now.
    Start(RolloutStart),
    /// Show a rollout as it is now.
    Status(RolloutStatus),
    /// Follow a rollout to its end. Ctrl-C detaches; the rollout goes on.
    Watch(RolloutWatch),
    /// Hold it: nothing goes forward until it is resumed.
    Pause(RolloutOrder),
    /// Let it go on.
    Resume(RolloutOrder),
    /// Take traffic back, at once and without a question.
    Rollback(RolloutRollback),
    /// Consent to a wave that asks for approvals. Whoever started the rollout can't.
    Approve(RolloutConsent),
    /// Take such a consent back, until the wave has begun on it.
    Revoke(RolloutConsent),
    /// End a frozen rollout as failed; traffic stays as it is.
    Abandon(RolloutAbandon),
    /// List the decisions made.
    History(Rollout),
    /// Write what proves it into a file: plan, record, and every decision, for `audit verify`.
    Export(RolloutExport),
    /// Look at what waits for lanes, take a request out, let a held queue go on.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// List rollouts.
    List {
        /// Whose.
        service: Option<String>,
    },
}

/// A rollout.
#[derive(Clone, Debug, Args)]
pub struct Rollout {
    /// SERVICE for its newest rollout, SERVICE/ROLLOUT, or services/SERVICE/rollouts/ROLLOUT.
    pub name: String,
}

/// `rollout export`.
#[derive(Clone, Debug, Args)]
pub struct RolloutExport {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Into which file; - is standard output.
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    pub to: String,
}

/// `rollout start`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["plan", "release"]))]
pub struct RolloutStart {
    /// The service.
    pub service: String,
    /// The hash of the plan that was reviewed.
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
    /// The release's version; goes with --playbook.
    #[arg(long, value_name = "VERSION", requires = "playbook")]
    pub release: Option<String>,
    /// The playbook; `name@3` for its revision 3.
    #[arg(long, conflicts_with = "plan")]
    pub playbook: Option<String>,
    /// The rollout's name; without it the server makes one.
    #[arg(long, value_name = "ROLLOUT")]
    pub id: Option<String>,
    /// Whose lanes it takes over.
    #[command(flatten)]
    pub over: Over,
    /// Wait in the queue of the service if others hold the lanes, whatever the playbook says.
    #[arg(long, conflicts_with_all = ["supersede", "hotfix", "no_train"])]
    pub queue: bool,
    /// Wait for no train, though its playbook names one; needs --reason.
    #[arg(long, requires = "reason", conflicts_with_all = ["validate_only", "hotfix"])]
    pub no_train: bool,
    /// Check everything, start nothing.
    #[arg(long, conflicts_with = "watch")]
    pub validate_only: bool,
    /// Follow it to its end.
    #[arg(long)]
    pub watch: bool,
    /// How to follow it.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Whose lanes a plan takes over.
#[derive(Clone, Debug, Args)]
pub struct Over {
    /// Take over the lanes of the service's newest rollout, or of the one that is named.
    #[arg(long, value_name = "ROLLOUT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub supersede: Option<String>,
    /// The same as a hotfix of what it launches, on the terms of the playbook.
    #[arg(long, requires = "reason")]
    pub hotfix: bool,
    /// Why the hotfix, or why no train, for the record.
    #[arg(long)]
    pub reason: Option<String>,
}

/// `rollout status`.
#[derive(Clone, Debug, Args)]
pub struct RolloutStatus {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Wait for its end first.
    #[arg(long)]
    pub wait: bool,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// `rollout watch`.
#[derive(Clone, Debug, Args)]
pub struct RolloutWatch {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// How to follow it.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Args)]
pub struct Waiting {
    /// What to do when it waits for a human.
    #[arg(long, value_enum, default_value_t = Gates::Wait)]
    pub wait_for_gates: Gates,
    /// Which good end to wait for.
    #[arg(long, value_enum, default_value_t = Until::Switched)]
    pub until: Until,
}

/// What to do at a gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Gates {
    /// Wait on.
    Wait,
    /// End with 11.
    Fail,
}

/// Good ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Until {
    /// All regions at 100 % of the new release.
    Switched,
    /// And the time to go back in one switch is over.
    Stable,
}

/// `rollout pause` and `resume`.
#[derive(Clone, Debug, Args)]
pub struct RolloutOrder {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
}

/// `rollout approve` and `revoke`.
#[derive(Clone, Debug, Args)]
pub struct RolloutConsent {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// In which role, as the playbook asks for it.
    #[arg(long)]
    pub role: String,
    /// For which wave; without one the next that asks for the role.
    #[arg(long)]
    pub wave: Option<String>,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
}

/// `rollout rollback`.
#[derive(Clone, Debug, Args)]
pub struct RolloutRollback {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
    /// This region only; without a scope the whole fleet goes back.
    #[arg(long, conflicts_with = "wave")]
    pub region: Option<String>,
    /// The current wave only.
    #[arg(long)]
    pub wave: bool,
}

/// `rollout abandon`.
#[derive(Clone, Debug, Args)]
pub struct RolloutAbandon {
    /// Which.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Why, for the record.
    #[arg(long, default_value = "operator")]
    pub reason: String,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}
