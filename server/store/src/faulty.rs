//! A store that loses requests and answers of the store inside it, by a seed or by a script. For tests of whoever has to
//! cope with that. Never changes what is stored in a way the inner store would not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{
    CommitError, Committed, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, Txn, WatchEnded,
    WatchItem, WatchStream,
};

/// What happens to one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing goes wrong.
    None,
    /// Not applied, and the caller is told so.
    Refused,
    /// Not applied, but the caller cannot know.
    RequestLost,
    /// Applied, but the caller cannot know.
    AnswerLost,
    /// Not applied yet, and the caller cannot know; applied if it still can be when [`Faulty::deliver_late`] is called.
    Late,
}

/// How often what goes wrong, each from 0 to 1. All zero by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultRates {
    /// Commits that are [`CommitFault::Refused`].
    pub refused: f64,
    /// Commits that are [`CommitFault::RequestLost`].
    pub request_lost: f64,
    /// Commits that are [`CommitFault::AnswerLost`].
    pub answer_lost: f64,
    /// Commits that are [`CommitFault::Late`].
    pub late: f64,
    /// Reads, listings and watches that are not answered.
    pub read_lost: f64,
    /// Leases granted, kept or revoked, but the caller cannot know.
    pub lease_lost: f64,
    /// Items after which a watch is lost.
    pub watch_lost: f64,
    /// Each call takes up to so much longer.
    pub delay: Duration,
}

/// A store with faults.
pub struct Faulty {
    inner: Arc<dyn Store>,
    rates: FaultRates,
    chance: Arc<Mutex<StdRng>>,
    script: Mutex<VecDeque<CommitFault>>,
    late: Mutex<Vec<Txn>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> StoreError {
    StoreError::Unavailable { reason: "fault on purpose: no answer".to_owned() }
}

impl Faulty {
    /// Wraps a store; the same seed and the same calls in the same order give the same faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, seed: u64, rates: FaultRates) -> Self {
        Self {
            inner,
            rates,
            chance: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            script: Mutex::default(),
            late: Mutex::default(),
        }
    }

    /// Decides the fate of the next commits, before chance does again.
    pub fn script(&self, faults: impl IntoIterator<Item = CommitFault>) {
        lock(&self.script).extend(faults);
    }

    /// Applies the late commits in the order they were sent and tells what became of each.
    pub async fn deliver_late(&self) -> Vec<Result<Committed, CommitError>> {
        let late = std::mem::take(&mut *lock(&self.late));
        let mut outcomes = Vec::with_capacity(late.len());
        for txn in late {
            outcomes.push(self.inner.commit(txn).await);
        }
        outcomes
    }

    fn chance(&self, rate: f64) -> bool {
        rate > 0.0 && lock(&self.chance).random_bool(rate.min(1.0))
    }

    fn fate(&self) -> CommitFault {
        if let Some(fault) = lock(&self.script).pop_front() {
            return fault;
        }
        let rates = [
            (self.rates.refused, CommitFault::Refused),
            (self.rates.request_lost, CommitFault::RequestLost),
            (self.rates.answer_lost, CommitFault::AnswerLost),
            (self.rates.late, CommitFault::Late),
        ];
        let hit = rates.into_iter().find(|(rate, _)| self.chance(*rate));
        hit.map_or(CommitFault::None, |(_, fault)| fault)
    }

    async fn delay(&self) {
        if !self.rates.delay.is_zero() {
            let share = lock(&self.chance).random_range(0.0..1.0);
            tokio::time::sleep(self.rates.delay.mul_f64(share)).await;
        }
    }

    async fn maybe_read<T>(&self, read: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
        self.delay().await;
        if self.chance(self.rates.read_lost) { Err(lost()) } else { read.await }
    }

    async fn maybe_lease<T>(&self, call: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
        self.delay().await;
        let answer = call.await;
        if self.chance(self.rates.lease_lost) { Err(lost()) } else { answer }
    }

    fn losing(&self, stream: WatchStream) -> WatchStream {
        let (chance, rate) = (Arc::clone(&self.chance), self.rates.watch_lost);
        WatchStream::new(stream.map(move |item: Result<WatchItem, WatchEnded>| {
            if rate > 0.0 && lock(&chance).random_bool(rate.min(1.0)) {
                return Err(WatchEnded::Unavailable { reason: "fault on purpose: watch lost".to_owned() });
            }
            item
        }))
    }
}

impl Store for Faulty {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        Box::pin(self.maybe_read(self.inner.get(key)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.maybe_read(self.inner.list(prefix, after, limit)))
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            txn.validate()?;
            self.delay().await;
            let reason = "fault on purpose".to_owned();
            match self.fate() {
                CommitFault::None => self.inner.commit(txn).await,
                CommitFault::Refused => Err(CommitError::Unavailable { reason }),
                CommitFault::RequestLost => Err(CommitError::Unknown { reason }),
                CommitFault::AnswerLost => {
                    // Whatever the inner store answered is what gets lost.
                    let _ = self.inner.commit(txn).await;
                    Err(CommitError::Unknown { reason })
                }
                CommitFault::Late => {
                    lock(&self.late).push(txn);
                    Err(CommitError::Unknown { reason })
                }
            }
        })
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        Box::pin(async move { Ok(self.losing(self.maybe_read(self.inner.watch(prefix, from)).await?)) })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.maybe_read(self.inner.compact(before)))
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        Box::pin(self.maybe_lease(self.inner.lease(ttl)))
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(self.maybe_lease(self.inner.keep(lease)))
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.maybe_lease(self.inner.revoke(lease)))
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}
