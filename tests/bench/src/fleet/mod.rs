//! A control plane under measurement: a real etcd, the shipped server with TLS, and stub agents in a process of their
//! own; beside it a bare server with as many stubs of its own, for the floor. The rows: `step` (P1), `rollback` (P2),
//! `breach` (P3), `crowd` (P4, P11, P12).

pub mod breach;
mod commits;
pub mod crowd;
pub mod launch;
pub mod rollback;
pub mod step;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use meridian_client::{Client, Endpoint, Tls};
use meridian_harness::{Launcher, Program, Running, ground, program, wait_until};
use meridian_store::etcd::testing::EtcdProcess;
use tempfile::TempDir;

use crate::bare::Bare;
use crate::cas::Cas;
use crate::pki::{Authority, IssuedFiles, Subject};
use crate::stub::{Stub, Stubs};
use commits::Commits;

/// How long a server may take to answer on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// One call may wait behind the commits of a large rollout.
const CALL_MAX: Duration = Duration::from_secs(30);

/// How large a rig is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Regions, each with an agent.
    pub regions: usize,
    /// In how many of them the first service runs.
    pub lanes: usize,
    /// Members of the etcd cluster.
    pub etcd_nodes: usize,
}

impl Shape {
    /// So many regions, with the first service in all of them, on one etcd.
    #[must_use]
    pub const fn of(regions: usize) -> Self {
        Self { regions, lanes: regions, etcd_nodes: 1 }
    }
}

/// Everything that one row needs. Dropping it ends every process.
pub struct Rig {
    /// How many regions.
    pub count: usize,
    /// Plans, starts and takes back.
    pub launcher: Launcher,
    /// When which decision was committed.
    pub commits: Commits,
    /// The floor's own key in the same etcd.
    pub cas: Cas,
    /// The agents of the server.
    pub stub: Stub,
    /// The floor's server.
    pub bare: Bare,
    /// The agents of the floor.
    pub bare_stub: Stub,
    server: Running,
    etcd: Vec<EtcdProcess>,
    folder: TempDir,
}

impl Rig {
    /// Starts everything, with every region connected twice: to the server and to the floor's.
    pub async fn start(shape: Shape) -> anyhow::Result<Self> {
        let Shape { regions: count, lanes, etcd_nodes } = shape;
        let folder = ground::folder()?;
        let tls = folder.path().join("tls");
        let authority = Authority::create(&tls)?;
        let etcd = EtcdProcess::start_cluster(etcd_nodes, &[]).await?;
        let endpoints = EtcdProcess::endpoints(&etcd);
        let store = ["--store".to_owned(), "etcd".to_owned(), "--etcd".to_owned(), endpoints.join(",")];
        let (server, address) = serve(&authority, folder.path(), &store)?;
        let client = client(&authority, address).await?;
        answering(&client).await?;
        let commits = Commits::follow(&endpoints).await?;
        let cas = Cas::connect(&endpoints).await?;
        let stub = Stub::start(address, &tls, Stubs { count, lanes }).await?;
        let bare = Bare::start(&authority).await?;
        let bare_stub = Stub::start(bare.address, &tls, Stubs::each(count)).await?;
        let launcher = Launcher::with_client(client).await?;
        Ok(Self { count, launcher, commits, cas, stub, bare, bare_stub, server, etcd, folder })
    }

    /// Where etcd is.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        EtcdProcess::endpoints(&self.etcd)
    }

    /// The server's pid.
    #[must_use]
    pub fn server_pid(&self) -> u32 {
        self.server.pid()
    }

    /// What the server said last, for messages about failures.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.server.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(10)..].join("\n");
        format!("the server's last words, of {}:\n{tail}", self.folder.path().display())
    }

    /// Ends everything.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stub.quit().await?;
        self.bare_stub.quit().await?;
        self.commits.stop();
        self.server.end(Duration::from_secs(6));
        Ok(())
    }
}

/// Starts the shipped server with TLS in a folder; returns it and where it listens.
pub fn serve(authority: &Authority, folder: &Path, store: &[String]) -> anyhow::Result<(Running, SocketAddr)> {
    let IssuedFiles { cert, key } = authority.issue_files(Subject::Server, "server")?;
    let (grpc, http) = (ground::free_address()?, ground::free_address()?);
    let (listen, metrics) = (grpc.to_string(), http.to_string());
    let server = Program::new(program("meridian-server")?, folder.join("server.log"))
        .args(["serve", "--listen", &listen, "--http", &metrics])
        .args([Path::new("--tls-cert"), &cert, Path::new("--tls-key"), &key])
        .args([Path::new("--tls-client-ca"), &authority.cert_file()])
        .args(store)
        .start()?;
    Ok((server, grpc))
}

/// An operator's client of a server.
pub async fn client(authority: &Authority, address: SocketAddr) -> anyhow::Result<Client> {
    let IssuedFiles { cert, key } = authority.issue_files(Subject::Operator, "operator")?;
    let tls = Tls { ca: Some(authority.cert_file()), cert: Some(cert), key: Some(key) };
    let endpoint = Endpoint { addresses: vec![format!("https://{address}")], tls: Some(tls), timeout: CALL_MAX };
    Client::connect(endpoint).await.context("connecting to the server")
}

/// Waits until the server answers.
pub async fn answering(client: &Client) -> anyhow::Result<()> {
    let answered = wait_until("the server to answer", START_MAX, || async { client.regions().await.ok() });
    answered.await.map(|_| ())
}
