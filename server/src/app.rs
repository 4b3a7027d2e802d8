//! The composition root: the only place that knows everybody. Builds the store, the engine and the ports, and owns every
//! task until it has ended.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use meridian_core::id::ReplicaId;
use meridian_outbound::Trust;
use meridian_store::embedded::{EmbeddedLimits, EmbeddedStore};
use meridian_store::etcd::EtcdStore;
use meridian_store::memory::{MemoryLimits, MemoryStore};
use meridian_store::record::Member;
use meridian_store::{Metered, Store, StoreMetrics};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::alert::{Bell, Courier, CourierParts, Secrets, Teller};
use crate::backup;
use crate::catalog::{Catalog, Forgetting};
use crate::clock::Clock;
use crate::config::{AlertConfig, Config, StartError, StoreChoice, Surroundings, Transport};
use crate::drain::{self, Drain};
use crate::engine::{Asker, Engine, EngineParts, NoTrace, StepTrace};
use crate::grpc::{self, Front, Port, Shared, Streams};
use crate::http::{self, Watched};
use crate::joining::{self, Joining};
use crate::metrics::Metrics;
use crate::ports::{Listener, Ports};
use crate::queue::{self, Queues};
use crate::session::Sessions;
use crate::telemetry::Traces;
use crate::tls::Terms;
use crate::watching::{Sweep, Watches};

/// The file of the embedded store in its folder.
const EMBEDDED_FILE: &str = "meridian.redb";
/// Pages that the embedded store keeps in memory: what is read often is kept by the engine itself.
const EMBEDDED_CACHE: usize = 4 * 1024 * 1024;

/// A server that runs. Dropping it without [`Running::shutdown`] leaves its tasks to the runtime.
pub struct Running {
    /// Where agents and callers connect to.
    pub grpc_addr: SocketAddr,
    /// Where metrics and health are.
    pub http_addr: SocketAddr,
    pub(crate) stopping: CancellationToken,
    pub(crate) supervised: JoinHandle<()>,
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

/// Starts a server on this machine.
///
/// # Errors
/// If the store, the addresses or the certificates can't be used.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_in(config, Surroundings::machine()).await
}

/// Starts a server in surroundings of one's own.
///
/// # Errors
/// As [`start`].
pub async fn start_in(config: Config, surroundings: Surroundings) -> Result<Running, StartError> {
    let Surroundings { clock, ports, trace } = surroundings;
    let Config { listen, http, store, transport, otlp, alerts } = config;
    let terms = match transport {
        Transport::Plaintext => Terms::Plaintext,
        Transport::Tls(files) => Terms::load(&files)?,
    };
    let (metrics, store_metrics) = Metrics::new(StoreMetrics::register);
    let store: Arc<dyn Store> = Arc::new(Metered::new(open(store).await?, store_metrics));
    refuse_half_restored(store.as_ref()).await?;
    let traces = otlp.as_deref().map(Traces::begin).transpose()?.map(Arc::new);
    let (listener, grpc_addr) = bind(ports.as_ref(), listen).await?;
    let (http_listener, http_addr) = bind(ports.as_ref(), http).await?;
    let trace = trace.unwrap_or_else(|| listening(traces.as_ref()));
    let shared = shared(store, grpc_addr, clock, trace, metrics, alerts);
    let unreadable = |error: &dyn std::fmt::Display| StartError::Descriptors(error.to_string());
    let (routes, health) = grpc::routes(&shared).map_err(|error| unreadable(&error))?;
    let calls = shared.metrics.calls.clone();
    let front = Front::new(routes, calls.clone()).map_err(|error| unreadable(&error))?;
    let port = Port { listener, terms, front, metrics: calls };

    let ended = CancellationToken::new();
    let drain = launch(shared, port, http_listener, health, &ended);
    grpc::set_health(&drain.health, ServingStatus::Serving).await;
    let stopping = CancellationToken::new();
    let supervised = tokio::spawn(supervise(drain, stopping.clone(), ended, traces));
    Ok(Running { grpc_addr, http_addr, stopping, supervised })
}

/// A store that is being filled from a backup would be served as if it were all there is. One that does not answer now is
/// not asked twice: a server has to start also while it is away.
async fn refuse_half_restored(store: &dyn Store) -> Result<(), StartError> {
    match backup::is_unfinished(store).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(StartError::Store("a restore of it is not finished; run the same restore again".to_owned())),
        Err(error) => {
            tracing::warn!(%error, "it can't be told whether this store was restored whole");
            Ok(())
        }
    }
}

