//! When a switch has happened: counts the requests between their last look at a snapshot and their head's arrival at a
//! connection, so that a replacement can wait for them. It knows order, not what is routed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The requests of one snapshot that are about to start.
pub(crate) struct Starters {
    number: u64,
    about_to_start: AtomicUsize,
    left: Arc<Notify>,
}

/// A request that is about to start; dropped once its head is with the connection, or it will not go there.
pub(crate) struct Start(Arc<Starters>);

impl Drop for Start {
    fn drop(&mut self) {
        if self.0.about_to_start.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.left.notify_waiters();
        }
    }
}

/// Orders starts against replacements. Both sides first write, then read the other's word, all sequentially
/// consistent: either the start sees the replacement and steps back, or the replacement sees the start and waits.
pub(super) struct Gate {
    current: AtomicU64,
    /// Snapshots that were replaced and may still have starters; at most one per request in flight, usually empty.
    older: Mutex<Vec<Arc<Starters>>>,
    latest: Mutex<Option<Arc<Starters>>>,
    left: Arc<Notify>,
    turned: Notify,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            current: AtomicU64::new(0),
            older: Mutex::default(),
            latest: Mutex::default(),
            left: Arc::new(Notify::new()),
            turned: Notify::new(),
        }
    }

    /// The starters of the snapshot that will come next.
    pub(super) fn next(&self) -> Arc<Starters> {
        let number = self.current.load(Ordering::SeqCst) + 1;
        Arc::new(Starters { number, about_to_start: AtomicUsize::new(0), left: Arc::clone(&self.left) })
    }

    /// Makes a snapshot the current one: from here on, no request of an older one enters.
    pub(super) fn turn(&self, starters: &Arc<Starters>) {
        if let Some(older) = lock(&self.latest).replace(Arc::clone(starters)) {
            lock(&self.older).push(older);
        }
        self.current.store(starters.number, Ordering::SeqCst);
        self.turned.notify_waiters();
    }

    pub(super) async fn replaced(&self, starters: &Starters) {
        loop {
            let turned = self.turned.notified();
            tokio::pin!(turned);
            turned.as_mut().enable();
            if !self.is_current(starters) {
                return;
            }
            turned.await;
        }
    }

    /// Not replaced. A snapshot is newer than current between its storing and the turn to it: as good as current.
    pub(super) fn is_current(&self, starters: &Starters) -> bool {
        self.current.load(Ordering::SeqCst) <= starters.number
    }

    pub(super) fn start(&self, starters: &Arc<Starters>) -> Option<Start> {
        starters.about_to_start.fetch_add(1, Ordering::SeqCst);
        let start = Start(Arc::clone(starters));
        self.is_current(starters).then_some(start)
    }

    pub(super) async fn settle(&self, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.is_settled() {
                return true;
            }
            if timeout_at(deadline, left).await.is_err() {
                return self.is_settled();
            }
        }
    }

    fn is_settled(&self) -> bool {
        let mut older = lock(&self.older);
        older.retain(|starters| starters.about_to_start.load(Ordering::SeqCst) > 0);
        older.is_empty()
    }
}

/// Nothing here panics while holding a lock, and the values stay whole if it did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
