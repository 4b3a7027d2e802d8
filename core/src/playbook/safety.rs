//! What an agent may do when no server can be reached, and what follows when a lane is found otherwise than it was
//! confirmed. Part of a playbook, sealed into every plan made of it, and carried to agents by each goal.

use crate::canon::{Canon, Canonical};
use crate::time::Span;

/// The safety policy of a playbook. By default an agent never decides alone, and drift holds the rollout.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SafetyPolicy {
    /// When an agent that is alone goes back by itself; `None`: never.
    pub dead_man: Option<DeadManPolicy>,
    /// What follows from drift.
    pub drift: DriftPolicy,
}

/// Both must hold before an agent goes back alone. It never goes forward alone.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DeadManPolicy {
    /// No server was in contact for so long.
    pub alone_after: Span,
    /// Its own evidence failed all the while for so long, with enough data.
    pub breach_for: Span,
}

/// What follows when traffic or content of a lane is no longer what was confirmed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum DriftPolicy {
    /// The agent leaves what it finds, and the rollout is held until a human has looked.
    #[default]
    Hold,
    /// The agent brings the confirmed goal about again; the lane waits until it has.
    Revert,
    /// What is found counts as fact: the lane is adopted, the others of its wave go on, and the rollout is held before
    /// it leaves the wave.
    Adopt,
}

impl DriftPolicy {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Revert => "revert",
            Self::Adopt => "adopt",
        }
    }
}

impl Canonical for DeadManPolicy {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.alone_after).value(&self.breach_for);
    }
}

impl Canonical for SafetyPolicy {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.dead_man).text(self.drift.as_str());
    }
}
