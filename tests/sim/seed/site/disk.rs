//! The disk under an agent: what was synced stays, what was not is gone with a crash. It knows bytes; who wants to know
//! what is durable is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_agent::journal::{JournalError, Shelf};
use rand::RngExt;
use rand::rngs::StdRng;

/// Is told of every entry that has become durable.
pub type Witness = dyn Fn(&[u8]) + Send + Sync;

/// What is on a disk, by name.
type Entries = BTreeMap<String, Vec<u8>>;

/// A disk. Clones are the same one.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    witness: Box<Witness>,
}

struct State {
    durable: Entries,
    /// What was on it before each write.
    past: Vec<Entries>,
    slow: bool,
    rng: StdRng,
}

impl Disk {
    /// An empty one.
    pub fn new(rng: StdRng, witness: Box<Witness>) -> Self {
        let state = Mutex::new(State { durable: Entries::new(), past: Vec::new(), slow: false, rng });
        Self(Arc::new(Inner { state, witness }))
    }

    /// What a process finds that starts now.
    pub fn entries(&self) -> Entries {
        self.state().durable.clone()
    }

    /// Puts an old copy in its place, from so many writes ago; an empty one if there were not so many.
    pub fn take_back(&self, writes: usize) -> Entries {
        let mut state = self.state();
        let kept = state.past.len().saturating_sub(writes);
        let old = state.past.drain(kept..).next();
        state.durable = old.unwrap_or_default();
        state.durable.clone()
    }

    /// Syncs take long from now on, or no longer.
    pub fn set_slow(&self, slow: bool) {
        self.state().slow = slow;
    }

    fn sync_takes(&self) -> Duration {
        let mut state = self.state();
        let most = if state.slow { 600 } else { 6 };
        Duration::from_millis(state.rng.random_range(1..=most))
    }

    fn keep(&self, key: String, bytes: Vec<u8>) {
        let mut state = self.state();
        let past = state.durable.clone();
        state.past.push(past);
        state.durable.insert(key, bytes.clone());
        drop(state);
        (self.0.witness)(&bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf for Disk {
    fn write(&self, key: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            // A crash before the end of the first wait loses the write; one in the second only its answer.
            tokio::time::sleep(self.sync_takes()).await; // tidy: paced
            self.keep(key, bytes);
            tokio::time::sleep(self.sync_takes()).await; // tidy: paced
            Ok(())
        })
    }
}
