//! A real etcd for tests and benchmarks: on loopback, on free ports, in a folder of its own, gone when dropped. Can be
//! stopped, continued, killed and started again on the same data. Not for production.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use thiserror::Error;

use super::{EtcdOptions, EtcdStore, TlsFiles};
use crate::{Key, Store};

/// How long etcd may take until it answers, an election included.
const READY: Duration = Duration::from_secs(30);
/// Another process may take a free port before etcd does; then all is begun anew.
const STARTS: u32 = 5;

/// Why there is no etcd.
#[derive(Debug, Error)]
pub enum EtcdProcessError {
    /// No program to run.
    #[error(
        "no etcd found in $ETCD_BIN, .tools/, $PATH or /usr/bin. \
         Install it: apt-get install -y --no-install-recommends etcd-server"
    )]
    Missing,
    /// It could not be run.
    #[error("etcd: {0}")]
    Io(#[from] std::io::Error),
    /// It ran, but ended or did not answer in time. Its own words are in the log file.
    #[error("etcd did not start ({reason}); the end of its log:\n{log}")]
    NotReady {
        /// What was seen.
        reason: String,
        /// The last lines it wrote.
        log: String,
    },
}

/// Certificates for an etcd that asks its clients for theirs.
#[derive(Debug, Clone)]
pub struct EtcdTls {
    /// The member's certificate, valid for 127.0.0.1.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signs the clients' certificates.
    pub client_ca: PathBuf,
    /// What a client that is let in shows; used to see whether the member is ready.
    pub client: TlsFiles,
}

/// A member that runs.
pub struct EtcdProcess {
    name: String,
    client_port: u16,
    arguments: Vec<OsString>,
    folder: TempDir,
    tls: Option<EtcdTls>,
    child: Option<Child>,
}

impl EtcdProcess {
    /// Starts a cluster of one and waits until it answers.
    ///
    /// # Errors
    /// [`EtcdProcessError`] says why it did not; a test should fail with it, not be skipped.
    pub async fn start() -> Result<Self, EtcdProcessError> {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with further arguments to etcd.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(extra: &[&str]) -> Result<Self, EtcdProcessError> {
        Self::only(Self::start_members(1, extra, None).await?)
    }

    /// As [`Self::start`], reachable by `https` only and for clients with a certificate only.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_tls(tls: EtcdTls) -> Result<Self, EtcdProcessError> {
        Self::only(Self::start_cluster_tls(1, tls).await?)
    }

