//! One task per active rollout: it takes orders first, then looks. The only caller of `core`'s `step` that commits.

use std::sync::Arc;
use std::time::Duration;

use meridian_core::id::{Lane, RolloutId};
use meridian_core::invariants::Taken;
use meridian_core::rollout::event::{Effect, Event, Notice, Order, Transition};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::time::Timestamp;
use meridian_store::record::Head;
use meridian_store::{CommitError, Expect, Revision};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::books::{Kept, Request};
use super::commit::{Decision, check_etag, commit};
use super::trace::EndedStep;
use super::{Changed, Engine, RequestMark};
use crate::error::EngineError;

/// Orders waiting for one rollout; people and their scripts never have more under way.
const ORDERS_WAITING: usize = 64;
/// Looks at least this often, whatever wakes it: contact that fades sends no message.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a decision is made again after somebody else changed the same records.
const CONFLICTS_MAX: u32 = 30;
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
}

struct Runner {
    engine: Engine,
    id: RolloutId,
    look: Arc<Notify>,
    held: Held,
    publish: watch::Sender<Option<Held>>,
    head: Option<Kept<Head>>,
    wake: Option<Timestamp>,
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
        let handle = RunnerHandle { orders, held: seen };
        runners.insert(id.clone(), handle.clone());
        let engine = self.clone();
        let look = Arc::new(Notify::new());
        let span = tracing::info_span!("rollout", id = %id);
        let runner = Runner { engine, id, look, held, publish, head: None, wake: None };
        self.shared.tasks.spawn(runner.run(inbox).instrument(span));
        handle
    }
}

impl Runner {
    async fn run(mut self, mut inbox: mpsc::Receiver<OrderCall>) {
        self.begin();
        let shutdown = self.engine.shared.shutdown.clone();
        loop {
            if let Err(error) = self.decide(&Event::Look(Default::default()), None).await {
                tracing::warn!(%error, "a look came to nothing; looking again");
            }
            if self.held.0.phase.is_terminal() {
                break;
            }
            let pause = self.pause();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(call) = inbox.recv() => self.obey(call).await,
                () = self.look.notified() => self.gather(&mut inbox).await,
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
            self.engine.shared.sessions.look_after(lane, self.look.clone());
        }
        self.engine.shared.metrics.rollouts_active.inc();
    }

