//! Queues: the shell round `core::queue`, beside the engine. Requests are taken in wherever they arrive; the sweep of
//! whoever owns the service starts them. Nothing here writes a rollout: the engine does, in the transaction that takes the
//! request out of the queue.

mod look;
mod request;
mod sweep;

use std::sync::Arc;

use meridian_core::id::{PlaybookId, RolloutId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::playbook::Concurrency;
use meridian_core::queue::{Queue, QueueRefused};
use meridian_core::rollout::gates::stops::Said;
use meridian_store::{Expect, Txn, layout, record};
use semver::Version;

pub use look::QueueView;
pub use request::Answered;
pub use sweep::Sweep;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine::{Engine, Kept, Line, OpenOrder, RequestMark, SetOrder, Status};
use crate::error::EngineError;
use crate::metrics::QueueMetrics;

/// How often records are read and compared again after somebody else changed them.
const CONFLICTS_MAX: u32 = 10;

/// All queues. Cheap to clone.
#[derive(Clone)]
pub struct Queues {
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    engine: Engine,
    metrics: QueueMetrics,
}

/// Somebody's wish for a rollout.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whose.
    pub service: ServiceId,
    /// Which release.
    pub release: Version,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest, also if it starts later.
    pub revision: Option<u64>,
    /// The rollout's name.
    pub id: RolloutId,
    /// Declared name of who asks.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// What to do if others hold the lanes; `None`: what the playbook says.
    pub concurrency: Option<Concurrency>,
    /// Check everything, change nothing.
    pub validate_only: bool,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Queues {
    /// Over a catalog; rollouts are started by the engine.
    #[must_use]
    pub fn new(catalog: Catalog, engine: Engine, clock: Arc<dyn Clock>, metrics: QueueMetrics) -> Self {
        Self { clock, catalog, engine, metrics }
    }

    /// Starts a rollout of a plan, if no request waits for one of its lanes. What supersedes passes the queue.
    ///
    /// # Errors
    /// As [`Engine::open`]; also if somebody was first.
    pub async fn open(&self, order: OpenOrder) -> Result<Status, EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            // What came of the same request is told, whoever waits now.
            if self.catalog.is_done(order.request.as_ref()).await? {
                return self.engine.open(order).await;
            }
            let kept = self.catalog.queue_of(&order.service).await?;
            let mut line = Some(Line { expect: kept.expect, begins: None });
            if !kept.value.waiting.is_empty() {
                let plan = self.catalog.plan(&order.plan).await?.value.plan;
                if plan.supersedes.is_some() {
                    line = None;
                } else {
                    self.check_ahead(&order.service, &kept.value, &plan).await?;
                }
            }
            match self.engine.open(OpenOrder { line, ..order.clone() }).await {
                Err(error) if is_of_queue(&order.service, &error) => {
                    tokio::time::sleep(crate::backoff::jittered(attempt)).await;
                }
                answer => return answer,
            }
        }
        Err(contended(&order.service))
    }

    /// Starts a set, if no request waits for a lane of one of its members.
    ///
    /// # Errors
    /// As [`Engine::start_set`]; also if somebody was first.
    pub async fn start_set(&self, mut order: SetOrder) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if self.catalog.is_done(order.request.as_ref()).await? {
                return Ok(());
            }
            order.lines.clear();
            for (service, (_, plan)) in &order.members {
                let kept = self.catalog.queue_of(service).await?;
                self.check_ahead(service, &kept.value, plan).await?;
                order.lines.insert(service.clone(), kept.expect);
            }
            match self.engine.start_set(&order).await {
                Err(error) if order.members.keys().any(|service| is_of_queue(service, &error)) => {
                    tokio::time::sleep(crate::backoff::jittered(attempt)).await;
                }
                answer => return answer,
            }
        }
        Err(EngineError::Contended { key: order.id.to_string() })
    }

    /// Refuses a plan for one of whose lanes a request waits.
    async fn check_ahead(&self, service: &ServiceId, queue: &Queue, plan: &Plan) -> Result<(), EngineError> {
        if queue.waiting.is_empty() {
            return Ok(());
        }
        let regions = plan.lanes.keys().cloned().collect();
        let outlook = self.catalog.outlook(service, &queue.waiting).await?;
        match queue.ahead(&regions, outlook.sight()) {
            Some(ahead) => Err(QueueRefused::Behind(ahead.rollout.clone()).into()),
            None => Ok(()),
        }
    }

    /// Takes a request out of the queue.
    ///
    /// # Errors
    /// If it does not wait (any more), without a name or a reason, or if the store fails.
    pub async fn remove(
        &self,
        service: &ServiceId,
        rollout: &RolloutId,
        said: &Said,
        request: Option<&RequestMark>,
    ) -> Result<(), EngineError> {
        let missing = || EngineError::NotFound { kind: "request", name: rollout.to_string() };
        let after = |queue: &Queue| queue.remove(rollout, said.clone())?.ok_or_else(missing);
        self.change(service, request, after).await?;
        self.metrics.happened("removed");
        tracing::info!(%service, %rollout, actor = said.actor, reason = said.reason, "a request was taken out of the queue");
        Ok(())
    }

    /// Lets rollouts start again from a queue that is held.
    ///
    /// # Errors
    /// If it is not held, without a name or a reason, or if the store fails.
    pub async fn resume(
        &self,
        service: &ServiceId,
        said: &Said,
        request: Option<&RequestMark>,
    ) -> Result<(), EngineError> {
        self.change(service, request, |queue| Ok(queue.resumed(said)?)).await?;
        tracing::info!(%service, actor = said.actor, reason = said.reason, "a queue goes on");
        Ok(())
    }

    /// Writes the queue as `after` makes it of what is there.
    async fn change(
        &self,
        service: &ServiceId,
        request: Option<&RequestMark>,
        after: impl Fn(&Queue) -> Result<Queue, EngineError>,
    ) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if self.catalog.is_done(request).await? {
                return Ok(());
            }
            let kept = self.catalog.queue_of(service).await?;
            let next = after(&kept.value)?;
            if self.write(service, &kept, &next, Txn::new(), request, service.to_string()).await? {
                return Ok(());
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(contended(service))
    }

    /// Writes a queue; `false`: somebody else got in between.
    async fn write(
        &self,
        service: &ServiceId,
        kept: &Kept<Queue>,
        next: &Queue,
        also: Txn,
        request: Option<&RequestMark>,
        resource: String,
    ) -> Result<bool, EngineError> {
        let key = layout::queue(service);
        let txn = also.put(key.clone(), record::encode_queue(next), kept.expect);
        Ok(self.catalog.commit(txn, &key, request, resource, self.clock.now()).await?.is_some())
    }

    /// The order by which a waiting request begins.
    fn begin(kept: &Kept<Queue>, order: OpenOrder) -> Option<(OpenOrder, Queue)> {
        let (after, request) = kept.value.started(&order.id)?;
        let line = Some(Line { expect: kept.expect, begins: Some((after.clone(), request)) });
        Some((OpenOrder { line, ..order }, after))
    }
}

/// Whether somebody changed the queue in between.
fn is_of_queue(service: &ServiceId, error: &EngineError) -> bool {
    matches!(error, EngineError::Contended { key } if key == layout::queue(service).as_str())
}

fn contended(service: &ServiceId) -> EngineError {
    EngineError::Contended { key: layout::queue(service).as_str().to_owned() }
}

/// A rollout of this name was never begun.
fn unbegun(id: &RolloutId) -> Txn {
    Txn::new().check(layout::rollout(id), Expect::Absent)
}
