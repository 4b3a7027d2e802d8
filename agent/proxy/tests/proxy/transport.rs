//! How bytes travel: headers, streams, tunnels, both protocols on both sides, and the proxy's own answers.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meridian_proxy::control::{Protocol, Routing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::client::{Client, get};
use super::rig::{Rig, routing};

const SOON: Duration = Duration::from_secs(5);

fn over_http2(mut routing: Routing) -> Routing {
    for target in [&mut routing.slots.blue, &mut routing.slots.green].into_iter().flatten() {
        target.protocol = Protocol::Http2;
    }
    routing
}

#[tokio::test]
async fn both_protocols_reach_both_kinds_of_slots() {
    let rig = Rig::start().await;
    for (epoch, told) in [(1, rig.routing(1, 10_000)), (2, over_http2(rig.routing(2, 10_000)))] {
        rig.tell(&told).await;
        let version = if epoch == 1 { "HTTP/1.1 /headers?q=1\n" } else { "HTTP/2.0 http://shop.example/headers?q=1\n" };
        for mut client in [Client::http1(rig.address).await, Client::http2(rig.address).await] {
            for _ in 0..3 {
                let reply = client.get("/headers?q=1", &[("connection", "x-secret"), ("x-secret", "1")]).await;
                assert_eq!(reply.status, StatusCode::OK);
                assert!(reply.body.starts_with(version), "{}", reply.body);
                assert!(reply.body.contains("x-forwarded-for: 127.0.0.1"), "{}", reply.body);
                assert!(reply.body.contains("x-forwarded-host: shop.example"), "{}", reply.body);
                assert!(!reply.body.contains("connection"), "{}", reply.body);
                let echoed = client.call(Method::POST, "/echo", &[], "some text").await.unwrap();
                assert_eq!(echoed.body, "some text");
            }
        }
    }
    let connections = rig.blue.seen.connections.load(std::sync::atomic::Ordering::SeqCst);
    assert!(connections <= 4, "connections to a slot are kept: there were {connections}");
}

#[tokio::test]
async fn bodies_stream_both_ways_in_every_protocol() {
    let rig = Rig::start().await;
    for told in [rig.routing(1, 10_000), over_http2(rig.routing(2, 10_000))] {
        rig.tell(&told).await;
        for http2_client in [false, true] {
            let (mut upload, chunks) = mpsc::channel::<Bytes>(1);
            let body = StreamBody::new(chunks.map(|chunk| Ok::<_, hyper::Error>(Frame::data(chunk))));
            let request = Request::post("http://shop.example/echo").header("host", "shop.example").body(body).unwrap();
            let stream = TokioIo::new(TcpStream::connect(rig.address).await.unwrap());
            let mut driver = tokio::task::JoinSet::new();
            let answer = if http2_client {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                driver.spawn(connection);
                upload.try_send(Bytes::from_static(b"one")).unwrap();
                timeout(SOON, sender.send_request(request)).await.unwrap().unwrap()
            } else {
                let (mut sender, connection) = http1::handshake(stream).await.unwrap();
                driver.spawn(connection);
                upload.try_send(Bytes::from_static(b"one")).unwrap();
                timeout(SOON, sender.send_request(request)).await.unwrap().unwrap()
            };
            // HTTP/2 may end a stream with an empty frame.
            let parts = answer.into_body().into_data_stream();
            let mut body = parts.filter(|part| {
                let is_empty = part.as_ref().is_ok_and(Bytes::is_empty);
                std::future::ready(!is_empty)
            });
            // Each part comes back before the next one is sent: nothing in between waits for the end.
            for part in [&b"one"[..], b"two", b"three"] {
                if part != b"one" {
                    upload.try_send(Bytes::from_static(part)).unwrap();
                }
                assert_eq!(timeout(SOON, body.next()).await.unwrap().unwrap().unwrap(), part);
            }
            drop(upload);
            let end = timeout(SOON, body.next()).await.unwrap();
            assert!(end.is_none(), "{end:?} with HTTP/2 {http2_client}, routing {}", told.epoch);
        }
    }
}

