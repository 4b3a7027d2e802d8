//! Taking a routing: checked, kept on disk, put into effect, waited for, in this order. It knows the order and the
//! readings; HTTP is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};
use tokio::task::spawn_blocking;
use tracing::{error, info};

use crate::control::{Applied, Refusal, Routing, Stats, code};
use crate::error::StateError;
use crate::routing::{Fence, Table, fence, validate};
use crate::state::StateFile;
use crate::stats::Counters;
use crate::tasks::Tasks;
use crate::upstream::Upstreams;

/// How long an answer waits for requests chosen by an older routing to start.
const SETTLE_BOUND: Duration = Duration::from_secs(1);

/// What the control API acts on.
pub(crate) struct Api {
    table: Arc<Table>,
    counters: Arc<Counters>,
    upstreams: Arc<Upstreams>,
    state: StateFile,
    /// The data plane's tasks: asked whether they are told to close.
    clients: Tasks,
    /// Runs what must not stop halfway when its caller hangs up.
    tasks: Tasks,
    /// Held from the fence to the effect, so that the disk and the table change in the same order.
    order: Mutex<()>,
}

impl Api {
    pub(crate) fn new(
        table: Arc<Table>,
        counters: Arc<Counters>,
        upstreams: Arc<Upstreams>,
        state: StateFile,
        clients: Tasks,
        tasks: Tasks,
    ) -> Self {
        Self { table, counters, upstreams, state, clients, tasks, order: Mutex::new(()) }
    }

    /// The routing in effect.
    pub(crate) fn routing(&self) -> Option<Routing> {
        self.table.current().map(|snapshot| snapshot.routing.clone())
    }

    /// All numbers now.
    pub(crate) fn stats(&self) -> Stats {
        self.counters.read(self.table.current().map(|snapshot| snapshot.routing.epoch))
    }

    pub(crate) fn start_id(&self) -> &str {
        self.counters.start_id()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.clients.is_closing()
    }

    /// Takes a routing, and tells when requests follow it.
    ///
    /// # Errors
    /// When it is invalid, fenced or could not be kept; then nothing changed.
    pub(crate) async fn apply(self: Arc<Self>, routing: Routing) -> Result<Applied, Refusal> {
        validate(&routing)?;
        let (tell, told) = oneshot::channel();
        let api = Arc::clone(&self);
        self.tasks.spawn(async move {
            // A caller that hung up does not read this; the routing is in effect all the same.
            let _ = tell.send(api.take(routing).await);
        });
        let routing = told.await.map_err(|_| not_written("the proxy is stopping"))??;
        // The next routing, a rollback perhaps, need not wait for this.
        let settled = self.table.settle(SETTLE_BOUND).await;
        Ok(Applied { routing, settled })
    }

    async fn take(&self, routing: Routing) -> Result<Routing, Refusal> {
        let _order = self.order.lock().await;
        let current = self.table.current();
        match fence(current.as_ref().map(|snapshot| &snapshot.routing), &routing)? {
            Fence::Same => {}
            Fence::Newer | Fence::Moved => {
                self.keep(routing.clone()).await?;
                let (epoch, split) = (routing.epoch, routing.split);
                self.table.replace(routing, &self.upstreams);
                info!(%epoch, blue = split.blue, green = split.green, "routing in effect");
            }
        }
        self.routing().ok_or_else(|| not_written("the routing is gone"))
    }

    async fn keep(&self, routing: Routing) -> Result<(), Refusal> {
        let state = self.state.clone();
        let kept: Result<(), StateError> = match spawn_blocking(move || state.keep(&routing)).await {
            Ok(kept) => kept,
            Err(error) => return Err(not_written(&error.to_string())),
        };
        kept.map_err(|error| {
            error!(%error, "a routing was refused");
            not_written(&error.to_string())
        })
    }
}

fn not_written(why: &str) -> Refusal {
    Refusal::new(code::STATE_NOT_WRITTEN, "", "", format!("nothing changed: {why}"))
}
