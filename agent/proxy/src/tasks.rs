//! Every task of the process, and how they end. It knows groups of tasks, not what they do.

use std::future::Future;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A group of tasks with one owner: told to close, waited for, and in the end aborted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
    aborting: CancellationToken,
}

impl Tasks {
    /// Starts a task that is dropped where it stands when the group is aborted.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let aborting = self.aborting.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = task => {}
                () = aborting.cancelled() => {}
            }
        });
    }

    /// Done when the group is told to close: take nothing new, end what is begun.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Whether the group was told to close.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Tells the group to close.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
    }

    /// Ends all tasks where they stand, without waiting for it.
    pub(crate) fn abort(&self) {
        self.close();
        self.aborting.cancel();
    }

    /// Closes the group and waits for its tasks; aborts those that run longer than `grace`. Returns whether all ended
    /// by themselves.
    pub(crate) async fn end(&self, grace: Duration) -> bool {
        self.close();
        let by_themselves = timeout(grace, self.tracker.wait()).await.is_ok();
        self.abort();
        self.tracker.wait().await;
        by_themselves
    }
}

/// Lets hyper start its own tasks (HTTP/2 streams and connections) inside the group.
impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}
