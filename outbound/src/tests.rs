//! Answers that are taken, answers that are not, and what is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const LIMITS: Limits = Limits { time: Duration::from_millis(500), body_bytes: 1000, tries: 3 };

fn letter(url: String) -> Letter {
    Letter { method: Method::GET, url, headers: Vec::new(), body: Bytes::new() }
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[tokio::test]
async fn answers_are_bounded_and_redirects_not_followed() {
    let (elsewhere, followed) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(0));
    let counted = Arc::clone(&elsewhere);
    let routes = Router::new()
        .route("/good", get(async || "fine"))
        .route(
            "/echo",
            post(async |headers: axum::http::HeaderMap, body: String| {
                format!("{} {body}", headers["x-of"].to_str().unwrap())
            }),
        )
        .route("/long", get(async || "x".repeat(1001)))
        .route("/just", get(async || "x".repeat(1000)))
        .route("/never", get(async || std::future::pending::<()>().await))
        .route("/moved", get(async || Redirect::temporary("/elsewhere")))
        .route("/elsewhere", get(async move || counted.fetch_add(1, Ordering::SeqCst).to_string()));
    let url = serve(routes).await;
    let outbound = Outbound::new(Trust::System);
    let get = async |path: &str| outbound.send(&letter(format!("{url}{path}")), LIMITS).await;
    assert_eq!(get("/good").await.unwrap(), Reply { status: StatusCode::OK, body: Bytes::from_static(b"fine") });
    assert_eq!(get("/just").await.unwrap().body.len(), 1000);
    assert!(matches!(get("/long").await, Err(SendError::TooLarge(1000))));
    assert!(matches!(get("/never").await, Err(SendError::Late(_))));
    assert_eq!(get("/moved").await.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(elsewhere.load(Ordering::SeqCst), followed.into_inner());
    let headers = vec![(HeaderName::from_static("x-of"), HeaderValue::from_static("us"))];
    let said = Letter { method: Method::POST, headers, body: "hello".into(), ..letter(format!("{url}/echo")) };
    assert_eq!(outbound.send(&said, LIMITS).await.unwrap().body, "us hello");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let asked = Arc::new(AtomicU32::new(0));
    let of = |status: fn(u32) -> StatusCode| {
        let asked = Arc::clone(&asked);
        get(async move || status(asked.fetch_add(1, Ordering::SeqCst)))
    };
    let routes = Router::new()
        .route("/twice", of(|n| if n < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }))
        .route("/busy", of(|_| StatusCode::TOO_MANY_REQUESTS))
        .route("/wrong", of(|_| StatusCode::BAD_REQUEST));
    let url = serve(routes).await;
    let outbound = Outbound::new(Trust::System);
    let table = [("/twice", 200, 3), ("/busy", 429, 3), ("/wrong", 400, 1)];
    for (path, status, tries) in table {
        asked.store(0, Ordering::SeqCst);
        let reply = outbound.send(&letter(format!("{url}{path}")), LIMITS).await.unwrap();
        assert_eq!((reply.status.as_u16(), asked.load(Ordering::SeqCst)), (status, tries), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_address_and_nobody_is_told_apart() {
    let outbound = Outbound::new(Trust::System);
    for url in ["", "/x", "ftp://host/", "http://me:secret@host/", "http://", "nonsense"] {
        assert!(matches!(outbound.send(&letter(url.to_owned()), LIMITS).await, Err(SendError::Address(_))), "{url}");
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(outbound.send(&letter(nobody), LIMITS).await, Err(SendError::Unreachable { .. })));
}

#[tokio::test]
async fn only_who_is_believed_is_spoken_with() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine").await;
            let _ = stream.shutdown().await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (ours, empty) = (folder.path().join("ours.pem"), folder.path().join("empty.pem"));
    std::fs::write(&ours, cert.pem()).unwrap();
    std::fs::write(&empty, "").unwrap();
    let by = async |trust| Outbound::new(trust).send(&letter(url.clone()), LIMITS).await;
    assert_eq!(by(Trust::File(ours)).await.unwrap().body, "fine");
    assert!(matches!(by(Trust::File(empty)).await, Err(SendError::Trust(TrustError::Empty(_)))));
    let missing = folder.path().join("missing.pem");
    assert!(matches!(by(Trust::File(missing)).await, Err(SendError::Trust(TrustError::Unreadable { .. }))));
    let stranger = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, stranger).unwrap();
    assert!(matches!(by(Trust::File(other)).await, Err(SendError::Unreachable { .. })));
}

#[tokio::test]
async fn nobody_is_asked_for_the_machines_own_keys() {
    let outbound = Outbound::new(Trust::System);
    for host in
        ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0", "[::]", "224.0.0.1", "[fd00:ec2::254]"]
    {
        let refused = outbound.send(&letter(format!("http://{host}/latest/meta-data")), LIMITS).await.unwrap_err();
        let SendError::Unreachable { source, .. } = refused else { panic!("{host}: {refused:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied, "{host}: {source}");
    }
}
