//! The composition root: the only place that knows everybody. Builds the store, the engine and the ports, and owns every
//! task until it has ended.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use meridian_store::embedded::{EmbeddedLimits, EmbeddedStore};
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::memory::{MemoryLimits, MemoryStore};
use meridian_store::{Metered, Store, StoreMetrics};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;

use crate::args::{Args, CaCommand, Command, ServeArgs};
use crate::catalog::{Catalog, Forgetting};
use crate::clock::SystemClock;
use crate::drain::{self, Drain};
use crate::engine::{Engine, EngineParts, NoTrace, StepTrace};
use crate::grpc::{self, Front, Port, Shared, Streams};
use crate::http::{self, Watched};
use crate::metrics::Metrics;
use crate::session::Sessions;
use crate::telemetry::{Traces, TracesError, logging};
use crate::tls::terms::TlsFiles;
use crate::tls::{Terms, TermsError, authority};

/// Threads that run tasks: decisions of one rollout are made one after another, so more would mostly wait.
const WORKERS: usize = 2;
/// The file of the embedded store in its folder.
const EMBEDDED_FILE: &str = "meridian.redb";
/// Pages that the embedded store keeps in memory: what is read often is kept by the engine itself.
const EMBEDDED_CACHE: usize = 4 * 1024 * 1024;

/// What a server is started with.
#[derive(Clone)]
pub struct Config {
    /// For agents and callers; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For metrics and health; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where records are kept.
    pub store: StoreChoice,
    /// How connections are taken.
    pub transport: Transport,
    /// Collector for traces.
    pub otlp: Option<String>,
}

/// Where records are kept.
#[derive(Clone)]
pub enum StoreChoice {
    /// Nowhere: gone with the server.
    Memory,
    /// In a file in this folder, which is made if it is not there.
    Embedded(PathBuf),
    /// In etcd.
    Etcd(Box<EtcdOptions>),
    /// In a store that somebody else has opened.
    Given(Arc<dyn Store>),
}

/// How connections are taken.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Without TLS: whoever can connect is believed.
    Plaintext,
    /// With certificates on both sides.
    Tls(TlsFiles),
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened.
    #[error("the store can't be opened: {0}")]
    Store(String),
    /// An address can't be bound.
    #[error("{address} can't be listened on")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificates can't be used.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The descriptions that services are generated from can't be read.
    #[error("the service descriptions can't be read: {0}")]
    Descriptors(String),
}

/// A server that runs. Dropping it without [`Running::shutdown`] leaves its tasks to the runtime.
pub struct Running {
    /// Where agents and callers connect to.
    pub grpc_addr: SocketAddr,
    /// Where metrics and health are.
    pub http_addr: SocketAddr,
    stopping: CancellationToken,
    supervised: JoinHandle<()>,
}

impl Running {
    /// Goes away in order; at most [`drain::DRAIN_MAX`].
    pub async fn shutdown(self) {
        self.stopping.cancel();
        self.ended().await;
    }

    /// Until the server has ended by itself, which it only does when one of its tasks has.
    pub async fn ended(self) {
        if let Err(error) = self.supervised.await {
            tracing::error!(%error, "the server did not end in order");
        }
    }
}

/// Starts a server.
///
/// # Errors
/// If the store, the addresses or the certificates can't be used.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let Config { listen, http, store, transport, otlp } = config;
    let (metrics, store_metrics) = Metrics::new(StoreMetrics::register);
    let store: Arc<dyn Store> = Arc::new(Metered::new(open(store).await?, store_metrics));
    let traces = otlp.as_deref().map(Traces::begin).transpose()?.map(Arc::new);
    let clock = Arc::new(SystemClock);
    let engine = Engine::new(EngineParts {
        store: store.clone(),
        clock: clock.clone(),
        sessions: Arc::new(Sessions::default()),
        trace: traces.clone().map_or_else(|| Arc::new(NoTrace) as Arc<dyn StepTrace>, |traces| traces),
        metrics: metrics.engine.clone(),
    });
    let terms = match transport {
        Transport::Plaintext => Terms::Plaintext,
        Transport::Tls(files) => Terms::load(&files)?,
    };
    let catalog = Catalog::new(store.clone(), clock.clone());
    let streams = Streams::default();
    let forgetting = Forgetting::new(catalog.clone());
    let shared = Shared {
        engine: engine.clone(),
        catalog,
        store: store.clone(),
        clock,
        streams: streams.clone(),
        metrics: metrics.clone(),
    };
    let unreadable = |error: &dyn std::fmt::Display| StartError::Descriptors(error.to_string());
    let (routes, health) = grpc::routes(&shared).map_err(|error| unreadable(&error))?;
    let front = Front::new(routes, metrics.calls.clone()).map_err(|error| unreadable(&error))?;
    let (listener, grpc_addr) = bind(listen).await?;
    let (http_listener, http_addr) = bind(http).await?;
    let port = Port { listener, terms, front, metrics: metrics.calls.clone() };
    let watched = Arc::new(Watched { store, streams: streams.clone(), metrics });

    let (stopping, port_closing, stop) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let ended = CancellationToken::new();
    let rest = vec![
        spawn("engine", &ended, { let (engine, stop) = (engine.clone(), stop.clone()); async move { engine.run(stop).await } }),
        spawn("forgetting", &ended, forgetting.run(stop.clone())),
        spawn("http", &ended, http::serve(http_listener, watched, stop.clone())),
    ];
    let port = spawn("port", &ended, port.serve(port_closing.clone(), drain::CONNECTIONS_MAX));
    grpc::set_health(&health, ServingStatus::Serving).await;
    let drain = Drain { health, streams, engine, port_closing, port, stop, rest };
    let supervised = tokio::spawn(supervise(drain, stopping.clone(), ended, traces));
    Ok(Running { grpc_addr, http_addr, stopping, supervised })
}