    /// Orders that came too late are answered by the rules, which refuse them.
    async fn end(mut self, mut inbox: mpsc::Receiver<OrderCall>) {
        self.engine.shared.runners.lock().expect("no holder of this lock panics").remove(&self.id);
        inbox.close();
        while let Some(call) = inbox.recv().await {
            self.obey(call).await;
        }
        for lane in self.lanes() {
            self.engine.shared.sessions.look_away(&lane, &self.look);
        }
        self.engine.shared.metrics.rollouts_active.dec();
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

    async fn obey(&mut self, call: OrderCall) {
        let OrderCall { event, etag, request, reply } = call;
        let answer = self.order(event, etag, request.as_ref()).await;
        // The caller may have gone away; what was decided stays decided.
        let _gone = reply.send(answer);
    }

    async fn order(
        &mut self,
        event: Event,
        etag: Option<Revision>,
        request: Option<&RequestMark>,
    ) -> Result<Held, EngineError> {
        if let Some(mark) = request
            && let Request::Done(_) = self.engine.shared.books.request(mark).await?
        {
            return Ok(self.held.clone());
        }
        check_etag(&self.id, etag, self.held.1)?;
        self.decide(&event, request).await?;
        Ok(self.held.clone())
    }

    /// Makes and commits the decision that follows from an event, as often as somebody else gets in between.
    async fn decide(&mut self, event: &Event, request: Option<&RequestMark>) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            let Some((transition, moment)) = self.next_decision(event).await? else {
                return Ok(());
            };
            match self.commit(&transition, moment, event, request).await {
                Ok(()) => return Ok(()),
                Err(error @ (CommitError::Conflict { .. } | CommitError::Unknown { .. })) => {
                    self.engine.shared.metrics.conflicts.inc();
                    self.reload().await?;
                    if let CommitError::Unknown { .. } = error {
                        return Err(error.into());
                    }
                    tokio::time::sleep(crate::backoff::jittered(attempt)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended { key: self.id.to_string() })
    }

    /// Asks the rules; `None`: nothing to decide.
    async fn next_decision(&mut self, event: &Event) -> Result<Option<(Transition, Moment)>, EngineError> {
        if self.head.is_none() {
            self.head = Some(self.engine.shared.books.head(&self.held.0.plan.service).await?);
        }
        let head = self.head.as_ref().map_or(self.held.0.epoch, |head| head.value.epoch);
        let moment = Moment { now: self.engine.shared.clock.now(), head };
        let record = &self.held.0;
        let event = match event {
            Event::Look(_) => Event::Look(self.engine.shared.sessions.sight(record, moment.now)),
            Event::Guard(_) => Event::Guard(self.engine.shared.sessions.sight(record, moment.now)),
            Event::Pause(_) | Event::Resume(_) | Event::Rollback(..) | Event::Abandon(_) => event.clone(),
        };
        let trace = &self.engine.shared.trace;
        let judged = trace.judges().then(|| event.clone());
        let transition = step(record, event, moment)?;
        if let Some(event) = &judged {
            trace.answered(Taken { before: record, event, moment, answer: &transition });
        }
        self.wake = transition.wake;
        if transition.next.is_none() {
            let _nobody = self.engine.shared.changes.send(Changed { id: self.id.clone() });
            return Ok(None);
        }
        Ok(Some((transition, moment)))
    }

    async fn commit(
        &mut self,
        transition: &Transition,
        moment: Moment,
        event: &Event,
        request: Option<&RequestMark>,
    ) -> Result<(), CommitError> {
        let (Some(next), Some(head)) = (&transition.next, &self.head) else {
            return Ok(());
        };
        let lanes = if next.phase.is_terminal() {
            let lanes = self.engine.shared.books.lanes(&next.plan.service).await;
            Some(lanes.map_err(|error| CommitError::Unavailable { reason: error.to_string() })?)
        } else {
            None
        };
        let (actor, message) = said(event, transition);
        let expect = Expect::At(self.held.1);
        let (kind, now) = (transition.kind, moment.now);
        let decision = Decision { next, expect, head, lanes, kind, actor, message, request, now };
        let began = Instant::now();
        let done = commit(&self.engine.shared.books, decision).await?;
        self.engine.shared.metrics.committed(kind, began.elapsed());
        let before = std::mem::replace(&mut self.held, (Arc::new(next.clone()), done.revision));
        self.head = Some(done.head);
        self.publish.send_replace(Some(self.held.clone()));
        self.perform(&before.0, transition, moment.now);
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), EngineError> {
        self.head = None;
        self.held = self.engine.shared.books.rollout(&self.id).await?;
        self.publish.send_replace(Some(self.held.clone()));
        // Whoever changed it may not have told the agents before it went away.
        for lane in self.lanes() {
            self.push_goal(&lane.region);
        }
        Ok(())
    }

    fn push_goal(&self, region: &meridian_core::id::RegionId) {
        if let Some(goal) = goal(&self.held.0, region) {
            self.engine.shared.sessions.push(goal);
        }
    }

    /// Only after the commit. Each effect can be derived again from the record.
    fn perform(&self, before: &Rollout, transition: &Transition, now: Timestamp) {
        let record = &self.held.0;
        for effect in &transition.effects {
            if let Effect::PushGoal(region) = effect {
                self.push_goal(region);
            }
        }
        let going_back = matches!(record.phase, Phase::RollingBack { .. } | Phase::Frozen { .. })
            && !matches!(before.phase, Phase::RollingBack { .. } | Phase::Frozen { .. });
        for effect in &transition.effects {
            match effect {
                Effect::PushGoal(_) => {}
                Effect::StepEnded { region, what, step, began } => {
                    let (region, step, began) = (Some(region), *step, *began);
                    let ended = EndedStep { region, what, step, began, ended: now, failed: going_back };
                    self.engine.shared.trace.step_ended(record, ended);
                }
                Effect::Notify(notice) => self.tell(notice, now),
            }
        }
        tracing::info!(
            epoch = %record.epoch, kind = transition.kind, phase = record.phase.as_str(), "decided"
        );
        let _nobody = self.engine.shared.changes.send(Changed { id: self.id.clone() });
    }

    fn tell(&self, notice: &Notice, now: Timestamp) {
        let record = &self.held.0;
        match notice {
            Notice::RollbackDecided(cause) => {
                self.engine.shared.metrics.rollbacks.inc();
                tracing::warn!(%cause, "every region concerned goes back");
            }
            Notice::HumanNeeded(cause) => tracing::error!(%cause, "a human is needed"),
            Notice::Ended(word) => {
                tracing::info!(end = word, "reached");
                if record.phase.is_terminal() {
                    self.engine.shared.trace.ended(record, now);
                }
            }
        }
    }
}

/// Who decided, and in what words, for the audit.
fn said(event: &Event, transition: &Transition) -> (String, String) {
    let by = |order: &Order| (order.actor.clone(), order.reason.clone());
    match event {
        Event::Pause(order) | Event::Resume(order) | Event::Rollback(order, _) | Event::Abandon(order) => by(order),
        Event::Look(_) | Event::Guard(_) => {
            let cause = transition.effects.iter().find_map(|effect| match effect {
                Effect::Notify(Notice::RollbackDecided(cause) | Notice::HumanNeeded(cause)) => Some(cause.to_string()),
                Effect::Notify(Notice::Ended(_)) | Effect::PushGoal(_) | Effect::StepEnded { .. } => None,
            });
            let phase = transition.next.as_ref().map_or("", |next| next.phase.as_str());
            ("meridian".to_owned(), cause.unwrap_or_else(|| phase.to_owned()))
        }
    }
}
