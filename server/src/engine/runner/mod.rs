//! One task per active rollout on every replica: it takes orders first, then looks if it owns the rollout and guards it if
//! not. The only caller of `core`'s `step` that commits.

mod decide;
mod order;
mod perform;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::id::{Lane, RolloutId};
use meridian_core::rollout::event::{AnswerGiven, Event};
use meridian_core::rollout::state::Rollout;
use meridian_core::time::Timestamp;
use meridian_store::record::Head;
use meridian_store::{Revision, Versioned};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::books::Kept;
use super::gates::Asking;
use super::{Engine, RequestMark};
use crate::error::EngineError;
use decide::Asked;

/// Orders waiting for one rollout; people and their scripts never have more under way.
const ORDERS_WAITING: usize = 64;
/// Looks at least this often, whatever wakes it: contact that fades sends no message.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a commit of a large record, reports are gathered for this long per lane before the next look.
const GATHER_PER_LANE: Duration = Duration::from_micros(20);
/// Up to this many lanes nothing is gathered: each report is looked at once it is there.
const GATHER_ABOVE: usize = 32;

/// A record and its revision.
pub(super) type Held = (Arc<Rollout>, Revision);

/// Somebody's order and where the answer goes.
pub(super) struct OrderCall {
    pub event: Event,
    pub etag: Option<Revision>,
    pub request: Option<RequestMark>,
    pub reply: oneshot::Sender<Result<Held, EngineError>>,
}

/// How to reach a runner.
#[derive(Clone)]
pub(super) struct RunnerHandle {
    pub orders: mpsc::Sender<OrderCall>,
    pub held: watch::Receiver<Option<Held>>,
    news: Arc<News>,
}

/// What the store shows of a rollout while its runner does something else: the newest record.
#[derive(Default)]
struct News {
    record: Mutex<Option<Versioned>>,
    look: Arc<Notify>,
}

impl RunnerHandle {
    /// Shows the runner a record. Its own ones and older ones are not looked at.
    pub fn offer(&self, item: Versioned) {
        let newer = |revision: Revision| revision < item.mod_revision;
        if !self.held.borrow().as_ref().is_none_or(|(_, held)| newer(*held)) {
            return;
        }
        let mut record = self.news.record.lock().expect("no holder of this lock panics");
        if record.as_ref().is_none_or(|waiting| newer(waiting.mod_revision)) {
            *record = Some(item);
            self.news.look.notify_one();
        }
    }

    /// Something that the rollout does not keep has changed.
    pub fn look_again(&self) {
        self.news.look.notify_one();
    }
}

struct Runner {
    engine: Engine,
    id: RolloutId,
    news: Arc<News>,
    held: Held,
    publish: watch::Sender<Option<Held>>,
    head: Option<Kept<Head>>,
    wake: Option<Timestamp>,
    asking: Asking,
}

impl Engine {
    /// Starts the runner of a rollout, unless there is one.
    pub(super) fn start_runner(&self, record: Arc<Rollout>, revision: Revision) -> RunnerHandle {
        let mut runners = self.shared.runners.lock().expect("no holder of this lock panics");
        if let Some(handle) = runners.get(&record.id) {
            return handle.clone();
        }
        let id = record.id.clone();
        let (orders, inbox) = mpsc::channel(ORDERS_WAITING);
        let held = (record, revision);
        let (publish, seen) = watch::channel(Some(held.clone()));
        let news = Arc::new(News::default());
        let handle = RunnerHandle { orders, held: seen, news: news.clone() };
        runners.insert(id.clone(), handle.clone());
        let engine = self.clone();
        let span = tracing::info_span!("rollout", id = %id);
        let runner = Runner { engine, id, news, held, publish, head: None, wake: None, asking: Asking::default() };
        self.shared.tasks.spawn(runner.run(inbox).instrument(span));
        handle
    }
}

