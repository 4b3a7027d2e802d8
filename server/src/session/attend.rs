//! Keeps the session keys of this replica true: of an agent that fell silent or left, the key is removed, so that others know
//! that it can't be reached; of one that is here without a key, it is written again. A session that comes and goes within a
//! moment costs no write of its own.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use meridian_core::id::RegionId;
use meridian_core::observation::Contact;
use meridian_core::time::Timestamp;
use meridian_store::record::{self, SessionHeld};
use meridian_store::{CommitError, Expect, LeaseId, Revision, Store, Txn, layout};
use tokio_util::sync::CancellationToken;

use super::entry::SessionKey;
use super::registry::Sessions;
use crate::clock::Clock;
use crate::error::EngineError;
use crate::ownership::Ownership;

/// Between two looks. A key of a session that has ended is left alone for one of them: most agents are back by then, here
/// or elsewhere, and write it anew.
const EVERY: Duration = Duration::from_secs(1);
/// Writes under way at once.
const AT_ONCE: usize = 32;

/// What is to be done about the key of a region.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Wanted {
    /// Its agent is here, and nobody else knows.
    Written { number: u64, since: Timestamp },
    /// Its agent is not here, and others believe that it is.
    Removed(Revision),
}

/// Attends until `shutdown`.
pub(super) async fn run(
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ownership: Ownership,
    shutdown: CancellationToken,
) {
    let mut before = Vec::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let Some(lease) = ownership.lease() else { continue };
        let wanted = sessions.keys_wanted(clock.now());
        // Twice in a row the same: not a flicker.
        let due: Vec<(RegionId, Wanted)> = wanted.iter().filter(|want| before.contains(*want)).cloned().collect();
        before = wanted;
        let attending = futures::stream::iter(due).map(|(region, wanted)| {
            let (sessions, store, ownership) = (&sessions, store.as_ref(), &ownership);
            async move {
                let done = match wanted {
                    Wanted::Written { number, since } => {
                        write(sessions, store, ownership, lease, &region, (number, since)).await
                    }
                    Wanted::Removed(at) => remove(store, &region, at).await,
                };
                if let Err(error) = done {
                    tracing::warn!(%error, %region, "others are told of a session later");
                }
            }
        });
        attending.buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

async fn remove(store: &dyn Store, region: &RegionId, at: Revision) -> Result<(), EngineError> {
    match store.commit(Txn::new().delete(layout::session(region), Expect::At(at))).await {
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the key again, if no newer session was opened anywhere in the meantime.
async fn write(
    sessions: &Sessions,
    store: &dyn Store,
    ownership: &Ownership,
    lease: LeaseId,
    region: &RegionId,
    (number, since): (u64, Timestamp),
) -> Result<(), EngineError> {
    let key = layout::region(region);
    let Some(item) = store.get(&key).await?.item else { return Ok(()) };
    let known = record::decode_region(&key, &item.value)?;
    if known.session_number != number {
        sessions.superseded(region, known.session_number);
        return Ok(());
    }
    let held = SessionHeld { number, replica: ownership.me().clone(), since };
    let txn = Txn::new()
        .put_leased(layout::session(region), record::encode_session(&held), Expect::Absent, lease)
        .check(key, Expect::At(item.mod_revision));
    match store.commit(txn).await {
        Ok(committed) => {
            sessions.session_shown(region, &held, true, committed.revision);
            Ok(())
        }
        Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Sessions {
    /// Where the keys and what is known here differ.
    fn keys_wanted(&self, now: Timestamp) -> Vec<(RegionId, Wanted)> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let wanted = regions.iter().filter_map(|(region, entry)| {
            let heard = entry.here().filter(|_| matches!(entry.contact(now), Contact::Live(_)));
            let wanted = match (heard, &entry.key) {
                (Some(live), None) => Wanted::Written { number: live.number, since: live.since },
                (None, Some(SessionKey { revision, ours: true, .. })) => Wanted::Removed(*revision),
                (Some(_), Some(_)) | (None, None | Some(SessionKey { ours: false, .. })) => return None,
            };
            Some((region.clone(), wanted))
        });
        wanted.collect()
    }

    /// A newer session of the region exists.
    fn superseded(&self, region: &RegionId, newer: u64) {
        let mut regions = self.regions.lock().expect("no holder of this lock panics");
        if let Some(entry) = regions.get_mut(region) {
            entry.begin(newer);
        }
    }
}
