//! The composition root: builds the parts, listens, and takes them down in order. The only place that knows everybody.

use std::fs;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{debug, info, warn};

use crate::admin::{self, Api};
use crate::args::Args;
use crate::downstream;
use crate::error::StartError;
use crate::forward::Forwarder;
use crate::routing::Table;
use crate::state::StateFile;
use crate::stats::Counters;
use crate::tasks::Tasks;
use crate::upstream::Upstreams;

/// How long requests and tunnels may run on after SIGTERM.
pub const DRAIN_GRACE: Duration = Duration::from_secs(5);
/// How long control calls may run on; longer than the bound on settling.
const CONTROL_GRACE: Duration = Duration::from_secs(2);

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    control: PathBuf,
    clients: Tasks,
    callers: Tasks,
    connections: Tasks,
}

impl Proxy {
    /// Loads the last routing, listens on both sides and serves. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a side cannot listen, or the state file is unusable.
    pub async fn start(args: &Args) -> Result<Self, StartError> {
        let (clients, callers, connections) = (Tasks::default(), Tasks::default(), Tasks::default());
        let failed = |source| StartError::Listen { address: args.listen, source };
        let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // Behind the port, which only one process has: two that start at once must not both make the file.
        let (state, kept) = StateFile::open(&args.state)?;
        let control = admin::bind(&args.control)?;

        let (table, counters) = (Arc::new(Table::new()), Counters::new());
        let upstreams = Arc::new(Upstreams::new(connections.clone(), args.upstream_timeout()));
        if let Some(routing) = kept {
            info!(epoch = %routing.epoch, "serving the routing of before");
            table.replace(routing, &upstreams);
        }
        let forwarder =
            Forwarder::new(Arc::clone(&table), Arc::clone(&counters), args.upstream_timeout(), clients.clone());
        let places = usize::try_from(args.max_connections).unwrap_or(usize::MAX);
        clients.spawn(downstream::accept(listener, Arc::new(forwarder), clients.clone(), places));
        let sweeping = Arc::clone(&upstreams);
        connections.spawn(async move { sweeping.sweep_forever().await });
        let api = Api::new(table, counters, upstreams, state, clients.clone(), callers.clone());
        callers.spawn(admin::accept(control, Arc::new(api), callers.clone()));
        Ok(Self { address, control: args.control.clone(), clients, callers, connections })
    }

    /// Where clients connect: the real port when 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more, lets requests and tunnels end within `grace`, and stops. Control calls are answered
    /// until the clients are done. Returns whether everything ended by itself.
    pub async fn stop(self, grace: Duration) -> bool {
        let drained = self.clients.end(grace).await;
        self.callers.end(CONTROL_GRACE).await;
        self.connections.end(Duration::ZERO).await;
        if let Err(error) = fs::remove_file(&self.control) {
            debug!(%error, "the control socket was gone already");
        }
        drained
    }
}

/// A proxy that is dropped without [`Proxy::stop`] cuts everything off.
impl Drop for Proxy {
    fn drop(&mut self) {
        for tasks in [&self.clients, &self.callers, &self.connections] {
            tasks.abort();
        }
    }
}

/// The whole program: serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When it cannot start. A drain that has to cut something off is told in the log, and is no error.
pub fn run(args: Args) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Process)?;
    runtime.block_on(async move {
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Process)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Process)?;
        let proxy = Proxy::start(&args).await?;
        let mut out = stdout();
        if writeln!(out, "listening {}", proxy.address()).and_then(|()| out.flush()).is_err() {
            warn!(address = %proxy.address(), "nobody reads our standard output");
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("draining");
        if !proxy.stop(DRAIN_GRACE).await {
            warn!("some requests did not end in time and were cut off");
        }
        Ok(())
    })
}
