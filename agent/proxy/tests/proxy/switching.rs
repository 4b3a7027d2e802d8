//! Switches under load: nothing fails, and after the answer nothing starts on the old slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Client, get};
use super::rig::{Rig, routing};

const SWITCHES: u64 = 300;
const CLIENTS: u64 = 6;

/// What the clients and the switcher tell each other. A switch is even while in effect and odd while being told, so
/// that a request which saw the same even number before and after it lies wholly within one routing.
struct Shared {
    phase: AtomicU64,
    stop: AtomicBool,
    requests: AtomicU64,
    within_one_routing: AtomicU64,
}

fn slot_of(counter: u64) -> &'static str {
    if counter % 2 == 1 { "blue" } else { "green" }
}

async fn load(address: std::net::SocketAddr, id: u64, shared: Arc<Shared>) {
    let mut client = Client::http1(address).await;
    let mut sent = 0_u64;
    while !shared.stop.load(Ordering::SeqCst) {
        if sent % 25 == 24 {
            client = if id.is_multiple_of(3) { Client::http2(address).await } else { Client::http1(address).await };
        }
        let (method, body) = if sent.is_multiple_of(4) { (Method::POST, "body") } else { (Method::GET, "") };
        let before = shared.phase.load(Ordering::SeqCst);
        let reply = client.call(method, "/", &[], body).await.expect("no connection is lost");
        let after = shared.phase.load(Ordering::SeqCst);
        assert_eq!(reply.status, StatusCode::OK, "request {sent} of client {id}: {}", reply.body);
        assert_eq!(reply.slot(), Some(reply.body.as_str()));
        if before == after && before.is_multiple_of(2) {
            assert_eq!(reply.body, slot_of(before / 2), "a request began after the answer and went to the old slot");
            shared.within_one_routing.fetch_add(1, Ordering::SeqCst);
        }
        shared.requests.fetch_add(1, Ordering::SeqCst);
        sent += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_switches_fail_nothing() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 10_000)).await;
    let shared = Arc::new(Shared {
        phase: AtomicU64::new(2),
        stop: AtomicBool::new(false),
        requests: AtomicU64::new(0),
        within_one_routing: AtomicU64::new(0),
    });
    let mut clients = JoinSet::new();
    for id in 0..CLIENTS {
        clients.spawn(load(rig.address, id, Arc::clone(&shared)));
    }
    for counter in 2..=SWITCHES {
        shared.phase.store(counter * 2 - 1, Ordering::SeqCst);
        rig.tell(&rig.routing(counter, if slot_of(counter) == "blue" { 10_000 } else { 0 })).await;
        shared.phase.store(counter * 2, Ordering::SeqCst);
        // The next switch comes when this one has carried some traffic.
        let seen = shared.requests.load(Ordering::SeqCst);
        while shared.requests.load(Ordering::SeqCst) < seen + CLIENTS && clients.try_join_next().is_none() {
            tokio::task::yield_now().await;
        }
    }
    shared.stop.store(true, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let (all, within) = (shared.requests.load(Ordering::SeqCst), shared.within_one_routing.load(Ordering::SeqCst));
    assert!(within > SWITCHES, "only {within} of {all} requests say anything about switches");
    let stats = rig.stats().await;
    assert_eq!(stats.slots.blue.failed() + stats.slots.green.failed() + stats.no_target, 0);
    assert_eq!(stats.slots.blue.requests + stats.slots.green.requests, all);
    rig.wait_stats(|slots| slots.blue.in_flight + slots.green.in_flight == 0).await;
}

#[tokio::test]
async fn a_request_on_the_old_slot_runs_to_its_end() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 10_000)).await;
    let mut client = Client::http1(rig.address).await;
    let mut held = JoinSet::new();
    held.spawn(async move { client.get("/held", &[]).await });
    rig.blue.wait_held(1).await;
    // The head is at the slot, so the switch need not wait for the answer.
    rig.tell(&rig.routing(2, 0)).await;
    assert_eq!(get(rig.address, "/", &[]).await.body, "green");
    assert_eq!(rig.stats().await.slots.blue.in_flight, 1);
    rig.blue.seen.release.add_permits(1);
    let reply = held.join_next().await.unwrap().unwrap();
    assert_eq!((reply.status, reply.slot()), (StatusCode::OK, Some("blue")));
}

/// A listener whose backlog is full: connecting to it hangs. Returned with what keeps it full.
async fn dead_end() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut fill = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        fill.push(stream.unwrap());
    }
    (listener, fill)
}

#[tokio::test]
async fn a_switch_saves_requests_that_hang_on_a_dead_slot() {
    let rig = Rig::start().await;
    let (listener, _fill) = dead_end().await;
    rig.tell(&routing(1, 10_000, listener.local_addr().unwrap(), rig.green.address)).await;
    let mut client = Client::http1(rig.address).await;
    let mut hanging = JoinSet::new();
    hanging.spawn(async move { client.get("/", &[]).await });
    // Nothing tells that it hangs; either way it must come out at the new slot, and well before the time limit.
    assert!(timeout(Duration::from_millis(100), hanging.join_next()).await.is_err());
    rig.tell(&routing(2, 0, listener.local_addr().unwrap(), rig.green.address)).await;
    let reply = timeout(Duration::from_secs(2), hanging.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!((reply.status, reply.slot()), (StatusCode::OK, Some("green")));
    let stats = rig.stats().await;
    assert_eq!((stats.slots.blue.requests, stats.slots.green.requests), (0, 1));
}
