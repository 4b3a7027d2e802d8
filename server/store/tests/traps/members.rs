//! Members that die, hang and come back: P1 to P3, P5 to P7 and P21.

use std::time::Instant;

use super::support::{CALL_MAX, connect, key, next_revision, put, put_known, three, until};
use meridian_store::{CommitError, Expect, Store, Txn, commit_known};

/// A balanced channel would send a third of all calls to the dead member; here none fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p01_a_killed_member_fails_no_call() {
    let (mut members, store) = three(&[]).await;
    put(&store, "/start", Expect::Absent).await.unwrap();
    for (index, member) in members.iter_mut().enumerate() {
        member.kill().unwrap();
        for call in 0..50 {
            store.get(&key("/start")).await.unwrap_or_else(|error| panic!("get {call} without {index}: {error}"));
            let name = format!("/{index}/{call}");
            put_known(&store, &name).await.unwrap_or_else(|error| panic!("put {name}: {error}"));
        }
        member.restart().await.unwrap();
    }
    let page = store.list(&key("/"), None, 1000).await.unwrap();
    assert_eq!(page.items.len(), 3 * 50 + 1, "nothing is there twice or missing");
}

/// Without limits every call to a member that hangs would hang with it; here each ends, and soon none goes there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_p03_a_hung_member_holds_no_call() {
    let (members, store) = three(&[]).await;
    put(&store, "/start", Expect::Absent).await.unwrap();
    for (index, member) in members.iter().enumerate() {
        member.pause().unwrap();
        let began = Instant::now();
        for call in 0..40 {
            let one = Instant::now();
            store.get(&key("/start")).await.unwrap_or_else(|error| panic!("get {call} without {index}: {error}"));
            put_known(&store, &format!("/{index}/{call}")).await.unwrap();
            assert!(one.elapsed() < 3 * CALL_MAX, "{:?}", one.elapsed());
        }
        // Had a third of them waited for the member in vain, it would be three times as long.
        assert!(began.elapsed().as_secs() < 40, "{:?}", began.elapsed());
        member.resume().unwrap();
    }
}

/// A watch on a hung member is silent for ever, and asking it for a sign of life succeeds at once: only the answer
/// counts. The watch ends, and goes on from where it was at another member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_p06_p07_a_watch_on_a_hung_member_ends_and_goes_on_elsewhere() {
    let (members, store) = three(&[]).await;
    let alone = connect(&members[..1]).await;
    let first = put(&store, "/a", Expect::Absent).await.unwrap();
    let mut watch = alone.watch(&key("/"), first).await.unwrap();
    let second = put(&store, "/b", Expect::Absent).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(second));
    members[0].pause().unwrap();
    let third = put_known(&store, "/c").await.unwrap();
    let ended = next_revision(&mut watch).await.unwrap_err();
    assert!(ended.retryable(), "{ended}");
    let mut watch = store.watch(&key("/"), second).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(third));
    members[0].resume().unwrap();
}

/// A write of which nothing was heard may arrive later than newer ones; carrying its expectation, it does not land.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p21_a_late_write_does_not_land_on_a_newer_one() {
    let (members, _) = three(&[]).await;
    let (slow, others) = (connect(&members[..1]).await, connect(&members[1..]).await);
    let first = put(&slow, "/a", Expect::Absent).await.unwrap();
    members[0].pause().unwrap();
    let txn = |value: &'static str| Txn::new().put(key("/a"), value, Expect::At(first));
    let lost = slow.commit(txn("late")).await;
    assert!(matches!(lost, Err(CommitError::Unknown { .. })), "{lost:?}");
    let newer = until("the others take it", || async {
        match commit_known(&others, txn("newer"), &key("/a")).await {
            Ok(done) => Some(done.revision),
            Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    members[0].resume().unwrap();
    // What the member had in its hands is carried out before anything that is sent to it now.
    until("the member is back", || async { put_known(&slow, "/after").await.ok() }).await;
    let found = slow.get(&key("/a")).await.unwrap().item.unwrap();
    assert_eq!((&found.value[..], found.mod_revision), (&b"newer"[..], newer));
    let known = commit_known(&slow, txn("late"), &key("/a")).await;
    assert_eq!(known, Err(CommitError::Conflict { key: key("/a") }), "asked again, the late one knows it lost");
}
