//! Turns "read the changes after a revision" into a watch, for stores that keep their history themselves. The reader pulls
//! at its own pace from the store's one bounded history, so a slow watch costs nobody else anything. Does not know where
//! the history is kept.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Change, Revision, WatchEnded, WatchItem, WatchStream};

/// After so much silence a watch yields its position.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// Most commits one read of the history goes through.
pub(crate) const READ_REVISIONS: usize = 256;
/// A read that has collected so many bytes of values goes no further.
pub(crate) const READ_BYTES: usize = 4 * 1024 * 1024;

/// What a read of the history found.
pub(crate) enum Stretch {
    /// Changes under the prefix, by commit; all commits up to `upto` were looked at. At `due` something may change that
    /// nobody announces, and it is to be read again.
    Read { commits: Vec<(Revision, Vec<Change>)>, upto: u64, due: Option<Instant> },
    /// History before `oldest` is gone, and some of it was asked for.
    Gone { oldest: u64 },
}

struct Follower<R> {
    cursor: u64,
    due: Option<Instant>,
    started: bool,
    ended: bool,
    queue: VecDeque<WatchItem>,
    head: watch::Receiver<u64>,
    read: R,
}

/// Follows a history from `from` (exclusive). `head` carries the last revision and closes with the store; `read` reads
/// after a cursor.
pub(crate) fn follow<R, F>(from: Revision, head: watch::Receiver<u64>, read: R) -> WatchStream
where
    R: Fn(u64) -> F + Send + 'static,
    F: Future<Output = Result<Stretch, WatchEnded>> + Send,
{
    let follower =
        Follower { cursor: from.get(), due: None, started: false, ended: false, queue: VecDeque::new(), head, read };
    WatchStream::new(stream::unfold(follower, |mut follower| async move {
        if follower.ended {
            return None;
        }
        let item = follower.next().await;
        follower.ended = item.is_err();
        Some((item, follower))
    }))
}

impl<R, F> Follower<R>
where
    R: Fn(u64) -> F,
    F: Future<Output = Result<Stretch, WatchEnded>>,
{
    async fn next(&mut self) -> Result<WatchItem, WatchEnded> {
        let silence = Instant::now() + PROGRESS_EVERY;
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(item);
            }
            // Marked as seen before the read: a commit during the read wakes the wait below.
            let head = *self.head.borrow_and_update();
            let due = self.due.is_some_and(|due| due <= Instant::now());
            if !self.started || self.cursor < head || due {
                self.pull().await?;
                if !self.queue.is_empty() || self.cursor < head {
                    continue;
                }
            }
            let until = self.due.map_or(silence, |due| due.min(silence));
            match tokio::time::timeout_at(until, self.head.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_closed)) => return Err(WatchEnded::Cancelled),
                Err(_elapsed) if Instant::now() < silence => {}
                Err(_elapsed) => {
                    return Ok(WatchItem::Progress { revision: Revision::new(self.cursor) });
                }
            }
        }
    }

    async fn pull(&mut self) -> Result<(), WatchEnded> {
        match (self.read)(self.cursor).await? {
            Stretch::Read { commits, upto, due } => {
                self.started = true;
                self.due = due;
                self.cursor = self.cursor.max(upto);
                self.queue
                    .extend(commits.into_iter().map(|(revision, changes)| WatchItem::Changes { revision, changes }));
                Ok(())
            }
            // At the start the history asked for was gone already; later it went while the reader was busy.
            Stretch::Gone { oldest } if !self.started => {
                Err(WatchEnded::Compacted { oldest: Revision::new(oldest.saturating_sub(1)) })
            }
            Stretch::Gone { .. } => Err(WatchEnded::TooSlow),
        }
    }
}
