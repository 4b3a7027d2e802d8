//! Vetoes: what must not start until a person lifts it, as the server says it.

use meridian_core::id::ServiceId;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{Invalid, name};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::release_service_client::ReleaseServiceClient;
use meridian_proto::r#gen::v1::service_service_client::ServiceServiceClient;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId};
use crate::rollouts::OperatorOrder;
use crate::{ReleaseView, ServiceView, wire};

/// Why something must not start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VetoView {
    /// The rollout that went back, as the server names it; empty: a person said so without one.
    pub rollout: String,
    /// Who; `meridian` if nobody ordered it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, if the server says so.
    pub at: Option<Timestamp>,
}

impl Client {
    /// No agent may start the release again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn veto_release(
        &self,
        release: &ReleaseName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<ReleaseView, ClientError> {
        const CALL: &str = "veto release";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let message =
            v1::VetoReleaseRequest { name: release.to_string(), actor, reason, request_id: request.to_string() };
        let call = |link, m| async move { ReleaseServiceClient::new(link).veto_release(m).await };
        wire::answer(CALL, wire::required("release", self.call(CALL, message, call).await?.release))
    }

    /// The release may be started again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn unveto_release(
        &self,
        release: &ReleaseName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<ReleaseView, ClientError> {
        const CALL: &str = "unveto release";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let message =
            v1::UnvetoReleaseRequest { name: release.to_string(), actor, reason, request_id: request.to_string() };
        let call = |link, m| async move { ReleaseServiceClient::new(link).unveto_release(m).await };
        wire::answer(CALL, wire::required("release", self.call(CALL, message, call).await?.release))
    }

    /// Rollouts of the service may start again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn release_hold(
        &self,
        service: &ServiceId,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<ServiceView, ClientError> {
        const CALL: &str = "release hold";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let message =
            v1::ReleaseHoldRequest { name: name::service(service), actor, reason, request_id: request.to_string() };
        let call = |link, m| async move { ServiceServiceClient::new(link).release_hold(m).await };
        wire::answer(CALL, wire::required("service", self.call(CALL, message, call).await?.service))
    }
}

impl TryFrom<v1::Veto> for VetoView {
    type Error = Invalid;

    fn try_from(message: v1::Veto) -> Result<Self, Invalid> {
        let v1::Veto { rollout, actor, reason, time } = message;
        Ok(Self { rollout, actor, reason, at: wire::moment_or_none("time", time)? })
    }
}
