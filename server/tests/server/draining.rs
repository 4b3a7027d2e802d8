//! Going away with streams open: everybody is told, and it ends in time.

use std::time::Instant;

use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use meridian_server::drain::DRAIN_MAX;
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::agent::Link;
use crate::support::{PATIENCE, Server, why};

#[tokio::test]
async fn streams_are_told_and_ended() {
    let server = Server::plain().await;
    let (mut link, _) = Link::introduced(server.channel.clone(), "eu").await;
    let request = v1::WatchRolloutsRequest { target: "services/-".to_owned(), start_revision: 0 };
    let mut watch = server.rollouts().watch_rollouts(request).await.unwrap().into_inner();
    watch.message().await.unwrap();
    let Server { running, channel } = server;
    let (grpc, http) = (running.grpc_addr, running.http_addr);
    let began = Instant::now();
    let ended = tokio::spawn(running.shutdown());
    loop {
        match link.hear().await {
            Ok(Some(Told::Drain(drain))) => {
                assert!(drain.reconnect_after.is_some());
                break;
            }
            Ok(Some(_)) => {}
            other => panic!("not told but {other:?}"),
        }
    }
    assert!(matches!(link.hear().await, Ok(None)), "the agent's stream did not end in good order");
    let word = loop {
        match watch.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended without a word"),
            Err(word) => break word,
        }
    };
    assert_eq!(why(&word), (Code::Unavailable, "DRAINING".to_owned()));
    ended.await.unwrap();
    assert!(began.elapsed() < DRAIN_MAX, "nobody was slow, and it was waited for {:?}", began.elapsed());
    drop(channel);
    for address in [grpc, http] {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still takes connections");
    }
}

#[tokio::test]
async fn who_does_not_read_is_cut() {
    let server = Server::plain().await;
    // Connected, and then nothing is read or said any more: the connection itself never ends.
    let stalled = TcpStream::connect(server.running.grpc_addr).await.unwrap();
    let (link, _) = Link::introduced(server.channel.clone(), "eu").await;
    let Server { running, channel } = server;
    tokio::time::timeout(PATIENCE, running.shutdown()).await.expect("who does not read held the server up");
    drop((stalled, link, channel));
}
