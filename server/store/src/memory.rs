//! The store in memory: the reference for what the others mean, and the store of tests. Forgets everything when dropped.
//! It has no task of its own: leases that ran out end when the store is next used, and watches use it at that moment.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::follow::{self, Stretch};
use crate::lease::Leases;
use crate::{
    Change, CommitError, Committed, Expect, Got, Keeping, Key, LeaseId, Leased, MAX_PAGE_BYTES, Op, Page,
    RESERVE_SHARE, Revision, Store, StoreError, Txn, Versioned, WatchEnded, WatchStream, check_limit,
};

/// What a [`MemoryStore`] may hold.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLimits {
    /// Commits kept for watches.
    pub history_revisions: usize,
    /// Bytes of keys and values kept for watches.
    pub history_bytes: usize,
    /// Bytes of keys and values stored; a commit that would grow beyond is refused as full.
    pub quota_bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { history_revisions: 10_000, history_bytes: 64 * 1024 * 1024, quota_bytes: 512 * 1024 * 1024 }
    }
}

/// A store in memory. Its watches end as cancelled when it is dropped.
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    head: watch::Sender<u64>,
    limits: MemoryLimits,
}

#[derive(Default)]
struct State {
    items: BTreeMap<Key, Versioned>,
    bytes: usize,
    head: u64,
    /// One entry a commit, without gaps, the last one of revision `head`.
    history: VecDeque<(usize, Vec<Change>)>,
    history_bytes: usize,
    leases: Leases,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: MemoryLimits) -> Self {
        let (head, _) = watch::channel(0);
        Self { shared: Arc::new(Shared { state: Mutex::default(), head, limits }) }
    }
}

impl Shared {
    /// The state as of now, without what leases that ran out have held. No code panics while it holds the lock halfway
    /// through a change, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_leases(&mut state);
        state
    }

    fn end_leases(&self, state: &mut State) {
        for lease in state.leases.ended(Instant::now()) {
            if let Some(txn) = state.removal(lease) {
                let bytes = state.bytes_after(&txn);
                self.apply(state, &txn, bytes);
            }
            state.leases.forget(lease);
        }
    }

    fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
        txn.validate()?;
        let mut state = self.lock();
        let Ok(conflict) = txn.conflict(|key| Ok::<_, Infallible>(state.items.get(key).map(Versioned::stamp)));
        if let Some(key) = conflict {
            return Err(CommitError::Conflict { key });
        }
        let now = Instant::now();
        if let Some(lease) = txn.leases().find(|lease| !state.leases.is_alive(*lease, now)) {
            return Err(CommitError::LeaseGone { lease });
        }
        if !txn.writes() {
            return Ok(Committed { revision: Revision::new(state.head) });
        }
        let after = state.bytes_after(&txn);
        let quota = self.limits.quota_bytes;
        let reserve = if txn.is_urgent() { quota / RESERVE_SHARE as usize } else { 0 };
        if after > state.bytes && after > quota.saturating_add(reserve) {
            return Err(CommitError::Full {
                reason: format!("{after} bytes stored would exceed the quota of {quota}"),
            });
        }
        Ok(Committed { revision: self.apply(&mut state, &txn, after) })
    }

    /// Applies a transaction that may be, after which so many bytes are stored.
    fn apply(&self, state: &mut State, txn: &Txn, bytes: usize) -> Revision {
        state.bytes = bytes;
        let revision = state.apply(txn);
        while state.history.len() > self.limits.history_revisions || state.history_bytes > self.limits.history_bytes {
            state.forget_oldest();
        }
        let head = state.head;
        // Sent under the lock, so that two commits cannot announce themselves in the wrong order.
        self.head.send_replace(head);
        revision
    }
}

impl State {
    /// The oldest revision whose changes are kept; one past the head if there are none.
    fn oldest(&self) -> u64 {
        self.head + 1 - self.history.len() as u64
    }

    fn forget_oldest(&mut self) {
        if let Some((bytes, _)) = self.history.pop_front() {
            self.history_bytes -= bytes;
        }
    }

    fn bytes_after(&self, txn: &Txn) -> usize {
        let mut bytes = self.bytes;
        for op in txn.ops().iter().filter(|op| op.writes()) {
            bytes -= self.items.get(op.key()).map_or(0, |old| old.key.as_str().len() + old.value.len());
            bytes += match op {
                Op::Put { key, value, .. } => key.as_str().len() + value.len(),
                Op::Delete { .. } | Op::Check { .. } => 0,
            };
        }
        bytes
    }

