//! Cases about leases. What must not come too early is checked against the time that went by, what must come is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{SOON, head, key, names, next, put, read};
use crate::{
    Change, CommitError, Expect, Keeping, LeaseId, Leased, MAX_LEASE, MAX_TXN_BYTES, MAX_TXN_OPS, Revision, Store,
    StoreError, Txn,
};

/// Asked for by cases that wait until it is over; a store may grant more.
const SHORT: Duration = Duration::from_secs(1);
/// Never over within a case.
const LONG: Duration = Duration::from_secs(600);

async fn grant(store: &dyn Store, ttl: Duration) -> LeaseId {
    let Leased { id, ttl: granted } = store.lease(ttl).await.unwrap();
    assert!(granted >= ttl, "{granted:?} were granted for {ttl:?}");
    id
}

async fn put_leased(store: &dyn Store, name: &str, expect: Expect, lease: LeaseId) -> Result<Revision, CommitError> {
    store.commit(Txn::new().put_leased(key(name), name.to_owned(), expect, lease)).await.map(|done| done.revision)
}

async fn await_gone(store: &dyn Store, name: &str) {
    let deadline = Instant::now() + SOON;
    while read(store, name).await.is_some() {
        assert!(Instant::now() < deadline, "{name} outlives its lease");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// When a lease runs out all its entries go in one commit that watches see, not before its time, and no others go.
pub async fn a_lease_that_runs_out_takes_its_entries(store: Arc<dyn Store>) {
    let began = Instant::now();
    let leased = store.lease(SHORT).await.unwrap();
    assert!(leased.ttl >= SHORT);
    put(&*store, "/stays", "", Expect::Absent).await.unwrap();
    put_leased(&*store, "/a/1", Expect::Absent, leased.id).await.unwrap();
    let last = put_leased(&*store, "/a/2", Expect::Absent, leased.id).await.unwrap();
    let mut watch = store.watch(&key("/"), last).await.unwrap();
    let (revision, changes) = next(&mut watch).await;
    assert!(began.elapsed() >= leased.ttl, "gone after {:?} of {:?}", began.elapsed(), leased.ttl);
    assert!(revision > last);
    let mut gone = names(&changes);
    gone.sort_unstable();
    assert_eq!(gone, ["/a/1", "/a/2"]);
    assert!(changes.iter().all(|change| matches!(change, Change::Delete { .. })), "{changes:?}");
    assert!(read(&*store, "/a/1").await.is_none() && read(&*store, "/stays").await.is_some());
    assert_eq!(store.keep(leased.id).await, Ok(Keeping::Gone));
}

/// Without a watch, a read finds the entries gone just the same.
pub async fn an_entry_is_gone_without_anyone_watching(store: Arc<dyn Store>) {
    let began = Instant::now();
    let leased = store.lease(SHORT).await.unwrap();
    put_leased(&*store, "/a", Expect::Absent, leased.id).await.unwrap();
    await_gone(&*store, "/a").await;
    assert!(began.elapsed() >= leased.ttl);
    put(&*store, "/a", "anew", Expect::Absent).await.unwrap();
}

/// A lease that is kept outlives its time, with its entries.
pub async fn a_kept_lease_lives_on(store: Arc<dyn Store>) {
    // On a machine that stalls for longer than the lease, the lease is right to end; then it is tried again.
    for attempt in 0..5 {
        let name = format!("/{attempt}");
        let leased = store.lease(SHORT * 2).await.unwrap();
        put_leased(&*store, &name, Expect::Absent, leased.id).await.unwrap();
        let began = Instant::now();
        let mut sent = began;
        let kept = loop {
            let before = sent;
            sent = Instant::now();
            match store.keep(leased.id).await.unwrap() {
                Keeping::Alive(ttl) => assert!(ttl >= SHORT * 2, "{ttl:?}"),
                Keeping::Gone if before.elapsed() >= leased.ttl => break false,
                Keeping::Gone => panic!("gone {:?} after it was kept", before.elapsed()),
            }
            if began.elapsed() > leased.ttl * 3 / 2 {
                break true;
            }
            tokio::time::sleep(leased.ttl / 10).await;
        };
        let there = read(&*store, &name).await.is_some();
        if kept && (there || sent.elapsed() < leased.ttl) {
            assert!(there, "the entry went before its lease");
            return;
        }
    }
    panic!("this machine stalls too often to say");
}

/// A revoked lease takes its entries at once, in one commit; revoking again is fine, keeping it is not possible.
pub async fn a_revoked_lease_takes_its_entries(store: Arc<dyn Store>) {
    let lease = grant(&*store, LONG).await;
    put_leased(&*store, "/a", Expect::Absent, lease).await.unwrap();
    let last = put_leased(&*store, "/b", Expect::Absent, lease).await.unwrap();
    let mut watch = store.watch(&key("/"), last).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert!(read(&*store, "/a").await.is_none() && read(&*store, "/b").await.is_none());
    assert_eq!(next(&mut watch).await.1.len(), 2);
    store.revoke(lease).await.unwrap();
    assert_eq!(store.keep(lease).await, Ok(Keeping::Gone));
    assert_eq!(store.keep(LeaseId::new(lease.get() ^ 0x55)).await, Ok(Keeping::Gone), "it never was");
}

/// A commit under a lease that is gone does nothing at all; a conflict is the more pressing reason.
pub async fn a_commit_under_a_lease_that_is_gone_is_refused(store: Arc<dyn Store>) {
    let lease = grant(&*store, LONG).await;
    store.revoke(lease).await.unwrap();
    let before = head(&*store).await;
    let txn = |expect| Txn::new().put(key("/plain"), "", expect).put_leased(key("/leased"), "", Expect::Absent, lease);
    assert_eq!(store.commit(txn(Expect::Absent)).await, Err(CommitError::LeaseGone { lease }));
    assert_eq!(head(&*store).await, before);
    assert!(read(&*store, "/plain").await.is_none() && read(&*store, "/leased").await.is_none());
    let outcome = store.commit(txn(Expect::At(before))).await;
    assert_eq!(outcome, Err(CommitError::Conflict { key: key("/plain") }));
}

/// An entry lives by what it was last put under: a lease, another one, or none.
pub async fn the_last_put_says_what_an_entry_lives_by(store: Arc<dyn Store>) {
    let (first, second) = (grant(&*store, LONG).await, grant(&*store, LONG).await);
    let mut revisions = Vec::new();
    for name in ["/freed", "/moved", "/taken", "/renewed", "/anew"] {
        revisions.push(put_leased(&*store, name, Expect::Absent, first).await.unwrap());
    }
    let plain = put(&*store, "/bound", "", Expect::Absent).await.unwrap();
    put(&*store, "/freed", "", Expect::At(revisions[0])).await.unwrap();
    put_leased(&*store, "/moved", Expect::At(revisions[1]), second).await.unwrap();
    put_leased(&*store, "/renewed", Expect::At(revisions[3]), first).await.unwrap();
    put_leased(&*store, "/bound", Expect::At(plain), first).await.unwrap();
    store.commit(Txn::new().delete(key("/anew"), Expect::At(revisions[4]))).await.unwrap();
    put(&*store, "/anew", "", Expect::Absent).await.unwrap();
    store.revoke(first).await.unwrap();
    let there = store.list(&key("/"), None, 10).await.unwrap().items;
    let there: Vec<&str> = there.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(there, ["/anew", "/freed", "/moved"]);
    store.revoke(second).await.unwrap();
    assert!(read(&*store, "/moved").await.is_none());
}

/// A check of the commit that created an entry holds through writes, and not for an entry deleted and made anew.
pub async fn who_created_an_entry_can_be_checked(store: Arc<dyn Store>) {
    let lease = grant(&*store, LONG).await;
    let created = put_leased(&*store, "/owner", Expect::Absent, lease).await.unwrap();
    let conflict = Err(CommitError::Conflict { key: key("/owner") });
    let checked = |revision| {
        let txn = Txn::new().check(key("/owner"), Expect::Created(revision));
        async { store.commit(txn).await.map(|done| done.revision) }
    };
    assert_eq!(checked(created).await, Ok(created));
    let updated = put_leased(&*store, "/owner", Expect::At(created), lease).await.unwrap();
    assert_eq!(checked(created).await, Ok(updated));
    assert_eq!(checked(updated).await, conflict);
    assert_eq!(checked(Revision::ZERO).await, conflict);
    store.revoke(lease).await.unwrap();
    assert_eq!(checked(created).await, conflict);
    assert_eq!(checked(Revision::ZERO).await, conflict, "absent is not created at zero");
    put(&*store, "/owner", "another", Expect::Absent).await.unwrap();
    assert_eq!(checked(created).await, conflict);
    // It guards a write of another key.
    let txn = Txn::new().put(key("/work"), "", Expect::Absent).check(key("/owner"), Expect::Created(created));
    assert_eq!(store.commit(txn).await.map(|done| done.revision), conflict);
    assert!(read(&*store, "/work").await.is_none());
}

/// No lease without a bound.
pub async fn the_time_of_a_lease_is_bounded(store: Arc<dyn Store>) {
    for ttl in [Duration::ZERO, MAX_LEASE + Duration::from_nanos(1)] {
        assert!(matches!(store.lease(ttl).await, Err(StoreError::Invalid { .. })), "{ttl:?}");
    }
    assert_eq!(store.lease(MAX_LEASE).await.unwrap().ttl, MAX_LEASE);
    assert!(store.lease(Duration::from_millis(1)).await.unwrap().ttl >= Duration::from_millis(1));
}

/// The heaviest transaction still fits if each of its entries lives by a lease.
pub async fn the_heaviest_transaction_fits_under_leases(store: Arc<dyn Store>) {
    let lease = grant(&*store, LONG).await;
    let long = |index: usize| key(&format!("/{index:03}{}", "k".repeat(508)));
    let with_value = |bytes: usize| {
        (1..MAX_TXN_OPS)
            .fold(Txn::new(), |txn, index| txn.put_leased(long(index), vec![b'v'; bytes], Expect::Absent, lease))
    };
    let each = (MAX_TXN_BYTES - with_value(0).weight()) / (MAX_TXN_OPS - 1);
    assert!(matches!(store.commit(with_value(each + 1)).await, Err(CommitError::Invalid(_))));
    store.commit(with_value(each)).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert!(store.get(&long(1)).await.unwrap().item.is_none());
}
