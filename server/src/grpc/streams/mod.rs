//! Streams that stay open: counted, told when the server goes away, and waited for.

mod outgoing;
mod pending;
pub(super) mod watch;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use outgoing::{Cut, Outgoing, OutgoingStream, outgoing, too_slow};

/// The most watches of one server: each reads the store and makes views of its own.
const WATCHES_MAX: usize = 256;

/// All streams of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Streams {
    draining: CancellationToken,
    tasks: TaskTracker,
    watches: Arc<Semaphore>,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            draining: CancellationToken::new(),
            tasks: TaskTracker::new(),
            watches: Arc::new(Semaphore::new(WATCHES_MAX)),
        }
    }
}

impl Streams {
    /// Runs a stream's task. It ends when its reader goes away or the server drains.
    pub fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(stream);
    }

    /// The right to one more watch, if there is room.
    #[must_use]
    pub fn watch_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.watches.clone().try_acquire_owned().ok()
    }

    /// Until the server begins to go away.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether the server goes away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Tells every stream that the server goes away.
    pub fn drain(&self) {
        self.draining.cancel();
        self.tasks.close();
    }

    /// Until every stream has ended; for after [`Streams::drain`].
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }
}
