//! Starting a rollout: the first decision, which takes the lanes; they are free, or another rollout's that it supersedes.

use std::sync::Arc;

use meridian_core::audit::bundle::FIRST_KIND;
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::{HashedPlan, Plan, PlanRefusal};
use meridian_core::rollout::open::open;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::supersede::{KIND, Superseded, supersede};
use meridian_store::{CommitError, Expect, Revision, layout};
use tokio::time::Instant;

use super::books::Request;
use super::commit::{Decision, Takeover, commit, commit_takeover};
use super::line::{Line, plan_named};
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
    /// Under which state of the queue; `None`: it passes the queue.
    pub line: Option<Line>,
}

impl Engine {
    /// Starts a rollout.
    ///
    /// # Errors
    /// If the plan does not exist or is stale, its digest is vetoed or automation held, a lane is held by another rollout
    /// than the one that it supersedes, that one can't be superseded, the name is taken, or the store fails.
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
        if let Some(old) = plan.supersedes.as_ref().map(|of| of.rollout.clone()) {
            return self.try_supersede(order, plan, &old).await;
        }
        self.refuse_draining(&plan).await?;
        let head = books.head(&order.service).await?;
        let lanes = books.lanes(&order.service).await?;
        let now = self.shared.clock.now();
        let moment = Moment { now, head: head.value.epoch };
        let vetoes = &head.value.vetoes;
        let after = plan.join.as_ref().map(|join| format!(", for who came after {}", join.after)).unwrap_or_default();
        let record = open(order.id.clone(), plan, order.actor.clone(), &lanes.value, vetoes, moment)?;
        if order.validate_only {
            return Ok(Some(self.status_of(Arc::new(record), Revision::ZERO)));
        }
        let decision = Decision {
            next: &record,
            before: None,
            expect: Expect::Absent,
            head: &head,
            lanes: Some(lanes),
            kind: FIRST_KIND,
            actor: order.actor.clone(),
            message: format!(
                "{}{after}",
                order.line.as_ref().map_or_else(|| plan_named(order.plan), |line| line.message(order.plan))
            ),
            request: order.request.as_ref(),
            claim: None,
            known: Vec::new(),
            sessions: Vec::new(),
            line: order.line.as_ref(),
            now,
        };
        let began = Instant::now();
        match commit(books, decision).await {
            Ok(done) => {
                self.shared.metrics.committed(FIRST_KIND, began.elapsed());
                let record = Arc::new(record);
                self.start_runner(record.clone(), done.revision);
                Ok(Some(self.status_of(record, done.revision)))
            }
            Err(error) => refused(order, error),
        }
    }

    /// A plan may be older than a drain. What is opened in the very moment of one is waited for by that.
    pub(super) async fn refuse_draining(&self, plan: &Plan) -> Result<(), EngineError> {
        let draining = self.shared.books.draining(plan).await?;
        draining.map_or(Ok(()), |region| Err(EngineError::PlanRefused(vec![PlanRefusal::Draining { region }])))
    }

    /// One try to take over the lanes of a rollout that has not ended. It moves nothing forward, so any replica may: what
    /// the old one's owner decides meanwhile is a conflict like any other.
    async fn try_supersede(
        &self,
        order: &OpenOrder,
        plan: Arc<HashedPlan>,
        old: &RolloutId,
    ) -> Result<Option<Status>, EngineError> {
        let books = &self.shared.books;
        let head = books.head(&order.service).await?;
        let lanes = books.lanes(&order.service).await?;
        let (before, revision) = books.rollout(old).await?;
        if before.epoch > head.value.epoch {
            // The head was read before a decision that the record shows already.
            return Ok(None);
        }
        let (now, actor) = (self.shared.clock.now(), order.actor.clone());
        let moment = Moment { now, head: head.value.epoch };
        let vetoes = &head.value.vetoes;
        let taken = supersede(&before, order.id.clone(), plan, actor.clone(), &lanes.value, vetoes, moment)?;
        if order.validate_only {
            return Ok(Some(self.status_of(Arc::new(taken.new), Revision::ZERO)));
        }
        let (request, expect) = (order.request.as_ref(), Expect::At(revision));
        let takeover = Takeover { before: &before, expect, taken: &taken, head: &head, lanes, actor, request, now };
        let began = Instant::now();
        let done = match commit_takeover(books, takeover).await {
            Ok(done) => done,
            Err(error) => return refused(order, error),
        };
        for kind in [KIND, FIRST_KIND] {
            self.shared.metrics.committed(kind, began.elapsed());
        }
        if done.sayings > 0 {
            self.shared.bell.ring();
        }
        let Superseded { old, new } = taken;
        self.shared.trace.ended(&old, now);
        tracing::info!(old = %old.id, new = %new.id, epoch = %new.epoch, kind = KIND, "decided");
        let record = Arc::new(new);
        self.start_runner(record.clone(), done.revision);
        self.show(&old.id).await;
        Ok(Some(self.status_of(record, done.revision)))
    }

    /// Shows the runner of a rollout here what the store has of it. If that fails, the watch tells.
    pub(super) async fn show(&self, id: &RolloutId) {
        let Some(handle) = self.known_runner(id) else { return };
        if let Ok(Some(item)) = self.shared.books.store.get(&layout::rollout(id)).await.map(|got| got.item) {
            handle.offer(item);
        }
    }
}

fn is_of_queue(order: &OpenOrder, error: &CommitError) -> bool {
    order.line.is_some() && matches!(error, CommitError::Conflict { key } if *key == layout::queue(&order.service))
}

/// What a transaction that was not taken means; `None`: somebody else changed the lanes in between.
fn refused(order: &OpenOrder, error: CommitError) -> Result<Option<Status>, EngineError> {
    match error {
        CommitError::Conflict { key } if key == layout::rollout(&order.id) => {
            Err(EngineError::AlreadyExists { kind: "rollout", name: order.id.to_string() })
        }
        // Whoever read the queue has to read it again: it may be another one's turn.
        error @ CommitError::Conflict { .. } if is_of_queue(order, &error) => Err(error.into()),
        CommitError::Conflict { .. } => Ok(None),
        error @ (CommitError::Unknown { .. }
        | CommitError::Unavailable { .. }
        | CommitError::Invalid(_)
        | CommitError::Full { .. }
        | CommitError::Corrupt { .. }
        | CommitError::LeaseGone { .. }) => Err(error.into()),
    }
}
