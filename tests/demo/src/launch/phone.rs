//! The phone of those on call: takes alerts as an Alertmanager does, and counts them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// More than any alert has.
const LETTER_BYTES_MAX: usize = 256 * 1024;

/// A phone that answers.
pub struct Phone {
    /// The manifest of the route that leads here.
    pub route: String,
    calls: Arc<AtomicUsize>,
    answering: JoinHandle<()>,
}

impl Phone {
    /// Listens, and writes a route that leads here into a folder.
    pub async fn connect(folder: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let route = folder.join("route.yaml");
        let manifest = format!(
            "apiVersion: meridian.dev/v1\nkind: NotificationRoute\nmetadata: {{name: on-call}}\nspec:\n  match: {{severity: \
             critical}}\n  receivers:\n    - {{name: phone, alertmanager: {{url: \"http://{address}\"}}}}\n"
        );
        std::fs::write(&route, manifest)?;
        let calls = Arc::new(AtomicUsize::new(0));
        let answering = tokio::spawn(answer(listener, calls.clone()));
        Ok(Self { route: route.display().to_string(), calls, answering })
    }

    /// Ends it, and says how often it rang.
    pub async fn hang_up(self) -> usize {
        self.answering.abort();
        // Cut off on purpose: it listens for ever.
        let _cut_off = self.answering.await;
        self.calls.load(Ordering::Relaxed)
    }
}

/// One letter after the other.
async fn answer(listener: TcpListener, calls: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        if taken(stream).await.is_ok() {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Reads a whole request and says yes.
async fn taken(mut stream: TcpStream) -> std::io::Result<()> {
    let mut letter = Vec::new();
    while !is_whole(&letter) {
        let read = stream.read_buf(&mut letter).await?;
        if read == 0 || letter.len() > LETTER_BYTES_MAX {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await
}

fn is_whole(letter: &[u8]) -> bool {
    let text = String::from_utf8_lossy(letter);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
