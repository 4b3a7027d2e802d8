//! Limits of connections: what does not speak, or speaks something else, is let go.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use meridian_proto::r#gen::v1;

use crate::support::{PATIENCE, Server, why};

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let server = Server::plain().await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(server.running.grpc_addr).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(began.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn who_speaks_something_else_is_let_go_and_others_are_not_disturbed() {
    let server = Server::plain().await;
    for words in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "garbage garbage garbage garbage"] {
        let mut stranger = TcpStream::connect(server.running.grpc_addr).await.unwrap();
        stranger.write_all(words.as_bytes()).await.unwrap();
        stranger.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Cut or closed: both are fine, staying open is not.
        let _ended = tokio::time::timeout(PATIENCE, stranger.read_to_end(&mut rest)).await.unwrap();
    }
    server.put_service("services/a").await;
}

#[tokio::test]
async fn a_deadline_of_the_caller_is_kept() {
    let server = Server::plain().await;
    let mut request = tonic::Request::new(v1::ListServicesRequest::default());
    request.metadata_mut().insert("grpc-timeout", "0n".parse().unwrap());
    let refused = server.services().list_services(request).await.unwrap_err();
    assert_eq!(why(&refused), (Code::DeadlineExceeded, "DEADLINE_PASSED".to_owned()));
}
