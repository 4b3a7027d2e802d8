//! The engine: the shell round `core`. For every rollout: load → step → commit → perform. Crash recovery, takeover and
//! the happy path are this one path; triggers carry no data, only "look again".
//!
//! It decides nothing. It persists a decision before it acts on it, and everything it does afterwards can be derived
//! again from the record. Of several equal replicas each runs every rollout that has not ended: the owner of its shard
//! looks and moves it forward, the others only guard it, and orders are carried out wherever they arrive.

mod books;
mod calendar;
mod commit;
mod follow;
mod gates;
mod greet;
mod heads;
mod line;
mod open;
mod restore;
mod runner;
mod sets;
mod status;
pub mod trace;
mod veto;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use meridian_core::id::{ReplicaId, RolloutId};
use meridian_core::observation::Sight;
use meridian_core::rollout::event::Event;
use meridian_core::rollout::state::Rollout;
use meridian_core::time::Timestamp;
use meridian_store::record::Member;
use meridian_store::{Revision, Store};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use gates::{Asker, StopCall};
pub use greet::Standing;
pub use line::Line;
pub use open::OpenOrder;
pub use restore::{GoOn, go_on};
pub use sets::SetOrder;
pub use status::Status;
pub use trace::{NoTrace, StepTrace};
pub use veto::VetoCall;

use crate::alert::Bell;
use crate::clock::Clock;
use crate::error::EngineError;
use crate::metrics::{EngineMetrics, OwnershipMetrics};
use crate::ownership::Ownership;
use crate::session::{self, Sessions};
use books::Books;
pub(crate) use books::Kept;
use calendar::Calendars;
pub(crate) use commit::truncated;
use gates::{Known, Opinions, Stopped};
use runner::{OrderCall, RunnerHandle};

/// What an engine is made of.
pub struct EngineParts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Agents connected now.
    pub sessions: Arc<Sessions>,
    /// Where ended steps are told.
    pub trace: Arc<dyn StepTrace>,
    /// What is counted.
    pub metrics: EngineMetrics,
    /// What is counted of ownership.
    pub ownership_metrics: OwnershipMetrics,
    /// Which of several equal replicas this is.
    pub replica: ReplicaId,
    /// What the others are told of it.
    pub member: Member,
    /// Rings after each decision.
    pub bell: Bell,
    /// Asks the endpoints that gates name.
    pub asker: Asker,
}

/// What makes a repeated request have the effect of once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestMark {
    /// A UUID, chosen by the caller.
    pub id: String,
    /// Digest of method and body.
    pub body: meridian_core::digest::Digest,
}

/// Something about a rollout has changed: its record, or what is seen of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// Which.
    pub id: RolloutId,
}

/// How many changes a slow listener may miss before it must read everything again.
const CHANGES_KEPT: usize = 1024;

/// Handle to the engine; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    books: Books,
    clock: Arc<dyn Clock>,
    sessions: Arc<Sessions>,
    calendars: Calendars,
    stops: Stopped,
    opinions: Opinions,
    trace: Arc<dyn StepTrace>,
    metrics: EngineMetrics,
    bell: Bell,
    asker: Asker,
    ownership: Ownership,
    /// When all records were last known to be the newest.
    followed: Mutex<Timestamp>,
    runners: Mutex<BTreeMap<RolloutId, RunnerHandle>>,
    changes: broadcast::Sender<Changed>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Shared {
    /// All that is known of a rollout's lanes, when steps may start there, and what gates ask.
    fn sight(&self, record: &Rollout, now: Timestamp, known: &Known) -> Sight {
        let mut sight = self.sessions.sight(record, now);
        self.calendars.fill(&mut sight, record, now);
        known.fill(&mut sight, record);
        sight
    }
}

impl Engine {
    /// An engine that does nothing until [`Engine::run`].
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let EngineParts { store, clock, sessions, trace, metrics, ownership_metrics, replica, member, bell, asker } =
            parts;
        let shared = Shared {
            ownership: Ownership::new(replica, member, store.clone(), ownership_metrics),
            books: Books::new(store),
            followed: Mutex::new(Timestamp::from_millis(0)),
            clock,
            sessions,
            calendars: Calendars::default(),
            stops: Stopped::default(),
            opinions: Opinions::default(),
            trace,
            metrics,
            bell,
            asker,
            runners: Mutex::default(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Owns, follows and runs rollouts until `shutdown`, then ends and joins everything; what was owned goes last.
    pub async fn run(&self, shutdown: CancellationToken) {
        let disowned = CancellationToken::new();
        let (ending, tasks) = (&self.shared.shutdown, &self.shared.tasks);
        tasks.spawn(follow::run(self.clone(), ending.clone()));
        tasks.spawn(heads::run(self.clone(), ending.clone()));
        tasks.spawn(self.clone().follow_gates(ending.clone()));
        let (store, clock) = (self.shared.books.store.clone(), self.shared.clock.clone());
        let parts = session::Parts { store, clock, ownership: self.shared.ownership.clone() };
        for task in session::tasks(&self.shared.sessions, &parts, ending) {
            tasks.spawn(task);
        }
        let running = async {
            shutdown.cancelled().await;
            ending.cancel();
            tasks.close();
            tasks.wait().await;
            disowned.cancel();
        };
        tokio::join!(running, self.shared.ownership.run(disowned.clone()));
    }

    /// What this replica owns.
    #[must_use]
    pub fn ownership(&self) -> &Ownership {
        &self.shared.ownership
    }

    /// Carries out an operator's order.
    ///
    /// # Errors
    /// If the rollout does not exist, the rules refuse the order, the etag is stale, or the store fails.
    pub async fn order(
        &self,
        id: &RolloutId,
        event: Event,
        etag: Option<Revision>,
        request: Option<RequestMark>,
    ) -> Result<Status, EngineError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let call = OrderCall { event, etag, request, reply };
        let Some(handle) = self.runner(id).await? else {
            return self.order_ended(id, call.event, call.etag).await;
        };
        handle.orders.send(call).await.map_err(|_| EngineError::Draining)?;
        let (record, revision) = answer.await.map_err(|_| EngineError::Draining)??;
        Ok(self.status_of(record, revision))
    }

    /// An ended rollout has no runner: the rules refuse, in their own words.
    async fn order_ended(&self, id: &RolloutId, event: Event, etag: Option<Revision>) -> Result<Status, EngineError> {
        let (record, revision) = self.shared.books.rollout(id).await?;
        commit::check_etag(id, etag, revision)?;
        let moment = meridian_core::rollout::step::Moment { now: self.shared.clock.now(), head: record.epoch };
        meridian_core::rollout::step::step(&record, event, moment)?;
        Ok(self.status_of(record, revision))
    }

    /// The runner of a rollout; `None` if it has ended.
    async fn runner(&self, id: &RolloutId) -> Result<Option<RunnerHandle>, EngineError> {
        if let Some(handle) = self.known_runner(id) {
            return Ok(Some(handle));
        }
        let (record, revision) = self.shared.books.rollout(id).await?;
        if record.phase.is_terminal() {
            return Ok(None);
        }
        Ok(Some(self.start_runner(record, revision)))
    }

    fn known_runner(&self, id: &RolloutId) -> Option<RunnerHandle> {
        self.shared.runners.lock().expect("no holder of this lock panics").get(id).cloned()
    }

    /// The table of sessions.
    #[must_use]
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.shared.sessions
    }

    /// Tells of every change from now on. A listener that falls behind must read everything again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.shared.changes.subscribe()
    }
}
