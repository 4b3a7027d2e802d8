//! The servers of a fleet: equal replicas on one store, each on its own ports, started, ended, killed and frozen one by
//! one. It knows processes; it does not know what a server decides.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;

use crate::authority::{Authority, Identity};
use crate::ground;
use crate::process::{Program, Running, program};

/// A server told to go away does so within its drain; on a busy machine it may take somewhat longer.
const END_MAX: Duration = Duration::from_secs(15);

/// One replica: its ports stay the same over all its lives.
#[derive(Debug)]
struct Replica {
    grpc: SocketAddr,
    http: SocketAddr,
    running: Option<Running>,
}

/// Equal servers on one store.
#[derive(Debug)]
pub struct Servers {
    folder: PathBuf,
    /// What every one of them is started with besides its ports.
    args: Vec<String>,
    scheme: &'static str,
    replicas: Vec<Replica>,
}

/// Where servers keep their records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Records {
    /// In a folder of one server.
    Folder(PathBuf),
    /// In an etcd, by its client address.
    Etcd(String),
}

impl Servers {
    /// So many servers that do not run yet. Their logs go to `folder`.
    ///
    /// # Errors
    /// If there are no free ports.
    pub fn new(count: usize, folder: &Path, records: &Records, authority: Option<&Authority>) -> anyhow::Result<Self> {
        anyhow::ensure!(count == 1 || matches!(records, Records::Etcd(_)), "several servers share an etcd");
        let mut replicas = Vec::with_capacity(count);
        for _ in 0..count {
            replicas.push(Replica { grpc: ground::free_address()?, http: ground::free_address()?, running: None });
        }
        let mut args = vec!["serve".to_owned()];
        match authority {
            None => args.push("--plaintext".to_owned()),
            Some(authority) => {
                let Identity { ca, cert, key } = authority.identity("server");
                for (flag, file) in [("--tls-client-ca", ca), ("--tls-cert", cert), ("--tls-key", key)] {
                    args.extend([flag.to_owned(), file.display().to_string()]);
                }
            }
        }
        let (kind, flag, place) = match records {
            Records::Folder(folder) => ("embedded", "--data", folder.display().to_string()),
            Records::Etcd(endpoint) => ("etcd", "--etcd", endpoint.clone()),
        };
        args.extend(["--store", kind, flag, &place].map(str::to_owned));
        let scheme = if authority.is_some() { "https" } else { "http" };
        Ok(Self { folder: folder.to_owned(), args, scheme, replicas })
    }

    /// How many there are, running or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.replicas.len()
    }

    /// Starts one, on the same ports each time.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let log = self.log(index);
        let replica = &self.replicas[index];
        let ports = ["--listen".to_owned(), replica.grpc.to_string(), "--http".to_owned(), replica.http.to_string()];
        let program = Program::new(program("meridian-server")?, log).args(&self.args).args(ports);
        self.replicas[index].running = Some(program.start()?);
        Ok(())
    }

    /// Kills one as a power cut would.
    pub fn kill(&mut self, index: usize) {
        self.replicas[index].running = None;
    }

    /// Tells one to go away, and waits until it has.
    pub fn end(&mut self, index: usize) {
        if let Some(mut running) = self.replicas[index].running.take() {
            running.end(END_MAX);
        }
    }

    /// Sends one a signal.
    ///
    /// # Errors
    /// If it does not run.
    pub fn signal(&self, index: usize, signal: Signal) -> anyhow::Result<()> {
        self.replicas[index].running.as_ref().context("this server does not run")?.signal(signal)
    }

    /// One's pid, if it runs.
    #[must_use]
    pub fn pid(&self, index: usize) -> Option<u32> {
        self.replicas[index].running.as_ref().map(Running::pid)
    }

    /// One's address as `host:port`.
    #[must_use]
    pub fn address(&self, index: usize) -> SocketAddr {
        self.replicas[index].grpc
    }

    /// One's address for metrics and health.
    #[must_use]
    pub fn http(&self, index: usize) -> SocketAddr {
        self.replicas[index].http
    }

    /// One's address as a URL.
    #[must_use]
    pub fn url(&self, index: usize) -> String {
        format!("{}://{}", self.scheme, self.address(index))
    }

    /// Where one writes its log.
    #[must_use]
    pub fn log(&self, index: usize) -> PathBuf {
        self.folder.join(format!("server-{index}.log"))
    }
}