/// Opens a tunnel by hand; returns it with the head of the answer.
pub async fn open_tunnel(address: std::net::SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = "GET /upgrade HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
    }
    (stream, String::from_utf8(head).unwrap().to_lowercase())
}

/// Sends through a tunnel and expects it back in upper case.
pub async fn shout(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut back = vec![0; text.len()];
    timeout(SOON, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, text.to_uppercase().as_bytes());
}

#[tokio::test]
async fn a_tunnel_outlives_a_switch_and_ends_with_its_client() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 10_000)).await;
    let (mut tunnel, head) = open_tunnel(rig.address).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("upgrade: shout\r\n") && head.contains("x-meridian-slot: blue\r\n"), "{head}");
    shout(&mut tunnel, "hello").await;
    rig.tell(&rig.routing(2, 0)).await;
    assert_eq!(get(rig.address, "/", &[]).await.body, "green");
    shout(&mut tunnel, "still there").await;
    assert_eq!(rig.stats().await.slots.blue.in_flight, 1);
    tunnel.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(SOON, tunnel.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"");
    rig.wait_stats(|slots| slots.blue.in_flight == 0).await;
}

#[tokio::test]
async fn the_proxy_says_so_when_it_answers_itself() {
    let rig = Rig::start_with(&["--upstream-timeout-ms", "100"]).await;
    let reply = get(rig.address, "/", &[]).await;
    assert_eq!(
        (reply.status, reply.header("x-meridian-proxy-error")),
        (StatusCode::SERVICE_UNAVAILABLE, Some("no_target"))
    );
    assert_eq!(reply.slot(), None);

    rig.tell(&rig.routing(1, 10_000)).await;
    let reply = get(rig.address, "/held", &[]).await;
    assert_eq!((reply.status, reply.header("x-meridian-proxy-error")), (StatusCode::GATEWAY_TIMEOUT, Some("timeout")));
    let reply = get(rig.address, "/fail", &[]).await;
    assert_eq!((reply.status, reply.slot()), (StatusCode::INTERNAL_SERVER_ERROR, Some("blue")));

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    rig.tell(&routing(2, 10_000, closed, rig.green.address)).await;
    let reply = get(rig.address, "/", &[]).await;
    assert_eq!((reply.status, reply.header("x-meridian-proxy-error")), (StatusCode::BAD_GATEWAY, Some("connect")));
    assert_eq!(reply.slot(), None);

    let stats = rig.stats().await;
    let blue = &stats.slots.blue;
    assert_eq!((stats.no_target, blue.requests, blue.errors, blue.failed()), (1, 3, 1, 3));
    assert_eq!((blue.proxy_errors.timeout, blue.proxy_errors.connect, blue.proxy_errors.reset), (1, 1, 0));
}

#[tokio::test]
async fn ambiguous_requests_reach_no_slot() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 10_000)).await;
    for (ask, status) in [
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", "501"),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400"),
    ] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        timeout(SOON, stream.read_exact(&mut head)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {status}"), "{ask}");
    }
    assert_eq!(rig.blue.requests(), 0);
}

#[tokio::test]
async fn a_slow_upload_is_not_a_silent_slot() {
    let rig = Rig::start_with(&["--upstream-timeout-ms", "150"]).await;
    rig.tell(&rig.routing(1, 10_000)).await;
    let (mut upload, chunks) = mpsc::channel::<Bytes>(1);
    let body = StreamBody::new(chunks.map(|chunk| Ok::<_, hyper::Error>(Frame::data(chunk))));
    // The slot answers this path only after the whole body.
    let request = Request::post("/").header("host", "shop.example").body(body).unwrap();
    let stream = TokioIo::new(TcpStream::connect(rig.address).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(connection);
    driver.spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..10 {
            pace.tick().await;
            upload.try_send(Bytes::from_static(b"part")).unwrap();
        }
        Ok(())
    });
    let answer = timeout(SOON, sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
