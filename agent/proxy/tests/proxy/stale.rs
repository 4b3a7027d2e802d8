//! Slots that close kept connections under the proxy's hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::client::Client;
use super::rig::{Rig, routing};

/// An application that answers `each` requests per connection, and closes the connection without a warning: at once,
/// or only when the next request has come.
struct Closer {
    address: std::net::SocketAddr,
    connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Closer {
    async fn start(each: u32, reads_one_more: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counts.fetch_add(1, Ordering::SeqCst);
                all.spawn(serve(stream, each, reads_one_more));
            }
        });
        Self { address, connections, task }
    }
}

async fn serve(mut stream: TcpStream, each: u32, reads_one_more: bool) {
    for _ in 0..each {
        if !read_head(&mut stream).await {
            return;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    }
    if reads_one_more {
        read_head(&mut stream).await;
    }
}

/// False when the connection ends instead.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_request_on_a_closed_connection_is_sent_again() {
    let rig = Rig::start().await;
    for (epoch, each, reads_one_more) in [(1, 1, false), (2, 3, false), (3, 1, true), (4, 3, true)] {
        let closer = Closer::start(each, reads_one_more).await;
        rig.tell(&routing(epoch, 10_000, closer.address, rig.green.address)).await;
        let mut client = Client::http1(rig.address).await;
        for _ in 0..60 {
            let reply = client.get("/", &[]).await;
            assert_eq!((reply.status, reply.slot()), (StatusCode::OK, Some("blue")));
        }
        assert!(closer.connections.load(Ordering::SeqCst) >= 60 / u64::from(each));
    }
    assert_eq!(rig.stats().await.slots.blue.failed(), 0);
}

#[tokio::test]
async fn what_a_slot_may_have_acted_on_is_not_sent_again() {
    let rig = Rig::start().await;
    let closer = Closer::start(1, true).await;
    rig.tell(&routing(1, 10_000, closer.address, rig.green.address)).await;
    let mut client = Client::http1(rig.address).await;
    assert_eq!(client.get("/", &[]).await.status, StatusCode::OK);
    let reply = client.call(Method::POST, "/", &[], "once").await.unwrap();
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert_eq!(reply.header("x-meridian-proxy-error"), Some("reset"));
    assert_eq!(reply.slot(), None);
    assert_eq!(closer.connections.load(Ordering::SeqCst), 1);
    assert_eq!(rig.stats().await.slots.blue.proxy_errors.reset, 1);
}

#[tokio::test]
async fn a_second_loss_is_told() {
    let rig = Rig::start().await;
    // Answers nothing at all: a fresh connection is lost too, and that is the slot's fault.
    let closer = Closer::start(0, true).await;
    rig.tell(&routing(1, 10_000, closer.address, rig.green.address)).await;
    let reply = Client::http1(rig.address).await.get("/", &[]).await;
    assert_eq!(reply.header("x-meridian-proxy-error"), Some("reset"));
    assert_eq!(closer.connections.load(Ordering::SeqCst), 1);
}
