//! Rounds: look at who is there and who owns what, ask the rules, take and give. Watches only wake; every round reads the
//! listings anew, and a timer makes one even if no watch ever speaks again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use meridian_core::id::ReplicaId;
use meridian_core::ownership::{Shard, Standing};
use meridian_store::layout::Place;
use meridian_store::{CommitError, Expect, Key, LeaseId, Revision, StoreError, Txn, WatchStream, layout, record};
use tokio::time::{Instant, sleep};

use super::{Ownership, TTL};

/// A round at least this often.
const EVERY: Duration = Duration::from_secs(1);
/// Entries read at once; there are fewer shards, and fewer replicas than anybody runs.
const PAGE: usize = 1000;
/// A shard that was free for so long is nobody's share: whoever should take it can't.
const ORPHANED_AFTER: Duration = TTL.saturating_mul(2);

/// Everything under the two prefixes.
struct Seen {
    members: BTreeSet<ReplicaId>,
    /// Owner, revision of the last write and of the creation.
    owners: BTreeMap<Shard, (ReplicaId, Revision, Revision)>,
    me_at: Option<Revision>,
    at: Revision,
}

/// What is remembered between rounds.
#[derive(Default)]
struct Memory {
    free_since: BTreeMap<Shard, Instant>,
    orphans: BTreeSet<Shard>,
    members: BTreeSet<ReplicaId>,
}

/// How a round ended.
enum Round {
    /// Nothing more to do for now.
    AtRest,
    /// Somebody got in between, or something was changed: look again.
    Again,
    /// The lease is gone.
    LeaseGone,
}

/// Makes rounds until the lease is gone.
pub(super) async fn run(ownership: &Ownership, lease: LeaseId) {
    let mut memory = Memory::default();
    let mut watches: Option<[WatchStream; 2]> = None;
    let mut attempt = 0;
    loop {
        match round(ownership, lease, &mut memory).await {
            Ok((Round::LeaseGone, _)) => return,
            Ok((Round::Again, _)) => {
                sleep(crate::backoff::jittered(attempt)).await;
                attempt += 1;
                continue;
            }
            Ok((Round::AtRest, at)) => {
                attempt = 0;
                if watches.is_none() {
                    watches = watch(ownership, at).await.ok();
                }
            }
            Err(error) => tracing::warn!(%error, "who owns what can't be read; looking again"),
        }
        let told = tokio::select! {
            told = told(&mut watches) => told,
            () = ownership.shared.look.notified() => true,
            () = sleep(EVERY) => true,
        };
        if !told {
            watches = None;
        }
    }
}

async fn watch(ownership: &Ownership, from: Revision) -> Result<[WatchStream; 2], StoreError> {
    let store = &ownership.shared.store;
    Ok([store.watch(&layout::owners(), from).await?, store.watch(&layout::replicas(), from).await?])
}

/// Until one of the watches tells something; `false` if one has ended. For ever if there are none.
async fn told(watches: &mut Option<[WatchStream; 2]>) -> bool {
    let Some([owners, replicas]) = watches else {
        return std::future::pending().await;
    };
    let item = tokio::select! {
        item = owners.next() => item,
        item = replicas.next() => item,
    };
    matches!(item, Some(Ok(_)))
}

async fn round(ownership: &Ownership, lease: LeaseId, memory: &mut Memory) -> Result<(Round, Revision), StoreError> {
    let seen = look(ownership).await?;
    let at = seen.at;
    let retiring = ownership.adopt(&seen);
    if seen.me_at.is_none() && !retiring {
        return Ok((announce(ownership, lease).await, at));
    }
    let mut members = seen.members.clone();
    if retiring {
        members.remove(ownership.me());
    }
    let owners = seen.owners.iter().map(|(shard, (owner, _, _))| (*shard, owner.clone())).collect();
    memory.note(&members, &owners);
    let standing = Standing { me: ownership.me().clone(), members, owners, orphans: memory.orphans.clone() };
    let moves = standing.moves();
    if !moves.give.is_empty() || (retiring && seen.me_at.is_some()) {
        return Ok((give(ownership, &moves.give, &seen, retiring).await, at));
    }
    if !moves.take.is_empty() {
        return Ok((take(ownership, lease, &moves.take).await, at));
    }
    Ok((Round::AtRest, at))
}

