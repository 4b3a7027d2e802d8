//! Going on after a restore: one decision for every rollout that speaks for a lane, or one for the service if it has had
//! only vetoes, each above all that was issued before the restore. Runs before any server does; done again, it goes on
//! where it was interrupted.

use std::collections::BTreeSet;
use std::sync::Arc;

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::invariants::restoration;
use meridian_core::rollout::event::Order;
use meridian_core::rollout::gates::stops::Said;
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::veto::{Veto, Vetoes};
use meridian_core::time::Timestamp;
use meridian_store::{Expect, Store, Txn, commit_known, layout, record};

use super::books::{Books, Kept};
use super::commit::{Decision, VetoDecision, commit, commit_vetoes};
use crate::error::EngineError;

/// How a restored store goes on.
#[derive(Clone, Debug)]
pub struct GoOn {
    /// Of the epochs to come.
    pub generation: u64,
    /// Who restores, and from what.
    pub order: Order,
    /// When.
    pub now: Timestamp,
}

/// Has every rollout that speaks for a lane of these services go on. Tells which.
///
/// # Errors
/// If a record can't be read or written.
pub async fn go_on(
    store: Arc<dyn Store>,
    services: &BTreeSet<ServiceId>,
    how: &GoOn,
) -> Result<Vec<RolloutId>, EngineError> {
    let books = Books::new(store);
    let mut done = Vec::new();
    for service in services {
        let lanes = books.lanes(service).await?.value;
        let speakers: BTreeSet<RolloutId> = lanes.into_values().filter_map(|lane| lane.rollout).collect();
        for id in speakers {
            raise(&books, service, &id, how).await?;
            done.push(id);
        }
        raise_vetoes(&books, service, how).await?;
        hold_queue(&books, service, how).await?;
    }
    Ok(done)
}

async fn raise(books: &Books, service: &ServiceId, id: &RolloutId, how: &GoOn) -> Result<(), EngineError> {
    let (record, revision) = books.rollout(id).await?;
    if record.epoch.generation() >= how.generation {
        return Ok(());
    }
    let head = books.head(service).await?;
    let before = head.value.epoch;
    let raised = before.generation() >= how.generation;
    let epoch = if raised { before.next() } else { before.restored(how.generation) };
    let next = restored(&record, how.order.clone(), epoch.ok_or(Refused::EpochExhausted)?, how.now);
    if let Some(broken) = restoration(&record, &next, record.epoch).first() {
        return Err(EngineError::Corrupt(format!("{id} can't go on: {}: {}", broken.id, broken.what)));
    }
    let Order { actor, reason } = how.order.clone();
    let decision = Decision {
        next: &next,
        before: Some(&record),
        expect: Expect::At(revision),
        head: &head,
        lanes: None,
        kind: "restore",
        actor,
        message: reason,
        request: None,
        claim: None,
        known: Vec::new(),
        sessions: Vec::new(),
        line: None,
        now: how.now,
    };
    commit(books, decision).await?;
    Ok(())
}

/// What waits stays, and starts only once a person says so.
async fn hold_queue(books: &Books, service: &ServiceId, how: &GoOn) -> Result<(), EngineError> {
    let key = layout::queue(service);
    let kept = Kept::read(books.store.as_ref(), &key, record::decode_queue).await?;
    let Order { actor, reason } = how.order.clone();
    if let Some(held) = kept.value.held(Said { actor, reason, at: how.now }) {
        let txn = Txn::new().put(key.clone(), record::encode_queue(&held), kept.expect);
        commit_known(books.store.as_ref(), txn, &key).await?;
    }
    Ok(())
}

/// The decision of a service that has decisions, but no rollout that could make this one.
async fn raise_vetoes(books: &Books, service: &ServiceId, how: &GoOn) -> Result<(), EngineError> {
    let head = books.head(service).await?;
    if head.value.epoch.generation() >= how.generation {
        return Ok(());
    }
    let lanes = books.lanes(service).await?;
    if !lanes.value.is_empty() {
        return Err(EngineError::Corrupt(format!("{service} has lanes, but no rollout speaks for them")));
    }
    let changed = head.value.epoch.restored(how.generation).ok_or(Refused::EpochExhausted)?;
    let vetoes = Vetoes { changed, ..head.value.vetoes.clone() };
    let Order { actor, reason } = how.order.clone();
    let said = Veto { rollout: None, actor, reason, at: how.now };
    let (rollout, lanes, kind, request) = (None, lanes.expect, "restore", None);
    commit_vetoes(books, VetoDecision { service, vetoes, rollout, head: &head, lanes, kind, said, request }).await?;
    Ok(())
}
