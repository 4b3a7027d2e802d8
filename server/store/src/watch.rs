//! What a watch yields and how it ends. A watch is a wake-up with content, not a source of truth: whoever decides reads
//! the store, and whoever commits compares.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use thiserror::Error;

use crate::{Key, Revision, Versioned};

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Written; created if both revisions of the entry are equal.
    Put(Versioned),
    /// Removed.
    Delete {
        /// Which key.
        key: Key,
        /// By which commit.
        revision: Revision,
    },
}

impl Change {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(item) => &item.key,
            Self::Delete { key, .. } => key,
        }
    }
}

/// What a watch yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// Everything one commit changed under the prefix, in the order of its operations. Revisions only grow.
    Changes {
        /// The commit.
        revision: Revision,
        /// Its changes, at least one.
        changes: Vec<Change>,
    },
    /// A sign of life after some seconds of silence: everything up to `revision` has been yielded. May lag the head.
    Progress {
        /// A safe place to resume from.
        revision: Revision,
    },
}

/// Why a watch ended; the last thing its stream yields.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WatchEnded {
    /// The history asked for is gone. List anew and watch from the listing's revision.
    #[error("history before revision {oldest} is gone")]
    Compacted {
        /// No watch from before this revision can be served; the true bound may be higher.
        oldest: Revision,
    },
    /// The store was closed, or it ended the watch on its own account.
    #[error("the store ended the watch")]
    Cancelled,
    /// The reader fell so far behind that history it had not read was dropped. List anew.
    #[error("the watch was read too slowly")]
    TooSlow,
    /// The connection was lost or nothing was heard in time. Watch again from the last revision seen.
    #[error("the watch was lost: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
}

impl WatchEnded {
    /// Whether watching again from the last revision seen may work; if not, list first.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Compacted { .. } | Self::Cancelled | Self::TooSlow => false,
        }
    }
}

/// A running watch. Yields nothing more after the first error; dropping it ends the watch.
pub struct WatchStream {
    inner: BoxStream<'static, Result<WatchItem, WatchEnded>>,
    ended: bool,
}

impl WatchStream {
    /// Wraps a store's own stream.
    #[must_use]
    pub fn new(inner: impl Stream<Item = Result<WatchItem, WatchEnded>> + Send + 'static) -> Self {
        Self { inner: inner.boxed(), ended: false }
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchItem, WatchEnded>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.inner.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
        }
        polled
    }
}

impl std::fmt::Debug for WatchStream {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("WatchStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}
