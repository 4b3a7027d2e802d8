//! Which services this replica does the forward work for, and until when it may believe so. Ownership is for liveness:
//! a transaction that moves something forward compares the owner's token, so a replica that is mistaken commits nothing.
//!
//! A replica that hears nothing from the store stops by its own clock before its lease can have ended. What it holds is
//! under that lease and free for others when it is gone. It does not know rollouts.

mod keeping;
mod round;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::id::{ReplicaId, ServiceId};
use meridian_core::ownership::Shard;
use meridian_store::record::Member;
use meridian_store::{Key, LeaseId, Revision, Store, layout};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::EngineError;
use crate::metrics::OwnershipMetrics;

/// How long a replica is believed to be there after it was last heard. Forward work of one that was killed goes on
/// elsewhere after this and less than a second more; shorter, and a slow disk of the store would look like a death.
pub const TTL: Duration = Duration::from_secs(5);
/// So long before the lease can have ended its holder stops: for clocks that run apart and for threads that run late.
const MARGIN: Duration = Duration::from_secs(1);
/// How long is waited for a lease by those who need one.
const LEASED_MAX: Duration = Duration::from_secs(4);
/// How long giving everything up may take; then its lease's end does it.
const RETIRE_MAX: Duration = Duration::from_millis(700);

/// The right to move the services of a shard forward, as far as this replica knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Of which shard.
    pub shard: Shard,
    /// The revision at which the owner's key was created. It goes into every forward transaction.
    pub token: Revision,
}

impl Claim {
    /// The key that has to be of this token.
    #[must_use]
    pub fn key(&self) -> Key {
        layout::owner(self.shard)
    }
}

/// Who owns a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Owner {
    /// This replica.
    Me,
    /// Another one.
    Other,
    /// None that is known here.
    Nobody,
}

/// Handle to what this replica owns; clones share it.
#[derive(Clone)]
pub struct Ownership {
    shared: Arc<Shared>,
}

struct Shared {
    me: ReplicaId,
    member: Member,
    store: Arc<dyn Store>,
    metrics: OwnershipMetrics,
    state: Mutex<State>,
    /// Counts changes of what is owned by whom.
    changes: watch::Sender<u64>,
    lease: watch::Sender<Option<LeaseId>>,
    /// Look at once.
    look: Notify,
}

struct State {
    /// Until then this replica may believe that what it holds is its own.
    until: Instant,
    /// What it holds, with the tokens.
    held: BTreeMap<Shard, Revision>,
    /// All owners, as last seen.
    owners: BTreeMap<Shard, ReplicaId>,
    /// Set when the replica goes away: nothing is its own any more.
    retiring: bool,
}

impl Ownership {
    /// Of a replica that is not there yet.
    #[must_use]
    pub fn new(me: ReplicaId, member: Member, store: Arc<dyn Store>, metrics: OwnershipMetrics) -> Self {
        let state = State { until: Instant::now(), held: BTreeMap::new(), owners: BTreeMap::new(), retiring: false };
        let shared = Shared {
            me,
            member,
            store,
            metrics,
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            lease: watch::Sender::new(None),
            look: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// This replica.
    #[must_use]
    pub fn me(&self) -> &ReplicaId {
        &self.shared.me
    }

    /// The claim on a service, if this replica owns it now.
    #[must_use]
    pub fn claim(&self, service: &ServiceId) -> Option<Claim> {
        let shard = Shard::of(service);
        let state = self.shared.state.lock().expect("no holder of this lock panics");
        let believed = !state.retiring && Instant::now() < state.until;
        state.held.get(&shard).filter(|_| believed).map(|token| Claim { shard, token: *token })
    }

    /// Who owns a service, as far as is known here.
    #[must_use]
    pub fn owner(&self, service: &ServiceId) -> Owner {
        if self.claim(service).is_some() {
            return Owner::Me;
        }
        let state = self.shared.state.lock().expect("no holder of this lock panics");
        match state.owners.get(&Shard::of(service)) {
            Some(owner) if *owner != self.shared.me => Owner::Other,
            Some(_) | None => Owner::Nobody,
        }
    }

    /// The store has refused a claim: it is another's.
    pub fn lost(&self, claim: &Claim) {
        self.shared.metrics.refused.inc();
        tracing::warn!(shard = claim.shard.number(), token = %claim.token, "a shard is no longer ours; nothing was done");
        let mut state = self.shared.state.lock().expect("no holder of this lock panics");
        if state.held.get(&claim.shard) == Some(&claim.token) {
            state.held.remove(&claim.shard);
            drop(state);
            self.changed();
        }
        self.shared.look.notify_one();
    }

    /// Tells of every change of what is owned by whom.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The lease under which this replica writes what is to vanish with it, if it has one now.
    #[must_use]
    pub fn lease(&self) -> Option<LeaseId> {
        *self.shared.lease.borrow()
    }

    /// The lease, waited for if need be.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn leased(&self) -> Result<LeaseId, EngineError> {
        let mut lease = self.shared.lease.subscribe();
        let there = timeout(LEASED_MAX, lease.wait_for(Option::is_some)).await;
        let there = there.ok().and_then(Result::ok).and_then(|lease| *lease);
        there.ok_or_else(|| EngineError::Unavailable("this server has no lease of the store; try another".to_owned()))
    }

    /// Is there, and takes its share, until `shutdown`; then everything under its lease goes.
    pub async fn run(&self, shutdown: CancellationToken) {
        keeping::run(self, &shutdown).await;
    }

    /// Gives everything up, so that others need not wait for the end of the lease. What this replica has told of its
    /// sessions stays until it ends.
    pub async fn retire(&self) {
        self.shared.state.lock().expect("no holder of this lock panics").retiring = true;
        let mut changes = self.shared.changes.subscribe();
        self.changed();
        self.shared.look.notify_one();
        let given = async {
            while !self.shared.state.lock().expect("no holder of this lock panics").held.is_empty() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if self.lease().is_some() && timeout(RETIRE_MAX, given).await.is_err() {
            tracing::warn!("not everything was given up; others have to wait for the end of the lease");
        }
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }
}
