//! The next decision: asked of the rules, committed under every compare that it rests on, and made again if somebody else
//! was faster.

use std::sync::Arc;

use meridian_core::id::RegionId;
use meridian_core::invariants::Taken;
use meridian_core::planted;
use meridian_core::rollout::event::{Event, Right, Transition};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::Rollout;
use meridian_core::rollout::step::{Moment, step};
use meridian_store::{CommitError, Expect, Key, Revision};
use tokio::time::Instant;

use super::Runner;
use crate::engine::books::Kept;
use crate::engine::commit::{Decision, commit, said};
use crate::engine::{Changed, RequestMark};
use crate::error::EngineError;
use crate::ownership::Claim;

/// How often a decision is made again after somebody else changed the same records.
const CONFLICTS_MAX: u32 = 30;

/// Sessions compared by one decision: more do not fit into a transaction. Of what moves so many lanes at once the rest is
/// held by the watch alone, which closes an older session as soon as a newer one is seen.
const SESSIONS_COMPARED_MAX: usize = 100;

/// Why a decision is asked for.
pub(super) enum Asked<'a> {
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

impl Runner {
    /// Makes and commits the decision that follows, as often as somebody else gets in between.
    pub(super) async fn decide(&mut self, asked: &Asked<'_>, request: Option<&RequestMark>) -> Result<(), EngineError> {
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
        let before = Some(self.held.0.as_ref());
        let decision = Decision {
            next,
            before,
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
    fn sessions_behind(&self, next: &Rollout) -> Vec<(RegionId, Revision)> {
        let before = &self.held.0.lanes;
        let moved = next.lanes.iter().filter(|(region, lane)| before.get(region) != Some(lane));
        let keys =
            moved.filter_map(|(region, _)| Some((region.clone(), self.engine.shared.sessions.key_here(region)?)));
        keys.take(SESSIONS_COMPARED_MAX).collect()
    }
}
