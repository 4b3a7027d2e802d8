//! The program itself, with real processes and the real proxy: what it leaves running, what it finds again, what it says.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use meridian_core::digest::Digest;
use meridian_core::goal::SlotGoal;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::Slot;
use meridian_drivers::conformance::free_address;
use meridian_drivers::process::ProcessConfig;
use meridian_drivers::proxy::ProxyConfig;
use meridian_drivers::{TrafficConfig, WorkloadConfig, open_traffic, open_workload};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;

use crate::bench::{PATIENCE, goal};
use crate::server::FakeServer;

const AGENT: &str = env!("CARGO_BIN_EXE_meridian-agent");

#[test]
fn a_bad_configuration_is_named_and_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    let text = "region: eu\nservers: [\"localhost:1\"]\nstate_dir: /nowhere\nlanes: []\n";
    std::fs::write(&path, text).unwrap();
    let output = Command::new(AGENT).arg("--config").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("`lanes` has 0 entries"), "{words}");
}

#[tokio::test]
async fn the_region_goes_on_without_its_agent_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let region = Region::new(folder.path());
    let story = tokio::spawn(story(region.clone()));
    let told = story.await;
    // Whatever happened, nothing is left running.
    region.take_down().await;
    if let Err(error) = told {
        let log = std::fs::read_to_string(folder.path().join("agent.log"));
        panic!("{error}\n{}", log.unwrap_or_default());
    }
}

async fn story(region: Region) {
    let mut server = FakeServer::start().await;
    region.configure(server.address);
    let (one, two) = (region.release("1.0.0"), region.release("2.0.0"));
    let base = goal(1, SlotGoal::Run(one.clone()), SlotGoal::Empty, 0);
    let switched = goal(2, SlotGoal::Run(one), SlotGoal::Run(two), 100);

    let agent = region.start_agent();
    let mut session = server.session().await;
    session.send(std::slice::from_ref(&base)).await;
    session.done(&base).await;
    assert_eq!(region.version().await, "1.0.0");
    assert!(get(region.metrics, "/healthz").await.ends_with("ok\n"));
    let metrics = get(region.metrics, "/metrics").await;
    assert!(metrics.contains("meridian_agent_link_connected 1"), "{metrics}");
    println!("agent: {}", resident(&agent));
    assert_eq!(end(agent, Signal::SIGTERM).await, Some(0));
    assert_eq!(region.version().await, "1.0.0", "the end of the agent ends nothing else");

    let agent = region.start_agent();
    let mut session = server.session().await;
    session.done(&base).await;
    session.send(std::slice::from_ref(&switched)).await;
    session.done(&switched).await;
    assert_eq!(region.version().await, "2.0.0");
    assert_eq!(end(agent, Signal::SIGKILL).await, None);
    assert_eq!(region.version().await, "2.0.0");

    let agent = region.start_agent();
    let mut session = server.session().await;
    session.done(&switched).await;
    assert_eq!(end(agent, Signal::SIGTERM).await, Some(0));
}

/// Folders and addresses of one lane on this machine.
#[derive(Clone)]
struct Region {
    folder: PathBuf,
    entrance: SocketAddr,
    metrics: SocketAddr,
}

impl Region {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir(folder.join("artifacts")).unwrap();
        Self { folder: folder.to_owned(), entrance: free_address(), metrics: free_address() }
    }

    /// An artifact as the sample reads it, under its digest.
    fn release(&self, version: &str) -> ReleaseRef {
        let text =
            format!(r#"{{"name":"skyoptima","version":"{version}","error_ratio":0.0,"latency_ms":0,"start_ms":20}}"#);
        let digest = Digest::of(text.as_bytes());
        std::fs::write(self.folder.join("artifacts").join(digest.hex()), text).unwrap();
        ReleaseRef { version: version.parse().unwrap(), digest }
    }

    fn workload(&self) -> ProcessConfig {
        let sample = program("skyoptima").display().to_string();
        let words = [sample.as_str(), "--listen", "{address}", "--artifact", "{artifact}"];
        let command = words.map(str::to_owned).to_vec();
        ProcessConfig::new(self.folder.join("slots"), self.folder.join("artifacts"), command)
    }

    fn traffic(&self) -> ProxyConfig {
        let mut config = ProxyConfig::new(self.folder.join("proxy"), self.entrance);
        config.binary = Some(program("meridian-proxy"));
        config
    }

    /// JSON is YAML, so the drivers' own spelling is used.
    fn configure(&self, server: SocketAddr) {
        let workload = serde_json::to_string(&WorkloadConfig::Process(self.workload())).unwrap();
        let traffic = serde_json::to_string(&TrafficConfig::Proxy(self.traffic())).unwrap();
        let (state, metrics) = (self.folder.join("state"), self.metrics);
        let text = format!(
            "region: eu-west-1\nservers: [\"{server}\"]\nplaintext: true\nstate_dir: {}\nmetrics: \"{metrics}\"\n\
             lanes:\n  - service: shop\n    workload: {workload}\n    traffic: {traffic}\n",
            state.display()
        );
        std::fs::write(self.folder.join("agent.yaml"), text).unwrap();
    }

    fn start_agent(&self) -> Child {
        let path = self.folder.join("agent.log");
        let mut log = std::fs::File::options().create(true).append(true).open(path).unwrap();
        writeln!(log, "--- start").unwrap();
        let mut command = tokio::process::Command::new(AGENT);
        command
            .arg("--config")
            .arg(self.folder.join("agent.yaml"))
            .args(["--log-format", "json"])
            .env("RUST_LOG", "debug,h2=info,hyper=info,hyper_util=info,tower=info")
            .stdin(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        command.spawn().unwrap()
    }

    /// Which release answers at the entrance.
    async fn version(&self) -> String {
        let answer = get(self.entrance, "/").await;
        let header = answer.lines().find_map(|line| line.strip_prefix("x-skyoptima-version: "));
        header.unwrap_or_else(|| panic!("{answer}")).trim().to_owned()
    }

    async fn take_down(&self) {
        let slots = open_workload(WorkloadConfig::Process(self.workload())).await.unwrap();
        let (blue, green) = tokio::join!(slots.stop(Slot::Blue), slots.stop(Slot::Green));
        let proxy = open_traffic(TrafficConfig::Proxy(self.traffic())).await.unwrap();
        let retired = proxy.retire().await;
        assert_eq!((blue, green, retired), (Ok(()), Ok(()), Ok(())));
    }
}

/// A program of this workspace, built beside the agent.
fn program(name: &str) -> PathBuf {
    let path = Path::new(AGENT).with_file_name(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace --bins`", path.display());
    path
}

async fn end(mut agent: Child, signal: Signal) -> Option<i32> {
    let pid = i32::try_from(agent.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), signal).unwrap();
    timeout(PATIENCE, agent.wait()).await.expect("it does not end").unwrap().code()
}

fn resident(agent: &Child) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or("VmRSS unknown").to_owned()
}

async fn get(address: SocketAddr, path: &str) -> String {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    timeout(PATIENCE, asking).await.expect("no answer").unwrap()
}
