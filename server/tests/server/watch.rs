//! Watching: a snapshot, then every change, from where one left off.

use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::watch_rollouts_response::Item;
use tonic::{Code, Streaming};

use crate::support::fixture::SERVICE;
use crate::support::{PATIENCE, Server, why};

struct Watch {
    stream: Streaming<v1::WatchRolloutsResponse>,
}

impl Watch {
    async fn open(server: &Server, target: &str, start_revision: u64) -> Self {
        let request = v1::WatchRolloutsRequest { target: target.to_owned(), start_revision };
        Self { stream: server.rollouts().watch_rollouts(request).await.unwrap().into_inner() }
    }

    async fn next(&mut self) -> Result<Item, tonic::Status> {
        let message = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("the watch is silent");
        Ok(message?.expect("the watch ended").item.expect("an item"))
    }

    async fn delta(&mut self, fits: impl Fn(&v1::Rollout) -> bool) -> v1::Rollout {
        loop {
            if let Item::Delta(rollout) = self.next().await.unwrap()
                && fits(&rollout)
            {
                return rollout;
            }
        }
    }
}

async fn pause(server: &Server, name: &str) -> v1::Rollout {
    let request = v1::PauseRolloutRequest { name: name.to_owned(), reason: "lunch".to_owned(), ..Default::default() };
    server.rollouts().pause_rollout(request).await.unwrap().into_inner().rollout.unwrap()
}

fn is_held(rollout: &v1::Rollout) -> bool {
    rollout.state == i32::from(v1::rollout::State::Held)
}

#[tokio::test]
async fn a_watch_is_a_snapshot_and_what_follows() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    for target in ["services/-", SERVICE, &rollout.name] {
        let mut watch = Watch::open(&server, target, 0).await;
        let Item::Snapshot(first) = watch.next().await.unwrap() else { panic!("{target}: no snapshot first") };
        assert_eq!(first.name, rollout.name);
        let Item::Synced(synced) = watch.next().await.unwrap() else { panic!("{target}: not synced") };
        assert!(synced.revision >= rollout.revision);
    }
    let mut other = Watch::open(&server, "services/other", 0).await;
    assert!(matches!(other.next().await.unwrap(), Item::Synced(_)), "another service's rollouts were told");
    let mut watch = Watch::open(&server, SERVICE, 0).await;
    let held = pause(&server, &rollout.name).await;
    let delta = watch.delta(is_held).await;
    assert_eq!((delta.epoch, &delta.etag), (held.epoch, &held.etag));
}

#[tokio::test]
async fn a_watch_goes_on_where_it_left_off() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    let held = pause(&server, &rollout.name).await;
    let mut watch = Watch::open(&server, "services/-", rollout.revision).await;
    let Item::Bookmark(bookmark) = watch.next().await.unwrap() else { panic!("no sign of life first") };
    assert_eq!(bookmark.revision, rollout.revision);
    assert_eq!(watch.delta(is_held).await.revision, held.revision);
    let mut watch = Watch::open(&server, "services/-", held.revision).await;
    assert!(matches!(watch.next().await.unwrap(), Item::Bookmark(_)));
}

#[tokio::test]
async fn a_revision_of_another_life_is_refused() {
    let server = Server::plain().await;
    let request = v1::WatchRolloutsRequest { target: "services/-".to_owned(), start_revision: 1_000_000 };
    let refused = server.rollouts().watch_rollouts(request).await.unwrap_err();
    assert_eq!(why(&refused), (Code::OutOfRange, "COMPACTED".to_owned()));
    for target in ["", "services", "rollouts/x", "services/checkout/rollouts/none"] {
        let request = v1::WatchRolloutsRequest { target: target.to_owned(), start_revision: 0 };
        let refused = server.rollouts().watch_rollouts(request).await.unwrap_err();
        assert!(matches!(refused.code(), Code::InvalidArgument | Code::NotFound), "{target}: {refused:?}");
    }
}

#[tokio::test]
async fn there_is_an_end_to_watches() {
    let server = Server::plain().await;
    let mut open = Vec::new();
    let refused = loop {
        let request = v1::WatchRolloutsRequest { target: "services/-".to_owned(), start_revision: 0 };
        // Several connections: each carries so many streams at most.
        let channel = if open.len() % 32 == 0 {
            crate::support::connect(server.running.grpc_addr).await
        } else {
            open.last().map(|(channel, _): &(tonic::transport::Channel, _)| channel.clone()).unwrap()
        };
        let mut client = v1::rollout_service_client::RolloutServiceClient::new(channel.clone());
        match client.watch_rollouts(request).await {
            Ok(stream) => open.push((channel, stream)),
            Err(refused) => break refused,
        }
        assert!(open.len() <= 1000, "watches have no limit");
    };
    assert_eq!(why(&refused), (Code::ResourceExhausted, "TOO_MANY_WATCHES".to_owned()));
}
