//! The program itself: its one line on standard output, its end when told to go away, its small footprint.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{PATIENCE, raw_http};

pub struct Program {
    pub child: Child,
    pub grpc: String,
    http: String,
}

pub async fn run(options: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian-server"));
    command.args(["--plaintext", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]).args(options);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let rest = line.strip_prefix("listening grpc=").unwrap_or_else(|| panic!("{line}"));
    let (grpc, http) = rest.split_once(" http=").unwrap();
    Program { child, grpc: grpc.to_owned(), http: http.to_owned() }
}

#[tokio::test]
async fn it_says_where_it_listens_and_goes_away_when_told() {
    let mut program = run(&["--store", "memory"]).await;
    assert_eq!(raw_http::get(program.http.parse().unwrap(), "/readyz").await.0, 200);
    let pid = program.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = tokio::time::timeout(PATIENCE, program.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_was_written_is_there_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let mut first = run(&["--store", "embedded", "--data", data]).await;
    let mut services = meridian_proto::r#gen::v1::service_service_client::ServiceServiceClient::connect(format!(
        "http://{}",
        first.grpc
    ))
    .await
    .unwrap();
    let service = meridian_proto::r#gen::v1::Service { name: "services/a".to_owned(), ..Default::default() };
    let request = meridian_proto::r#gen::v1::UpdateServiceRequest {
        service: Some(service),
        allow_missing: true,
        ..Default::default()
    };
    services.update_service(request).await.unwrap();
    // No farewell: what was acknowledged has to be on disk.
    first.child.kill().await.unwrap();
    let second = run(&["--store", "embedded", "--data", data]).await;
    let mut services = meridian_proto::r#gen::v1::service_service_client::ServiceServiceClient::connect(format!(
        "http://{}",
        second.grpc
    ))
    .await
    .unwrap();
    let request = meridian_proto::r#gen::v1::GetServiceRequest { name: "services/a".to_owned() };
    services.get_service(request).await.unwrap();
}

#[tokio::test]
async fn options_that_do_not_fit_end_it_with_a_word() {
    let program = || Command::new(env!("CARGO_BIN_EXE_meridian-server"));
    let output = program().args(["--store", "memory"]).output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--plaintext"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let made = program().args(["ca", "init", "--dir", path]).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let out = dir.path().join("out");
    let issue = ["ca", "issue", "--dir", path, "--region", "eu", "--out", out.to_str().unwrap()];
    let issued = program().args(issue).output().await.unwrap();
    assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
    assert!(out.join("region-eu.pem").exists() && out.join("region-eu.key").exists());
}
