//! The control API: fences, refusals, readings, limits.

use std::os::unix::fs::PermissionsExt;

use meridian_proxy::app::Proxy;
use meridian_proxy::control::{ClientError, ControlClient, Epoch, Refusal, code};
use meridian_proxy::error::StartError;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::client::get;
use super::rig::{self, Rig};

fn refused(result: Result<impl std::fmt::Debug, ClientError>) -> Refusal {
    match result {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("refused was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn epochs_fence() {
    let rig = Rig::start().await;
    assert_eq!(rig.control.get_routing().await.unwrap(), None);
    let current = rig.routing(7, 10_000);
    rig.tell(&current).await;
    rig.tell(&current).await;
    let lower = refused(rig.control.put_routing(&rig.routing(6, 0)).await);
    assert_eq!((lower.code.as_str(), lower.field.as_str(), lower.value.as_str()), (code::EPOCH_FENCED, "epoch", "1.6"));
    let other = refused(rig.control.put_routing(&rig.routing(7, 0)).await);
    assert_eq!(other.code, code::EPOCH_CONFLICT);
    assert_eq!(rig.control.get_routing().await.unwrap(), Some(current));
    assert_eq!(get(rig.address, "/", &[]).await.body, "blue");
    let mut restored = rig.routing(0, 0);
    restored.epoch = Epoch { generation: 2, counter: 0 };
    rig.tell(&restored).await;
    assert_eq!(get(rig.address, "/", &[]).await.body, "green");
    assert_eq!(rig.stats().await.epoch, Some(restored.epoch));
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 10_000)).await;
    let mut short = rig.routing(2, 10_000);
    short.split.blue = 9_999;
    let refusal = refused(rig.control.put_routing(&short).await);
    assert_eq!((refusal.code.as_str(), refusal.field.as_str()), (code::SPLIT_SUM, "split"));
    assert_eq!(refusal.value, "blue 9999 + green 0 = 9999");
    let mut nowhere = rig.routing(2, 0);
    nowhere.slots.green = None;
    assert_eq!(refused(rig.control.put_routing(&nowhere).await).code, code::SLOT_WITHOUT_TARGET);
    assert_eq!(rig.control.get_routing().await.unwrap(), Some(rig.routing(1, 10_000)));
}

