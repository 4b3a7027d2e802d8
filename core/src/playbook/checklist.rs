//! The pre-launch checklist: what must be signed off before the first step of a rollout. It does not know what is signed.

use crate::canon::{Canon, Canonical};
use crate::id::ItemId;
use crate::time::Span;

/// What sort of duty an item is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ItemKind {
    /// Unit, integration and performance tests.
    Tests,
    /// Acceptance by users.
    Uat,
    /// A load test.
    Load,
    /// Scans and penetration tests.
    SecurityAudit,
    /// Regulatory checks.
    ComplianceAudit,
    /// Guides and sessions for users and staff.
    Training,
    /// Stakeholders and the public know.
    Briefing,
    /// Whatever else, by its name.
    Custom,
}

/// A duty with its owner.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ChecklistItem {
    /// Its name, unique in the checklist; that of its kind unless the playbook says otherwise.
    pub id: ItemId,
    /// What sort it is.
    pub kind: ItemKind,
    /// Who signs it off, as declared.
    pub owner: String,
    /// How long a sign-off holds that was not used.
    pub valid_for: Span,
}

impl ItemKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Tests,
        Self::Uat,
        Self::Load,
        Self::SecurityAudit,
        Self::ComplianceAudit,
        Self::Training,
        Self::Briefing,
        Self::Custom,
    ];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Uat => "uat",
            Self::Load => "load",
            Self::SecurityAudit => "security-audit",
            Self::ComplianceAudit => "compliance-audit",
            Self::Training => "training",
            Self::Briefing => "briefing",
            Self::Custom => "custom",
        }
    }
}

impl ChecklistItem {
    /// How long a sign-off holds unless the playbook says otherwise: two weeks.
    pub const VALID_FOR: Span = Span::from_secs(14 * 24 * 3600);
}

impl Canonical for ChecklistItem {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.id.as_str()).text(self.kind.as_str()).text(&self.owner).value(&self.valid_for);
    }
}
