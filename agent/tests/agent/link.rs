//! The link: lost, found again, never trusted to be the newest.

use std::net::SocketAddr;
use std::sync::Arc;

use meridian_proto::r#gen::agent::v1::Drain;
use meridian_proto::r#gen::agent::v1::session_response::Message as Response;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::bench::{Bench, PATIENCE, base, canary, shop};
use crate::server::{FakeServer, Session};

#[tokio::test]
async fn an_agent_comes_back_after_its_server_was_restarted() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    let address = server.address;
    drop(session);
    server.stop().await;

    let mut server = FakeServer::start_at(address, None).await;
    let mut session = server.session().await;
    assert_eq!(session.hello.lanes[&shop()].done.unwrap().hash, base(1).hash());
    // The same goal again, as any server sends it to a new session, and then a newer one.
    session.send(&[base(1), canary(2, 20)]).await;
    session.done(&canary(2, 20)).await;
    assert_eq!(bench.calls().iter().filter(|call| call.starts_with("start blue")).count(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn a_drained_agent_goes_to_the_next_server() {
    let (bench, first, second) = (Bench::new(), FakeServer::start().await, FakeServer::start().await);
    let agent = bench.try_agent(&[first.address, second.address]).await.unwrap();
    let (session, mut other) = either(first, second).await;
    session.say(Response::Drain(Drain { reconnect_after: None })).await;
    session.ended().await;
    let mut session = other.session().await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_whose_server_dies_is_with_another_at_once() {
    let (bench, first, second) = (Bench::new(), FakeServer::start().await, FakeServer::start().await);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let agent = bench.try_agent(&[nobody, first.address, second.address]).await.unwrap();
    let (mut session, mut other) = either(first, second).await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    drop(session);
    let mut session = other.session().await;
    session.send(&[base(1), canary(2, 20)]).await;
    session.done(&canary(2, 20)).await;
    agent.stop().await;
}

/// The session of the server that the agent chose, and the other server.
async fn either(mut first: FakeServer, mut second: FakeServer) -> (Session, FakeServer) {
    tokio::select! {
        session = first.session() => (session, second),
        session = second.session() => (session, first),
    }
}

#[tokio::test]
async fn silence_is_broken_by_regular_reports() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let three = tokio::time::timeout(PATIENCE, session.reports.wait_for(|reports| reports.count >= 3));
    assert!(three.await.is_ok_and(|reports| reports.is_ok()));
    agent.stop().await;
}

/// A link that carries nothing any more and does not say so, as after a cable was pulled.
#[tokio::test]
async fn a_half_open_link_is_found_out() {
    let (bench, first, second) = (Bench::new(), FakeServer::start().await, FakeServer::start().await);
    let relays = [Relay::start(first.address).await, Relay::start(second.address).await];
    let agent = bench.try_agent(&[relays[0].address, relays[1].address]).await.unwrap();
    let address = first.address;
    let (mut session, mut other) = either(first, second).await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    relays[usize::from(other.address == address)].freeze();
    let mut session = other.session().await;
    session.send(&[base(1), canary(2, 10)]).await;
    session.done(&canary(2, 10)).await;
    agent.stop().await;
}

/// Carries bytes between an agent and a server until it is frozen; then both ends stay open and nothing moves.
struct Relay {
    address: SocketAddr,
    frozen: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Relay {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let frozen = Arc::new(Notify::new());
        let freezes = Arc::clone(&frozen);
        let task = tokio::spawn(async move {
            let (mut agent, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut agent, &mut server) => {}
                () = freezes.notified() => {
                    std::future::pending::<()>().await;
                }
            }
        });
        Self { address, frozen, task }
    }

    fn freeze(&self) {
        self.frozen.notify_one();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
