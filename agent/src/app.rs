//! The composition root: builds the parts, starts every task by name, and ends them in order. The only place that knows
//! everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use meridian_core::agent::LaneMemory;
use meridian_core::id::{Lane, RegionId};
use meridian_drivers::{TrafficDriver, WorkloadDriver, open_traffic, open_workload};
use meridian_outbound::Trust;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::admin;
use crate::args::Args;
use crate::board::Board;
use crate::config::{Config, LaneConfig, Security};
use crate::contact::ContactClock;
use crate::journal::{self, Journal, JournalError, OpenJournal, Shelf};
use crate::lane::inbox::GoalInbox;
use crate::lane::{self, LaneDrivers, LaneParts};
use crate::link::{self, Dial, Goals, Link};
use crate::measure::{Asker, Cadence, Measurer};
use crate::metrics::Metrics;

/// Tasks end at their next rest; only one that hangs takes this long.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Our journal in the state folder.
const JOURNAL_FILE: &str = "journal.redb";

/// What an agent is made of, with its drivers open.
pub struct AgentParts {
    /// The region.
    pub region: RegionId,
    /// Servers as `host:port`; each is as good as the others.
    pub servers: Vec<String>,
    /// How links are secured.
    pub security: Security,
    /// How connections to servers are opened.
    pub dial: Arc<Dial>,
    /// What outlives the process.
    pub memory: Memory,
    /// Where `/metrics` and `/healthz` are served.
    pub metrics: Option<SocketAddr>,
    /// Whom to believe when somebody else's metrics are asked over `https`.
    pub ask_ca: Option<PathBuf>,
    /// What runs here.
    pub lanes: Vec<LaneDrivers>,
}

/// Where an agent's memory is.
pub enum Memory {
    /// In our own folder; made if it is not there.
    Folder(PathBuf),
    /// On a shelf that somebody else has opened.
    Given {
        /// Its entries by key, as they are now.
        entries: BTreeMap<String, Vec<u8>>,
        /// Where further ones are written.
        shelf: Arc<dyn Shelf>,
    },
}

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be made.
    #[error("cannot make the state folder {path}")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal is damaged or in use.
    #[error("the agent's memory cannot be opened")]
    Journal(#[source] JournalError),
    /// Nobody may listen there.
    #[error("cannot serve metrics on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running agent. Dropping it is a crash: nothing is finished, everything is found again.
pub struct Agent {
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
    /// Of a journal in a file.
    writer: Option<JoinHandle<()>>,
    metrics: Arc<Metrics>,
    metrics_address: Option<SocketAddr>,
}

type Recalled = Result<LaneMemory, JournalError>;

impl Agent {
    /// Reads the journal and starts every task. Unfinished goals are taken up again, with or without a server.
    ///
    /// # Errors
    /// See [`StartError`]. A single lane whose memory cannot be read does not keep the others from starting.
    pub async fn start(parts: AgentParts) -> Result<Self, StartError> {
        let AgentParts { region, servers, security, dial, memory, metrics: listen, ask_ca, lanes } = parts;
        let asker = Arc::new(Asker::new(ask_ca.map_or(Trust::System, Trust::File)));
        let (metrics, board) = (Arc::new(Metrics::default()), Arc::new(Board::default()));
        let (journal, recalled, writer) = open_journal(memory, &region, &lanes, &metrics).await?;
        let (capabilities, contact) = (capabilities(&lanes), ContactClock::default());
        let mut agent = Self {
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
            writer,
            metrics: Arc::clone(&metrics),
            metrics_address: None,
        };
        let mut inboxes = BTreeMap::new();
        for (drivers, memory) in lanes.into_iter().zip(recalled) {
            let (inbox, arriving) = GoalInbox::new();
            inboxes.insert(drivers.service.clone(), inbox);
            let lane = Lane { service: drivers.service.clone(), region: region.clone() };
            let (orders, ordered) = watch::channel(None);
            let (breaches, breached) = watch::channel(None);
            let measurer = Measurer {
                service: drivers.service.clone(),
                workload: Arc::clone(&drivers.workload),
                traffic: Arc::clone(&drivers.traffic),
                asker: Arc::clone(&asker),
                orders: ordered,
                cadence: Cadence::default(),
                board: Arc::clone(&board),
                breaches,
                metrics: Arc::clone(&metrics),
            };
            let parts = LaneParts {
                lane,
                drivers,
                arriving,
                journal: journal.clone(),
                board: Arc::clone(&board),
                orders,
                contact: contact.clone(),
                breaches: breached,
                metrics: Arc::clone(&metrics),
            };
            let span = info_span!("lane", service = %parts.lane.service);
            agent.spawn("measure", measurer.run().instrument(span.clone()));
            agent.spawn("lane", lane::run(parts, memory).instrument(span));
        }
        let goals = Goals { region, inboxes, metrics: Arc::clone(&metrics) };
        let link = Link { servers, security, dial, capabilities, goals, board, contact, metrics };
        agent.spawn("link", link.run().instrument(info_span!("link")));
        if let Some(address) = listen {
            agent.serve_metrics(address).await?;
        }
        Ok(agent)
    }

    /// Where `/metrics` and `/healthz` are served: the real port when 0 was asked for.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Done when a task ended by itself, which none should; its name.
    pub async fn task_ended(&mut self) -> Result<&'static str, JoinError> {
        match self.tasks.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Ends the tasks of the agent and nothing else: slots and data plane go on as they are.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_GRACE, ended).await.is_err() {
            warn!("some tasks did not end in time and were broken off");
            self.tasks.shutdown().await;
        }
        drop(self.tasks);
        // All who write are gone, so the writer ends as soon as it has committed what was under way.
        if let Some(writer) = self.writer {
            let joined = tokio::task::spawn_blocking(|| writer.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                warn!("the journal's writer broke off");
            }
        }
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            // Dropped where it stands: every task is made to be found again by the next agent.
            stop.run_until_cancelled(task).await;
            name
        });
    }

    async fn serve_metrics(&mut self, address: SocketAddr) -> Result<(), StartError> {
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        self.metrics_address = Some(listener.local_addr().map_err(failed)?);
        let serving = admin::serve(listener, Arc::clone(&self.metrics));
        let serving = async move {
            if let Err(error) = serving.await {
                warn!(%error, "metrics are not served any more");
            }
        };
        self.spawn("metrics", serving);
        Ok(())
    }
}

