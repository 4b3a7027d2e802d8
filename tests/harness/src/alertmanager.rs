//! A real Alertmanager that notifies nobody: what it knows is asked of it. It knows no rollout.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ground;
use crate::process::{Program, Running, tool};
use crate::wait::wait_until;

/// How long it may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// An Alertmanager of its own.
pub struct Alertmanager {
    running: Running,
    address: SocketAddr,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts it at an address and waits until it is ready.
    ///
    /// # Errors
    /// If it is not installed or does not start; its log is kept in the message.
    pub async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let folder = ground::folder()?;
        let config = folder.path().join("alertmanager.yaml");
        std::fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")?;
        let program = Program::new(tool("prometheus-alertmanager")?, folder.path().join("alertmanager.log")).args([
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
            // Alone: nobody to gossip with.
            "--cluster.listen-address=".to_owned(),
        ]);
        let alertmanager = Self { running: program.start()?, address, _folder: folder };
        let ready = wait_until("Alertmanager to be ready", START_MAX, || alertmanager.get("/-/ready")).await;
        ready.with_context(|| std::fs::read_to_string(alertmanager.running.log()).unwrap_or_default())?;
        Ok(alertmanager)
    }

    /// The alerts that it has open, as its API answers.
    pub async fn alerts(&self) -> Option<String> {
        self.get("/api/v2/alerts").await
    }

    /// How many alerts it was ever sent, open or resolved.
    pub async fn received(&self) -> Option<u64> {
        let metrics = self.get("/metrics").await?;
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("alertmanager_alerts_received_total{") && line.contains("version=\"v2\""));
        Some(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
    }
}
