//! Watches against a server in memory: snapshot and changes, lost servers, forgotten revisions.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use meridian_client::fake::{FakeServer, sample};
use meridian_client::{ClientError, RefusalKind, RolloutState, Watch, WatchItem, WatchTarget};
use tokio::time::timeout;

async fn next(watch: &mut Watch) -> WatchItem {
    timeout(Duration::from_secs(20), watch.next()).await.expect("the watch tells something").unwrap()
}

async fn synced(server: &FakeServer, target: WatchTarget) -> (Watch, usize) {
    let mut watch = server.client().await.unwrap().watch(target, 0);
    let mut snapshot = 0;
    loop {
        match next(&mut watch).await {
            WatchItem::Snapshot(_) => snapshot += 1,
            WatchItem::Synced(_) => return (watch, snapshot),
            other @ (WatchItem::Reset | WatchItem::Delta(_) | WatchItem::Bookmark(_) | WatchItem::Lost(_)) => {
                panic!("{other:?} before the snapshot was whole")
            }
        }
    }
}

#[tokio::test]
async fn a_watch_tells_a_snapshot_and_then_changes_of_its_target() {
    let server = FakeServer::start().await;
    let mut view = sample::rollout();
    server.put_rollout(&view);
    let mut other = view.clone();
    other.name = sample::name("r-2");
    server.put_rollout(&other);
    let (mut all, count) = synced(&server, WatchTarget::Service(sample::service())).await;
    assert_eq!(count, 2);
    let (mut one, count) = synced(&server, WatchTarget::Rollout(view.name.clone())).await;
    assert_eq!(count, 1);
    server.put_rollout(&other);
    view.state = RolloutState::Switched;
    server.put_rollout(&view);
    let WatchItem::Delta(delta) = next(&mut one).await else { panic!("no delta") };
    assert_eq!((delta.name.clone(), delta.state), (view.name.clone(), RolloutState::Switched));
    let WatchItem::Delta(delta) = next(&mut all).await else { panic!("no delta") };
    assert_eq!(delta.name, other.name);
    assert_eq!(one.revision(), 4);
}

#[tokio::test]
async fn a_lost_server_is_said_and_what_was_missed_is_told() {
    let server = FakeServer::start().await;
    let mut view = sample::rollout();
    server.put_rollout(&view);
    let (mut watch, _) = synced(&server, WatchTarget::All).await;
    let server = server.restart().await;
    view.state = RolloutState::Held;
    server.put_rollout(&view);
    assert!(matches!(next(&mut watch).await, WatchItem::Lost(_)));
    let WatchItem::Delta(delta) = next(&mut watch).await else { panic!("no delta") };
    assert_eq!(delta.state, RolloutState::Held);
    let asked = server.seen().last().unwrap().words.clone();
    assert_eq!(asked, ["services/-", "1"], "it goes on where it was");
}

#[tokio::test]
async fn forgotten_revisions_begin_again_with_a_snapshot() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let (mut watch, _) = synced(&server, WatchTarget::All).await;
    server.compact();
    server.cut_watches();
    assert!(matches!(next(&mut watch).await, WatchItem::Lost(_)));
    assert_eq!(next(&mut watch).await, WatchItem::Reset);
    assert!(matches!(next(&mut watch).await, WatchItem::Snapshot(_)));
    assert_eq!(next(&mut watch).await, WatchItem::Synced(2));
}

#[tokio::test]
async fn a_server_that_ends_every_watch_is_not_asked_without_pause() {
    let server = FakeServer::start().await;
    let (mut watch, _) = synced(&server, WatchTarget::All).await;
    server.refuse_next([(RefusalKind::Unavailable, "STORE_UNAVAILABLE"); 3]);
    server.cut_watches();
    let began = std::time::Instant::now();
    assert!(matches!(next(&mut watch).await, WatchItem::Lost(_)));
    assert!(matches!(next(&mut watch).await, WatchItem::Synced(_)));
    assert!(began.elapsed() >= Duration::from_millis(700), "three pauses that double");
}

#[tokio::test]
async fn refusals_end_a_watch_and_no_server_ends_it_soon() {
    let mut server = FakeServer::start().await;
    let client = server.client().await.unwrap();
    server.refuse_next([(RefusalKind::PermissionDenied, "NOT_YOURS")]);
    let error = client.watch(WatchTarget::All, 0).next().await.unwrap_err();
    assert_eq!(error.code(), "NOT_YOURS");
    server.stop();
    let error = timeout(Duration::from_secs(20), client.watch(WatchTarget::All, 0).next()).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
}
