//! What a service has vetoed, as an agent knows it. A veto forbids to start a digest on the way forward and nothing else:
//! what runs is left alone, and a way back is open whatever it leads to. It does not know why something was vetoed, nor
//! who may lift it.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::goal::Goal;
use crate::release::ReleaseRef;
use crate::rollout::veto::Vetoes;
use crate::slot::Slot;

/// The code of the trouble of an agent whose goal asks for the start of what it knows to be vetoed.
pub const DIGEST_VETOED: &str = "DIGEST_VETOED";

/// The digests that a service has vetoed, and when that was so.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct VetoList {
    /// The service's last decision when this was true; a restore raises it like every epoch.
    pub at: Epoch,
    /// All of them.
    pub digests: BTreeSet<Digest>,
}

impl VetoList {
    /// The list of a service whose last decision was `head`.
    #[must_use]
    pub fn of(vetoes: &Vetoes, head: Epoch) -> Self {
        Self { at: head, digests: vetoes.digests.keys().copied().collect() }
    }

    /// Takes a newer list in place of this one. Says whether it is newer; one that is not changes nothing.
    pub fn renew(&mut self, heard: Self) -> bool {
        let is_newer = heard.at > self.at;
        if is_newer {
            *self = heard;
        }
        is_newer
    }

    /// Whether `release` may not be started in a slot, toward this goal.
    #[must_use]
    pub fn forbids(&self, goal: &Goal, slot: Slot, release: &ReleaseRef) -> bool {
        self.digests.contains(&release.digest) && goal.forward_slot() == Some(slot)
    }
}
