//! Starting a rollout: the first decision, which takes the lanes.

use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::rollout::open::open;
use meridian_core::rollout::step::Moment;
use meridian_store::{CommitError, Expect};
use tokio::time::Instant;

use super::books::Request;
use super::commit::{Decision, commit};
use super::{Engine, RequestMark, Status};
use crate::error::EngineError;

/// How often the lanes are read again after somebody else changed them.
const CONFLICTS_MAX: u32 = 10;

/// An order to start a rollout.
#[derive(Clone, Debug)]
pub struct OpenOrder {
    /// Whose plan.
    pub service: ServiceId,
    /// The plan's hash: exactly what was reviewed.
    pub plan: Digest,
    /// The new rollout's name.
    pub id: RolloutId,
    /// Declared name of who starts it.
    pub actor: String,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
    /// Check everything, change nothing.
    pub validate_only: bool,
}

impl Engine {
    /// Starts a rollout.
    ///
    /// # Errors
    /// If the plan does not exist or is stale, its digest is vetoed or automation held, a lane is held, the name is
    /// taken, or the store fails.
    pub async fn open(&self, order: OpenOrder) -> Result<Status, EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if let Some(mark) = &order.request
                && let Request::Done(resource) = self.shared.books.request(mark).await?
            {
                let corrupt = |_| EngineError::Corrupt(format!("request {} names no rollout", mark.id));
                return self.status(&RolloutId::new(resource).map_err(corrupt)?).await;
            }
            match self.try_open(&order).await? {
                Some(status) => return Ok(status),
                None => tokio::time::sleep(crate::backoff::jittered(attempt)).await,
            }
        }
        Err(EngineError::Contended { key: order.service.to_string() })
    }

    /// One try; `None`: somebody else changed the lanes in between.
    async fn try_open(&self, order: &OpenOrder) -> Result<Option<Status>, EngineError> {
        let books = &self.shared.books;
        let plan = books.plan(order.plan).await?;
        if plan.service != order.service {
            let name = format!("{} of service {}", order.plan.hex(), order.service);
            return Err(EngineError::NotFound { kind: "plan", name });
        }
        let head = books.head(&order.service).await?;
        let lanes = books.lanes(&order.service).await?;
        let now = self.shared.clock.now();
        let moment = Moment { now, head: head.value.epoch };
        let vetoes = &head.value.vetoes;
        let record = open(order.id.clone(), plan, order.actor.clone(), &lanes.value, vetoes, moment)?;
        if order.validate_only {
            return Ok(Some(self.status_of(Arc::new(record), meridian_store::Revision::ZERO)));
        }
        let decision = Decision {
            next: &record,
            plan: order.plan,
            before: None,
            expect: Expect::Absent,
            head: &head,
            lanes: Some(lanes),
            kind: "start",
            actor: order.actor.clone(),
            message: format!("plan {}", order.plan.hex()),
            request: order.request.as_ref(),
            claim: None,
            known: Vec::new(),
            sessions: Vec::new(),
            now,
        };
        let began = Instant::now();
        match commit(books, decision).await {
            Ok(done) => {
                self.shared.metrics.committed("start", began.elapsed());
                let record = Arc::new(record);
                self.start_runner(record.clone(), done.revision);
                Ok(Some(self.status_of(record, done.revision)))
            }
            Err(CommitError::Conflict { key }) if key == meridian_store::layout::rollout(&order.id) => {
                Err(EngineError::AlreadyExists { kind: "rollout", name: order.id.to_string() })
            }
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
