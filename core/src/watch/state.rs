//! What a watch can be doing: the record that the store keeps. The file to read first.

use super::decimal::Decimal;
use super::feedback::Opinion;
use super::kpi::Mean;
use super::policy::WatchPolicy;
use crate::epoch::Epoch;
use crate::evidence::Outcome as Verdict;
use crate::id::{KpiId, RolloutId, ServiceId};
use crate::release::ReleaseRef;
use crate::time::{Span, Timestamp};

/// The most actions of a watch.
pub const ACTIONS_MAX: usize = 100;
/// The most figures of a review: targets, and whatever else is measured while there is room.
pub const FIGURES_MAX: usize = 2 * super::kpi::KPIS_MAX;
/// The most retrospectives of a watch.
pub const RETROSPECTIVES_MAX: usize = 20;

/// A watch's record. Every committed change of it is a decision and raises `epoch`, which is its own: it fences no agent.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Watch {
    /// Whose service.
    pub service: ServiceId,
    /// Which rollout is watched.
    pub rollout: RolloutId,
    /// What it launched.
    pub release: ReleaseRef,
    /// Epoch of the last decision about the watch.
    pub epoch: Epoch,
    /// As the playbook's revision of the plan had it; never changes.
    pub policy: WatchPolicy,
    /// When the rollout was started: what came before is compared with.
    pub launched: Timestamp,
    /// When it was switched: reviews are counted from here.
    pub switched: Timestamp,
    /// What it is doing.
    pub phase: Phase,
    /// In the order in which they are due, all from the beginning; the last one is the evaluation.
    pub reviews: Vec<Review>,
    /// What follows from reviews; numbered from one by their place.
    pub actions: Vec<Action>,
    /// What was learnt.
    pub retrospectives: Vec<Retrospective>,
}

/// What a watch is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Phase {
    /// Reviews become due.
    Watching,
    /// The evaluation is signed. Its reviews never change again.
    Closed {
        /// Since when.
        since: Timestamp,
    },
    /// The rollout was taken back, superseded or given up: there is nothing left to watch. Its reviews never change again.
    TakenBack {
        /// What had become of the rollout: `rolling-back`, `rolled-back`, …
        rollout: &'static str,
        /// Since when.
        since: Timestamp,
    },
}

/// A scheduled look at what was recorded.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Review {
    /// Which kind.
    pub kind: ReviewKind,
    /// Start of the time that it looks at.
    pub from: Timestamp,
    /// End of that time: when it is due.
    pub due: Timestamp,
    /// How far it has come.
    pub state: ReviewState,
    /// When it was said that nobody had signed it in time.
    pub overdue: Option<Timestamp>,
}

/// Which kind of review.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ReviewKind {
    /// One of a cadence.
    Periodic {
        /// Of which.
        every: Span,
    },
    /// The last one, over all of the time; its signature closes the watch.
    Evaluation,
}

/// How far a review has come.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ReviewState {
    /// Not due yet.
    Scheduled,
    /// Filled, and waits for people.
    Due(Filled),
    /// People have met over it.
    Held {
        /// What they had before them.
        filled: Filled,
        /// Who led it, and what was said.
        held: Signature,
    },
    /// Signed. Never changes again.
    Signed {
        /// What was signed.
        filled: Filled,
        /// Who had led it, if it was held before.
        held: Option<Signature>,
        /// By whom, and their words.
        signed: Signature,
        /// Why the evaluation was signed with something missing.
        waived: Option<String>,
    },
}

/// What a review is filled with.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Filled {
    /// When.
    pub at: Timestamp,
    /// One per KPI, by name.
    pub figures: Vec<Figure>,
    /// All feedback of the release so far.
    pub feedback: Opinion,
    /// What it comes to, if the playbook says what it has to.
    pub verdict: Option<Verdict>,
}

