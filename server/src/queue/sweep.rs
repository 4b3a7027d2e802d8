//! The sweep: starts what can start, and takes out what never can. It wakes when a rollout changes, by the store's watch and
//! on a timer, and remembers nothing that a restart would lose. Every replica sweeps what no other one owns; that is for
//! quiet only, the compare decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::epoch::Epoch;
use meridian_core::id::ServiceId;
use meridian_core::invariants::queueing;
use meridian_core::plan::{PlanRefusal, holders};
use meridian_core::planted;
use meridian_core::queue::{Queue, REASON_BYTES_MAX, Request, Turn};
use meridian_core::rollout::gates::stops::Said;
use meridian_core::rollout::open::OpenRefused;
use meridian_store::layout::Place;
use meridian_store::{Expect, Key, Revision, Txn, Versioned, layout, record};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Queues, is_of_queue};
use crate::catalog::{Outlook, PlanOrder, Terms};
use crate::engine::{Kept, OpenOrder};
use crate::error::EngineError;
use crate::mirror::{self, Sink};
use crate::ownership::Owner;

/// Between two listings; in between the watch of the store tells.
const EVERY: Duration = Duration::from_secs(60);
/// Between two looks if nothing wakes: rollouts that other replicas end wake nobody here.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks that compare nothing before: playbooks and regions may have changed.
const WHOLE: Duration = Duration::from_secs(10);
/// After a look, however often it is woken.
const REST: Duration = Duration::from_millis(50);
/// The most decisions about one queue in a row; the next look goes on.
const BATCH: usize = 32;

/// The services whose queues are not empty, and how many wait there.
#[derive(Default)]
struct Board {
    waiting: Mutex<BTreeMap<ServiceId, usize>>,
    look: Notify,
}

/// What a look found, so that the next one knows whether anything may be different.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    queue: Expect,
    lanes: Option<Revision>,
    vetoes: Epoch,
}

/// Sweeps, look after look.
pub struct Sweep {
    queues: Queues,
    board: Arc<Board>,
    store: Arc<dyn meridian_store::Store>,
    seen: BTreeMap<ServiceId, (Seen, Instant)>,
}

impl Sweep {
    /// Of these queues, which `store` keeps.
    #[must_use]
    pub fn new(queues: Queues, store: Arc<dyn meridian_store::Store>) -> Self {
        Self { queues, board: Arc::default(), store, seen: BTreeMap::new() }
    }

