//! Why things were decided: the audit chain, its export, and the analysis behind verdicts.

pub(super) mod analysis;
pub(super) mod decisions;
pub(super) mod export;

use meridian_core::rollout::state::Rollout;
use meridian_store::{Key, layout};

/// A place right before the first entry of a rollout's audit; `None`: it was begun before its record kept that.
fn beginning(record: &Rollout) -> Option<Key> {
    layout::before_audit(&record.plan.service, record.begun?)
}