/// What a KPI came to.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Figure {
    /// Which.
    pub kpi: KpiId,
    /// In the time that the review looks at; `None`: no data.
    pub value: Option<Mean>,
    /// In as long a time before the launch; `None`: no data.
    pub before: Option<Mean>,
    /// What it had to come to, and whether it did; `None`: nobody said.
    pub target: Option<(Decimal, Outcome)>,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Outcome {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// Nothing was measured: that is not met.
    NoData,
}

/// Who said something, when, and what.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Signature {
    /// Declared name.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Their words.
    pub text: String,
}

/// Something to be done, tracked until it is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Action {
    /// What it is for.
    pub kind: ActionKind,
    /// What is to be done.
    pub text: String,
    /// Who does it.
    pub owner: String,
    /// Until when.
    pub due: Timestamp,
    /// The review that it comes from, if one; numbered from one.
    pub review: Option<u32>,
    /// Who asked for it.
    pub added: Signature,
    /// Who closed it and why; `None`: open.
    pub closed: Option<Signature>,
}

/// What an action is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ActionKind {
    /// Mends something.
    Fix,
    /// Brings documentation up to date.
    Documentation,
    /// Brings training up to date.
    Training,
    /// Anything else.
    Other,
    /// Does what a hotfix left out; made by its plan, and never waived.
    Debt,
}

/// What was learnt of a launch.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Retrospective {
    /// Who wrote it, when, and what.
    pub said: Signature,
}

impl Watch {
    /// Whether reviews still become due.
    #[must_use]
    pub const fn is_watching(&self) -> bool {
        matches!(self.phase, Phase::Watching)
    }

    /// A review by its number, counted from one.
    #[must_use]
    pub fn review(&self, number: u32) -> Option<&Review> {
        self.reviews.get(index(number)?)
    }

    /// The evaluation: the last review.
    ///
    /// # Panics
    /// Of a record without reviews, which no record of ours is.
    #[must_use]
    pub fn evaluation(&self) -> &Review {
        self.reviews.last().expect("every watch has an evaluation")
    }

    /// The earliest moment at which time alone changes it; `None`: never.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = |review: &Review| match &review.state {
            ReviewState::Scheduled => Some(review.due),
            ReviewState::Due(_) | ReviewState::Held { .. } if review.overdue.is_none() => {
                Some(review.due.after(self.policy.grace))
            }
            ReviewState::Due(_) | ReviewState::Held { .. } | ReviewState::Signed { .. } => None,
        };
        self.reviews.iter().filter(|_| self.is_watching()).filter_map(due).min()
    }
}

/// The place of what is numbered from one.
#[must_use]
pub fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// The number of what stands at a place.
#[must_use]
pub fn number(index: usize) -> u32 {
    u32::try_from(index).map_or(u32::MAX, |index| index.saturating_add(1))
}

impl Review {
    /// Whether it is signed.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        matches!(self.state, ReviewState::Signed { .. })
    }

    /// What it is filled with; `None` before it is due.
    #[must_use]
    pub const fn filled(&self) -> Option<&Filled> {
        match &self.state {
            ReviewState::Scheduled => None,
            ReviewState::Due(filled) | ReviewState::Held { filled, .. } | ReviewState::Signed { filled, .. } => {
                Some(filled)
            }
        }
    }

    /// The word used everywhere.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match &self.state {
            ReviewState::Scheduled => "scheduled",
            ReviewState::Due(_) | ReviewState::Held { .. } if self.overdue.is_some() => "overdue",
            ReviewState::Due(_) => "due",
            ReviewState::Held { .. } => "held",
            ReviewState::Signed { .. } => "signed",
        }
    }
}

impl Phase {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Closed { .. } => "closed",
            Self::TakenBack { .. } => "taken-back",
        }
    }
}

impl Outcome {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NoData => "no-data",
        }
    }
}

impl ActionKind {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Documentation => "documentation",
            Self::Training => "training",
            Self::Other => "other",
            Self::Debt => "debt",
        }
    }
}