    /// As [`Self::start_cluster`], reachable as in [`Self::start_tls`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_cluster_tls(count: usize, tls: EtcdTls) -> Result<Vec<Self>, EtcdProcessError> {
        Self::start_members(count, &[], Some(tls)).await
    }

    fn only(mut members: Vec<Self>) -> Result<Self, EtcdProcessError> {
        members.pop().ok_or(EtcdProcessError::Missing)
    }

    /// Starts a cluster of `count` members, each a process, and waits until all answer.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_cluster(count: usize, extra: &[&str]) -> Result<Vec<Self>, EtcdProcessError> {
        Self::start_members(count, extra, None).await
    }

    async fn start_members(count: usize, extra: &[&str], tls: Option<EtcdTls>) -> Result<Vec<Self>, EtcdProcessError> {
        let mut tries = 1;
        loop {
            match Self::try_members(count, extra, tls.as_ref()).await {
                Err(EtcdProcessError::NotReady { log, .. })
                    if tries < STARTS && log.contains("address already in use") =>
                {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn try_members(count: usize, extra: &[&str], tls: Option<&EtcdTls>) -> Result<Vec<Self>, EtcdProcessError> {
        let ports = free_ports(2 * count)?;
        let peer_url = |index: usize| format!("http://127.0.0.1:{}", ports[2 * index + 1]);
        let peers: Vec<_> = (0..count).map(|index| format!("m{index}={}", peer_url(index))).collect();
        let mut members = Vec::with_capacity(count);
        for index in 0..count {
            let mut member = Self {
                name: format!("m{index}"),
                client_port: ports[2 * index],
                arguments: Vec::new(),
                folder: tempfile::Builder::new().prefix("meridian-etcd-").tempdir()?,
                tls: tls.cloned(),
                child: None,
            };
            member.set_arguments(&peer_url(index), &peers.join(","), extra);
            member.spawn()?;
            members.push(member);
        }
        for member in &mut members {
            member.ready().await?;
        }
        Ok(members)
    }

    fn set_arguments(&mut self, peer: &str, peers: &str, extra: &[&str]) {
        let client = self.endpoint();
        let named = [
            ("--name", self.name.as_str()),
            ("--listen-client-urls", &client),
            ("--advertise-client-urls", &client),
            ("--listen-peer-urls", peer),
            ("--initial-advertise-peer-urls", peer),
            ("--initial-cluster", peers),
            ("--logger", "zap"),
            ("--log-level", "warn"),
        ];
        let mut arguments: Vec<OsString> = vec!["--data-dir".into(), self.data_dir().into()];
        arguments.extend(named.into_iter().flat_map(|(name, value)| [name.into(), value.into()]));
        // Off by default in 3.4, where a member that comes back would force an election.
        arguments.push("--pre-vote=true".into());
        if let Some(tls) = &self.tls {
            let files =
                [("--cert-file", &tls.certificate), ("--key-file", &tls.key), ("--trusted-ca-file", &tls.client_ca)];
            arguments.extend(files.into_iter().flat_map(|(name, path)| [name.into(), path.into()]));
            arguments.push("--client-cert-auth=true".into());
        }
        arguments.extend(extra.iter().map(OsString::from));
        self.arguments = arguments;
    }

    /// Where clients reach it, such as `http://127.0.0.1:34567`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client_port)
    }

    /// Where clients reach each of these members.
    #[must_use]
    pub fn endpoints(members: &[Self]) -> Vec<String> {
        members.iter().map(Self::endpoint).collect()
    }

    /// Its data, kept until it is dropped.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The process, if it was not killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Stops it in its tracks (`SIGSTOP`): connections stay open, nothing answers.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn pause(&self) -> std::io::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on (`SIGCONT`).
    ///
    /// # Errors
    /// If the process is gone.
    pub fn resume(&self) -> std::io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Kills it without warning (`SIGKILL`) and waits until it is gone. Its data stays.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> std::io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts it again on the same ports and data, and waits until it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), EtcdProcessError> {
        self.kill()?;
        self.spawn()?;
        self.ready().await
    }

    fn signal(&self, signal: Signal) -> std::io::Result<()> {
        let gone = || std::io::Error::new(std::io::ErrorKind::NotFound, "etcd is not running");
        let id = self.pid().and_then(|id| i32::try_from(id).ok()).ok_or_else(gone)?;
        kill(Pid::from_raw(id), signal).map_err(std::io::Error::from)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn spawn(&mut self) -> Result<(), EtcdProcessError> {
        let log = std::fs::File::options().create(true).append(true).open(self.log_path())?;
        let child = Command::new(program()?)
            .args(&self.arguments)
            // Its own settings from the environment would mix with the arguments.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    async fn ready(&mut self) -> Result<(), EtcdProcessError> {
        let not_ready =
            |this: &Self, reason: String| EtcdProcessError::NotReady { reason, log: tail(&this.log_path()) };
        let mut options = EtcdOptions::new([self.endpoint()]);
        options.tls = self.tls.as_ref().map(|tls| tls.client.clone());
        let store = EtcdStore::connect(options).await.map_err(|error| not_ready(self, error.to_string()))?;
        let probe = Key::new("/ready").map_err(|error| not_ready(self, error.to_string()))?;
        let deadline = Instant::now() + READY;
        loop {
            let exited = match &mut self.child {
                Some(child) => child.try_wait()?,
                None => return Err(not_ready(self, "it was killed".to_owned())),
            };
            if let Some(status) = exited {
                return Err(not_ready(self, format!("{} ended with {status}", self.name)));
            }
            match store.get(&probe).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(not_ready(self, error.to_string())),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for EtcdProcess {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::error!(%error, "an etcd of a test may have been left running");
        }
    }
}

fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    // All held at once, so that no port is given out twice.
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

fn program() -> Result<PathBuf, EtcdProcessError> {
    if let Some(set) = std::env::var_os("ETCD_BIN") {
        return Ok(set.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut places = vec![root.join(".tools/etcd"), root.join(".tools/etcd/etcd"), root.join(".tools/bin/etcd")];
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path).map(|folder| folder.join("etcd")));
    places.push("/usr/bin/etcd".into());
    places.into_iter().find(|place| place.is_file()).ok_or(EtcdProcessError::Missing)
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
