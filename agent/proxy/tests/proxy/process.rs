//! What only a process can show: restarts, signals, exit codes, output.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use http::StatusCode;
use meridian_proxy::control::{ClientError, ControlClient};
use meridian_proxy::twin_file::TwinFile;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::backend::Backend;
use super::client::{Client, get};
use super::rig::routing;
use super::transport::{open_tunnel, shout};

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian-proxy"));
    command.args(["--listen", "127.0.0.1:0"]);
    command.arg("--control").arg(folder.join("control.sock"));
    command.arg("--state").arg(folder.join("state.json"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Program {
    child: Option<Child>,
    address: SocketAddr,
    control: ControlClient,
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Program {
    async fn start(folder: &Path) -> Self {
        let mut child = command(folder).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let line = spawn_blocking(move || BufReader::new(stdout).lines().next().unwrap().unwrap());
        let line = timeout(Duration::from_secs(10), line).await.unwrap().unwrap();
        let address = line.strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child: Some(child), address, control: ControlClient::new(folder.join("control.sock")) }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    async fn ended(mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let ended = spawn_blocking(move || child.wait().unwrap());
        timeout(Duration::from_secs(10), ended).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_restart_serves_the_last_split() {
    let (folder, blue, green) = (TempDir::new().unwrap(), Backend::start("blue").await, Backend::start("green").await);
    let first = Program::start(folder.path()).await;
    let start_id = first.control.stats().await.unwrap().start_id;
    for counter in 1..=3 {
        let split = if counter % 2 == 1 { 0 } else { 10_000 };
        first.control.put_routing(&routing(counter, split, blue.address, green.address)).await.unwrap();
    }
    first.signal(Signal::SIGKILL);
    assert!(!first.ended().await.success());

    // The control socket of the killed one is still there, and is taken over.
    let second = Program::start(folder.path()).await;
    assert_eq!(get(second.address, "/", &[]).await.body, "green", "served before anybody tells anything");
    let kept = second.control.get_routing().await.unwrap().unwrap();
    assert_eq!(kept, routing(3, 0, blue.address, green.address));
    let lower = second.control.put_routing(&routing(2, 10_000, blue.address, green.address)).await;
    assert!(matches!(lower, Err(ClientError::Refused(_))), "the fence outlives the process: {lower:?}");
    assert_ne!(second.control.stats().await.unwrap().start_id, start_id);
    second.signal(Signal::SIGTERM);
    assert!(second.ended().await.success());
}

#[tokio::test]
async fn a_corrupt_state_file_stops_the_start() {
    type Spoil = fn(&Path);
    let not_ours: Spoil = |state| std::fs::write(state, r#"{"form":1,"routing":{}}"#).unwrap();
    let empty: Spoil = |state| std::fs::write(state, "").unwrap();
    let another_form: Spoil = |state| keep(state, r#"{"form":1,"routing":null}"#);
    let another_shape: Spoil = |state| keep(state, r#"{"form":2,"routing":{"epoch":1}}"#);
    let both_torn: Spoil = |state| {
        keep(state, "");
        std::fs::write(state, vec![0; std::fs::read(state).unwrap().len()]).unwrap();
    };
    for spoil in [not_ours, empty, another_form, another_shape, both_torn] {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state.json");
        spoil(&state);
        let before = std::fs::read(&state).unwrap();
        let mut command = command(folder.path());
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("is corrupt") && error.contains("state.json"), "{error}");
        assert!(std::fs::read(&state).unwrap() == before, "the evidence stays");
    }
}

fn keep(state: &Path, value: &str) {
    TwinFile::open(state).unwrap().0.write(value.as_bytes()).unwrap();
}

/// The last page is spoilt while nobody looks, as by a crash in the middle of a write.
#[tokio::test]
async fn a_torn_routing_leaves_the_one_before() {
    let (folder, blue, green) = (TempDir::new().unwrap(), Backend::start("blue").await, Backend::start("green").await);
    let program = Program::start(folder.path()).await;
    for (counter, split) in [(1, 0), (2, 10_000)] {
        program.control.put_routing(&routing(counter, split, blue.address, green.address)).await.unwrap();
    }
    program.signal(Signal::SIGKILL);
    program.ended().await;
    let state = folder.path().join("state.json");
    let mut bytes = std::fs::read(&state).unwrap();
    let last = bytes.windows(13).position(|at| at == br#""blue":10000,"#).unwrap();
    bytes[last] = b'X';
    std::fs::write(&state, bytes).unwrap();
    let program = Program::start(folder.path()).await;
    assert_eq!(get(program.address, "/", &[]).await.body, "green");
    assert_eq!(program.control.get_routing().await.unwrap().unwrap().epoch.counter, 1);
    program.control.put_routing(&routing(2, 10_000, blue.address, green.address)).await.unwrap();
    assert_eq!(get(program.address, "/", &[]).await.body, "blue");
}

#[tokio::test]
async fn sigterm_lets_requests_and_tunnels_end() {
    let (folder, blue) = (TempDir::new().unwrap(), Backend::start("blue").await);
    let program = Program::start(folder.path()).await;
    program.control.put_routing(&routing(1, 10_000, blue.address, blue.address)).await.unwrap();
    let (mut first, mut second) = (Client::http1(program.address).await, Client::http2(program.address).await);
    let mut held = JoinSet::new();
    held.spawn(async move { first.get("/held", &[]).await });
    held.spawn(async move { second.get("/held", &[]).await });
    blue.wait_held(2).await;
    let (mut tunnel, _) = open_tunnel(program.address).await;
    let mut idle = TcpStream::connect(program.address).await.unwrap();
    let (address, control) = (program.address, program.control.clone());
    program.signal(Signal::SIGTERM);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let closed = timeout(Duration::from_secs(2), idle.read(&mut [0; 1])).await.expect("idle ones are closed at once");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    assert!(control.health().await.unwrap().draining);
    shout(&mut tunnel, "still here").await;
    blue.seen.release.add_permits(2);
    while let Some(reply) = held.join_next().await {
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "blue"));
    }
    let before = Instant::now();
    drop(tunnel);
    assert!(program.ended().await.success());
    assert!(before.elapsed() < Duration::from_secs(3), "nothing is waited for when all is done");
    assert!(!folder.path().join("control.sock").exists());
}
