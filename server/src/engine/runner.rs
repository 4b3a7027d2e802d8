//! One task per active rollout on every replica: it takes orders first, then looks if it owns the rollout and guards it if
//! not. The only caller of `core`'s `step` that commits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_core::id::{Lane, RolloutId};
use meridian_core::invariants::Taken;
use meridian_core::planted;
use meridian_core::rollout::event::{AnswerGiven, Effect, Event, Notice, Right, Transition};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::time::Timestamp;
use meridian_store::record::Head;
use meridian_store::{CommitError, Expect, Key, Revision, Versioned};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::books::{Kept, Request};
use super::commit::{Decision, check_etag, commit, said};
use super::gates::Asking;
use super::trace::EndedStep;
use super::{Changed, Engine, RequestMark};
use crate::error::EngineError;
use crate::ownership::Claim;

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

/// Sessions compared by one decision: more do not fit into a transaction. Of what moves so many lanes at once the rest is
/// held by the watch alone, which closes an older session as soon as a newer one is seen.
const SESSIONS_COMPARED_MAX: usize = 100;

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

/// Why a decision is asked for.
enum Asked<'a> {
    /// Something may be seen differently.
    Sight,
    /// Somebody wants it.
    Order(&'a Event),
}

/// A decision as the rules made it, and with which right it is committed.
struct Decided {
    transition: Transition,
    moment: Moment,
    claim: Option<Claim>,
    /// What was known from elsewhere when this moves forward, and has to be so still.
    known: Vec<(Key, Expect)>,
}

