//! A whole fleet on one machine: one server or several on one store, an agent per region, each with two slots of the
//! sample service behind a data plane. Ends everything it started, also what outlives its agents.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use meridian_client::{Client, ContactView, Endpoint, Tls};
use meridian_store::etcd::testing::EtcdProcess;
use tempfile::TempDir;

use crate::artifacts::ArtifactFolder;
use crate::authority::{Authority, Identity};
use crate::ground;
use crate::process::{Program, Running, end_all_in, program, tool};
use crate::servers::{Records, Servers};
use crate::wait::wait_until;

/// The service that fleets run.
pub const SERVICE: &str = "skyoptima";
/// How long anything may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// Which store the servers use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreKind {
    /// In one file.
    Embedded,
    /// A real etcd of one node, started for the fleet.
    Etcd,
    /// A real etcd of three nodes.
    EtcdCluster,
}

/// Which data plane the agents drive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TrafficKind {
    /// Meridian's own proxy.
    Proxy,
    /// A real Envoy per region.
    Envoy,
}

/// What a fleet is made of.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// Where the servers keep their records.
    pub store: StoreKind,
    /// How many servers; more than one need [`StoreKind::Etcd`].
    pub servers: usize,
    /// What moves the traffic.
    pub traffic: TrafficKind,
    /// Names of the regions.
    pub regions: Vec<String>,
    /// Whether everybody proves who they are.
    pub links: Links,
}

/// How links are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Links {
    /// Not at all.
    Plaintext,
    /// Both ends by certificates of a throw-away authority.
    MutualTls,
}

/// A fleet that runs.
pub struct Fleet {
    folder: TempDir,
    options: FleetOptions,
    artifacts: ArtifactFolder,
    etcd: Vec<EtcdProcess>,
    servers: Servers,
    agents: BTreeMap<String, Option<Running>>,
    fronts: BTreeMap<String, SocketAddr>,
    authority: Option<Authority>,
}

impl Fleet {
    /// Starts everything and waits until every agent is connected.
    ///
    /// # Errors
    /// If something can't be started; logs are kept in the message.
    pub async fn start(options: FleetOptions) -> anyhow::Result<Self> {
        let folder = ground::folder()?;
        let artifacts = ArtifactFolder::create(folder.path().join("artifacts"))?;
        let etcd = match options.store {
            StoreKind::Embedded => Vec::new(),
            StoreKind::Etcd => vec![EtcdProcess::start().await?],
            StoreKind::EtcdCluster => EtcdProcess::start_cluster(3, &[]).await?,
        };
        let mut fronts = BTreeMap::new();
        for region in &options.regions {
            fronts.insert(region.clone(), ground::free_address()?);
        }
        let agents = options.regions.iter().map(|region| (region.clone(), None)).collect();
        let authority = match options.links {
            Links::Plaintext => None,
            Links::MutualTls => Some(Authority::create(folder.path(), &options.regions)?),
        };
        let records = match etcd.as_slice() {
            [] => Records::Folder(folder.path().join("server")),
            nodes => Records::Etcd(EtcdProcess::endpoints(nodes).join(",")),
        };
        let servers = Servers::new(options.servers, folder.path(), &records, authority.as_ref())?;
        let mut fleet = Self { folder, options, artifacts, etcd, servers, agents, fronts, authority };
        for index in 0..fleet.servers.count() {
            fleet.servers.start(index)?;
        }
        for index in 0..fleet.servers.count() {
            fleet.ready(index).await?;
        }
        for region in fleet.options.regions.clone() {
            fleet.write_agent_config(&region)?;
            fleet.start_agent(&region)?;
        }
        fleet.connected().await?;
        Ok(fleet)
    }

    /// The folder of everything.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The artifacts that agents find.
    #[must_use]
    pub const fn artifacts(&self) -> &ArtifactFolder {
        &self.artifacts
    }

    /// The servers, to be started, ended, killed and frozen.
    #[must_use]
    pub const fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The servers, to do something to them.
    pub const fn servers_mut(&mut self) -> &mut Servers {
        &mut self.servers
    }

    /// The nodes of the etcd; empty if the records are elsewhere.
    #[must_use]
    pub fn etcd(&self) -> &[EtcdProcess] {
        &self.etcd
    }

    /// The nodes of the etcd, to do something to them.
    pub fn etcd_mut(&mut self) -> &mut [EtcdProcess] {
        &mut self.etcd
    }

    /// Where the nodes of the etcd are.
    #[must_use]
    pub fn etcd_endpoints(&self) -> Vec<String> {
        EtcdProcess::endpoints(&self.etcd)
    }

    /// The address of the first server as a URL.
    #[must_use]
    pub fn server_url(&self) -> String {
        self.servers.url(0)
    }

    /// Where clients of the service connect in a region.
    ///
    /// # Panics
    /// If the fleet has no such region.
    #[must_use]
    pub fn front(&self, region: &str) -> SocketAddr {
        self.fronts[region]
    }

    /// The regions.
    #[must_use]
    pub fn regions(&self) -> &[String] {
        &self.options.regions
    }

    /// A client that knows every server.
    ///
    /// # Errors
    /// If its certificates can't be read.
    pub async fn client(&self) -> anyhow::Result<Client> {
        self.client_at((0..self.servers.count()).map(|index| self.servers.url(index)).collect()).await
    }

