//! What every store has to do, as tests that any of them can be put through. Knows the trait and nothing of what is behind
//! it; needs a store nobody else writes to.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: they panic to fail")]

pub mod commit;
pub mod lease;
pub mod list;
pub mod watch;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;

use crate::{Change, CommitError, Expect, Key, Revision, Store, Txn, Versioned, WatchEnded, WatchItem, WatchStream};

/// A case of the suite.
pub type Case = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

/// How long a case waits for something that should come at once.
const SOON: Duration = Duration::from_secs(20);

/// An empty store, and whatever has to live as long as it.
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// Dropped after the store.
    _kept: Box<dyn Any + Send>,
}

impl Fixture {
    /// A store that needs nothing around it.
    pub fn new(store: impl Store) -> Self {
        Self::keeping(store, ())
    }

    /// A store with something to be dropped after it, such as its folder.
    pub fn keeping(store: impl Store, kept: impl Any + Send) -> Self {
        Self { store: Arc::new(store), _kept: Box::new(kept) }
    }
}

/// Runs all cases, one after the other, each on a store of its own. For stores that are slow to set up; otherwise
/// [`crate::conformance_suite!`] makes a test of each case.
pub async fn run_all(make: impl Fn() -> BoxFuture<'static, Fixture>) {
    for (name, case) in CASES {
        println!("case {name}");
        let fixture = make().await;
        case(Arc::clone(&fixture.store)).await;
    }
}

/// Every case with its name.
pub const CASES: &[(&str, Case)] = crate::conformance_suite!(@cases table []);

/// Makes one test of each case. Takes the path of an `async fn() -> Fixture`.
#[macro_export]
macro_rules! conformance_suite {
    ($make:path) => {
        $crate::conformance_suite! { @cases tests [$make] }
    };
    (@cases $kind:ident $make:tt) => {
        $crate::conformance_suite! { @$kind $make
            commit::a_put_is_read_back
            commit::one_of_a_hundred_racers_wins
            commit::expectations_hold_or_refuse
            commit::an_update_keeps_the_create_revision
            commit::a_commit_is_whole_or_not_at_all
            commit::a_conflict_names_the_first_key
            commit::a_deleted_key_is_made_anew
            commit::a_stale_delete_is_refused
            commit::checks_alone_change_nothing
            commit::revision_zero_is_never_met
            commit::the_largest_value_fits_and_no_larger
            commit::the_most_operations_fit_and_no_more
            commit::the_heaviest_transaction_fits_and_no_heavier
            commit::a_key_twice_is_refused
            commit::blind_and_empty_transactions_are_refused
            commit::revisions_grow
            commit::a_commit_is_seen_at_once
            commit::no_increment_is_lost
            lease::a_lease_that_runs_out_takes_its_entries
            lease::an_entry_is_gone_without_anyone_watching
            lease::a_kept_lease_lives_on
            lease::a_revoked_lease_takes_its_entries
            lease::a_commit_under_a_lease_that_is_gone_is_refused
            lease::the_last_put_says_what_an_entry_lives_by
            lease::who_created_an_entry_can_be_checked
            lease::the_time_of_a_lease_is_bounded
            lease::the_heaviest_transaction_fits_under_leases
            list::pages_are_in_byte_order
            list::a_prefix_lists_only_its_own
            list::page_limits_are_checked
            list::large_values_are_listed_in_pages
            list::what_stays_is_listed_while_others_write
            watch::commits_come_in_order_and_whole
            watch::a_watch_resumes_after_its_revision
            watch::a_prefix_sees_only_its_own
            watch::deletes_and_recreations_are_seen
            watch::compacted_history_is_said_to_be_gone
            watch::compaction_leaves_the_rest_alone
            watch::two_watches_see_the_same
            watch::no_commit_is_lost_under_load
            watch::a_watch_ahead_of_the_head_waits
            watch::a_listing_and_its_watch_leave_no_gap
            watch::a_large_history_is_replayed_whole
            watch::a_quiet_watch_shows_life
        }
    };
    (@table [] $($group:ident::$case:ident)*) => {
        &[$((stringify!($case), |store| ::std::boxed::Box::pin($group::$case(store)))),*]
    };
    (@tests [$make:path] $($group:ident::$case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fixture = $make().await;
                $crate::conformance::$group::$case(::std::sync::Arc::clone(&fixture.store)).await;
            }
        )*
    };
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// Commits one put and tells its revision.
async fn put(store: &dyn Store, name: &str, value: impl Into<Bytes>, expect: Expect) -> Result<Revision, CommitError> {
    store.commit(Txn::new().put(key(name), value, expect)).await.map(|committed| committed.revision)
}

async fn read(store: &dyn Store, name: &str) -> Option<Versioned> {
    store.get(&key(name)).await.unwrap().item
}

async fn head(store: &dyn Store) -> Revision {
    store.get(&key("/head")).await.unwrap().revision
}

/// The next commit a watch yields.
async fn next(watch: &mut WatchStream) -> (Revision, Vec<Change>) {
    loop {
        let item = tokio::time::timeout(SOON, watch.next()).await.expect("a watch yields in time");
        match item.expect("the watch goes on").expect("the watch is not ended") {
            WatchItem::Changes { revision, changes } => return (revision, changes),
            WatchItem::Progress { .. } => {}
        }
    }
}

/// How a watch ends that should yield nothing before.
async fn end(watch: &mut WatchStream) -> WatchEnded {
    let item = tokio::time::timeout(SOON, watch.next()).await.expect("a watch ends in time");
    let ended = item.expect("an end is said").expect_err("nothing comes before the end");
    assert!(watch.next().await.is_none(), "nothing comes after the end");
    ended
}

fn names(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.key().as_str()).collect()
}
