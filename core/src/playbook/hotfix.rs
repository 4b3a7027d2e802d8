//! What a playbook allows a hotfix: how short it bakes, whose consent it needs, what it takes over of the pilot's time, and
//! what may be done later. It knows no rollout.

use super::approval::ApprovalRule;
use crate::id::ItemId;
use crate::weight::Weight;

/// On which terms a release may supersede a rollout as its hotfix.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct HotfixPolicy {
    /// The part of every bake and rest that is kept; never nought.
    pub bake: Weight,
    /// Consent that its first wave needs besides its own; at least one.
    pub approvals: Vec<ApprovalRule>,
    /// Up to which change it takes over the time that the pilot has had.
    pub earns: Earns,
    /// Items of the checklist that it may leave for later: they become debts.
    pub waives: Vec<ItemId>,
}

/// Up to which step of the version pilot time is taken over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Earns {
    /// Never.
    Nothing,
    /// Of a fix, for what it mends.
    #[default]
    Patch,
    /// Of a feature too.
    Minor,
}

impl Earns {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Patch, Self::Minor, Self::Nothing];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
        }
    }
}