    /// A client that knows one server and no other.
    ///
    /// # Errors
    /// If its certificates can't be read.
    pub async fn client_of(&self, index: usize) -> anyhow::Result<Client> {
        self.client_at(vec![self.servers.url(index)]).await
    }

    async fn client_at(&self, addresses: Vec<String>) -> anyhow::Result<Client> {
        let tls = self.authority.as_ref().map(|authority| authority.identity("operator"));
        let tls = tls.map(|Identity { ca, cert, key }| Tls { ca: Some(ca), cert: Some(cert), key: Some(key) });
        let endpoint = Endpoint { addresses, tls, timeout: Duration::from_secs(10) };
        Client::connect(endpoint).await.context("connecting to the servers")
    }

    /// An agent's pid.
    #[must_use]
    pub fn agent_pid(&self, region: &str) -> Option<u32> {
        self.agents.get(region)?.as_ref().map(Running::pid)
    }

    /// Starts a region's agent, on the same state each time.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_agent(&mut self, region: &str) -> anyhow::Result<()> {
        let folder = self.region_folder(region);
        let program = Program::new(program("meridian-agent")?, folder.join("agent.log"));
        let config = folder.join("agent.yaml");
        let running = program.args([Path::new("--config"), &config]).start()?;
        self.agents.insert(region.to_owned(), Some(running));
        Ok(())
    }

    /// Kills a region's agent as a power cut would; slots and data plane go on.
    pub fn kill_agent(&mut self, region: &str) {
        self.agents.insert(region.to_owned(), None);
    }

    /// Waits until a server answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ready(&self, index: usize) -> anyhow::Result<()> {
        let answered = wait_until("the server to answer", START_MAX, || async {
            let client = self.client_of(index).await.ok()?;
            client.regions().await.ok()
        });
        let result = answered.await.map(|_| ());
        result.with_context(|| self.logs())
    }

    /// Waits until every agent is connected.
    ///
    /// # Errors
    /// If one is not.
    pub async fn connected(&self) -> anyhow::Result<()> {
        let client = self.client().await?;
        let all = self.options.regions.len();
        let connected = wait_until("every agent to connect", START_MAX, || async {
            let regions = client.regions().await.ok()?;
            let live = regions.iter().filter(|region| region.contact == ContactView::Live).count();
            (live == all).then_some(())
        });
        connected.await.with_context(|| self.logs())
    }

    /// The last lines of all logs, for messages about failures.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut files: Vec<_> = (0..self.servers.count()).map(|index| self.servers.log(index)).collect();
        files.extend(self.options.regions.iter().map(|region| self.region_folder(region).join("agent.log")));
        let mut text = String::new();
        for file in files {
            let content = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<&str> = content.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n");
            text.push_str(&format!("--- {}\n{tail}\n", file.display()));
        }
        text
    }

    fn region_folder(&self, region: &str) -> PathBuf {
        self.path().join(region)
    }

    fn write_agent_config(&self, region: &str) -> anyhow::Result<()> {
        let folder = self.region_folder(region);
        std::fs::create_dir_all(&folder)?;
        let traffic = match self.options.traffic {
            TrafficKind::Proxy => serde_json::json!({
                "driver": "proxy", "dir": folder.join("t"), "listen": self.front(region),
                "binary": program("meridian-proxy")?,
            }),
            TrafficKind::Envoy => serde_json::json!({
                "driver": "envoy", "dir": folder.join("t"), "listen": self.front(region),
                "node": format!("{SERVICE}/{region}"), "binary": envoy()?,
            }),
        };
        let workload = serde_json::json!({
            "driver": "process", "dir": folder.join("w"), "artifacts": self.artifacts.path(),
            "command": [program("skyoptima")?, "--listen", "{address}", "--artifact", "{artifact}"],
        });
        let servers: Vec<_> = (0..self.servers.count()).map(|index| self.servers.address(index).to_string()).collect();
        // JSON is YAML.
        let mut config = serde_json::json!({
            "region": region, "servers": servers, "state_dir": folder.join("state"),
            "lanes": [{"service": SERVICE, "workload": workload, "traffic": traffic}],
        });
        match &self.authority {
            None => config["plaintext"] = true.into(),
            Some(authority) => {
                let Identity { ca, cert, key } = authority.identity(region);
                config["tls"] = serde_json::json!({"ca": ca, "cert": cert, "key": key});
            }
        }
        std::fs::write(folder.join("agent.yaml"), serde_json::to_vec_pretty(&config)?)?;
        Ok(())
    }

    /// Ends everything: agents, servers, slots, data planes. Returns how many processes were left by agents, as designed.
    pub fn stop(&mut self) -> usize {
        let grace = Duration::from_secs(5);
        for agent in self.agents.values_mut().filter_map(Option::as_mut) {
            agent.end(grace);
        }
        for index in 0..self.servers.count() {
            self.servers.end(index);
        }
        self.agents.values_mut().for_each(|agent| *agent = None);
        end_all_in(self.folder.path(), Duration::from_secs(10))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The Envoy that `cargo xtask tools envoy` installed, or the one named by `ENVOY_BIN`.
fn envoy() -> anyhow::Result<PathBuf> {
    std::env::var_os("ENVOY_BIN").map_or_else(|| tool("envoy"), |path| Ok(path.into()))
}