async fn look(ownership: &Ownership) -> Result<Seen, StoreError> {
    let store = &ownership.shared.store;
    let owners = store.list(&layout::owners(), None, PAGE).await?;
    let replicas = store.list(&layout::replicas(), None, PAGE).await?;
    let mut seen = Seen {
        members: BTreeSet::new(),
        owners: BTreeMap::new(),
        me_at: None,
        // Of the earlier listing: nothing between the two is missed by a watch from there.
        at: owners.revision,
    };
    for item in owners.items {
        let Some(Place::Owner(shard)) = Place::of(&item.key) else { continue };
        match record::decode_owner(&item.key, &item.value) {
            Ok(owner) => {
                seen.owners.insert(shard, (owner, item.mod_revision, item.create_revision));
            }
            Err(error) => tracing::error!(%error, "the owner of a shard can't be read"),
        }
    }
    for item in replicas.items {
        let Some(Place::Replica(replica)) = Place::of(&item.key) else { continue };
        if replica == *ownership.me() {
            seen.me_at = Some(item.mod_revision);
        }
        seen.members.insert(replica);
    }
    Ok(seen)
}

/// Says that this replica is there.
async fn announce(ownership: &Ownership, lease: LeaseId) -> Round {
    let value = record::encode_member(&ownership.shared.member);
    let txn = Txn::new().put_leased(layout::replica(ownership.me()), value, Expect::Absent, lease);
    ended(ownership.shared.store.commit(txn).await.map(|_| ()))
}

/// First nothing is believed any more, then it is given up.
async fn give(ownership: &Ownership, shards: &BTreeSet<Shard>, seen: &Seen, retiring: bool) -> Round {
    ownership.drop_claims(shards);
    let mut txn = Txn::new();
    for shard in shards {
        if let Some((_, at, _)) = seen.owners.get(shard) {
            txn = txn.delete(layout::owner(*shard), Expect::At(*at));
        }
    }
    if let (true, Some(at)) = (retiring, seen.me_at) {
        txn = txn.delete(layout::replica(ownership.me()), Expect::At(at));
    }
    let done = ownership.shared.store.commit(txn).await.map(|_| ());
    if done.is_ok() {
        tracing::info!(shards = shards.len(), "shards given up");
        ownership.shared.metrics.moved("given", shards.len());
    }
    ended(done)
}

async fn take(ownership: &Ownership, lease: LeaseId, shards: &BTreeSet<Shard>) -> Round {
    let value = record::encode_owner(ownership.me());
    let put = |txn: Txn, shard: &Shard| {
        let key: Key = layout::owner(*shard);
        txn.put_leased(key, value.clone(), Expect::Absent, lease)
    };
    let txn = shards.iter().fold(Txn::new(), put);
    let done = ownership.shared.store.commit(txn).await.map(|_| ());
    if done.is_ok() {
        tracing::info!(shards = shards.len(), "shards taken");
        ownership.shared.metrics.moved("taken", shards.len());
    }
    ended(done)
}

/// What became of a change is seen by looking again, also if its answer was lost.
fn ended(done: Result<(), CommitError>) -> Round {
    match done {
        Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Unknown { .. }) => Round::Again,
        Err(CommitError::LeaseGone { .. }) => Round::LeaseGone,
        Err(error) => {
            tracing::warn!(%error, "a change of who owns what came to nothing");
            Round::AtRest
        }
    }
}

impl Memory {
    fn note(&mut self, members: &BTreeSet<ReplicaId>, owners: &BTreeMap<Shard, ReplicaId>) {
        if self.members != *members {
            self.members.clone_from(members);
            self.orphans.clear();
        }
        let now = Instant::now();
        self.free_since.retain(|shard, _| !owners.contains_key(shard));
        for shard in Shard::all().filter(|shard| !owners.contains_key(shard)) {
            let since = *self.free_since.entry(shard).or_insert(now);
            if now.duration_since(since) >= ORPHANED_AFTER {
                self.orphans.insert(shard);
            }
        }
    }
}

impl Ownership {
    /// Takes over what the store says of owners; says whether this replica is retiring.
    fn adopt(&self, seen: &Seen) -> bool {
        let held: BTreeMap<Shard, Revision> =
            seen.owners.iter().filter(|(_, (o, _, _))| o == self.me()).map(|(s, (_, _, token))| (*s, *token)).collect();
        let owners = seen.owners.iter().map(|(shard, (owner, _, _))| (*shard, owner.clone())).collect();
        let (changed, retiring) = {
            let mut state = self.shared.state.lock().expect("no holder of this lock panics");
            let changed = state.held != held || state.owners != owners;
            self.shared.metrics.shards.set(i64::try_from(held.len()).unwrap_or(i64::MAX));
            (state.held, state.owners) = (held, owners);
            (changed, state.retiring)
        };
        if changed {
            self.changed();
        }
        retiring
    }

    fn drop_claims(&self, shards: &BTreeSet<Shard>) {
        self.shared
            .state
            .lock()
            .expect("no holder of this lock panics")
            .held
            .retain(|shard, _| !shards.contains(shard));
        self.changed();
    }
}
