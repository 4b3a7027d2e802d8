//! What people and endpoints have said of a rollout: approvals, sign-offs, and the answers of callbacks. Each is bound to
//! what was looked at.

use crate::digest::Digest;
use crate::id::{CallbackId, ItemId, RoleId};
use crate::time::Timestamp;

/// Somebody's consent to a wave, for one plan and one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Approval {
    /// Position of the wave.
    pub wave: usize,
    /// In which role.
    pub role: RoleId,
    /// Who, as declared.
    pub actor: String,
    /// Whether that is proven.
    pub identity: Identity,
    /// The plan that was consented to.
    pub plan: Digest,
    /// The digest of its release.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the wave has begun on it.
    pub used: bool,
}

/// An item of the checklist that its owner has signed off, for one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Signed {
    /// Which.
    pub item: ItemId,
    /// Who, as declared.
    pub actor: String,
    /// Whether that is proven.
    pub identity: Identity,
    /// Where the evidence is.
    pub uri: String,
    /// The digest of the evidence.
    pub evidence: Digest,
    /// The digest of the release.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the rollout has begun on it.
    pub used: bool,
}

/// How sure it is that an approver is who they say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Identity {
    /// A declared name, and a role that nobody has checked.
    Unverified,
}

impl Identity {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
        }
    }
}

/// A question to a callback of a wave, for one plan and one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Inquiry {
    /// Position of the wave.
    pub wave: usize,
    /// Which callback.
    pub callback: CallbackId,
    /// The plan that is asked about.
    pub plan: Digest,
    /// The digest of its release.
    pub digest: Digest,
    /// When it was asked.
    pub since: Timestamp,
    /// What it has answered; `None`: nothing yet.
    pub answer: Option<Answer>,
}

/// What a callback has answered.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Answer {
    /// Yes or no.
    pub said: Said,
    /// In its words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Said {
    /// The wave may begin.
    Pass,
    /// It may not.
    Fail,
}

impl Said {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}
