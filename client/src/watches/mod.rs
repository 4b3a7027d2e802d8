//! Watches after launches: reviews, actions, lessons and the evaluation, as the server keeps them.

mod facts;

use meridian_core::id::ServiceId;
use meridian_core::time::Timestamp;
use meridian_core::watch::{NewAction, Watch};
use meridian_proto::convert::{Invalid, name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::watch_service_client::WatchServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{RequestId, RolloutName};
use crate::rollouts::{OperatorOrder, ReasonView};
use crate::wire;

pub use facts::{FeedbackGiven, FeedbackView, KpiView, MilestoneState, MilestoneView};

/// A watch as the server knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchView {
    /// Its record.
    pub watch: Watch,
    /// What it waits for.
    pub waits: Vec<ReasonView>,
    /// Changes with every change.
    pub etag: String,
}

/// A decision about a watch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchDecisionView {
    /// When.
    pub time: Timestamp,
    /// The stable word of what was decided.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// In words.
    pub message: String,
    /// Its digest.
    pub digest: String,
    /// That of the one before; empty for the first.
    pub previous: String,
}

impl WatchView {
    /// The rollout that is watched.
    #[must_use]
    pub fn rollout(&self) -> RolloutName {
        RolloutName { service: self.watch.service.clone(), rollout: self.watch.rollout.clone() }
    }
}

fn named(rollout: &RolloutName) -> String {
    name::watch(&rollout.service, &rollout.rollout)
}

impl Client {
    /// The watch of a rollout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watch_of(&self, rollout: &RolloutName) -> Result<WatchView, ClientError> {
        const CALL: &str = "get watch";
        let message = v1::GetWatchRequest { name: named(rollout) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_watch(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// All watches of a service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watches(&self, service: &ServiceId) -> Result<Vec<WatchView>, ClientError> {
        const CALL: &str = "list watches";
        wire::pages(CALL, |page_token| async move {
            let message =
                v1::ListWatchesRequest { parent: name::service(service), page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_watches(m).await }).await?;
            let views = wire::list("watches", answer.watches, WatchView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Every decision about a watch, the oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watch_decisions(&self, rollout: &RolloutName) -> Result<Vec<WatchDecisionView>, ClientError> {
        const CALL: &str = "list watch decisions";
        wire::pages(CALL, |page_token| async move {
            let message =
                v1::ListWatchDecisionsRequest { name: named(rollout), page_size: wire::PAGE_SIZE, page_token };
            let call = |link, m| async move { Calls::new(link).list_watch_decisions(m).await };
            let answer = self.call(CALL, message, call).await?;
            let views = wire::list("decisions", answer.decisions, WatchDecisionView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// People have met over a review: it is filled anew.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn hold_review(
        &self,
        rollout: &RolloutName,
        review: u32,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "hold review";
        let OperatorOrder { actor, reason: text, etag } = order.clone();
        let (name, etag, request_id) = (named(rollout), etag.unwrap_or_default(), request.to_string());
        let message = v1::HoldReviewRequest { name, review, text, actor, etag, request_id };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).hold_review(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// Signs a review.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_review(
        &self,
        rollout: &RolloutName,
        review: u32,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "sign review";
        let OperatorOrder { actor, reason: text, etag } = order.clone();
        let (name, etag, request_id) = (named(rollout), etag.unwrap_or_default(), request.to_string());
        let message = v1::SignReviewRequest { name, review, text, actor, etag, request_id };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).sign_review(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// Signs the evaluation, which closes the watch. `waive`: why that is right although something is missing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_evaluation(
        &self,
        rollout: &RolloutName,
        waive: Option<&str>,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "sign evaluation";
        let OperatorOrder { actor, reason: text, etag } = order.clone();
        let (name, etag, request_id) = (named(rollout), etag.unwrap_or_default(), request.to_string());
        let waive = waive.unwrap_or_default().to_owned();
        let message = v1::SignEvaluationRequest { name, text, waive, actor, etag, request_id };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).sign_evaluation(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// Something is to be done: what is said in the order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_action(
        &self,
        rollout: &RolloutName,
        action: &NewAction,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "add action";
        let OperatorOrder { actor, reason: text, etag: _ } = order.clone();
        let NewAction { kind, owner, due, review } = action.clone();
        let action = Some(v1::Action {
            kind: v1::action::Kind::from(kind).into(),
            text,
            owner,
            due_time: Some(timestamp_to_wire(due)),
            review: review.unwrap_or_default(),
            added: None,
            closed: None,
        });
        let message = v1::AddActionRequest { name: named(rollout), action, actor, request_id: request.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).add_action(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// It is done, or will not be.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn close_action(
        &self,
        rollout: &RolloutName,
        action: u32,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "close action";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let (name, request_id) = (named(rollout), request.to_string());
        let message = v1::CloseActionRequest { name, action, reason, actor, request_id };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).close_action(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }

    /// What was learnt of a launch.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_retrospective(
        &self,
        rollout: &RolloutName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<WatchView, ClientError> {
        const CALL: &str = "add retrospective";
        let OperatorOrder { actor, reason: text, etag: _ } = order.clone();
        let (name, request_id) = (named(rollout), request.to_string());
        let message = v1::AddRetrospectiveRequest { name, text, actor, request_id };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).add_retrospective(m).await }).await?;
        wire::answer(CALL, wire::required("watch", answer.watch))
    }
}

impl TryFrom<v1::Watch> for WatchView {
    type Error = Invalid;

    fn try_from(mut message: v1::Watch) -> Result<Self, Invalid> {
        let waits = wire::list("waits", std::mem::take(&mut message.waits), ReasonView::try_from)?;
        let etag = std::mem::take(&mut message.etag);
        Ok(Self { watch: message.try_into()?, waits, etag })
    }
}

impl TryFrom<v1::WatchDecision> for WatchDecisionView {
    type Error = Invalid;

    fn try_from(message: v1::WatchDecision) -> Result<Self, Invalid> {
        let v1::WatchDecision { epoch: _, time, kind, actor, message, digest, previous_digest: previous } = message;
        Ok(Self { time: wire::moment("time", time)?, kind, actor, message, digest, previous })
    }
}
