//! Whether the entries of a backup belong together: every decision is in its service's chain, and every rollout is as its
//! last decision left it. A backup that was put together by hand, or caught halfway, is not restored.

use std::collections::BTreeMap;

use bytes::Bytes;
use meridian_core::audit::{AuditEntry, ChainBroken, verify};
use meridian_core::canon::Canonical as _;
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::rollout::veto::VetoOrder;
use meridian_store::Key;
use meridian_store::layout::{self, Place};
use meridian_store::record::{self, Head, RecordError};

/// What does not belong together.
#[derive(Debug, thiserror::Error)]
pub enum NotWhole {
    /// A record can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A service's decisions do not follow from one another.
    #[error("service {service}: {broken}")]
    Chain {
        /// Whose.
        service: ServiceId,
        /// Where.
        broken: ChainBroken,
    },
    /// A service's head is not at its last decision.
    #[error("service {service}: its head is at {head}, its last decision at {last}")]
    Head {
        /// Whose.
        service: ServiceId,
        /// The head's epoch.
        head: String,
        /// The epoch of the last decision.
        last: String,
    },
    /// A rollout's record is not what its last decision wrote.
    #[error("rollout {rollout} is not as its last decision at {epoch} left it")]
    Rollout {
        /// Which.
        rollout: RolloutId,
        /// The epoch of its last decision.
        epoch: String,
    },
}

/// Checks that the entries belong together; tells the services that have decisions, with their heads.
///
/// # Errors
/// The first thing that does not.
pub fn whole(entries: &BTreeMap<Key, Bytes>) -> Result<BTreeMap<ServiceId, Head>, NotWhole> {
    let mut heads = BTreeMap::new();
    let mut chains: BTreeMap<ServiceId, Vec<AuditEntry>> = BTreeMap::new();
    for (key, value) in entries {
        match Place::of(key) {
            Some(Place::Head(service)) => {
                heads.insert(service, record::decode_head(key, value)?);
            }
            // In the order of keys, which is that of epochs.
            Some(Place::Audit(service, _)) => {
                let entry = record::decode_audit(key, value, &service)?;
                chains.entry(service).or_default().push(entry);
            }
            Some(Place::Queue(_)) => {
                record::decode_queue(key, value)?;
            }
            Some(
                Place::Service(_)
                | Place::Lanes(_)
                | Place::Release(..)
                | Place::Region(_)
                | Place::Playbook(_)
                | Place::Revision(..)
                | Place::Plan(_)
                | Place::Rollout(_)
                | Place::Request(_)
                | Place::Replica(_)
                | Place::Owner(_)
                | Place::Session(_)
                | Place::Seen(_)
                | Place::Watch(..)
                | Place::WatchAudit(..)
                | Place::Kpi(..)
                | Place::Opinion(..)
                | Place::Answer(..)
                | Place::Route(_)
                | Place::Outgoing(_)
                | Place::Standing(_)
                | Place::Set(_)
                | Place::Stops
                | Place::StopEntry(_)
                | Place::Restore,
            )
            | None => {}
        }
    }
    for (service, head) in &heads {
        let chain = chains.remove(service).unwrap_or_default();
        check(service, head, &chain)?;
        rollouts_are_as_left(entries, &chain)?;
    }
    match chains.into_iter().next() {
        None => Ok(heads),
        Some((service, chain)) => Err(head_is_not_at(&service, &Head::default(), chain.last())),
    }
}

fn check(service: &ServiceId, head: &Head, chain: &[AuditEntry]) -> Result<(), NotWhole> {
    verify(chain).map_err(|broken| NotWhole::Chain { service: service.clone(), broken })?;
    let last = chain.last();
    let at = last.is_some_and(|last| last.epoch == head.epoch && Some(last.digest()) == head.audit);
    if at { Ok(()) } else { Err(head_is_not_at(service, head, last)) }
}

fn head_is_not_at(service: &ServiceId, head: &Head, last: Option<&AuditEntry>) -> NotWhole {
    let last = last.map_or_else(|| "none".to_owned(), |last| last.epoch.to_string());
    NotWhole::Head { service: service.clone(), head: head.epoch.to_string(), last }
}

fn rollouts_are_as_left(entries: &BTreeMap<Key, Bytes>, chain: &[AuditEntry]) -> Result<(), NotWhole> {
    // An order about vetoes may name the rollout that it goes back to, but writes no record of it.
    let decisions = chain.iter().filter(|entry| !VetoOrder::KINDS.contains(&entry.kind.as_str()));
    let last: BTreeMap<&RolloutId, &AuditEntry> =
        decisions.filter_map(|entry| Some((entry.rollout.as_ref()?, entry))).collect();
    for (rollout, entry) in last {
        let value = entries.get(&layout::rollout(rollout));
        if value.is_none_or(|value| Digest::of(value) != entry.record) {
            return Err(NotWhole::Rollout { rollout: rollout.clone(), epoch: entry.epoch.to_string() });
        }
    }
    Ok(())
}
