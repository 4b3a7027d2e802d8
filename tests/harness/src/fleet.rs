//! A whole fleet on one machine: one server, an agent per region, each with two slots of the sample service behind a
//! data plane. Ends everything it started, also what outlives its agents.

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
use crate::process::{Program, Running, end_all_in, program};
use crate::wait::wait_until;

/// The service that fleets run.
pub const SERVICE: &str = "skyoptima";
/// How long anything may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// Which store the server uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreKind {
    /// In one file.
    Embedded,
    /// A real etcd, started for the fleet.
    Etcd,
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
    /// Where the server keeps its records.
    pub store: StoreKind,
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
    etcd: Option<EtcdProcess>,
    server: Option<Running>,
    grpc: SocketAddr,
    http: SocketAddr,
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
            StoreKind::Embedded => None,
            StoreKind::Etcd => Some(EtcdProcess::start().await.map_err(|error| anyhow::anyhow!("{error}"))?),
        };
        let mut fronts = BTreeMap::new();
        for region in &options.regions {
            fronts.insert(region.clone(), ground::free_address()?);
        }
        let agents = options.regions.iter().map(|region| (region.clone(), None)).collect();
        let (grpc, http) = (ground::free_address()?, ground::free_address()?);
        let authority = match options.links {
            Links::Plaintext => None,
            Links::MutualTls => Some(Authority::create(folder.path(), &options.regions)?),
        };
        let mut fleet = Self { folder, options, artifacts, etcd, server: None, grpc, http, agents, fronts, authority };
        fleet.start_server()?;
        fleet.ready().await?;
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

    /// The server's gRPC address as a URL.
    #[must_use]
    pub fn server_url(&self) -> String {
        match self.options.links {
            Links::Plaintext => format!("http://{}", self.grpc),
            Links::MutualTls => format!("https://{}", self.grpc),
        }
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

    /// A client of the server.
    ///
    /// # Errors
    /// If the server can't be reached.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let tls = self.authority.as_ref().map(|authority| authority.identity("operator"));
        let tls = tls.map(|Identity { ca, cert, key }| Tls { ca: Some(ca), cert: Some(cert), key: Some(key) });
        let endpoint = Endpoint { addresses: vec![self.server_url()], tls, timeout: Duration::from_secs(10) };
        Client::connect(endpoint).await.context("connecting to the server")
    }

    /// Starts the server, on the same ports and records each time.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_server(&mut self) -> anyhow::Result<()> {
        let data = self.path().join("server");
        std::fs::create_dir_all(&data)?;
        let mut args = vec!["serve".to_owned()];
        match &self.authority {
            None => args.push("--plaintext".to_owned()),
            Some(authority) => {
                let Identity { ca, cert, key } = authority.identity("server");
                for (flag, file) in [("--tls-client-ca", ca), ("--tls-cert", cert), ("--tls-key", key)] {
                    args.extend([flag.to_owned(), file.display().to_string()]);
                }
            }
        }
        args.extend(["--listen".to_owned(), self.grpc.to_string(), "--http".to_owned(), self.http.to_string()]);
        match (&self.etcd, self.options.store) {
            (Some(etcd), StoreKind::Etcd) => {
                args.extend(["--store".into(), "etcd".into(), "--etcd".into(), etcd.endpoint().to_string()]);
            }
            (_, StoreKind::Embedded) | (None, StoreKind::Etcd) => {
                args.extend(["--store".into(), "embedded".into(), "--data".into(), data.display().to_string()]);
            }
        }
        let log = self.path().join("server.log");
        self.server = Some(Program::new(program("meridian-server")?, log).args(args).start()?);
        Ok(())
    }

    /// Kills the server as a power cut would.
    pub fn kill_server(&mut self) {
        self.server = None;
    }

    /// The server's pid.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Running::pid)
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

    /// Waits until the server answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let answered = wait_until("the server to answer", START_MAX, || async {
            let client = self.client().await.ok()?;
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
        let mut files = vec![self.path().join("server.log")];
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
        // JSON is YAML.
        let mut config = serde_json::json!({
            "region": region, "servers": [self.grpc.to_string()], "state_dir": folder.join("state"),
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

    /// Ends everything: agents, server, slots, data planes. Returns how many processes were left by agents, as designed.
    pub fn stop(&mut self) -> usize {
        let grace = Duration::from_secs(5);
        for agent in self.agents.values_mut().filter_map(Option::as_mut) {
            agent.end(grace);
        }
        if let Some(server) = &mut self.server {
            server.end(grace);
        }
        self.server = None;
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
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let found = own.ancestors().map(|folder| folder.join(".tools/bin/envoy")).find(|path| path.exists());
    found.context("envoy is not installed; run `cargo xtask tools envoy`")
}
