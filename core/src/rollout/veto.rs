//! Vetoes: what a service remembers of its rollbacks, so that nobody starts again what had to be taken back. The digest
//! is vetoed, and automation is held: nothing of the service starts until a person lifts that.
//!
//! Both are written by the decision that begins the way back of the fleet, not by the one that ends it: a region that
//! can't be reached may keep the end away for days, and until then the digest is no better. A rollout that never moved
//! traffic is aborted and vetoes nothing. Whoever speaks to a store or an agent is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::state::{Cause, Phase, Rollout};
use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::id::RolloutId;
use crate::time::Timestamp;

/// The most vetoes of a service: they travel with every decision and to every agent. Past it the oldest one goes.
pub const VETOES_MAX: usize = 1000;
/// The longest reason that is kept with a veto; the whole one is in the audit.
pub const REASON_BYTES_MAX: usize = 256;

/// Why something must not start.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Veto {
    /// The rollout that went back; `None`: a person said so without one.
    pub rollout: Option<RolloutId>,
    /// Who decided it; `meridian` if nobody ordered it.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// All vetoes of a service.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Vetoes {
    /// The epoch of the decision that changed them last: the newer list counts.
    pub changed: Epoch,
    /// Digests that no agent may start until a person lifts the veto; at most [`VETOES_MAX`].
    pub digests: BTreeMap<Digest, Veto>,
    /// If set, automation is held: no rollout of the service starts, whatever its digest.
    pub hold: Option<Veto>,
}

/// What a person may order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum VetoOrder {
    /// Never start this again.
    Veto(Digest),
    /// It may be started again.
    Unveto(Digest),
    /// Rollouts may start again.
    ReleaseHold,
}

/// Why such an order was refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum VetoRefused {
    /// A region serves it, or a rollout launches it.
    #[error("{0} is what a region serves or a rollout launches; go back from it first: a rollback vetoes it")]
    InUse(Digest),
    /// There is no such veto.
    #[error("{0} is not vetoed")]
    NotVetoed(Digest),
    /// Nothing is held.
    #[error("nothing is held: rollouts may start")]
    NotHeld,
    /// There are as many as can be kept.
    #[error("a service has at most {VETOES_MAX} vetoes; lift one that is no longer needed")]
    TooMany,
}

impl VetoOrder {
    /// Every word that [`Self::kind`] gives: entries of the audit by which no rollout's record was written.
    pub const KINDS: [&str; 3] = ["veto", "unveto", "release-hold"];

    /// The stable word, for the audit.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Veto(_) => Self::KINDS[0],
            Self::Unveto(_) => Self::KINDS[1],
            Self::ReleaseHold => Self::KINDS[2],
        }
    }
}

impl VetoRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse(_) => "DIGEST_IN_USE",
            Self::NotVetoed(_) => "NOT_VETOED",
            Self::NotHeld => "NOT_HELD",
            Self::TooMany => "TOO_MANY_VETOES",
        }
    }
}

impl Veto {
    fn of_rollback(record: &Rollout, cause: &Cause, at: Timestamp) -> Self {
        let (actor, reason) = match cause {
            Cause::Operator { actor, reason } => (actor.clone(), reason.clone()),
            Cause::Votes { .. }
            | Cause::Pooled { .. }
            | Cause::Driver { .. }
            | Cause::Deadline { .. }
            | Cause::Inconclusive { .. }
            | Cause::DeadMan { .. }
            | Cause::Drift { .. }
            | Cause::Callback { .. }
            | Cause::Member { .. }
            | Cause::MemberFailed { .. }
            | Cause::PartBack { .. }
            | Cause::NoWayBack { .. }
            | Cause::PointOfNoReturn { .. } => ("meridian".to_owned(), cause.to_string()),
        };
        Self { rollout: Some(record.id.clone()), actor, reason, at }.bounded()
    }

    /// With a reason that fits.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.reason.truncate(self.reason.floor_char_boundary(REASON_BYTES_MAX));
        self
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rollout {
            Some(rollout) => write!(f, "since rollout {rollout} went back ({}: {})", self.actor, self.reason),
            None => write!(f, "by {}: {}", self.actor, self.reason),
        }
    }
}

impl Canonical for Veto {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.rollout).text(&self.actor).text(&self.reason).value(&self.at);
    }
}

impl Canonical for Vetoes {
    fn feed(&self, canon: &mut Canon) {
        canon.text("meridian.vetoes.v1").value(&self.changed).value(&self.digests).value(&self.hold);
    }
}

impl Vetoes {
    /// The vetoes after a decision of a rollout; `None`: they stay as they are.
    #[must_use]
    pub fn after(&self, before: &Rollout, next: &Rollout) -> Option<Self> {
        let Phase::RollingBack { cause, since } = &next.phase else {
            return None;
        };
        // A late joiner that can't take the release says nothing against it where it has long been stable.
        if next.plan.join.is_some() {
            return None;
        }
        let begins = !matches!(before.phase, Phase::RollingBack { .. });
        if !begins || !next.lanes.values().any(|lane| lane.moved) {
            return None;
        }
        let veto = Veto::of_rollback(next, cause, *since);
        let mut after = Self { changed: next.epoch, hold: Some(veto.clone()), ..self.clone() };
        after.digests.insert(next.plan.release.digest, veto);
        // A rollback is never refused for want of room; what was vetoed longest ago makes it.
        while after.digests.len() > VETOES_MAX {
            let oldest = after.digests.iter().min_by_key(|(_, veto)| veto.at).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| after.digests.remove(&oldest));
        }
        Some(after)
    }

    /// Carries out a person's order at the service's next epoch. `in_use` is what regions serve and rollouts launch now.
    ///
    /// # Errors
    /// See [`VetoRefused`].
    pub fn order(
        &self,
        order: VetoOrder,
        said: Veto,
        epoch: Epoch,
        in_use: &BTreeSet<Digest>,
    ) -> Result<Self, VetoRefused> {
        assert!(epoch > self.changed, "every decision of a service has a higher epoch");
        let mut after = Self { changed: epoch, ..self.clone() };
        match order {
            // What serves must be startable: an agent brings it up again when it falls.
            VetoOrder::Veto(digest) if in_use.contains(&digest) => return Err(VetoRefused::InUse(digest)),
            VetoOrder::Veto(digest) => {
                after.digests.insert(digest, said.bounded());
                if after.digests.len() > VETOES_MAX {
                    return Err(VetoRefused::TooMany);
                }
            }
            VetoOrder::Unveto(digest) => {
                after.digests.remove(&digest).ok_or(VetoRefused::NotVetoed(digest))?;
            }
            VetoOrder::ReleaseHold => {
                after.hold.take().ok_or(VetoRefused::NotHeld)?;
            }
        }
        Ok(after)
    }
}
