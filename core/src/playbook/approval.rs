//! Consent that a wave needs before it begins: how many people of which role. It does not know who has given it.

use crate::canon::{Canon, Canonical};
use crate::id::RoleId;
use crate::time::Span;

/// How many people of a role must consent, and for how long that holds.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ApprovalRule {
    /// Whose consent.
    pub role: RoleId,
    /// Of how many different people; at least one.
    pub count: u32,
    /// How long a consent holds that was not used.
    pub valid_for: Span,
}

impl ApprovalRule {
    /// How long a consent holds unless the playbook says otherwise: a working day and a night.
    pub const VALID_FOR: Span = Span::from_secs(24 * 3600);
}

impl Canonical for ApprovalRule {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.role.as_str()).number(u64::from(self.count)).value(&self.valid_for);
    }
}