impl Runner {
    async fn run(mut self, mut inbox: mpsc::Receiver<OrderCall>) {
        self.begin();
        let shutdown = self.engine.shared.shutdown.clone();
        let mut owners = self.engine.shared.ownership.subscribe();
        loop {
            self.catch_up().await;
            if let Err(error) = self.decide(&Asked::Sight, None).await {
                tracing::warn!(%error, "a look came to nothing; looking again");
            }
            if self.held.0.phase.is_terminal() {
                break;
            }
            if self.go_with_others().await {
                break;
            }
            self.ask_callbacks().await;
            let pause = self.pause();
            let look = self.news.look.clone();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(call) = inbox.recv() => self.obey(call).await,
                answer = self.asking.answered() => self.hear(answer).await,
                () = look.notified() => self.gather(&mut inbox).await,
                Ok(()) = owners.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.end(inbox).await;
    }

    fn lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        let service = &self.held.0.plan.service;
        let lane = |region: &meridian_core::id::RegionId| Lane { service: service.clone(), region: region.clone() };
        self.held.0.lanes.keys().map(lane)
    }

    /// What a start, a takeover and the first decision have in common: every goal is derived again and told.
    fn begin(&self) {
        for lane in self.lanes() {
            self.push_goal(&lane.region);
            self.engine.shared.sessions.look_after(lane, self.news.look.clone());
        }
        self.engine.shared.metrics.rollouts_active.inc();
    }

    /// Orders that came too late are answered by the rules, which refuse them.
    async fn end(mut self, mut inbox: mpsc::Receiver<OrderCall>) {
        self.engine.shared.runners.lock().expect("no holder of this lock panics").remove(&self.id);
        inbox.close();
        self.asking.end().await;
        while let Some(call) = inbox.recv().await {
            self.obey(call).await;
        }
        for lane in self.lanes() {
            self.engine.shared.sessions.look_away(&lane, &self.news.look);
        }
        self.engine.shared.metrics.rollouts_active.dec();
    }

    /// The owner asks what the record says is open; nobody else does.
    async fn ask_callbacks(&mut self) {
        let shared = &self.engine.shared;
        if shared.ownership.claim(&self.held.0.plan.service).is_some() {
            self.asking.follow(&self.held.0, &shared.asker, &shared.clock);
        } else {
            self.asking.end().await;
        }
    }

    /// Records how far the other members of its set are, and ends the set if all could. Says whether this one has ended.
    async fn go_with_others(&mut self) -> bool {
        if self.held.0.plan.set.is_none() {
            return false;
        }
        match self.engine.heard_of_others(&self.held.0).await {
            Ok(news) => {
                for heard in news {
                    if let Err(error) = self.order(Event::Member(heard), None, None).await {
                        tracing::warn!(%error, "what was heard of another member could not be recorded");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the other members of the set can't be read"),
        }
        match self.engine.end_set(&self.held.0).await {
            Ok(true) => {
                if let Err(error) = self.reload().await {
                    tracing::warn!(%error, "the end of a set can't be read back yet");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a set could not be ended"),
        }
        self.held.0.phase.is_terminal()
    }

    /// Records what a callback has answered.
    async fn hear(&mut self, answer: AnswerGiven) {
        let (callback, said) = (answer.callback.clone(), answer.said.as_str());
        match self.order(Event::Answer(answer), None, None).await {
            Ok(_) => tracing::info!(%callback, said, "a callback has answered"),
            Err(error) => tracing::warn!(%callback, said, %error, "an answer could not be recorded"),
        }
    }

    fn pause(&self) -> Duration {
        let now = self.engine.shared.clock.now();
        let until_wake = self.wake.map(|wake| Duration::from_millis(wake.since(now).millis().max(1)));
        until_wake.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY))
    }

    /// A thousand reports are a thousand wake-ups; a large rollout looks once at many of them. Orders do not wait.
    async fn gather(&mut self, inbox: &mut mpsc::Receiver<OrderCall>) {
        let lanes = self.held.0.lanes.len();
        if lanes <= GATHER_ABOVE {
            return;
        }
        let lanes = u32::try_from(lanes).unwrap_or(u32::MAX);
        let until = Instant::now() + GATHER_PER_LANE.saturating_mul(lanes);
        tokio::select! {
            biased;
            Some(call) = inbox.recv() => self.obey(call).await,
            () = tokio::time::sleep_until(until) => {}
        }
    }
}
