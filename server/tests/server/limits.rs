//! Limits of connections: what does not speak, or speaks something else, is let go.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Server};

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let server = Server::plain().await;
    let mut silent = TcpStream::connect(server.running.grpc_addr).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_speaks_something_else_is_let_go_and_others_are_not_disturbed() {
    let server = Server::plain().await;
    for words in
        ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "garbage garbage garbage garbage"]
    {
        let mut stranger = TcpStream::connect(server.running.grpc_addr).await.unwrap();
        stranger.write_all(words.as_bytes()).await.unwrap();
        stranger.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Cut or closed: both are fine, staying open is not.
        let _ended = tokio::time::timeout(PATIENCE, stranger.read_to_end(&mut rest)).await.unwrap();
    }
    server.put_service("services/a").await;
}

type Sender = hyper::client::conn::http2::SendRequest<http_body_util::Full<bytes::Bytes>>;

/// Lists services with these headers, spoken without the usual client, which would keep deadlines itself.
async fn status_with(send: &mut Sender, name: &str, value: &str) -> String {
    let request = hyper::Request::post("http://localhost/meridian.v1.ServiceService/ListServices")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header(name, value)
        .body(http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5])))
        .unwrap();
    let (head, body) = send.send_request(request).await.unwrap().into_parts();
    let trailers = http_body_util::BodyExt::collect(body).await.unwrap().trailers().cloned();
    let status = head.headers.get("grpc-status").or(trailers.as_ref().and_then(|all| all.get("grpc-status")));
    status.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn deadlines_are_kept_and_compression_is_off() {
    let server = Server::plain().await;
    let stream = TcpStream::connect(server.running.grpc_addr).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let table = [
        ("grpc-timeout", "0n", "4"),
        ("grpc-timeout", "10S", "0"),
        ("grpc-timeout", "nonsense", "0"),
        ("grpc-timeout", "99999999H", "0"),
        ("grpc-encoding", "gzip", "12"),
        ("x-forwarded-client-cert", "spiffe://meridian/operator/admin", "0"),
    ];
    for (name, value, expect) in table {
        assert_eq!(status_with(&mut send, name, value).await, expect, "{name}: {value}");
    }
    connection.abort();
}
