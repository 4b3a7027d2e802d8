//! Alerts about waiting that does not end: they follow from time and from what is seen, so no decision says them. The owner of a
//! rollout looks, remembers durably what stands, and writes the difference into the outbox in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::alert::{Standing, Topic, topic_of, turned, waited};
use meridian_core::id::RolloutId;
use meridian_core::time::Timestamp;
use meridian_store::layout::Place;
use meridian_store::record::{Outgoing, Stands};
use meridian_store::{CommitError, Expect, Txn, layout, record};

use super::CourierParts;
use crate::error::EngineError;

/// Rollouts whose alerts are read in one request.
const PAGE: usize = 500;

/// When each topic was first seen to be waited for. Lost with the replica: the next owner is patient anew.
#[derive(Debug, Default)]
pub(super) struct Seen {
    since: BTreeMap<(RolloutId, Topic), Timestamp>,
}

/// Looks at every rollout that is owned here, and at what is left of those that have ended.
pub(super) async fn round(parts: &CourierParts, seen: &mut Seen) -> Result<(), EngineError> {
    let now = parts.clock.now();
    let mut known = all(parts).await?;
    let mut since = BTreeMap::new();
    for status in parts.engine.owned() {
        let record = &status.record;
        for topic in status.waits.iter().filter_map(topic_of) {
            let key = (record.id.clone(), topic);
            let first = seen.since.get(&key).copied().unwrap_or(now);
            since.insert(key, first);
        }
        let first = |topic: &Topic| since.get(&(record.id.clone(), topic.clone())).copied().unwrap_or(now);
        let (stood, expect) = known.remove(&record.id).unwrap_or((Stands::default(), Expect::Absent));
        let mut stands = waited(record, &status.waits, first, now);
        // What was said keeps its beginning; a change of words alone is nothing to wake anybody for.
        for (topic, alert) in &mut stands {
            if let Some(said) = stood.standing.get(topic) {
                alert.clone_from(said);
            }
        }
        say(parts, &record.id, (stood, expect), Some(stands)).await?;
    }
    seen.since = since;
    // What goes on at another replica is that one's to say.
    let live: BTreeSet<RolloutId> = parts.engine.live().iter().map(|record| record.id.clone()).collect();
    for (id, stood) in known.into_iter().filter(|(id, _)| !live.contains(id)) {
        if has_ended(parts, &id).await? {
            say(parts, &id, stood, None).await?;
        }
    }
    Ok(())
}

/// What stands by rollout, and under which expectation it is replaced.
async fn all(parts: &CourierParts) -> Result<BTreeMap<RolloutId, (Stands, Expect)>, EngineError> {
    let (mut known, mut after) = (BTreeMap::new(), None);
    loop {
        let page = parts.store.list(&layout::all_standing(), after.as_ref(), PAGE).await?;
        for item in &page.items {
            let Some(Place::Standing(id)) = Place::of(&item.key) else { continue };
            match record::decode_stands(&item.key, &item.value) {
                Ok(stands) => {
                    known.insert(id, (stands, Expect::At(item.mod_revision)));
                }
                Err(error) => tracing::error!(%error, "standing alerts can't be read"),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(known);
        }
    }
}

async fn has_ended(parts: &CourierParts, id: &RolloutId) -> Result<bool, EngineError> {
    match parts.engine.status(id).await {
        Ok(status) => Ok(status.record.phase.is_terminal()),
        Err(EngineError::NotFound { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes down what stands from now on (`None`: the rollout has ended), and what has to be said of it.
async fn say(
    parts: &CourierParts,
    id: &RolloutId,
    (stood, expect): (Stands, Expect),
    stands: Option<Standing>,
) -> Result<(), EngineError> {
    let sayings = turned(&stood.standing, stands.as_ref().unwrap_or(&Standing::new()));
    let (said, place) = (stood.said + u64::from(!sayings.is_empty()), layout::standing(id));
    let mut txn = match stands {
        Some(_) if sayings.is_empty() => return Ok(()),
        Some(standing) => Txn::new().put(place, record::encode_stands(&Stands { standing, said }), expect),
        None => Txn::new().delete(place, expect),
    };
    if let Some(service) = sayings.first().map(|saying| saying.alert.service.clone()) {
        let Some(claim) = parts.engine.ownership().claim(&service) else {
            return Ok(());
        };
        let key = layout::outgoing_waited(&service, id, said);
        txn = txn.put(key, record::encode_outgoing(&Outgoing { service, sayings }), Expect::Absent);
        txn = txn.check(claim.key(), Expect::Created(claim.token));
    }
    match parts.store.commit(txn).await {
        Ok(_) => Ok(()),
        // Somebody else looks after it by now.
        Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
