//! What the program's end says to scripts. The numbers are promised: they only grow in number.

use std::process::ExitCode;

use meridian_client::{ClientError, RefusalKind};
use meridian_core::queue::{QUEUED, TAKEN_OUT};

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Exit {
    /// Done, healthy, no difference.
    Done,
    /// Any error without a number of its own; for `diff`: there are differences.
    Error,
    /// The command was written wrongly; for `diff`: an error.
    Usage,
    /// There is no such thing.
    NotFound,
    /// Not authenticated or not permitted.
    Denied,
    /// The present state does not allow it: stale etag, held lane, already there.
    Conflict,
    /// A manifest is invalid.
    Invalid,
    /// No server answers.
    Unavailable,
    /// The time is up and the rollout still runs.
    StillRunning,
    /// The rollout failed, was aborted or was rolled back, even if going back went well.
    RolledBack,
    /// The rollout waits for a human.
    Gate,
    /// Another rollout took over.
    Superseded,
    /// Interrupted by the operator; the rollout goes on.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Denied => 4,
            Self::Conflict => 5,
            Self::Invalid => 6,
            Self::Unavailable => 7,
            Self::StillRunning => 8,
            Self::RolledBack => 10,
            Self::Gate => 11,
            Self::Superseded => 12,
            Self::Interrupted => 130,
        }
    }

    /// The end that a failed call means.
    #[must_use]
    pub fn of_client(error: &ClientError) -> Self {
        match error {
            ClientError::Address { .. } => Self::Usage,
            ClientError::Pem { .. } | ClientError::Answer { .. } => Self::Error,
            ClientError::Unreachable { .. } | ClientError::Timeout { .. } => Self::Unavailable,
            // Somebody has asked for it, but it has not begun.
            ClientError::Refused { refusal, call: _ } if [QUEUED, TAKEN_OUT].contains(&refusal.reason.as_str()) => {
                Self::Conflict
            }
            ClientError::Refused { refusal, call: _ } => Self::of_refusal(refusal.kind),
        }
    }

    const fn of_refusal(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::Unauthenticated | RefusalKind::PermissionDenied => Self::Denied,
            RefusalKind::AlreadyExists | RefusalKind::Conflict | RefusalKind::Precondition => Self::Conflict,
            RefusalKind::Unavailable | RefusalKind::Deadline => Self::Unavailable,
            RefusalKind::Invalid
            | RefusalKind::OutOfRange
            | RefusalKind::Exhausted
            | RefusalKind::Unimplemented
            | RefusalKind::Internal => Self::Error,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
