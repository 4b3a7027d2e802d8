//! Rollouts: start, look, order, and the decisions behind them. Watching is in [`crate::watch`].

pub mod queue;
mod read;
mod view;

use meridian_core::digest::Digest;
use meridian_core::id::{ItemId, RolloutId, ServiceId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Consent, SignOff};
use meridian_proto::convert::name;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollback_rollout_request as rollback;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{RequestId, RolloutName};
use crate::{Intent, wire};

pub use view::{
    ApprovalView, DecisionView, EntryView, LanePosition, LaneView, ReasonView, RolloutState, RolloutView, SignOffView,
    WaveView,
};

/// What to start.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RolloutStart {
    /// Whose rollout.
    pub service: ServiceId,
    /// The plan that was reviewed.
    pub plan: Digest,
    /// Its name; `None`: the server makes one.
    pub id: Option<RolloutId>,
    /// Declared name of who starts it.
    pub actor: String,
}

/// Who wants something, and why.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct OperatorOrder {
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// If set, the order is refused unless this is still the current one.
    pub etag: Option<String>,
}

impl Client {
    /// Starts a rollout of a stored plan.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn start_rollout(
        &self,
        start: &RolloutStart,
        intent: Intent,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "start rollout";
        let message = v1::CreateRolloutRequest {
            parent: name::service(&start.service),
            plan: name::plan(&start.plan),
            rollout_id: start.id.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: start.actor.clone(),
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).create_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// One rollout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rollout(&self, rollout: &RolloutName) -> Result<RolloutView, ClientError> {
        const CALL: &str = "get rollout";
        let message = v1::GetRolloutRequest { name: rollout.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// All rollouts of a service, or of all services.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rollouts(&self, service: Option<&ServiceId>) -> Result<Vec<RolloutView>, ClientError> {
        const CALL: &str = "list rollouts";
        wire::pages(CALL, |page_token| async move {
            let parent = service.map_or_else(|| "services/-".to_owned(), name::service);
            let page_size = wire::PAGE_SIZE;
            let message = v1::ListRolloutsRequest { parent, page_size, page_token, active_only: false };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_rollouts(m).await }).await?;
            let views = wire::list("rollouts", answer.rollouts, RolloutView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Holds a rollout: nothing goes forward until it is resumed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pause_rollout(
        &self,
        rollout: &RolloutName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "pause rollout";
        let (name, request_id) = (rollout.to_string(), request.to_string());
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::PauseRolloutRequest { name, etag: etag.unwrap_or_default(), actor, reason, request_id };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).pause_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Lets a held rollout go on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn resume_rollout(
        &self,
        rollout: &RolloutName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "resume rollout";
        let (name, request_id) = (rollout.to_string(), request.to_string());
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::ResumeRolloutRequest { name, etag: etag.unwrap_or_default(), actor, reason, request_id };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).resume_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Takes traffic back, as far as the scope reaches.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roll_back_rollout(
        &self,
        rollout: &RolloutName,
        scope: &Scope,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "roll back rollout";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let scope = match scope {
            Scope::Region(region) => rollback::Scope::Region(region.to_string()),
            Scope::Wave => rollback::Scope::Wave(rollback::WaveScope {}),
            Scope::Fleet => rollback::Scope::Fleet(rollback::FleetScope {}),
        };
        let message = v1::RollbackRolloutRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            scope: Some(scope),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).rollback_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Ends a frozen rollout as failed; traffic stays as it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn abandon_rollout(
        &self,
        rollout: &RolloutName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "abandon rollout";
        let (name, request_id) = (rollout.to_string(), request.to_string());
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::AbandonRolloutRequest { name, etag: etag.unwrap_or_default(), actor, reason, request_id };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).abandon_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Consents to a wave that asks for approvals.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approve_rollout(
        &self,
        rollout: &RolloutName,
        consent: &Consent,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "approve rollout";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let Consent { wave, role, plan } = consent;
        let message = v1::ApproveRolloutRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            role: role.to_string(),
            wave: wave.as_ref().map(ToString::to_string).unwrap_or_default(),
            plan: plan.as_ref().map(name::plan).unwrap_or_default(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).approve_rollout(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Takes a consent back that no wave has begun on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_approval(
        &self,
        rollout: &RolloutName,
        consent: &Consent,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "revoke approval";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::RevokeApprovalRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            role: consent.role.to_string(),
            wave: consent.wave.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).revoke_approval(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Signs an item of the checklist off.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_item(
        &self,
        rollout: &RolloutName,
        sign: &SignOff,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "sign item";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let SignOff { item, uri, evidence } = sign;
        let message = v1::SignItemRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            item: item.to_string(),
            evidence_uri: uri.clone(),
            evidence_digest: evidence.to_string(),
        };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).sign_item(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Takes a sign-off back that the rollout has not begun on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_sign_off(
        &self,
        rollout: &RolloutName,
        item: &ItemId,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "revoke sign-off";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::RevokeSignOffRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            item: item.to_string(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).revoke_sign_off(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// Lets a rollout that has not begun wait for another train of its plan, or for none.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn board_train(
        &self,
        rollout: &RolloutName,
        train: Option<&str>,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<RolloutView, ClientError> {
        const CALL: &str = "board train";
        let OperatorOrder { actor, reason, etag } = order.clone();
        let message = v1::BoardTrainRequest {
            name: rollout.to_string(),
            etag: etag.unwrap_or_default(),
            actor,
            reason,
            request_id: request.to_string(),
            train: train.unwrap_or_default().to_owned(),
        };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).board_train(m).await }).await?;
        wire::answer(CALL, wire::required("rollout", answer.rollout))
    }

    /// The decisions of one rollout, in the server's order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn decisions_of_rollout(&self, rollout: &RolloutName) -> Result<Vec<DecisionView>, ClientError> {
        self.decisions(rollout.to_string()).await
    }

    /// The decisions of a service, in the server's order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn decisions_of_service(&self, service: &ServiceId) -> Result<Vec<DecisionView>, ClientError> {
        self.decisions(name::service(service)).await
    }

    async fn decisions(&self, parent: String) -> Result<Vec<DecisionView>, ClientError> {
        const CALL: &str = "list decisions";
        let parent = &parent;
        wire::pages(CALL, |page_token| async move {
            let page_size = wire::PAGE_SIZE;
            let message = v1::ListDecisionsRequest { parent: parent.clone(), page_size, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_decisions(m).await }).await?;
            let views = wire::list("decisions", answer.decisions, DecisionView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }
}