    /// Sweeps until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let records = Records { board: self.board.clone(), queues: self.queues.clone() };
        let following = mirror::follow(self.store.clone(), layout::queues(), EVERY, records, shutdown.clone());
        tokio::join!(following, self.keep(&shutdown));
    }

    async fn keep(&mut self, shutdown: &CancellationToken) {
        let mut changes = self.queues.engine.subscribe();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.board.look.notified() => {}
                // One that was missed is a change as well.
                _ = changes.recv() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            // Whatever has woken until here is looked at now.
            while !matches!(changes.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
            let services: Vec<ServiceId> = self.board.lock().keys().cloned().collect();
            self.seen.retain(|service, _| services.contains(service));
            for service in services {
                if shutdown.is_cancelled() {
                    return;
                }
                if self.queues.engine.ownership().owner(&service) == Owner::Other || planted::is("queue-unswept") {
                    continue;
                }
                if let Err(error) = self.look(&service).await {
                    tracing::warn!(%error, %service, "a queue was not looked at; looking again soon");
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }

    /// Starts what can start, unless nothing may have changed since the last look.
    async fn look(&mut self, service: &ServiceId) -> Result<(), EngineError> {
        let catalog = self.queues.catalog.clone();
        for _ in 0..BATCH {
            let kept = catalog.queue_of(service).await?;
            let lanes = self.store.get(&layout::lanes(service)).await?.item.map(|item| item.mod_revision);
            let vetoes = catalog.head_of(service).await?.vetoes.changed;
            let now = Seen { queue: kept.expect, lanes, vetoes };
            if self.seen.get(service).is_some_and(|(seen, at)| *seen == now && at.elapsed() < WHOLE) {
                return Ok(());
            }
            let outlook = catalog.outlook(service, &kept.value.waiting).await?;
            if !self.queues.act(service, &kept, &outlook).await? {
                self.seen.insert(service.clone(), (now, Instant::now()));
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Board {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ServiceId, usize>> {
        self.waiting.lock().expect("no holder of this lock panics")
    }
}

impl Queues {
    /// Carries out the first turn that is no wait; says whether to look again.
    async fn act(&self, service: &ServiceId, kept: &Kept<Queue>, outlook: &Outlook) -> Result<bool, EngineError> {
        let turns = kept.value.turns(outlook.sight());
        let turns = kept.value.waiting.iter().zip(turns);
        let Some((request, turn)) = turns.into_iter().find(|(_, turn)| !matches!(turn, Turn::Wait(_))) else {
            return Ok(false);
        };
        match turn {
            Turn::Start => self.start(service, kept, request, outlook).await,
            Turn::Leave { code, words } => self.dismiss(service, kept, request, code, words).await.map(|()| true),
            Turn::Wait(_) => Ok(false),
        }
    }

    /// Plans a request whose turn it is, and starts it.
    async fn start(
        &self,
        service: &ServiceId,
        kept: &Kept<Queue>,
        request: &Request,
        outlook: &Outlook,
    ) -> Result<bool, EngineError> {
        let Request { rollout, release, playbook, revision, said, number } = request.clone();
        let wanted =
            PlanOrder { service: service.clone(), version: release, playbook, revision, supersede: None, set: None };
        let made = match self.catalog.make_plan(&wanted, &Terms::default()).await {
            Ok(made) => made,
            // Somebody has taken a lane since it was looked at.
            Err(EngineError::PlanRefused(refused)) if holders(&refused).is_some() => return Ok(true),
            Err(EngineError::PlanRefused(refused)) => {
                let words: Vec<String> = refused.iter().map(ToString::to_string).collect();
                let code = refused.first().map_or("PLAN_REFUSED", PlanRefusal::code);
                return self.dismiss(service, kept, request, code, words.join("; ")).await.map(|()| true);
            }
            Err(error @ EngineError::NotFound { .. }) => {
                return self.dismiss(service, kept, request, error.code(), error.to_string()).await.map(|()| true);
            }
            Err(error) => return Err(error),
        };
        let (id, actor) = (rollout.clone(), said.actor);
        let (service_id, plan) = (service.clone(), made.plan.hash());
        let order = OpenOrder { service: service_id, plan, id, actor, request: None, validate_only: false, line: None };
        let Some((order, after)) = Self::begin(kept, order) else { return Ok(true) };
        let regions = made.plan.lanes.keys().cloned().collect();
        if !queueing(&kept.value, &after, Some((&rollout, &regions)), outlook.sight()).is_empty() {
            // Its playbook takes other lanes than a moment ago.
            return Ok(true);
        }
        match self.engine.open(order).await {
            Ok(_) => {
                self.metrics.happened("started");
                tracing::info!(%service, %rollout, number, "a request begins");
                Ok(true)
            }
            Err(error) => self.not_opened(service, kept, request, error).await,
        }
    }

    /// What it means that a rollout could not be opened: look again, or never.
    async fn not_opened(
        &self,
        service: &ServiceId,
        kept: &Kept<Queue>,
        request: &Request,
        error: EngineError,
    ) -> Result<bool, EngineError> {
        if is_of_queue(service, &error) {
            return Ok(true);
        }
        let never = if let EngineError::OpenRefused(refused) = &error {
            match refused {
                OpenRefused::Vetoed { .. } | OpenRefused::EpochExhausted => true,
                OpenRefused::PlanStale { .. }
                | OpenRefused::LaneHeld { .. }
                | OpenRefused::AutomationHeld { .. }
                | OpenRefused::OtherRollout
                | OpenRefused::Supersede(_) => false,
            }
        } else if let EngineError::AlreadyExists { .. } = &error {
            true
        } else {
            return Err(error);
        };
        if never {
            self.dismiss(service, kept, request, error.code(), error.to_string()).await?;
        }
        Ok(true)
    }

    /// Takes out what never can start, and keeps why. If somebody got in between, the next look sees it again.
    async fn dismiss(
        &self,
        service: &ServiceId,
        kept: &Kept<Queue>,
        request: &Request,
        code: &str,
        mut words: String,
    ) -> Result<(), EngineError> {
        words.truncate(words.floor_char_boundary(REASON_BYTES_MAX));
        let said = Said { actor: "meridian".to_owned(), reason: words.clone(), at: self.clock.now() };
        let Some(next) = kept.value.leave(&request.rollout, code, said) else { return Ok(()) };
        if self.write(service, kept, &next, Txn::new(), None, service.to_string()).await? {
            self.metrics.happened("dismissed");
            let (rollout, asked_by) = (&request.rollout, &request.said.actor);
            tracing::warn!(%service, %rollout, asked_by, code, words, "a request can't be started and was taken out");
        }
        Ok(())
    }
}

/// Follows queues.
struct Records {
    board: Arc<Board>,
    queues: Queues,
}

impl Records {
    fn know(&self, service: ServiceId, waiting: usize) {
        let mut known = self.board.lock();
        if waiting == 0 {
            known.remove(&service);
        } else {
            known.insert(service, waiting);
        }
        let all: usize = known.values().sum();
        drop(known);
        self.queues.metrics.waiting.set(i64::try_from(all).unwrap_or(i64::MAX));
        self.board.look.notify_one();
    }
}

impl Sink for Records {
    async fn put(&mut self, item: Versioned) {
        let Some(Place::Queue(service)) = Place::of(&item.key) else { return };
        match record::decode_queue(&item.key, &item.value) {
            Ok(queue) => self.know(service, queue.waiting.len()),
            Err(error) => tracing::error!(%error, key = item.key.as_str(), "a queue can't be read"),
        }
    }

    fn gone(&mut self, key: &Key, _at: Revision) {
        if let Some(Place::Queue(service)) = Place::of(key) {
            self.know(service, 0);
        }
    }

    /// Queues are emptied and never removed.
    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {}
}
