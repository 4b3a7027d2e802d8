//! Milestones: pure functions of what the records of a rollout and its watch say. Nobody sets one; what is taken back
//! has none.

use super::event::Standing;
use super::feedback::Opinion;
use super::open::standing;
use super::policy::WatchPolicy;
use super::state::{Phase, Watch};
use crate::evidence::Outcome as Verdict;
use crate::playbook::StageKind;
use crate::rollout::state::{self as rollout, Pace, Rollout};
use crate::time::Timestamp;

/// One of the three.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Milestone {
    /// The pilot is through, and its feedback is in.
    InternalPilot,
    /// Switched everywhere, and stable.
    FullProduction,
    /// The evaluation is signed.
    Evaluation,
}

/// Whether a milestone is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Reached {
    /// It is; since when, if the records still say.
    Yes(Option<Timestamp>),
    /// Not yet: what it waits for.
    NotYet(&'static str),
    /// It never will be: why.
    Never(&'static str),
}

impl Milestone {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InternalPilot => "internal-pilot",
            Self::FullProduction => "full-production",
            Self::Evaluation => "evaluation",
        }
    }
}

impl Reached {
    /// `reached`, `pending` or `missed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes(_) => "reached",
            Self::NotYet(_) => "pending",
            Self::Never(_) => "missed",
        }
    }
}

/// All milestones of a rollout, by the policy of its playbook, all feedback of its release, and its watch if it has one.
#[must_use]
pub fn milestones(
    record: &Rollout,
    policy: &WatchPolicy,
    feedback: Opinion,
    watch: Option<&Watch>,
) -> [(Milestone, Reached); 3] {
    let [pilot, production, evaluation] = match standing(&record.phase) {
        Standing::TakenBack(_) => [Reached::Never("the rollout did not stay"); 3],
        Standing::Switched | Standing::Stable => {
            [pilot(record, policy, feedback), production(&record.phase), evaluation(watch)]
        }
    };
    [(Milestone::InternalPilot, pilot), (Milestone::FullProduction, production), (Milestone::Evaluation, evaluation)]
}

fn pilot(record: &Rollout, policy: &WatchPolicy, feedback: Opinion) -> Reached {
    let Some(last) = record.plan.waves.iter().rposition(|wave| wave.stage == StageKind::Pilot) else {
        return Reached::Never("its plan has no pilot");
    };
    let settled = match &record.phase {
        rollout::Phase::Running(run) => run.wave > last || (run.wave == last && matches!(run.pace, Pace::Soaking(_))),
        rollout::Phase::Switched { .. } | rollout::Phase::Stable { .. } => true,
        rollout::Phase::RollingBack { .. }
        | rollout::Phase::Frozen { .. }
        | rollout::Phase::RolledBack { .. }
        | rollout::Phase::Aborted { .. }
        | rollout::Phase::Superseded { .. }
        | rollout::Phase::Failed { .. } => false,
    };
    if !settled {
        return Reached::NotYet("the pilot has not settled");
    }
    match policy.feedback.as_ref().map(|policy| feedback.judge(policy)) {
        Some(Verdict::Pass) => Reached::Yes(None),
        Some(Verdict::Fail) => Reached::NotYet("its feedback fails"),
        Some(Verdict::Inconclusive) => Reached::NotYet("too little feedback is in"),
        None if feedback.answers > 0 => Reached::Yes(None),
        None => Reached::NotYet("no feedback is in"),
    }
}

const fn production(phase: &rollout::Phase) -> Reached {
    match phase {
        rollout::Phase::Stable { since } => Reached::Yes(Some(*since)),
        rollout::Phase::Switched { .. } => Reached::NotYet("its retention is not over"),
        rollout::Phase::Running(_)
        | rollout::Phase::RollingBack { .. }
        | rollout::Phase::Frozen { .. }
        | rollout::Phase::RolledBack { .. }
        | rollout::Phase::Aborted { .. }
        | rollout::Phase::Superseded { .. }
        | rollout::Phase::Failed { .. } => Reached::NotYet("it is not switched everywhere"),
    }
}

fn evaluation(watch: Option<&Watch>) -> Reached {
    match watch.map(|watch| watch.phase) {
        None => Reached::NotYet("its watch has not begun"),
        Some(Phase::Watching) => Reached::NotYet("its evaluation is not signed"),
        Some(Phase::Closed { since }) => Reached::Yes(Some(since)),
        Some(Phase::TakenBack { .. }) => Reached::Never("its watch has ended with the launch"),
    }
}