/// The status line and body of a request written by hand.
async fn raw(socket: &std::path::Path, request: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = body.len();
    let text = format!("{request} HTTP/1.1\r\nhost: p\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_api_is_plain_json_with_limits() {
    let folder = TempDir::new().unwrap();
    let args = rig::args(&folder, &[]);
    let proxy = Proxy::start(&args).await.unwrap();
    let mode = std::fs::metadata(&args.control).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let routing = r#"{"epoch":{"generation":1,"counter":1},"hash":"h","split":{"blue":10000,"green":0},
        "slots":{"blue":{"address":"127.0.0.1:9","protocol":"http1"},"green":null},
        "cohort":{"rule":{"percentage":{"basis_points":100,"key":{"cookie":"user"}}},"slot":"blue"}}"#;
    for (request, body, status, holds) in [
        ("GET /v1/routing", "", "404", "NO_ROUTING"),
        ("PUT /v1/routing", routing, "200", r#""settled":true"#),
        ("PUT /v1/routing", &routing.replace("10000", "1"), "422", r#""fix":"give weights"#),
        ("PUT /v1/routing", &routing.replace(r#""hash":"h""#, r#""hash":"i""#), "409", "EPOCH_CONFLICT"),
        ("PUT /v1/routing", &routing.replace("hash", "hush"), "400", "MALFORMED"),
        ("PUT /v1/routing", &"x".repeat(65 * 1024), "413", "BODY_TOO_LARGE"),
        ("DELETE /v1/routing", "", "405", "allow: GET, PUT"),
        ("GET /v1/nothing", "", "404", "NOT_FOUND"),
        ("GET /v1/health", "", "200", r#""routing":true,"draining":false"#),
        ("GET /v1/stats", "", "200", r#""bounds_us":[100,141,200"#),
    ] {
        let answer = raw(&args.control, request, body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains(holds), "{request}: {answer}");
    }
    assert!(proxy.stop(std::time::Duration::from_secs(1)).await);
    assert!(!args.control.exists());
}

#[tokio::test]
async fn metrics_and_stats_agree() {
    let rig = Rig::start().await;
    assert!(rig.control.metrics().await.unwrap().contains("meridian_proxy_requests_total{slot=\"blue\"} 0"));
    rig.tell(&rig.routing(3, 5_000)).await;
    for path in ["/", "/", "/", "/fail"] {
        get(rig.address, path, &[]).await;
    }
    rig.wait_stats(|slots| slots.blue.in_flight + slots.green.in_flight == 0).await;
    let (stats, text) = (rig.stats().await, rig.control.metrics().await.unwrap());
    assert_eq!((stats.slots.blue.requests, stats.slots.green.requests), (2, 2));
    for (slot, numbers) in [("blue", &stats.slots.blue), ("green", &stats.slots.green)] {
        for line in [
            format!("meridian_proxy_requests_total{{slot=\"{slot}\"}} {}\n", numbers.requests),
            format!("meridian_proxy_errors_total{{slot=\"{slot}\"}} {}\n", numbers.errors),
            format!("meridian_proxy_in_flight{{slot=\"{slot}\"}} 0\n"),
            format!("meridian_proxy_proxy_errors_total{{slot=\"{slot}\",reason=\"reset\"}} 0\n"),
            format!("meridian_proxy_latency_seconds_count{{slot=\"{slot}\"}} {}\n", numbers.latency.count),
            format!("meridian_proxy_latency_seconds_bucket{{le=\"+Inf\",slot=\"{slot}\"}} {}\n", numbers.requests),
            format!("meridian_proxy_weight_basis_points{{slot=\"{slot}\"}} 5000\n"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(numbers.latency.cumulative.is_sorted());
    }
    assert!(text.contains("meridian_proxy_epoch{part=\"counter\"} 3\n"), "{text}");
}

#[tokio::test]
async fn a_living_socket_is_not_taken_and_a_stale_one_is() {
    let folder = TempDir::new().unwrap();
    let args = rig::args(&folder, &[]);
    drop(std::os::unix::net::UnixListener::bind(&args.control).unwrap());
    let proxy = Proxy::start(&args).await.unwrap();
    let second = Proxy::start(&args).await.err().unwrap();
    assert!(matches!(second, StartError::ControlInUse(_)), "{second}");
    assert!(proxy.stop(std::time::Duration::from_secs(1)).await);
}

#[tokio::test]
async fn a_client_keeps_its_connection_and_meets_a_restarted_proxy() {
    let folder = TempDir::new().unwrap();
    let args = rig::args(&folder, &[]);
    let control = ControlClient::new(&args.control);
    let listener = UnixListener::bind(&args.control).unwrap();
    let serve = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for answered in 0..3 {
            let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut chunk).await.unwrap();
                assert!(read > 0, "the client has hung up after {answered} answers");
                request.extend_from_slice(&chunk[..read]);
            }
            let body = r#"{"start_id":"first","version":"1","routing":false,"draining":false}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        // Read and not answered: the process has gone, and the listener with it.
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 1);
    };
    let ask = async {
        for _ in 0..3 {
            assert_eq!(control.health().await.unwrap().start_id, "first");
        }
        control.health().await
    };
    let (gone, ()) = tokio::join!(ask, serve);
    assert!(matches!(gone, Err(ClientError::Unreachable { .. } | ClientError::Broken(_))), "{gone:?}");
    for _ in 0..2 {
        let proxy = Proxy::start(&args).await.unwrap();
        assert_ne!(control.health().await.unwrap().start_id, "first");
        assert!(proxy.stop(std::time::Duration::from_secs(1)).await, "an idle caller is not waited for");
    }
}

#[tokio::test]
async fn slots_that_moved_are_taken_within_an_epoch() {
    let rig = Rig::start().await;
    let current = rig.routing(7, 10_000);
    rig.tell(&current).await;
    let mut moved = current.clone();
    moved.slots.blue = current.slots.green.clone();
    rig.tell(&moved).await;
    assert_eq!(get(rig.address, "/", &[]).await.body, "green", "the address of blue is that of green now");
    moved.split.blue = 9_999;
    moved.split.green = 1;
    assert_eq!(refused(rig.control.put_routing(&moved).await).code, code::EPOCH_CONFLICT);
    rig.tell(&current).await;
    assert_eq!(get(rig.address, "/", &[]).await.body, "blue");
}