/// Waits for the order to go away, or for a task that should not have ended; goes away in both cases.
async fn supervise(
    drain: Drain,
    stopping: CancellationToken,
    ended: CancellationToken,
    traces: Option<Arc<Traces>>,
) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = ended.cancelled() => tracing::error!("a task has ended that should not; the server goes away"),
    }
    drain.run().await;
    if let Some(traces) = traces {
        let last = tokio::task::spawn_blocking(move || traces.end()).await;
        if let Err(error) = last {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Spawns a task that is to run until it is told otherwise; its end is noticed, also by a panic.
fn spawn(
    name: &'static str,
    ended: &CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let guard = ended.clone().drop_guard();
    tokio::spawn(async move {
        let _guard = guard;
        task.await;
        tracing::debug!(name, "a task has ended");
    })
}

async fn open(choice: StoreChoice) -> Result<Arc<dyn Store>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Store(error.to_string());
    Ok(match choice {
        StoreChoice::Memory => Arc::new(MemoryStore::new(MemoryLimits::default())),
        StoreChoice::Embedded(folder) => {
            tokio::fs::create_dir_all(&folder).await.map_err(|error| failed(&error))?;
            let limits = EmbeddedLimits { cache_bytes: EMBEDDED_CACHE, ..EmbeddedLimits::default() };
            let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(folder.join(EMBEDDED_FILE), limits));
            Arc::new(opened.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?)
        }
        StoreChoice::Etcd(options) => Arc::new(EtcdStore::connect(*options).await.map_err(|error| failed(&error))?),
        StoreChoice::Given(store) => store,
    })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The program.
///
/// # Errors
/// Whatever kept it from doing what it was asked for.
pub fn main(args: Args) -> anyhow::Result<()> {
    let Args { command, serve } = args;
    match command {
        Some(Command::Ca(command)) => make_certificates(command),
        Some(Command::Serve(serve)) => self::serve(serve),
        None => self::serve(serve),
    }
}

fn make_certificates(command: CaCommand) -> anyhow::Result<()> {
    match command {
        CaCommand::Init { dir } => {
            authority::init(&dir)?;
            println!("{}", dir.display());
        }
        CaCommand::Issue { dir, subject, trust_domain, out } => {
            let issued = authority::issue(&dir, &subject.subject(), &trust_domain, &out)?;
            let show = |what: &str, path: &Path| println!("{what} {}", path.display());
            show("cert", &issued.cert);
            show("key", &issued.key);
            show("ca", &issued.ca);
        }
    }
    Ok(())
}

fn serve(args: ServeArgs) -> anyhow::Result<()> {
    logging::begin(args.log_format).map_err(|error| anyhow::anyhow!("{error}")).context("logs can't be written")?;
    let config = args.config()?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(WORKERS).enable_all().build().context("the runtime can't be built")?;
    let done = runtime.block_on(serve_until_told(config));
    // What is left was told to end and did not.
    runtime.shutdown_timeout(Duration::from_millis(200));
    done
}

async fn serve_until_told(config: Config) -> anyhow::Result<()> {
    if matches!(config.transport, Transport::Plaintext) && !config.listen.ip().is_loopback() {
        tracing::warn!(listen = %config.listen, "plaintext on an address that others can reach: anybody may give orders");
    }
    let running = start(config).await?;
    println!("listening grpc={} http={}", running.grpc_addr, running.http_addr);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let Running { grpc_addr: _, http_addr: _, stopping, mut supervised } = running;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to go away"),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        ended = &mut supervised => {
            ended.context("the server did not end in order")?;
            anyhow::bail!("a part of the server has ended by itself; the log says which");
        }
    }
    stopping.cancel();
    supervised.await.context("the server did not end in order")
}
