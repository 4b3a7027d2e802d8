//! The arguments of what comes after a launch: `review …`, `evaluation …`, `action …`, `retrospective …`, `feedback …`,
//! `kpi …`, `milestone …`.

use clap::{Args, Subcommand, ValueEnum};

use super::Rollout;

/// `review …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ReviewCommand {
    /// List the reviews of a launch.
    List(Rollout),
    /// Show a review with its KPIs and feedback.
    Show(Review),
    /// Say that people have met over it: it is filled anew, with what is recorded by now.
    Hold(ReviewSaid),
    /// Sign it, as it was filled last.
    Sign(ReviewSaid),
    /// List every decision about the watch.
    History(Rollout),
}

/// A review.
#[derive(Clone, Debug, Args)]
pub struct Review {
    /// Of which rollout.
    #[command(flatten)]
    pub rollout: Rollout,
    /// Its number.
    pub number: u32,
}

/// `review hold` and `review sign`.
#[derive(Clone, Debug, Args)]
pub struct ReviewSaid {
    /// Which.
    #[command(flatten)]
    pub review: Review,
    /// What was said.
    #[arg(long, default_value = "")]
    pub text: String,
}

/// `evaluation …`.
#[derive(Clone, Debug, Subcommand)]
pub enum EvaluationCommand {
    /// Show the evaluation of a launch: each KPI against its target.
    Show(Rollout),
    /// Sign it, which closes the watch.
    Sign(EvaluationSign),
}

/// `evaluation sign`.
#[derive(Clone, Debug, Args)]
pub struct EvaluationSign {
    /// Of which rollout.
    #[command(flatten)]
    pub rollout: Rollout,
    /// What was said.
    #[arg(long, default_value = "")]
    pub text: String,
    /// Why it is signed although it is not due, a review is unsigned or an action open.
    #[arg(long, value_name = "REASON")]
    pub waive: Option<String>,
}

/// `action …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ActionCommand {
    /// Something is to be done.
    Add(ActionAdd),
    /// It is done, or will not be.
    Close {
        /// Of which rollout.
        #[command(flatten)]
        rollout: Rollout,
        /// Its number.
        number: u32,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
    /// List the actions of a launch.
    List(Rollout),
}

/// `action add`.
#[derive(Clone, Debug, Args)]
pub struct ActionAdd {
    /// Of which rollout.
    #[command(flatten)]
    pub rollout: Rollout,
    /// What is to be done.
    pub text: String,
    /// Who does it.
    #[arg(long)]
    pub owner: String,
    /// Until when: a moment such as 2026-12-01T09:00:00Z, or a span from now such as 7d.
    #[arg(long, value_name = "WHEN")]
    pub due: String,
    /// What it is for.
    #[arg(long, value_enum, default_value_t = ActionKind::Fix)]
    pub kind: ActionKind,
    /// The number of the review that it comes from.
    #[arg(long, value_name = "NUMBER")]
    pub review: Option<u32>,
}

/// What an action is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ActionKind {
    /// Mends something.
    Fix,
    /// Brings documentation up to date.
    Documentation,
    /// Brings training up to date.
    Training,
    /// Anything else.
    Other,
}

/// `retrospective …`.
#[derive(Clone, Debug, Subcommand)]
pub enum RetrospectiveCommand {
    /// Write down what was learnt of a launch.
    Add {
        /// Of which rollout.
        #[command(flatten)]
        rollout: Rollout,
        /// What was learnt.
        text: String,
    },
    /// List what was learnt of a launch.
    List(Rollout),
}

/// `feedback …`.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedbackCommand {
    /// Say how good a release is.
    Give(FeedbackGive),
    /// List what was said of a release.
    List {
        /// SERVICE/VERSION.
        release: String,
    },
}

/// `feedback give`.
#[derive(Clone, Debug, Args)]
pub struct FeedbackGive {
    /// SERVICE/VERSION.
    pub release: String,
    /// 1 to 5.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub score: u8,
    /// In words.
    #[arg(long, default_value = "")]
    pub text: String,
    /// Which users you are one of.
    #[arg(long, default_value = "")]
    pub cohort: String,
    /// You can't use it.
    #[arg(long)]
    pub blocker: bool,
}

/// `kpi …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KpiCommand {
    /// Record what was measured of a KPI; the same moment again replaces it.
    Record(KpiRecord),
    /// List the KPIs of a service.
    List {
        /// Whose.
        service: String,
    },
}

/// `kpi record`.
#[derive(Clone, Debug, Args)]
pub struct KpiRecord {
    /// Whose.
    pub service: String,
    /// Its name.
    pub name: String,
    /// A number, e.g. 99.95.
    #[arg(allow_negative_numbers = true)]
    pub value: String,
    /// When it was measured, such as 2026-12-01T09:00:00Z; now, if not said.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
}

/// `milestone …`.
#[derive(Clone, Debug, Subcommand)]
pub enum MilestoneCommand {
    /// List the milestones of a launch, and what those wait for that are not reached.
    List(Rollout),
}
