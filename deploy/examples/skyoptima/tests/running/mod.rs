//! The real binary, running, and a plain HTTP/1.1 client that sees every byte. It knows no answer's meaning.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PATIENCE: Duration = Duration::from_secs(10);

/// One running `skyoptima`, killed when dropped.
pub struct Running {
    process: Child,
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Running {
    /// Starts the binary with this artifact and waits for its address.
    pub fn start(artifact: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("artifact.json");
        std::fs::write(&path, artifact).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_skyoptima"))
            .args(["--listen", "127.0.0.1:0", "--artifact"])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        Self { process, address, _folder: folder }
    }

    /// Starts and waits until `/healthz` is 200.
    pub fn ready(artifact: &str) -> Self {
        let running = Self::start(artifact);
        until("ready", || running.connect().get("/healthz").status == 200);
        running
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub fn accepts(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    pub fn terminate(&self) {
        kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM).unwrap();
    }

    pub fn ended(mut self) -> ExitStatus {
        let mut status = None;
        until("the process to end", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks again and again until `condition` holds; panics after ten seconds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// One connection, kept alive.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// One answer.
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Client {
    pub fn get(&mut self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        self.answer()
    }

    pub fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Reads one whole answer.
    pub fn answer(&mut self) -> Answer {
        let (status, headers) = self.head();
        let mut body = String::new();
        if let Some(length) = headers.get("content-length") {
            let mut bytes = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut bytes).unwrap();
            body = String::from_utf8(bytes).unwrap();
        } else if headers.contains_key("transfer-encoding") {
            while let Some(chunk) = self.chunk() {
                body.push_str(&chunk);
            }
        }
        Answer { status, headers, body }
    }

    /// Reads the head of an answer only.
    pub fn head(&mut self) -> (u16, BTreeMap<String, String>) {
        let first = self.line();
        let status = first.split(' ').nth(1).unwrap_or_else(|| panic!("{first:?}")).parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => return (status, headers),
            };
        }
    }

    /// Reads one chunk of a chunked body; `None` is its end.
    pub fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut bytes = vec![0; size + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes.truncate(size);
        (size > 0).then(|| String::from_utf8(bytes).unwrap())
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Whether the server closes the connection without sending anything more.
    pub fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
    }
}
