//! When a head counts as handed over, on real connections.

use std::future::Future;
use std::task::{Context, Waker};

use tokio::net::TcpListener;

use super::*;

/// Tests run on one thread: nothing else moves between two lines without an `await`, so that "not yet" is certain.
async fn head_is_out_after_the_write(protocol: Protocol, begins: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = SlotTarget { address: listener.local_addr().unwrap().to_string(), protocol };
    let tasks = Tasks::default();
    let upstreams = Upstreams::new(tasks.clone(), Duration::from_secs(5));
    let upstream = upstreams.open(&target);
    let mut connection = upstream.connection(false).await.unwrap();
    assert!(!connection.is_reused());
    let (stream, _) = listener.accept().await.unwrap();

    let hand_off = connection.hand_off();
    let mut request = Request::new(UpstreamBody::new(None, Arc::clone(&hand_off)));
    *request.uri_mut() = "http://shop.example/".parse().unwrap();
    let head_is_out = hand_off.head_is_out();
    let sent = connection.send(request);
    tokio::pin!(head_is_out, sent);
    let mut look = Context::from_waker(Waker::noop());
    assert!(sent.as_mut().poll(&mut look).is_pending(), "the request is in the connection's queue");
    assert!(head_is_out.as_mut().poll(&mut look).is_pending(), "but its head is not out");
    timeout(Duration::from_secs(5), head_is_out).await.expect("the connection's task writes it");
    let mut bytes = vec![0; 1024];
    let read = stream.try_read(&mut bytes);
    let read = match read {
        Ok(read) => read,
        // The runtime has not looked at the socket yet; the bytes are there.
        Err(_) => {
            stream.readable().await.unwrap();
            stream.try_read(&mut bytes).unwrap()
        }
    };
    let found = bytes[..read].windows(begins.len()).any(|window| window == begins);
    assert!(found, "{:?}", String::from_utf8_lossy(&bytes[..read]));
    tasks.end(Duration::ZERO).await;
}

#[tokio::test]
async fn a_head_is_out_after_the_write_http1() {
    head_is_out_after_the_write(Protocol::Http1, b"GET http://shop.example/ HTTP/1.1").await;
}

#[tokio::test]
async fn a_head_is_out_after_the_write_http2() {
    // A HEADERS frame that ends headers and stream, on stream 1.
    head_is_out_after_the_write(Protocol::Http2, &[0x01, 0x05, 0, 0, 0, 1]).await;
}

#[tokio::test]
async fn idle_connections_are_kept_up_to_a_number_and_used_newest_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tasks = Tasks::default();
    let upstreams = Upstreams::new(tasks.clone(), Duration::from_secs(5));
    let upstream = upstreams.open(&SlotTarget { address, protocol: Protocol::Http1 });
    let mut accepted = Vec::new();
    let mut leased = Vec::new();
    for _ in 0..3 {
        leased.push(upstream.connection(false).await.unwrap());
        accepted.push(listener.accept().await.unwrap().0);
    }
    leased.into_iter().for_each(Connection::give_back);
    // Ready only after its task has run once.
    tokio::task::yield_now().await;
    let again = upstream.connection(false).await.unwrap();
    assert!(again.is_reused());
    assert!(!upstream.connection(true).await.unwrap().is_reused());
    let Connections::Http1(pool) = &upstream.connections else { panic!("HTTP/1.1 was asked for") };
    assert_eq!(pool.waiting(), 2);
    // Closed by the other side: not handed out any more.
    drop(accepted);
    let closed = async {
        while pool.waiting() > 0 {
            upstream.sweep();
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), closed).await.expect("closed connections are swept");
    tasks.end(Duration::ZERO).await;
}
