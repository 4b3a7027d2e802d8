//! One request on its way into a connection: whether its head is out, and whether its body still moves. It knows
//! moments, not content.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::watched::Writes;

/// Not taken yet.
const WAITING: u64 = u64::MAX;

/// Follows one request. hyper asks a body whether it is empty right before it encodes the head, in the connection's
/// own task; the next write on the connection carries that head, or begins it.
#[derive(Debug)]
pub(crate) struct HandOff {
    writes: Arc<Writes>,
    /// How many writes there were when the connection took the request.
    taken_at: AtomicU64,
    frames: AtomicU64,
}

impl HandOff {
    pub(super) const fn new(writes: Arc<Writes>) -> Self {
        Self { writes, taken_at: AtomicU64::new(WAITING), frames: AtomicU64::new(0) }
    }

    /// The connection takes the request now. Only the first call counts.
    pub(super) fn take(&self) {
        let now = self.writes.count();
        let _ = self.taken_at.compare_exchange(WAITING, now, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A part of the body was taken.
    pub(super) fn moved(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// How many parts of the body were taken: a change means that the upload is alive.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Done when the head is with the system's socket.
    pub(crate) async fn head_is_out(&self) {
        loop {
            let changed = self.writes.changed().notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let taken_at = self.taken_at.load(Ordering::SeqCst);
            if taken_at != WAITING && self.writes.count() > taken_at {
                return;
            }
            changed.await;
        }
    }
}
