//! The arguments of `set …`.

use clap::{Args, Subcommand};

use super::rollout::Waiting;

/// `set …`.
#[derive(Clone, Debug, Subcommand)]
pub enum SetCommand {
    /// Plan all members and show what would be started; nothing is.
    Plan(SetMembers),
    /// Start all members in one transaction, or none.
    Start(SetStart),
    /// Show a set and how far each member is.
    Status(SetStatus),
    /// Take all members back, at once and without a question.
    Rollback(SetRollback),
}

/// What is launched together.
#[derive(Clone, Debug, Args)]
pub struct SetMembers {
    /// The set's name; rollouts are called SET-SERVICE.
    pub name: String,
    /// SERVICE@VERSION, or SERVICE@VERSION=PLAYBOOK; two to eight.
    #[arg(required = true, num_args = 2.., value_name = "MEMBER")]
    pub members: Vec<String>,
    /// The playbook of members that name none; `name@3` for its revision 3.
    #[arg(long)]
    pub playbook: Option<String>,
    /// SERVICE=OTHER: SERVICE begins when OTHER is switched in all regions. May be given again.
    #[arg(long, value_name = "SERVICE=OTHER")]
    pub after: Vec<String>,
}

/// `set start`.
#[derive(Clone, Debug, Args)]
pub struct SetStart {
    /// What.
    #[command(flatten)]
    pub members: SetMembers,
    /// Start only what was reviewed: the digest that `set plan` shows.
    #[arg(long, value_name = "sha256:…")]
    pub digest: Option<String>,
}

/// `set status`.
#[derive(Clone, Debug, Args)]
pub struct SetStatus {
    /// Which.
    pub name: String,
    /// Wait for all members first.
    #[arg(long)]
    pub wait: bool,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// `set rollback`.
#[derive(Clone, Debug, Args)]
pub struct SetRollback {
    /// Which.
    pub name: String,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    pub reason: String,
}
