//! The site: etcd members, servers and agents on their nodes, each a process that can be killed, stopped and started again
//! on what it left. It knows how to start things, not what is done to them.

mod member;
mod probe;
mod start;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use meridian_client::{Client, ContactView, Endpoint};
use meridian_core::id::ServiceId;
use meridian_core::ownership::Shard;
use meridian_harness::{ArtifactFolder, wait_until};
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{Key, Store as _, layout, record};

use crate::ground::{Ground, Node, tool};

pub use member::{Clock, Member};
pub use probe::RegionProbe;

/// The service that is launched.
pub use meridian_harness::fleet::SERVICE;

/// Where clients of the service connect, on each region's own loopback.
pub const FRONT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Servers listen here for agents and callers.
const GRPC_PORT: u16 = 7401;
/// etcd's clients connect here.
const ETCD_PORT: u16 = 2379;
/// How long anything may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(90);
/// How long one call may take in all.
const CALL_MAX: Duration = Duration::from_secs(5);

/// How large a site is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Members of etcd.
    pub etcds: u8,
    /// Equal servers.
    pub servers: u8,
    /// Regions, each with an agent.
    pub regions: u8,
}

/// Everything that runs.
pub struct Site {
    /// The zero of all times.
    pub base: Instant,
    /// Artifacts that agents find.
    pub artifacts: ArtifactFolder,
    /// The store's members.
    pub etcds: Vec<Member>,
    /// The replicas.
    pub servers: Vec<Member>,
    /// Agents by region.
    pub agents: BTreeMap<String, Member>,
    folder: PathBuf,
}

impl Site {
    /// Makes the nodes and starts everything; done when every agent is connected.
    ///
    /// # Errors
    /// If something does not start; the message has the ends of the logs.
    pub async fn start(ground: &Ground, folder: &Path, size: Size) -> anyhow::Result<Self> {
        let artifacts = ArtifactFolder::create(folder.join("artifacts"))?;
        let nodes = |name: &str, count: u8, first: u8| -> anyhow::Result<Vec<Node>> {
            (1..=count).map(|number| ground.node(&format!("{name}{number}"), first + number)).collect()
        };
        let (etcds, servers) = (nodes("e", size.etcds, 10)?, nodes("s", size.servers, 20)?);
        let agents = nodes("a", size.regions, 30)?;
        let site = Self {
            base: Instant::now(),
            etcds: start::etcds(&etcds, folder)?,
            servers: start::servers(&servers, &etcds, folder)?,
            agents: start::agents(&agents, &servers, folder, &artifacts)?,
            artifacts,
            folder: folder.to_owned(),
        };
        let ready = site.rise().await;
        ready.with_context(|| site.logs())?;
        Ok(site)
    }

    async fn rise(&self) -> anyhow::Result<()> {
        self.etcds.iter().try_for_each(Member::start)?;
        wait_until("etcd to answer", START_MAX, || async { self.store().await.ok() }).await?;
        self.servers.iter().try_for_each(Member::start)?;
        self.agents.values().try_for_each(Member::start)?;
        self.connected().await
    }

    /// Everybody, with the word of their kind.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.etcds.iter().chain(&self.servers).chain(self.agents.values())
    }

    /// A caller of one server, or of all in turn.
    ///
    /// # Errors
    /// If the addresses are none.
    pub async fn client(&self, only: Option<usize>) -> anyhow::Result<Client> {
        let servers = self.servers.iter().enumerate().filter(|(index, _)| only.is_none_or(|only| only == *index));
        let addresses = servers.map(|(_, server)| format!("http://{}:{GRPC_PORT}", server.node.address)).collect();
        Ok(Client::connect(Endpoint { addresses, tls: None, timeout: CALL_MAX }).await?)
    }

    /// The servers' addresses as the command line takes them.
    #[must_use]
    pub fn server_urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("http://{}:{GRPC_PORT}", server.node.address)).collect()
    }

    /// The store itself, past all servers.
    ///
    /// # Errors
    /// If etcd does not answer.
    pub async fn store(&self) -> anyhow::Result<EtcdStore> {
        Ok(EtcdStore::connect(EtcdOptions::new(self.etcd_urls())).await?)
    }

    /// The addresses of etcd's members.
    #[must_use]
    pub fn etcd_urls(&self) -> Vec<String> {
        self.etcds.iter().map(|etcd| format!("http://{}:{ETCD_PORT}", etcd.node.address)).collect()
    }

    /// Waits until every agent is connected, as any one server sees it.
    ///
    /// # Errors
    /// If one is not.
    pub async fn connected(&self) -> anyhow::Result<()> {
        let client = self.client(None).await?;
        let connected = wait_until("every agent to connect", START_MAX, || async {
            let regions = client.regions().await.ok()?;
            let live = regions.iter().filter(|region| region.contact == ContactView::Live).count();
            (live == self.agents.len()).then_some(())
        });
        connected.await
    }

    /// The server that does the forward work of the service, as the store has it.
    ///
    /// # Errors
    /// If nobody owns it.
    pub async fn owner(&self) -> anyhow::Result<&Member> {
        let store = self.store().await?;
        let read = async |key: Key| anyhow::Ok(store.get(&key).await?.item.map(|item| item.value));
        let key = layout::owner(Shard::of(&ServiceId::new(SERVICE)?));
        let owner = record::decode_owner(&key, &read(key.clone()).await?.context("somebody owns the service")?)?;
        let key = layout::replica(&owner);
        let member = record::decode_member(&key, &read(key.clone()).await?.context("the owner is there")?)?;
        let mut servers = self.servers.iter();
        let found = servers.find(|server| member.address == format!("{}:{GRPC_PORT}", server.node.address));
        found.with_context(|| format!("the owner at {} is one of ours", member.address))
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The ends of all logs, for messages about failures.
    #[must_use]
    pub fn logs(&self) -> String {
        let tail = |member: &Member| {
            let content = std::fs::read_to_string(member.log()).unwrap_or_default();
            let lines: Vec<&str> = content.lines().collect();
            format!("--- {}\n{}\n", member.name, lines[lines.len().saturating_sub(8)..].join("\n"))
        };
        self.members().map(tail).collect()
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Mounts a small disk of its own on a folder, so that filling it hurts nobody else.
fn small_disk(folder: &Path, megabytes: u32) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mount = tool("mount").context("`mount` is on this machine")?;
    let size = format!("size={megabytes}m");
    let output = Command::new(mount).args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output()?;
    anyhow::ensure!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
