//! Taking a request in: it starts at once, takes over, waits, or is refused, as its playbook or its caller says.

use std::collections::BTreeSet;

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::holders;
use meridian_core::queue::{Answer, Asked, Queue, Request, Turn, answer};
use meridian_core::rollout::gates::stops::Said;

use super::{Ask, CONFLICTS_MAX, Queues, contended, is_of_queue, unbegun};
use crate::catalog::{NewPlan, PlanOrder, Terms};
use crate::engine::{Kept, Line, OpenOrder, Status};
use crate::error::EngineError;

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Answered {
    /// It has begun.
    Begun(Box<Status>),
    /// It waits, with so many before it.
    Waits {
        /// Which.
        request: Box<Request>,
        /// How many are before it, over whichever lanes.
        before: usize,
        /// For what.
        turn: Turn,
    },
}

impl Queues {
    /// Takes a request in.
    ///
    /// # Errors
    /// If it can't be planned whoever ends, if its lanes are held and the policy does not wait, if somebody was first, if
    /// the queue is full, or the store fails.
    pub async fn request(&self, ask: &Ask) -> Result<Answered, EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if let Some(resource) = self.catalog.done_before(ask.request.as_ref()).await? {
                return self.became(&ask.service, &resource).await;
            }
            let kept = self.catalog.queue_of(&ask.service).await?;
            let (verdict, plan) = self.judge(ask, &kept.value).await?;
            let answered = match (verdict, plan) {
                (Answer::Start, Ok(plan)) => {
                    let line = Some(Line { expect: kept.expect, begins: None });
                    self.engine
                        .open(order(ask, &plan, line))
                        .await
                        .map(|status| Some(Answered::Begun(Box::new(status))))
                }
                (Answer::Supersede(old), _) => {
                    let plan = self.catalog.make_plan(&wanted(ask, Some(old)), &Terms::default()).await?;
                    self.engine
                        .open(order(ask, &plan, None))
                        .await
                        .map(|status| Some(Answered::Begun(Box::new(status))))
                }
                (Answer::Wait, _) => self.enqueue(ask, &kept).await,
                (Answer::Start | Answer::Held, Err(refused)) => Err(refused),
                (Answer::Held, Ok(_)) => Err(contended(&ask.service)),
            };
            match answered {
                Ok(Some(answered)) => return Ok(answered),
                Ok(None) => {}
                Err(error) if is_of_queue(&ask.service, &error) || is_late(&error) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(contended(&ask.service))
    }

    /// What the policy says, and the plan or why there is none yet.
    async fn judge(&self, ask: &Ask, queue: &Queue) -> Result<(Answer, Result<NewPlan, EngineError>), EngineError> {
        let (held, plan) = match self.catalog.make_plan(&wanted(ask, None), &Terms::default()).await {
            Ok(plan) => (BTreeSet::new(), Ok(plan)),
            Err(EngineError::PlanRefused(refused)) => match holders(&refused) {
                Some(held) => (held, Err(EngineError::PlanRefused(refused))),
                None => return Err(EngineError::PlanRefused(refused)),
            },
            Err(error) => return Err(error),
        };
        let policy = match ask.concurrency {
            Some(policy) => policy,
            None => self.catalog.playbook(&ask.playbook, ask.revision).await?.value.playbook.concurrency,
        };
        let mut ahead = None;
        if !queue.waiting.is_empty() {
            let outlook = self.catalog.outlook(&ask.service, &queue.waiting).await?;
            let regions = self.catalog.lanes_needed(&ask.service, &ask.playbook, ask.revision).await?;
            ahead = queue.ahead(&regions, outlook.sight()).cloned();
        }
        Ok((answer(policy, &held, ahead.as_ref())?, plan))
    }

    /// Puts it at the end of the queue; `None`: somebody else got in between.
    async fn enqueue(&self, ask: &Ask, kept: &Kept<Queue>) -> Result<Option<Answered>, EngineError> {
        match self.engine.status(&ask.id).await {
            Ok(_) => return Err(EngineError::AlreadyExists { kind: "rollout", name: ask.id.to_string() }),
            Err(EngineError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let Ask { release, playbook, revision, id, actor, reason, .. } = ask.clone();
        let said = Said { actor, reason, at: self.clock.now() };
        let next = kept.value.ask(Asked { rollout: id.clone(), release, playbook, revision, said })?;
        if !ask.validate_only {
            let (request, resource) = (ask.request.as_ref(), id.to_string());
            if !self.write(&ask.service, kept, &next, unbegun(&id), request, resource).await? {
                return Ok(None);
            }
            self.metrics.happened("asked");
            tracing::info!(service = %ask.service, rollout = %id, actor = ask.actor, "a request waits for its lanes");
        }
        self.waiting(&ask.service, &next, &id).await.map(Some)
    }

    async fn waiting(&self, service: &ServiceId, queue: &Queue, id: &RolloutId) -> Result<Answered, EngineError> {
        let missing = || EngineError::NotFound { kind: "request", name: id.to_string() };
        let (before, request) = queue.find(id).ok_or_else(missing)?;
        let turn = self.turns(service, queue).await?.into_iter().nth(before).ok_or_else(missing)?;
        Ok(Answered::Waits { request: Box::new(request.clone()), before, turn })
    }

    /// What came of a request that was sent before: it has begun, waits, or was taken out.
    async fn became(&self, service: &ServiceId, resource: &str) -> Result<Answered, EngineError> {
        let corrupt = |_| EngineError::Corrupt(format!("a request names no rollout: {resource}"));
        let id = RolloutId::new(resource).map_err(corrupt)?;
        match self.engine.status(&id).await {
            Ok(status) => Ok(Answered::Begun(Box::new(status))),
            Err(EngineError::NotFound { .. }) => {
                let queue = self.catalog.queue_of(service).await?.value;
                self.waiting(service, &queue, &id).await
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the lanes have changed since they were planned over: then it is planned again.
fn is_late(error: &EngineError) -> bool {
    use meridian_core::rollout::open::OpenRefused::{LaneHeld, PlanStale};
    matches!(error, EngineError::OpenRefused(LaneHeld { .. } | PlanStale { .. }))
}

fn wanted(ask: &Ask, supersede: Option<RolloutId>) -> PlanOrder {
    let Ask { service, release, playbook, revision, .. } = ask.clone();
    let supersede = supersede.map(|old| (old, None));
    PlanOrder { service, version: release, playbook, revision, supersede, set: None }
}

fn order(ask: &Ask, plan: &NewPlan, line: Option<Line>) -> OpenOrder {
    let Ask { service, id, actor, request, validate_only, .. } = ask.clone();
    OpenOrder { service, plan: plan.plan.hash(), id, actor, request, validate_only, line }
}