fn shared(
    store: Arc<dyn Store>,
    address: SocketAddr,
    clock: Arc<dyn Clock>,
    trace: Arc<dyn StepTrace>,
    metrics: Metrics,
    alerts: AlertConfig,
) -> Shared {
    let bell = Bell::default();
    let AlertConfig { secrets, ca } = alerts;
    let (trust, secrets) = (ca.map_or(Trust::System, Trust::File), Secrets::new(secrets));
    let engine = Engine::new(EngineParts {
        store: store.clone(),
        clock: clock.clone(),
        sessions: Arc::new(Sessions::default()),
        trace,
        metrics: metrics.engine.clone(),
        ownership_metrics: metrics.ownership.clone(),
        replica: fresh_replica(),
        member: Member { address: address.to_string(), version: env!("CARGO_PKG_VERSION").to_owned() },
        bell: bell.clone(),
        asker: Asker::new(trust.clone(), secrets.clone()),
    });
    let teller = Teller::new(trust, secrets, metrics.alerts.clone());
    let catalog = Catalog::new(store.clone(), clock.clone());
    let watches = Watches::new(catalog.clone(), engine.clone(), store.clone(), clock.clone(), metrics.watching.clone());
    let queues = Queues::new(catalog.clone(), engine.clone(), clock.clone(), metrics.queues.clone());
    let joining = Joining::new(catalog.clone(), engine.clone(), clock.clone());
    let (pace, streams) = (Arc::default(), Streams::default());
    Shared { engine, catalog, queues, watches, joining, store, clock, pace, streams, metrics, teller, bell }
}

/// A name of its own for each life of a server: what an earlier one left under its lease is not ours.
fn fresh_replica() -> ReplicaId {
    let random = uuid::Uuid::new_v4().simple().to_string();
    ReplicaId::new(format!("replica-{random}")).expect("hexadecimal digits are allowed in names")
}

/// Spawns every task; what comes back owns them.
fn launch(
    shared: Shared,
    port: Port,
    http_listener: Box<dyn Listener>,
    health: HealthReporter,
    ended: &CancellationToken,
) -> Drain {
    let Shared { engine, catalog, queues, watches, joining, store, clock, pace: _, streams, metrics, teller, bell } =
        shared;
    let courier = Courier::new(CourierParts {
        store: store.clone(),
        catalog: catalog.clone(),
        engine: engine.clone(),
        clock,
        teller,
        metrics: metrics.alerts.clone(),
        bell,
    });
    let queueing = queue::Sweep::new(queues, store.clone());
    let watched = Arc::new(Watched { store, streams: streams.clone(), metrics });
    let (stop, port_closing) = (CancellationToken::new(), CancellationToken::new());
    let deciding = {
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    };
    let rest = vec![
        spawn("engine", ended, deciding),
        spawn("forgetting", ended, Forgetting::new(catalog).run(stop.clone())),
        spawn("queueing", ended, queueing.run(stop.clone())),
        spawn("watching", ended, Sweep::new(watches).run(stop.clone())),
        spawn("joining", ended, joining::Sweep::new(joining).run(stop.clone())),
        spawn("courier", ended, courier.run(stop.clone())),
        spawn("http", ended, http::serve(http_listener, watched, stop.clone())),
    ];
    let port = spawn("port", ended, port.serve(port_closing.clone(), drain::CONNECTIONS_MAX));
    Drain { health, streams, engine, port_closing, port, stop, rest }
}

/// Where ended steps are told.
fn listening(traces: Option<&Arc<Traces>>) -> Arc<dyn StepTrace> {
    match traces {
        Some(traces) => traces.clone(),
        None => Arc::new(NoTrace),
    }
}

/// Waits for the order to go away, or for a task that should not have ended; goes away in both cases.
async fn supervise(drain: Drain, stopping: CancellationToken, ended: CancellationToken, traces: Option<Arc<Traces>>) {
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

/// Opens a store.
pub(crate) async fn open(choice: StoreChoice) -> Result<Arc<dyn Store>, StartError> {
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

async fn bind(ports: &dyn Ports, address: SocketAddr) -> Result<(Box<dyn Listener>, SocketAddr), StartError> {
    let failed = |source| StartError::Bind { address, source };
    let listener = ports.listen(address).await.map_err(failed)?;
    let bound = listener.address().map_err(failed)?;
    Ok((listener, bound))
}
