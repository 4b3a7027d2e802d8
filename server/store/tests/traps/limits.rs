//! History that is gone, and answers, values and transactions that are too large: P8 to P14.

use super::support::{key, next_revision, put, three};
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{CommitError, Expect, Revision, Store, Txn, TxnInvalid, WatchEnded};

/// A watch from compacted history says so; a listing shows where to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p08_p09_gone_history_is_said_and_a_listing_goes_on() {
    let (_members, store) = three(&[]).await;
    let first = put(&store, "/a", Expect::Absent).await.unwrap();
    let second = put(&store, "/b", Expect::Absent).await.unwrap();
    let third = put(&store, "/c", Expect::Absent).await.unwrap();
    store.compact(third).await.unwrap();
    let mut watch = store.watch(&key("/"), first).await.unwrap();
    let ended = next_revision(&mut watch).await.unwrap_err();
    assert!(matches!(ended, WatchEnded::Compacted { oldest } if oldest > first && oldest <= second), "{ended:?}");
    let page = store.list(&key("/"), None, 100).await.unwrap();
    assert_eq!(page.items.len(), 3);
    let mut watch = store.watch(&key("/"), page.revision).await.unwrap();
    let fourth = put(&store, "/d", Expect::Absent).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(fourth));
}

/// One cause, two codes; by either of them nothing was done, and it is not tried for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_p11_what_etcd_refuses_for_its_size_was_certainly_not_done() {
    let (_members, store) = three(&["--max-txn-ops", "10", "--max-request-bytes", "20000"]).await;
    let many = (0..11).fold(Txn::new(), |txn, index| txn.put(key(&format!("/{index}")), "", Expect::Absent));
    let large = |bytes: usize| Txn::new().put(key("/large"), vec![b'x'; bytes], Expect::Absent);
    for txn in [many, large(30_000), large(900_000)] {
        let refused = store.commit(txn).await;
        assert!(
            matches!(&refused, Err(CommitError::Unavailable { reason }) if reason.contains("refuses")),
            "{refused:?}"
        );
    }
    assert!(store.list(&key("/"), None, 10).await.unwrap().items.is_empty());
}

/// Sixty-six values of a megabyte: more than one answer may hold, in a page and in a replay of the history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_p13_large_listings_and_replays_come_whole() {
    const VALUES: usize = 66;
    let (_members, store) = three(&[]).await;
    let mut revisions = Vec::new();
    for index in 0..VALUES {
        let txn = Txn::new().put(key(&format!("/{index:02}")), vec![b'x'; 1024 * 1024], Expect::Absent);
        revisions.push(store.commit(txn).await.unwrap().revision);
    }
    let (mut seen, mut after) = (0, None);
    loop {
        let page = store.list(&key("/"), after.as_ref(), 1000).await.unwrap();
        seen += page.items.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, VALUES);
    let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    for revision in revisions {
        assert_eq!(next_revision(&mut watch).await, Ok(revision));
    }
}

/// Not even sent: there is no etcd here.
#[tokio::test]
async fn p14_a_key_twice_is_refused_before_it_is_sent() {
    let store = EtcdStore::connect(EtcdOptions::new(["http://127.0.0.1:1"])).await.unwrap();
    let twice = Txn::new().put(key("/a"), "1", Expect::Absent).check(key("/a"), Expect::Absent);
    let refused = store.commit(twice).await;
    assert_eq!(refused, Err(CommitError::Invalid(TxnInvalid::DuplicateKey { key: key("/a") })));
}
