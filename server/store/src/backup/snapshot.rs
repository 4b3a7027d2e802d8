//! All lasting entries as of one revision, from listings whose pages may each be of another one: what changed while the
//! listing went on is taken from a watch. Writes nothing, so it may run beside the servers.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use thiserror::Error;

use crate::{Change, Key, MAX_PAGE_ITEMS, Revision, Store, StoreError, Versioned, WatchEnded, WatchItem, layout};

/// How often a listing is begun anew when its watch was lost.
const ATTEMPTS: u32 = 3;
/// A watch that yields nothing for so long is lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// A watch need not yield the revision waited for, if others made it. It has yielded all that came before once it was
/// silent twice in a row.
const SIGNS_OF_LIFE: u32 = 2;

/// What a store held at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// As of when.
    pub revision: Revision,
    /// What [`layout::is_lasting`].
    pub entries: BTreeMap<Key, Bytes>,
}

/// Why there is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store changed while it was listed, and the changes can't be had.
    #[error("the store changes and its changes can't be followed: {0}")]
    Watch(#[from] WatchEnded),
}

/// Takes a snapshot.
///
/// # Errors
/// If the store can't be read or followed.
pub async fn snapshot(store: &dyn Store) -> Result<Snapshot, SnapshotError> {
    let mut attempt = 1;
    loop {
        match once(store).await {
            Err(SnapshotError::Watch(_)) if attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn once(store: &dyn Store) -> Result<Snapshot, SnapshotError> {
    let mut items = BTreeMap::new();
    let mut page = store.list(&layout::everything(), None, MAX_PAGE_ITEMS).await?;
    let first = page.revision;
    loop {
        items.extend(page.items.into_iter().map(|item| (item.key.clone(), item)));
        let Some(after) = page.next else { break };
        page = store.list(&layout::everything(), Some(&after), MAX_PAGE_ITEMS).await?;
    }
    let revision = page.revision;
    if first < revision {
        follow(store, &mut items, first, revision).await?;
    }
    items.retain(|key, _| layout::is_lasting(key));
    Ok(Snapshot { revision, entries: items.into_iter().map(|(key, item)| (key, item.value)).collect() })
}

/// Brings entries that were read at revisions between `from` and `to` all to `to`.
async fn follow(
    store: &dyn Store,
    items: &mut BTreeMap<Key, Versioned>,
    from: Revision,
    to: Revision,
) -> Result<(), SnapshotError> {
    let mut watch = store.watch(&layout::everything(), from).await?;
    let lost = || WatchEnded::Unavailable { reason: format!("nothing came for {SILENCE_MAX:?}") };
    let mut signs = 0;
    while signs < SIGNS_OF_LIFE {
        let item = tokio::time::timeout(SILENCE_MAX, watch.next()).await.map_err(|_elapsed| lost())?;
        match item.ok_or(WatchEnded::Cancelled)?? {
            WatchItem::Changes { revision, .. } if revision > to => break,
            WatchItem::Changes { revision, changes } => {
                signs = 0;
                changes.into_iter().for_each(|change| apply(items, change));
                if revision == to {
                    break;
                }
            }
            WatchItem::Progress { revision } if revision >= to => break,
            WatchItem::Progress { .. } => signs += 1,
        }
    }
    Ok(())
}

/// A change that the listing has seen already does nothing.
fn apply(items: &mut BTreeMap<Key, Versioned>, change: Change) {
    let known = items.get(change.key()).map(|item| item.mod_revision);
    match change {
        Change::Put(item) if known.is_none_or(|known| known < item.mod_revision) => {
            items.insert(item.key.clone(), item);
        }
        Change::Delete { key, revision } if known.is_some_and(|known| known < revision) => {
            items.remove(&key);
        }
        Change::Put(_) | Change::Delete { .. } => {}
    }
}
