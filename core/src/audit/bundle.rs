//! The evidence bundle: a rollout's part of its service's audit chain with its plan and its last record, checked without
//! a server. It does not know how a bundle is written, nor how records are: who reads one says what was found in it.

use crate::audit::AuditEntry;
use crate::canon::Canonical;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::id::{RolloutId, ServiceId};

/// The kind of the decision that a rollout begins with.
pub const FIRST_KIND: &str = "start";

/// What was found in a bundle.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Bundle {
    /// Whose rollout.
    pub service: ServiceId,
    /// The rollout that it speaks for.
    pub rollout: RolloutId,
    /// The hash of the plan, as the bundle's head names it.
    pub plan: Digest,
    /// The hash of the plan's content.
    pub plan_found: Digest,
    /// Digest of the last entry, as the bundle's head names it.
    pub head: Digest,
    /// The chain, from the rollout's first decision on; decisions of the service and of other rollouts lie between.
    pub links: Vec<Link>,
    /// Epoch of the rollout's last record.
    pub epoch: Epoch,
    /// Digest of the rollout's last record.
    pub record: Digest,
}

/// An entry with what its change leads to.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Link {
    /// The entry.
    pub entry: AuditEntry,
    /// Digest of the record that all changes up to here add up to; `None`: it changes no record of this rollout, or
    /// begins before changes were kept.
    pub folded: Option<Digest>,
}

/// What a bundle that holds proves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Proof {
    /// Decisions in the chain.
    pub entries: usize,
    /// Of these, decisions of the rollout or about it.
    pub own: usize,
    /// Of these, decisions whose whole record was rebuilt and has the digest that was committed with it.
    pub rebuilt: usize,
}

/// Where a bundle does not hold, and why.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum Flaw {
    /// There is nothing to check.
    #[error("the bundle holds no decision")]
    Empty,
    /// Another plan.
    #[error("the plan has the hash {found}, not {named}")]
    Plan {
        /// As the head says.
        named: Digest,
        /// Of its content.
        found: Digest,
    },
    /// An entry of another chain.
    #[error("decision {at} is of service {service}")]
    Service {
        /// Which.
        at: Epoch,
        /// Whose.
        service: ServiceId,
    },
    /// The chain does not begin with the rollout.
    #[error("the chain begins with decision {at}, which does not start the rollout")]
    Beginning {
        /// Which.
        at: Epoch,
    },
    /// A decision is missing, doubled, or at the wrong place.
    #[error("decision {at} can't follow decision {before}: every decision raises the epoch by one")]
    Epoch {
        /// Which.
        at: Epoch,
        /// The one before it.
        before: Epoch,
    },
    /// Something before was changed.
    #[error("decision {at} names another predecessor than decision {before} as it is here")]
    Chain {
        /// Which.
        at: Epoch,
        /// The one before it.
        before: Epoch,
    },
    /// The changes do not add up to what was committed.
    #[error("decision {at} was committed with another record than its changes add up to")]
    Change {
        /// Which.
        at: Epoch,
    },
    /// The chain ends elsewhere.
    #[error("the chain ends with {found}, not {named}")]
    Head {
        /// As the head says.
        named: Digest,
        /// Of the last entry.
        found: Digest,
    },
    /// The last record is not that of the last decision.
    #[error("the last record, of decision {at}, is not what was committed last")]
    Record {
        /// The record's own epoch.
        at: Epoch,
    },
}

impl Flaw {
    /// The decision where it shows; `None`: it is of the whole.
    #[must_use]
    pub const fn at(&self) -> Option<Epoch> {
        match self {
            Self::Empty | Self::Plan { .. } | Self::Head { .. } => None,
            Self::Service { at, .. }
            | Self::Beginning { at }
            | Self::Epoch { at, .. }
            | Self::Chain { at, .. }
            | Self::Change { at }
            | Self::Record { at } => Some(*at),
        }
    }
}

impl Bundle {
    /// Checks everything that can be checked without a server: that the plan is the one named, that the chain begins with
    /// the rollout and has no gap, that each record is what the changes add up to, and that the last one is there.
    ///
    /// # Errors
    /// The first flaw, in the order of the bundle.
    pub fn verify(&self) -> Result<Proof, Flaw> {
        if self.plan != self.plan_found {
            return Err(Flaw::Plan { named: self.plan, found: self.plan_found });
        }
        let [first, ..] = self.links.as_slice() else {
            return Err(Flaw::Empty);
        };
        if first.entry.kind != FIRST_KIND || !self.is_own(first) {
            return Err(Flaw::Beginning { at: first.entry.epoch });
        }
        let mut proof = Proof { entries: self.links.len(), ..Proof::default() };
        let mut before: Option<&AuditEntry> = None;
        for link in &self.links {
            let entry = &link.entry;
            if entry.service != self.service {
                return Err(Flaw::Service { at: entry.epoch, service: entry.service.clone() });
            }
            if let Some(before) = before {
                follows(before, entry)?;
            }
            if link.folded.is_some_and(|folded| folded != entry.record) {
                return Err(Flaw::Change { at: entry.epoch });
            }
            proof.own += usize::from(self.is_own(link));
            proof.rebuilt += usize::from(link.folded.is_some());
            before = Some(entry);
        }
        self.ends(before)?;
        Ok(proof)
    }

    /// The chain ends where the head says, and the last record is the one of the rollout's last change.
    fn ends(&self, last: Option<&AuditEntry>) -> Result<(), Flaw> {
        let found = last.ok_or(Flaw::Empty)?.digest();
        if found != self.head {
            return Err(Flaw::Head { named: self.head, found });
        }
        let of_record = self.links.iter().rfind(|link| self.is_own(link) && link.entry.epoch == self.epoch);
        let newer =
            self.links.iter().any(|link| self.is_own(link) && Self::changes(link) && link.entry.epoch > self.epoch);
        match of_record {
            Some(link) if link.entry.record == self.record && !newer => Ok(()),
            Some(_) | None => Err(Flaw::Record { at: self.epoch }),
        }
    }

    fn is_own(&self, link: &Link) -> bool {
        link.entry.rollout.as_ref() == Some(&self.rollout)
    }

    fn changes(link: &Link) -> bool {
        !link.entry.change.is_empty()
    }
}

/// Whether an entry follows from the one before it: one higher, or of a later generation after a restore.
fn follows(before: &AuditEntry, entry: &AuditEntry) -> Result<(), Flaw> {
    let (at, was) = (entry.epoch, before.epoch);
    let is_restored = at.generation() > was.generation() && was.counter().checked_add(1) == Some(at.counter());
    if was.next() != Some(at) && !is_restored {
        return Err(Flaw::Epoch { at, before: was });
    }
    if entry.previous != Some(before.digest()) {
        return Err(Flaw::Chain { at, before: was });
    }
    Ok(())
}
