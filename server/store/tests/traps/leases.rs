//! Leases: P15 to P18.

use std::time::{Duration, Instant};

use super::support::{key, put, three, until};
use meridian_store::{CommitError, Expect, Keeping, Store, Txn};

/// etcd grants what it pleases, and what it grants is what counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p15_p16_what_was_granted_counts_not_what_was_asked() {
    let (_members, store) = three(&[]).await;
    let (asked, began) = (Duration::from_millis(100), Instant::now());
    let leased = store.lease(asked).await.unwrap();
    assert!(leased.ttl >= Duration::from_secs(1), "{:?}", leased.ttl);
    store.commit(Txn::new().put_leased(key("/a"), "", Expect::Absent, leased.id)).await.unwrap();
    until("it runs out", || async { store.get(&key("/a")).await.unwrap().item.is_none().then_some(()) }).await;
    assert!(began.elapsed() >= leased.ttl, "{:?} of {:?}", began.elapsed(), leased.ttl);
}

/// With a new leader every lease has its whole time again, so a takeover may take long; the one that was taken over from
/// can do nothing with what it still believes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p17_a_change_of_leader_makes_a_takeover_late_but_never_wrong() {
    let (mut members, store) = three(&[]).await;
    let work = put(&store, "/work", Expect::Absent).await.unwrap();
    let (old, began) = (store.lease(Duration::from_secs(3)).await.unwrap(), Instant::now());
    let taken = store.commit(Txn::new().put_leased(key("/owners/1"), "old", Expect::Absent, old.id)).await.unwrap();
    // Not knowing who leads, each of them is away once.
    for member in &mut members {
        member.kill().unwrap();
        member.restart().await.unwrap();
    }
    let new = until("a lease", || async { store.lease(Duration::from_secs(60)).await.ok() }).await;
    until("the takeover", || async {
        let txn = Txn::new().put_leased(key("/owners/1"), "new", Expect::Absent, new.id);
        match store.commit(txn).await {
            Ok(_) => Some(()),
            Err(CommitError::Conflict { .. } | CommitError::Unknown { .. } | CommitError::Unavailable { .. }) => {
                let item = store.get(&key("/owners/1")).await.ok()?.item?;
                (item.value == "new").then_some(())
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    assert!(began.elapsed() >= old.ttl, "taken over after {:?}", began.elapsed());
    let forward = Txn::new()
        .put(key("/work"), "by the old one", Expect::At(work))
        .check(key("/owners/1"), Expect::Created(taken.revision));
    let refused = until("an answer", || async {
        match store.commit(forward.clone()).await {
            Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. }) => None,
            answer => Some(answer),
        }
    })
    .await;
    assert_eq!(refused, Err(CommitError::Conflict { key: key("/owners/1") }));
}

/// etcd answers a wish to keep a lease that is gone with success and no time left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p18_keeping_a_lease_that_is_gone_is_no_success() {
    let (_members, store) = three(&[]).await;
    let lease = store.lease(Duration::from_secs(60)).await.unwrap().id;
    assert!(matches!(store.keep(lease).await, Ok(Keeping::Alive(ttl)) if ttl >= Duration::from_secs(60)));
    store.revoke(lease).await.unwrap();
    assert_eq!(store.keep(lease).await, Ok(Keeping::Gone));
}
