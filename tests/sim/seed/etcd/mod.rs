//! etcd in memory behind its real protocol: the shipped client speaks to it over simulated connections. What it keeps
//! outlives its process, as a disk does. It knows nothing of Meridian; who wants to know what was committed is told.

mod kv;
mod lease;
mod ledger;
mod mischief;
mod serve;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_server::proto::{PbKvServer, PbLeaseServer, PbWatchServer};
use tokio::sync::Notify;
use tonic::Status;
use tonic::service::Routes;

pub use ledger::{Applied, Ledger};
pub use mischief::{Mischief, Sort};
pub use serve::serve;

use crate::story::Story;

/// Where it listens.
pub const PORT: u16 = 2379;
/// Its host.
pub const HOST: &str = "etcd";
/// Between two looks for leases that are over.
const LEASES_EVERY: Duration = Duration::from_millis(250);

/// Is told of every change, in order.
pub type Witness = dyn Fn(&Applied) + Send + Sync;

/// An etcd. Clones are the same one.
#[derive(Clone)]
pub struct Etcd(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
    /// Connections are told to go away.
    goaway: Notify,
    witness: Box<Witness>,
    story: Story,
}

struct State {
    ledger: Ledger,
    mischief: Mischief,
}

impl Etcd {
    /// An empty one.
    pub fn new(seed: u64, story: Story, witness: Box<Witness>) -> Self {
        let state = Mutex::new(State { ledger: Ledger::default(), mischief: Mischief::new(seed) });
        Self(Arc::new(Inner { state, changed: Notify::new(), goaway: Notify::new(), witness, story }))
    }

    /// Begins to misbehave.
    pub fn misbehave(&self, sort: Sort, lasting: Duration) {
        let until = self.0.story.now() + lasting;
        self.state().mischief.begin(sort, until);
        if sort == Sort::NoLeader {
            self.0.changed.notify_waiters();
        }
    }

    /// Behaves from now on.
    pub fn behave(&self) {
        self.state().mischief.end();
        self.0.changed.notify_waiters();
    }

    /// Ends every lease at once.
    pub fn revoke_all(&self) {
        let leases: Vec<i64> = self.state().ledger.leases.keys().copied().collect();
        self.end_leases(leases);
    }

    /// Gives every lease its whole time again.
    pub fn renew_all(&self) {
        let now = self.0.story.now();
        self.state().ledger.renew_all(now);
    }

    /// Drops the history up to now.
    pub fn compact(&self) {
        let mut state = self.state();
        let head = state.ledger.revision;
        // Nothing new since the last time: that is what was wanted.
        let _ = state.ledger.compact(head);
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Tells every connection to go away, as after too many pings.
    pub fn goaway(&self) {
        self.0.goaway.notify_waiters();
    }

    /// Reads what is kept.
    pub fn read<T>(&self, reading: impl FnOnce(&Ledger) -> T) -> T {
        reading(&self.state().ledger)
    }

    /// Its process: serves until it is crashed.
    pub async fn run(self) -> turmoil::Result {
        self.renew_all();
        let (leases, routes) = (self.clone(), self.routes());
        tokio::select! {
            () = leases.end_expired() => Ok(()),
            served = serve(self, routes) => served,
        }
    }

    /// Ends each lease when its time is over.
    pub async fn end_expired(&self) {
        loop {
            tokio::time::sleep(LEASES_EVERY).await; // tidy: paced
            let now = self.0.story.now();
            let expired = self.state().ledger.expired(now);
            self.end_leases(expired);
        }
    }

    /// Its services.
    pub fn routes(&self) -> Routes {
        Routes::new(PbKvServer::new(self.clone()))
            .add_service(PbWatchServer::new(self.clone()))
            .add_service(PbLeaseServer::new(self.clone()))
    }

    fn end_leases(&self, leases: Vec<i64>) {
        for id in leases {
            let applied = self.state().ledger.revoke(id).ok().flatten();
            self.0.story.note(HOST, format_args!("lease {id} is over"));
            self.tell(applied);
        }
    }

    /// Tells of a change: the witness first, then watchers.
    fn tell(&self, applied: Option<Applied>) {
        if let Some(applied) = applied {
            (self.0.witness)(&applied);
            self.0.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strikes(&self, sort: Sort) -> bool {
        let now = self.0.story.now();
        self.state().mischief.strikes(sort, now)
    }

    /// What every request goes through: whether it is served at all, and how late.
    async fn admit(&self) -> Result<(), Status> {
        if self.strikes(Sort::Slow) {
            let wait = self.state().mischief.millis(50, 700);
            tokio::time::sleep(wait).await; // tidy: paced
        }
        if self.strikes(Sort::NoLeader) {
            return Err(Status::unavailable("etcdserver: no leader"));
        }
        Ok(())
    }

    /// Nothing more is heard of this request.
    async fn lose<T>(&self) -> Result<T, Status> {
        std::future::pending().await
    }
}
