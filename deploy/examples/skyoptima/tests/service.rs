//! The real binary, asked over real sockets. It knows only what README.md promises.
#![allow(clippy::unwrap_used)]

mod running;

use std::process::Command;
use std::time::{Duration, Instant};

use running::{Running, until};

const GOOD: &str = r#"{"name":"skyoptima","version":"1.0.0"}"#;
const BROKEN: &str = r#"{"name":"skyoptima","version":"1.2.0","error_ratio":0.2}"#;

#[test]
fn an_answer_names_version_sequence_and_flight() {
    let service = Running::ready(GOOD);
    let mut client = service.connect();
    let first = client.get("/flights/7");
    let second = client.get("/");
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.headers["x-skyoptima-version"], "1.0.0");
    assert!(first.body.contains(r#""version":"1.0.0""#) && first.body.contains(r#""flight":7"#), "{}", first.body);
    assert!(first.body.contains(r#""sequence":0"#) && second.body.contains(r#""sequence":1"#), "{}", second.body);
}

#[test]
fn every_answer_names_the_version() {
    let service = Running::ready(r#"{"name":"s","version":"3.1.4-rc.1","error_ratio":0.5}"#);
    let mut client = service.connect();
    for target in ["/", "/", "/healthz", "/nothing", "/nothing", "/flights/x", "/upgrade", "/upgrade", "/echo", "/echo"]
    {
        let answer = client.get(target);
        assert_eq!(answer.headers["x-skyoptima-version"], "3.1.4-rc.1", "{target}: {}", answer.status);
    }
}

#[test]
fn the_broken_release_fails_exactly_its_share() {
    let service = Running::ready(BROKEN);
    let mut client = service.connect();
    let failed = |client: &mut running::Client, requests| {
        (0..requests).filter(|_| client.get("/flights/1").status == 500).count()
    };
    assert_eq!(failed(&mut client, 500), 100);
    for _ in 0..100 {
        assert_eq!(client.get("/healthz").status, 200);
    }
    // Health checks neither fail nor shift the share.
    assert_eq!((failed(&mut client, 5), failed(&mut client, 5)), (1, 1));
}

#[test]
fn it_is_ready_only_after_its_start_and_until_it_spoils() {
    let begun = Instant::now();
    let service = Running::start(r#"{"name":"s","version":"1.0.0","start_ms":300,"unready_after_ms":700}"#);
    let early = service.connect().get("/healthz");
    let request = service.connect().get("/");
    if begun.elapsed() < Duration::from_millis(300) {
        assert_eq!((early.status, early.body.as_str(), request.status), (503, "starting\n", 503));
    }
    until("ready", || service.connect().get("/healthz").status == 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    until("spoilt", || service.connect().get("/healthz").status == 503);
    assert!(begun.elapsed() >= Duration::from_millis(700));
    assert_eq!(service.connect().get("/").status, 200);
}

#[test]
fn an_echo_starts_before_the_body_ends() {
    let service = Running::ready(GOOD);
    let mut client = service.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
    assert_eq!(client.head().0, 200);
    assert_eq!(client.chunk().unwrap(), "one");
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.chunk().unwrap(), "two");
    assert_eq!(client.chunk(), None);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_failing_post_keeps_its_connection() {
    let service = Running::ready(r#"{"name":"s","version":"1.0.0","error_ratio":1}"#);
    let mut client = service.connect();
    let body = "x".repeat(300_000);
    client.send(&format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(client.answer().status, 500);
    assert_eq!(client.get("/").status, 500);
}

#[test]
fn a_stream_comes_in_pieces() {
    let service = Running::ready(GOOD);
    let mut client = service.connect();
    let begun = Instant::now();
    client.send("GET /stream?chunks=3&every_ms=100 HTTP/1.1\r\nhost: test\r\n\r\n");
    client.head();
    assert_eq!(client.chunk().unwrap(), "chunk 1 of 3\n");
    let first = begun.elapsed();
    assert_eq!(client.chunk().unwrap(), "chunk 2 of 3\n");
    assert_eq!(client.chunk().unwrap(), "chunk 3 of 3\n");
    assert_eq!(client.chunk(), None);
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() - first >= Duration::from_millis(100));
}

#[test]
fn an_upgrade_becomes_an_echoing_tunnel() {
    let service = Running::ready(GOOD);
    let mut client = service.connect();
    assert_eq!(client.get("/upgrade").status, 426);
    client.send("GET /upgrade HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    let (status, headers) = client.head();
    assert_eq!((status, headers["upgrade"].as_str()), (101, "echo"));
    client.send("ping\n");
    assert_eq!(client.line(), "ping");
    // Draining lets a tunnel live for a while; it does not hold the process once it is closed.
    service.terminate();
    until("the door to be shut", || !service.accepts());
    client.send("pong\n");
    assert_eq!(client.line(), "pong");
    drop(client);
    assert!(service.ended().success());
}

#[test]
fn sigterm_finishes_what_is_in_flight() {
    let service = Running::ready(GOOD);
    let mut idle = service.connect();
    assert_eq!(idle.get("/").status, 200);
    let mut busy = service.connect();
    busy.send("GET /stream?chunks=4&every_ms=150 HTTP/1.1\r\nhost: test\r\n\r\n");
    busy.head();

    service.terminate();
    assert!(idle.closed());
    until("the door to be shut", || !service.accepts());
    assert_eq!((1..=4).filter_map(|_| busy.chunk()).count(), 4);
    assert_eq!(busy.chunk(), None);
    assert!(busy.closed());
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn a_busy_client_is_asked_to_leave_with_its_answer() {
    let service = Running::ready(r#"{"name":"s","version":"1.0.0","latency_ms":500}"#);
    let mut client = service.connect();
    let before = client.get("/");
    assert!(!before.headers.contains_key("connection"));
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    service.terminate();
    let last = client.answer();
    assert_eq!((last.status, last.headers["connection"].as_str()), (200, "close"));
    assert!(client.closed());
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn what_does_not_end_is_cut_after_five_seconds() {
    let service = Running::ready(GOOD);
    let mut endless = service.connect();
    endless.send("GET /stream?chunks=1000&every_ms=100 HTTP/1.1\r\nhost: test\r\n\r\n");
    endless.head();
    let begun = Instant::now();
    service.terminate();
    assert_eq!(service.ended().code(), Some(0));
    assert!((Duration::from_millis(4_500)..Duration::from_secs(8)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[test]
fn a_bad_artifact_ends_the_start_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact.json");
    std::fs::write(&path, r#"{"name":"s","version":"1.0.0","eror_ratio":0.2}"#).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_skyoptima")).arg("--artifact").arg(&path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("unknown field `eror_ratio`") && said.contains("artifact.json"), "{said}");
    assert!(output.stdout.is_empty());
}
