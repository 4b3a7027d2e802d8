//! One trait for a store of versioned keys, and three stores that mean the same by it: in memory, in a file, in etcd.
//! To them values are opaque bytes; only [`layout`] and [`record`] know what is kept where, and no store knows these two.
//!
//! What every store promises, checked by one suite (`conformance`, feature `test-util`):
//!
//! * A commit applies all of its operations or none, and only if every key is as its operation expects. There is no write
//!   without such an expectation, so a delayed duplicate of a write can never land on top of a newer one.
//! * A commit that changes something makes a new [`Revision`], greater than all before, for the store as a whole.
//! * `get` and `list` see every commit acknowledged before they were called.
//! * A watch yields all changes under a prefix, grouped by commit, in order, without gaps, from any revision whose
//!   history is still kept; otherwise it says so.
//! * An entry put under a lease goes when the lease does, in one commit with the lease's other entries, and watches see it
//!   go. Not before the lease's time is over; how long after is nobody's promise.
//! * A full store says so, and takes an urgent commit all the same while its reserve lasts.
//! * An answer that is not known is called that: [`CommitError::Unknown`] is neither success nor failure.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backup;
#[cfg(feature = "test-util")]
pub mod conformance;
#[cfg(feature = "embedded")]
pub mod embedded;
mod entry;
mod error;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "test-util")]
pub mod faulty;
mod follow;
pub mod layout;
mod lease;
pub mod memory;
mod metered;
mod metrics;
pub mod record;
mod resolve;
mod txn;
mod watch;

use std::time::Duration;

use futures::future::BoxFuture;

pub use entry::{
    Got, Key, KeyInvalid, MAX_KEY_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ITEMS, MAX_VALUE_BYTES, Page, Revision, Stamp,
    Versioned,
};
pub use error::{CommitError, StoreError};
pub use lease::{Keeping, LeaseId, Leased, MAX_LEASE};
pub use metered::Metered;
pub use metrics::StoreMetrics;
pub use resolve::{Standing, commit_known, standing};
pub use txn::{Committed, Expect, MAX_TXN_BYTES, MAX_TXN_OPS, Op, Txn, TxnInvalid};
pub use watch::{Change, WatchEnded, WatchItem, WatchStream};

/// A store of versioned keys. Shared as `Arc<dyn Store>`; every call has an end in bounded time, also when the store
/// behind it hangs. Dropping a call's future leaves a commit in the state of [`CommitError::Unknown`].
pub trait Store: Send + Sync + 'static {
    /// Reads one key. Sees every commit acknowledged before the call.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>>;

    /// Reads entries whose keys begin with `prefix` in byte order, beginning after the key `after`, at most `limit`
    /// (1 to [`MAX_PAGE_ITEMS`]). A page may hold fewer and still have a next one. Each page is of one revision and sees
    /// every commit acknowledged before its call, but pages of one listing may be of different revisions: to follow a
    /// listing without gaps, watch from the revision of its *first* page.
    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Applies a transaction whole or not at all. One of checks only changes nothing and tells the head at which they held.
    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// Yields every change under `prefix` with a revision greater than `from`. With `from` ahead of the head it waits for
    /// that revision to pass.
    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>>;

    /// Drops the history of revisions less than `before`; what is stored stays. A revision ahead of the head counts as
    /// the head, one already dropped does nothing. Being called every now and then, it also looks after the store's reserve.
    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Grants a lease that lives for `ttl` (up to [`MAX_LEASE`]) from some moment after the call, or for longer. One whose
    /// answer is lost runs out by itself.
    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>>;

    /// Has a lease live for its whole time again. Whoever relies on it counts from before this call, not from its answer.
    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>>;

    /// Ends a lease and deletes its entries; one that is gone is fine.
    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What kind of store this is, for logs and metrics.
    fn name(&self) -> &'static str;
}

/// What a store with a quota of its own takes beyond it for urgent commits: this share of the quota.
pub(crate) const RESERVE_SHARE: u64 = 16;

/// The bound on `limit` that every store checks alike.
pub(crate) fn check_limit(limit: usize) -> Result<(), StoreError> {
    if (1..=MAX_PAGE_ITEMS).contains(&limit) {
        return Ok(());
    }
    Err(StoreError::Invalid { reason: format!("a page has 1 to {MAX_PAGE_ITEMS} items, {limit} were asked for") })
}