struct Runner {
    engine: Engine,
    id: RolloutId,
    /// The hash of its plan.
    plan: Digest,
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
        let (id, plan) = (record.id.clone(), record.plan.hash());
        let (orders, inbox) = mpsc::channel(ORDERS_WAITING);
        let held = (record, revision);
        let (publish, seen) = watch::channel(Some(held.clone()));
        let news = Arc::new(News::default());
        let handle = RunnerHandle { orders, held: seen, news: news.clone() };
        runners.insert(id.clone(), handle.clone());
        let engine = self.clone();
        let span = tracing::info_span!("rollout", id = %id);
        let runner =
            Runner { engine, id, plan, news, held, publish, head: None, wake: None, asking: Asking::default() };
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
        self.catch_up().await;
        let judged = self.obeyed(&event, etag, request).await;
        let Err(EngineError::Refused(_) | EngineError::StaleEtag { .. }) = judged else {
            return judged.map(|()| self.held.clone());
        };
        // Whoever gives the order may have seen what another replica decided a moment ago; it is not refused for that.
        let known = self.held.1;
        self.reload().await?;
        if self.held.1 != known {
            self.obeyed(&event, etag, request).await?;
            return Ok(self.held.clone());
        }
        judged.map(|()| self.held.clone())
    }

    async fn obeyed(
        &mut self,
        event: &Event,
        etag: Option<Revision>,
        request: Option<&RequestMark>,
    ) -> Result<(), EngineError> {
        check_etag(&self.id, etag, self.held.1)?;
        self.decide(&Asked::Order(event), request).await
    }

    /// Makes and commits the decision that follows, as often as somebody else gets in between.
    async fn decide(&mut self, asked: &Asked<'_>, request: Option<&RequestMark>) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            let Some(decided) = self.next_decision(asked).await? else {
                return Ok(());
            };
            match self.commit(&decided, asked, request).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { key }) if decided.claim.as_ref().is_some_and(|c| c.key() == key) => {
                    // What follows is no longer ours to do.
                    decided.claim.iter().for_each(|claim| self.engine.shared.ownership.lost(claim));
                    return Ok(());
                }
                // Somebody has stopped the line, or said what they think: it is asked again under what is so now.
                Err(CommitError::Conflict { key }) if decided.known.iter().any(|(known, _)| *known == key) => {
                    self.engine.read_gate(&key).await?;
                }
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

    /// The next decision, if there is one and we have the right to it. The head is read only for one.
    async fn next_decision(&mut self, asked: &Asked<'_>) -> Result<Option<Decided>, EngineError> {
        // The record may have come by the watch after the head was read.
        self.head.take_if(|head| head.value.epoch < self.held.0.epoch);
        let decided = self.ask(asked)?;
        if decided.is_none() || self.head.is_some() {
            return Ok(decided);
        }
        let head = self.engine.shared.books.head(&self.held.0.plan.service).await?;
        if head.value.epoch < self.held.0.epoch {
            // Both are written by one commit, so this read is of the past; nothing is decided on it.
            let reason = format!(
                "the head of {} was read at {}, behind its rollout",
                self.held.0.plan.service, head.value.epoch
            );
            return Err(EngineError::Unavailable(reason));
        }
        self.head = Some(head);
        self.ask(asked)
    }

    /// Asks the rules; `None`: nothing to decide, or not with the right that we have.
    fn ask(&mut self, asked: &Asked<'_>) -> Result<Option<Decided>, EngineError> {
        let shared = &self.engine.shared;
        let head = self.head.as_ref().map_or(self.held.0.epoch, |head| head.value.epoch);
        let moment = Moment { now: shared.clock.now(), head };
        let record = &self.held.0;
        let claim = shared.ownership.claim(&record.plan.service);
        let known = shared.known(&record.plan);
        let sight = || shared.sight(record, moment.now, &known);
        let event = match asked {
            // Who does not know yet where the line is stopped moves nothing forward.
            Asked::Sight if claim.is_some() && known.has_stops() || planted::is("guard-goes-forward") => {
                Event::Look(sight())
            }
            Asked::Sight => Event::Guard(sight()),
            Asked::Order(event) => (*event).clone(),
        };
        let trace = &shared.trace;
        let judged = trace.judges().then(|| event.clone());
        let transition = step(record, event, moment)?;
        if let Some(event) = &judged {
            trace.answered(Taken { before: record, event, moment, answer: &transition });
        }
        self.wake = transition.wake;
        let Some(next) = &transition.next else {
            let _nobody = shared.changes.send(Changed { id: self.id.clone() });
            return Ok(None);
        };
        // Whoever may stop needs no right, and must not fail for want of one.
        let claim = match transition.right {
            Right::Owner if claim.is_none() && !planted::is("guard-goes-forward") => return Ok(None),
            Right::Owner => claim,
            Right::Anyone => None,
        };
        let known = if claim.is_some() { known.checks(record, next) } else { Vec::new() };
        Ok(Some(Decided { transition, moment, claim, known }))
    }

    async fn commit(
        &mut self,
        decided: &Decided,
        asked: &Asked<'_>,
        request: Option<&RequestMark>,
    ) -> Result<(), CommitError> {
        let Decided { transition, moment, claim, known } = decided;
        let (Some(next), Some(head)) = (&transition.next, &self.head) else {
            return Ok(());
        };
        let lanes = if next.phase.is_terminal() {
            let lanes = self.engine.shared.books.lanes(&next.plan.service).await;
            Some(lanes.map_err(|error| CommitError::Unavailable { reason: error.to_string() })?)
        } else {
            None
        };
        let order = if let Asked::Order(event) = asked { Some(*event) } else { None };
        let (actor, message) = said(order, transition);
        let expect = Expect::At(self.held.1);
        let (kind, now, claim, known) = (transition.kind, moment.now, claim.clone(), known.clone());
        // A stop waits for no session either.
        let sessions = if claim.is_some() { self.sessions_behind(next) } else { Vec::new() };
        let (before, plan) = (Some(self.held.0.as_ref()), self.plan);
        let decision = Decision {
            next,
            before,
            plan,
            expect,
            head,
            lanes,
            kind,
            actor,
            message,
            request,
            claim,
            known,
            sessions,
            line: None,
            now,
        };
        for goal in next.lanes.keys().filter_map(|region| goal(next, region)).filter(|_| planted::is("speak-first")) {
            self.engine.shared.sessions.push(goal);
        }
        let began = Instant::now();
        let done = commit(&self.engine.shared.books, decision).await?;
        self.engine.shared.metrics.committed(kind, began.elapsed());
        let before = std::mem::replace(&mut self.held, (Arc::new(next.clone()), done.revision));
        self.head = Some(done.head);
        if done.sayings > 0 {
            self.engine.shared.bell.ring();
        }
        self.publish.send_replace(Some(self.held.clone()));
        self.engine.tell_others(&self.held.0);
        self.perform(&before.0, transition, moment.now);
        // After the goals: a way back does not wait for a list that forbids nothing on it.
        if let Some(Kept { value: head, .. }) =
            self.head.as_ref().filter(|head| head.value.vetoes.changed == next.epoch)
        {
            self.engine.tell_vetoes(&next.plan.service, head);
        }
        Ok(())
    }

    /// The sessions open here whose lanes move by this.
    fn sessions_behind(&self, next: &Rollout) -> Vec<(meridian_core::id::RegionId, Revision)> {
        let before = &self.held.0.lanes;
        let moved = next.lanes.iter().filter(|(region, lane)| before.get(region) != Some(lane));
        let keys =
            moved.filter_map(|(region, _)| Some((region.clone(), self.engine.shared.sessions.key_here(region)?)));
        keys.take(SESSIONS_COMPARED_MAX).collect()
    }

    /// Takes over what another replica has decided.
    async fn catch_up(&mut self) {
        let waiting = self.news.record.lock().expect("no holder of this lock panics").take();
        let Some(item) = waiting.filter(|item| item.mod_revision > self.held.1) else { return };
        match self.engine.shared.books.decode_rollout(&item.key, &item.value).await {
            Ok(record) => self.adopt((Arc::new(record), item.mod_revision)),
            Err(error) => tracing::error!(%error, "what another replica has written can't be read"),
        }
    }

    fn adopt(&mut self, newer: Held) {
        self.head = None;
        let before = std::mem::replace(&mut self.held, newer);
        self.publish.send_replace(Some(self.held.clone()));
        self.engine.tell_others(&self.held.0);
        for (region, lane) in &self.held.0.lanes {
            if before.0.lanes.get(region).is_none_or(|was| was.goal_epoch != lane.goal_epoch) {
                self.push_goal(region);
            }
        }
        let _nobody = self.engine.shared.changes.send(Changed { id: self.id.clone() });
    }

    async fn reload(&mut self) -> Result<(), EngineError> {
        let newer = self.engine.shared.books.rollout(&self.id).await?;
        self.adopt(newer);
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
