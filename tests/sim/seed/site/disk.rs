//! The disk under an agent: what was synced stays, what was not is gone with a crash. It knows bytes; who wants to know
//! what is durable is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_agent::journal::{JournalError, Shelf};
use rand::RngExt;
use rand::rngs::StdRng;

/// Is told of every entry that has become durable: the one before and the new one.
pub type Witness = dyn Fn(Option<&[u8]>, &[u8]) + Send + Sync;

/// A disk. Clones are the same one.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    witness: Box<Witness>,
}

struct State {
    durable: BTreeMap<String, Vec<u8>>,
    slow: bool,
    rng: StdRng,
}

impl Disk {
    /// An empty one.
    pub fn new(rng: StdRng, witness: Box<Witness>) -> Self {
        let state = Mutex::new(State { durable: BTreeMap::new(), slow: false, rng });
        Self(Arc::new(Inner { state, witness }))
    }

    /// What a process finds that starts now.
    pub fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().durable.clone()
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
        let before = self.state().durable.insert(key, bytes.clone());
        (self.0.witness)(before.as_deref(), &bytes);
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
