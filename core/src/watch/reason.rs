//! What a watch waits for, and why an order about it was refused: typed, each naming what and whom.

use std::fmt;

use super::state::{ACTIONS_MAX, RETROSPECTIVES_MAX};
use crate::time::Timestamp;

/// What a watch waits for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Wait {
    /// Nothing to do before the next review.
    Review {
        /// Its number.
        review: u32,
        /// When it is due.
        due: Timestamp,
    },
    /// Somebody has to sign a review.
    Signature {
        /// Its number.
        review: u32,
        /// It is late since then.
        overdue: Option<Timestamp>,
    },
    /// Somebody has to do something.
    Action {
        /// Its number.
        action: u32,
        /// Who.
        owner: String,
        /// Until when.
        due: Timestamp,
        /// Whether that is over.
        late: bool,
    },
    /// The rollout's retention is not over.
    Stable,
}

/// What is missing before the evaluation can be signed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Missing {
    /// It is not due yet.
    Time(Timestamp),
    /// A review is not signed.
    Review(u32),
    /// An action is open.
    Action(u32),
}

/// Why an order was refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum Refused {
    /// The watch has ended.
    #[error("the watch is {0}: its reviews never change again")]
    Ended(&'static str),
    /// There is no such review.
    #[error("the watch has no review {0}")]
    NoSuchReview(u32),
    /// It looks at a time that is not over.
    #[error("review {0} is not due yet")]
    NotDue(u32),
    /// It is signed.
    #[error("review {0} is signed and never changes again")]
    AlreadySigned(u32),
    /// The evaluation has an order of its own.
    #[error("review {0} is the evaluation: sign it as that, and the watch is closed")]
    IsEvaluation(u32),
    /// There is no such action.
    #[error("the watch has no action {0}")]
    NoSuchAction(u32),
    /// It is closed.
    #[error("action {0} is closed already")]
    ActionClosed(u32),
    /// There are as many as can be kept.
    #[error("a watch has at most {ACTIONS_MAX} actions")]
    TooManyActions,
    /// There are as many as can be kept.
    #[error("a watch has at most {RETROSPECTIVES_MAX} retrospectives")]
    TooManyRetrospectives,
    /// The launch may still be taken back in one switch.
    #[error("the rollout is not stable yet; its evaluation is signed after its retention")]
    NotStable,
    /// Something is missing, and nobody said why that should not matter.
    #[error("the evaluation can't be signed: {}; waive that with a reason, or see to it", listed(.0))]
    NotReady(Vec<Missing>),
    /// What a hotfix left out is not done.
    #[error("action {0} is a debt of the hotfix: it can't be waived; close it when it is done")]
    DebtOpen(u32),
    /// Nothing is missing.
    #[error("nothing is missing, so there is nothing to waive")]
    NothingToWaive,
    /// The epoch counter has reached its end.
    #[error("the watch's epoch counter has reached its end")]
    EpochExhausted,
}

fn listed(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(_) => f.write_str("it is not due yet"),
            Self::Review(number) => write!(f, "review {number} is not signed"),
            Self::Action(number) => write!(f, "action {number} is open"),
        }
    }
}

impl Refused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ended(_) => "WATCH_ENDED",
            Self::NoSuchReview(_) => "UNKNOWN_REVIEW",
            Self::NotDue(_) => "REVIEW_NOT_DUE",
            Self::AlreadySigned(_) => "REVIEW_SIGNED",
            Self::IsEvaluation(_) => "REVIEW_IS_EVALUATION",
            Self::NoSuchAction(_) => "UNKNOWN_ACTION",
            Self::ActionClosed(_) => "ACTION_CLOSED",
            Self::TooManyActions => "TOO_MANY_ACTIONS",
            Self::TooManyRetrospectives => "TOO_MANY_RETROSPECTIVES",
            Self::NotStable => "ROLLOUT_NOT_STABLE",
            Self::NotReady(_) => "EVALUATION_NOT_READY",
            Self::DebtOpen(_) => "DEBT_OPEN",
            Self::NothingToWaive => "NOTHING_TO_WAIVE",
            Self::EpochExhausted => "EPOCH_EXHAUSTED",
        }
    }
}

impl Wait {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Review { .. } => "REVIEW_SCHEDULED",
            Self::Signature { overdue: None, .. } => "REVIEW_UNSIGNED",
            Self::Signature { overdue: Some(_), .. } => "REVIEW_OVERDUE",
            Self::Action { late: false, .. } => "ACTION_OPEN",
            Self::Action { late: true, .. } => "ACTION_LATE",
            Self::Stable => "ROLLOUT_NOT_STABLE",
        }
    }

    /// When it ends by itself, or should have ended.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Review { due, .. } | Self::Action { due, .. } => Some(*due),
            Self::Signature { .. } | Self::Stable => None,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Review { review, due: _ } => write!(f, "review {review} is scheduled"),
            Self::Signature { review, overdue: None } => write!(f, "review {review} waits to be signed"),
            Self::Signature { review, overdue: Some(_) } => {
                write!(f, "review {review} is overdue: nobody has signed it")
            }
            Self::Action { action, owner, due: _, late: false } => write!(f, "action {action} is open: {owner}"),
            Self::Action { action, owner, due: _, late: true } => write!(f, "action {action} is late: {owner}"),
            Self::Stable => f.write_str("the rollout's retention is not over"),
        }
    }
}
