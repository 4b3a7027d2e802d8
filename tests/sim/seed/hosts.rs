//! The processes of the world: the product's own, started as its programs start them, but in simulated surroundings. Each
//! may be crashed at any moment and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use meridian_agent::app::{Agent, AgentParts, Memory};
use meridian_agent::config::Security;
use meridian_agent::lane::LaneDrivers;
use meridian_core::time::Timestamp;
use meridian_server::clock::Clock;
use meridian_server::{AlertConfig, Config, StoreChoice, Surroundings, Transport, start_in};
use meridian_store::etcd::{EtcdOptions, EtcdStore};

use crate::etcd;
use crate::net;
use crate::oracle::Oracle;
use crate::site::Site;
use crate::site::disk::Disk;
use crate::story::Story;

/// Where servers listen.
pub const PORT: u16 = 7401;
/// The world's first moment: any that is not the epoch's.
const BEGINNING_MILLIS: u64 = 1_800_000_000_000;

/// A server's wall clock, which may go wrong.
#[derive(Clone)]
pub struct WallClock {
    story: Story,
    ahead: Arc<AtomicI64>,
}

impl WallClock {
    /// One that goes right.
    pub fn new(story: Story) -> Self {
        Self { story, ahead: Arc::default() }
    }

    /// Puts it ahead by so many milliseconds, or behind.
    pub fn set_ahead(&self, millis: i64) {
        self.ahead.store(millis, Ordering::Relaxed);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.story.now().as_millis()).unwrap_or(u64::MAX);
        let right = BEGINNING_MILLIS + passed;
        Timestamp::from_millis(right.saturating_add_signed(self.ahead.load(Ordering::Relaxed)))
    }
}

/// The name of a server's host.
pub fn server_host(number: usize) -> String {
    format!("server-{number}")
}

/// A server's process.
pub async fn server(clock: WallClock, oracle: Oracle) -> turmoil::Result {
    let options = EtcdOptions::new([format!("http://{}:{}", etcd::HOST, etcd::PORT)]);
    let store = EtcdStore::connect_by(options, &net::lazy).await?;
    let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let config = Config {
        listen: any(PORT),
        http: any(PORT + 1),
        store: StoreChoice::Given(Arc::new(store)),
        transport: Transport::Plaintext,
        otlp: None,
        alerts: AlertConfig::default(),
    };
    let story = oracle.story.clone();
    let surroundings =
        Surroundings { clock: Arc::new(clock), ports: Arc::new(net::Net), trace: Some(Arc::new(oracle.witness())) };
    start_in(config, surroundings).await?.ended().await;
    story.require("TASK", false, || "a server ended by itself".to_owned());
    Ok(())
}

/// An agent's process.
pub async fn agent(sites: Vec<Site>, disk: Disk, servers: usize) -> turmoil::Result {
    let Some(first) = sites.first() else { return Ok(()) };
    let lane = |site: &Site| LaneDrivers {
        service: site.lane().service.clone(),
        workload: Arc::new(site.workload()),
        traffic: Arc::new(site.traffic()),
        sticky: None,
    };
    let parts = AgentParts {
        region: first.region().clone(),
        servers: (0..servers).map(|number| format!("{}:{PORT}", server_host(number))).collect(),
        security: Security::Plaintext,
        dial: Arc::new(net::dial),
        memory: Memory::Given { entries: disk.entries(), shelf: Arc::new(disk) },
        metrics: None,
        ask_ca: None,
        lanes: sites.iter().map(lane).collect(),
    };
    let mut agent = Agent::start(parts).await?;
    let ended = agent.task_ended().await;
    first.ended(&format!("{ended:?}"));
    Ok(())
}