    /// What deletes the entries of a lease; `None` if it has none.
    fn removal(&self, lease: LeaseId) -> Option<Txn> {
        let items = self.leases.keys_of(lease).filter_map(|key| self.items.get(key));
        let txn = items.fold(Txn::new(), |txn, item| txn.delete(item.key.clone(), Expect::At(item.mod_revision)));
        txn.writes().then_some(txn)
    }

    fn apply(&mut self, txn: &Txn) -> Revision {
        self.head += 1;
        let revision = Revision::new(self.head);
        let mut bytes = 0;
        let mut changes = Vec::with_capacity(txn.ops().len());
        for op in txn.ops() {
            match op {
                Op::Put { key, value, lease, .. } => {
                    self.leases.attach(key, *lease);
                    let create_revision = self.items.get(key).map_or(revision, |old| old.create_revision);
                    let item =
                        Versioned { key: key.clone(), value: value.clone(), mod_revision: revision, create_revision };
                    bytes += key.as_str().len() + value.len();
                    changes.push(Change::Put(item.clone()));
                    self.items.insert(key.clone(), item);
                }
                Op::Delete { key, .. } => {
                    bytes += key.as_str().len();
                    self.leases.attach(key, None);
                    self.items.remove(key);
                    changes.push(Change::Delete { key: key.clone(), revision });
                }
                Op::Check { .. } => {}
            }
        }
        self.history_bytes += bytes;
        self.history.push_back((bytes, changes));
        revision
    }

    fn page(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Page {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let mut rest = self
            .items
            .range::<Key, _>((start, Bound::Unbounded))
            .map(|(_, item)| item)
            .take_while(|item| item.key.starts_with(prefix))
            .peekable();
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < limit && bytes < MAX_PAGE_BYTES {
            let Some(item) = rest.next() else { break };
            bytes += item.key.as_str().len() + item.value.len();
            items.push(item.clone());
        }
        let next = rest.peek().and_then(|_| items.last()).map(|last| last.key.clone());
        Page { items, revision: Revision::new(self.head), next }
    }

    fn after(&self, prefix: &Key, cursor: u64) -> Stretch {
        let oldest = self.oldest();
        if cursor + 1 < oldest {
            return Stretch::Gone { oldest };
        }
        let mut commits = Vec::new();
        let mut upto = cursor;
        let mut bytes = 0;
        let skip = usize::try_from(cursor + 1 - oldest).unwrap_or(usize::MAX);
        for (size, changes) in self.history.iter().skip(skip).take(follow::READ_REVISIONS) {
            upto += 1;
            let hit: Vec<_> = changes.iter().filter(|change| change.key().starts_with(prefix)).cloned().collect();
            if !hit.is_empty() {
                commits.push((Revision::new(upto), hit));
                bytes += size;
            }
            if bytes >= follow::READ_BYTES {
                break;
            }
        }
        Stretch::Read { commits, upto, due: self.leases.due() }
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        Box::pin(async move {
            let state = self.shared.lock();
            Ok(Got { item: state.items.get(key).cloned(), revision: Revision::new(state.head) })
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            check_limit(limit)?;
            Ok(self.shared.lock().page(prefix, after, limit))
        })
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move { self.shared.commit(txn) })
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        let head = self.shared.head.subscribe();
        // Weak, so that a forgotten watch does not keep a dropped store alive.
        let shared = Arc::downgrade(&self.shared);
        let prefix = prefix.clone();
        let stream = follow::follow(from, head, move |cursor| {
            let read = shared.upgrade().map(|shared| shared.lock().after(&prefix, cursor));
            async move { read.ok_or(WatchEnded::Cancelled) }
        });
        Box::pin(async move { Ok(stream) })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut state = self.shared.lock();
            let before = before.get().min(state.head);
            while !state.history.is_empty() && state.oldest() < before {
                state.forget_oldest();
            }
            Ok(())
        })
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        Box::pin(async move { self.shared.lock().leases.grant(ttl, Instant::now()) })
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(async move { Ok(self.shared.lock().leases.keep(lease, Instant::now())) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut state = self.shared.lock();
            state.leases.end(lease, Instant::now());
            self.shared.end_leases(&mut state);
            Ok(())
        })
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
