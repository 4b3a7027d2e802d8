//! A real Prometheus and what it scrapes: numbers that a test says. It knows no rollout.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ground;
use crate::process::{Program, Running, tool};
use crate::wait::wait_until;

/// How long it may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// How often it scrapes: quicker than in production, where nobody waits for a test.
const SCRAPE: &str = "200ms";

/// Serves metrics as text.
pub struct Exporter {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
    serving: JoinHandle<()>,
}

impl Exporter {
    /// Serves this text until it is told another.
    ///
    /// # Errors
    /// If nobody may listen.
    pub async fn start(text: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, text) = (listener.local_addr()?, Arc::new(Mutex::new(text.to_owned())));
        let said = Arc::clone(&text);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let text = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // One that hangs up is asked again by its own clock.
                let _hung_up = answer(stream, &text).await;
            }
        });
        Ok(Self { address, text, serving })
    }

    /// Says something else from now on.
    pub fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let mut read = 0;
    while read < request.len() && !request[..read].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut request[read..]).await? {
            0 => return Ok(()),
            more => read += more,
        }
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{text}", text.len()).as_bytes()).await?;
    stream.shutdown().await
}

/// A Prometheus that scrapes one exporter.
pub struct Prometheus {
    running: Running,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it and waits until it has scraped the exporter.
    ///
    /// # Errors
    /// If it is not installed or does not start; its log is kept in the message.
    pub async fn start(exporter: &Exporter) -> anyhow::Result<Self> {
        let (folder, address) = (ground::folder()?, ground::free_address()?);
        let config = folder.path().join("prometheus.yaml");
        // JSON is YAML.
        let scraped = serde_json::json!({
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE},
            "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": [exporter.address.to_string()]}]}],
        });
        std::fs::write(&config, scraped.to_string())?;
        let program = Program::new(tool("prometheus")?, folder.path().join("prometheus.log")).args([
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
        ]);
        let running = program.start()?;
        let prometheus = Self { running, address, _folder: folder };
        let ready = wait_until("Prometheus to scrape", START_MAX, || prometheus.has_scraped()).await;
        ready.with_context(|| std::fs::read_to_string(prometheus.running.log()).unwrap_or_default())?;
        Ok(prometheus)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    async fn has_scraped(&self) -> Option<()> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(b"GET /api/v1/query?query=up%3D%3D1 HTTP/1.0\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.contains("\"value\"").then_some(())
    }
}
