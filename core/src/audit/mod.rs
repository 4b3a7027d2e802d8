//! The audit chain: one entry per decision, each carrying the digest of the one before it.

pub mod bundle;

use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::id::{RolloutId, ServiceId};
use crate::time::Timestamp;

/// One decision of a service, as the audit keeps it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct AuditEntry {
    /// Whose chain.
    pub service: ServiceId,
    /// Which rollout; `None` for a decision about the service alone.
    pub rollout: Option<RolloutId>,
    /// The decision's epoch: the position in the chain.
    pub epoch: Epoch,
    /// When.
    pub time: Timestamp,
    /// The stable word of what was decided.
    pub kind: String,
    /// Who ordered it; `meridian` if nobody did.
    pub actor: String,
    /// In words, at most 4 KiB.
    pub message: String,
    /// Digest of the rollout's record that was committed with it; of the service's vetoes if they are what it is about.
    pub record: Digest,
    /// Digest of the entry before; `None` for the first.
    pub previous: Option<Digest>,
    /// What it changed in the rollout's record, in the bytes of records; empty for a decision about vetoes or a watch,
    /// and for entries older than this field, whose digests stay as they are.
    pub change: Vec<u8>,
}

impl Canonical for AuditEntry {
    fn feed(&self, canon: &mut Canon) {
        let rollout = self.rollout.as_ref().map_or("", RolloutId::as_str);
        canon.text(if self.change.is_empty() { "meridian.audit.v1" } else { "meridian.audit.v2" });
        canon.value(&self.service).text(rollout).value(&self.epoch);
        canon.value(&self.time).text(&self.kind).text(&self.actor).text(&self.message).value(&self.record);
        canon.value(&self.previous);
        if !self.change.is_empty() {
            canon.value(&Digest::of(&self.change));
        }
    }
}

/// Where a chain does not hold.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("the audit chain breaks at epoch {at}: the entry names another predecessor")]
pub struct ChainBroken {
    /// The first entry that does not follow from the one before.
    pub at: Epoch,
}

/// Checks that entries follow one another without gap or change.
///
/// # Errors
/// The first entry that does not follow.
pub fn verify(entries: &[AuditEntry]) -> Result<(), ChainBroken> {
    let mut previous: Option<&AuditEntry> = None;
    for entry in entries {
        let expected = previous.map(Canonical::digest);
        let follows = previous.is_none_or(|before| before.epoch < entry.epoch);
        if (previous.is_some() && entry.previous != expected) || !follows {
            return Err(ChainBroken { at: entry.epoch });
        }
        previous = Some(entry);
    }
    Ok(())
}