/// Opens the journal where it may block, and recalls every lane.
async fn open_journal(
    memory: Memory,
    region: &RegionId,
    lanes: &[LaneDrivers],
    metrics: &Arc<Metrics>,
) -> Result<(Journal, Vec<Recalled>, Option<JoinHandle<()>>), StartError> {
    let services: Vec<_> = lanes.iter().map(|lane| lane.service.clone()).collect();
    let folder = match memory {
        Memory::Folder(folder) => folder,
        Memory::Given { entries, shelf } => {
            let entry = |service| entries.get(&journal::key(service)).map(Vec::as_slice);
            let recalled = services.iter().map(|service| journal::recall(region, service, entry(service)));
            return Ok((Journal::on(shelf, Arc::clone(metrics)), recalled.collect(), None));
        }
    };
    let (region, metrics) = (region.clone(), Arc::clone(metrics));
    let opening = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder).map_err(|source| StartError::Folder { path: folder.clone(), source })?;
        let opened = OpenJournal::open(&folder.join(JOURNAL_FILE)).map_err(StartError::Journal)?;
        let recalled = services.iter().map(|service| opened.recall(&region, service)).collect();
        let (journal, writer) = opened.start(metrics).map_err(StartError::Journal)?;
        Ok((journal, recalled, Some(writer)))
    });
    opening.await.map_err(|_| StartError::Journal(JournalError::Closed))?
}

/// What every lane can do: a plan that asks for more is refused before it starts.
fn capabilities(lanes: &[LaneDrivers]) -> BTreeSet<String> {
    let all = |can: &dyn Fn(&LaneDrivers) -> bool| !lanes.is_empty() && lanes.iter().all(can);
    let named = [
        ("weights", all(&|lane| lane.traffic.capabilities().weights)),
        ("cohorts", all(&|lane| lane.traffic.capabilities().cohorts)),
        ("sticky", all(&|lane| lane.traffic.capabilities().sticky)),
        ("verifies-digest", all(&|lane| lane.workload.capabilities().verifies_digest)),
        // Known to the agent itself, whatever its drivers are.
        ("safety-policy", true),
        ("queries", true),
        ("load", true),
        ("parameters", true),
        ("survives-agent", all(&|lane| lane.workload.capabilities().survives_agent)),
    ];
    named.into_iter().filter(|(_, can)| *can).map(|(name, _)| name.to_owned()).collect()
}

async fn open_lane(config: LaneConfig) -> anyhow::Result<LaneDrivers> {
    let LaneConfig { service, workload, traffic, sticky } = config;
    let workload = open_workload(workload).await.with_context(|| format!("lane {service}: workload"))?;
    let traffic = open_traffic(traffic).await.with_context(|| format!("lane {service}: traffic"))?;
    let (workload, traffic): (Arc<dyn WorkloadDriver>, Arc<dyn TrafficDriver>) = (workload.into(), traffic.into());
    Ok(LaneDrivers { service, workload, traffic, sticky })
}

async fn start(config: Config) -> anyhow::Result<Agent> {
    let Config { region, servers, security, state_dir, metrics, ask_ca, lanes } = config;
    let (dial, memory) = (link::sockets(), Memory::Folder(state_dir));
    // The first failure ends the others, whose drivers then leave what they found as it is.
    let lanes = futures::future::try_join_all(lanes.into_iter().map(open_lane)).await?;
    for lane in &lanes {
        info!(%region, service = %lane.service, entrance = %lane.traffic.entrance(), "lane open");
    }
    Ok(Agent::start(AgentParts { region, servers, security, dial, memory, metrics, ask_ca, lanes }).await?)
}

/// The whole program: works until SIGTERM or SIGINT, then ends and leaves its region as it is.
///
/// # Errors
/// When it cannot start, or a task ends that never should.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // One provider in the whole program. Only fails if there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = Config::load(&args.config)?;
    // One thread does: an agent waits for others nearly all of its time, and each thread costs memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async move {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut agent = tokio::select! {
            started = start(config) => started?,
            // What was opened until now is left as it is.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        if let Some(address) = agent.metrics_address() {
            info!(%address, "metrics served");
        }
        let ended = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            ended = agent.task_ended() => Some(ended),
        };
        info!("ending; the region goes on as it is");
        agent.stop().await;
        match ended {
            None => Ok(()),
            Some(ended) => Err(anyhow::anyhow!("the task {:?} ended, which it never should", ended)),
        }
    })
}
