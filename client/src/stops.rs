//! Stop-the-line: what stands, and raising, lifting and exempting.

use meridian_core::id::RolloutId;
use meridian_core::rollout::gates::stops::{StopOrder, StopScope};
use meridian_core::time::Timestamp;
use meridian_proto::convert::{Invalid, scope_from_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::stop_service_client::StopServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RequestId;
use crate::rollouts::OperatorOrder;
use crate::wire;

/// A stop that stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StopView {
    /// Where.
    pub scope: StopScope,
    /// Who raised it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Rollouts that go on all the same: which, who let them and why.
    pub exempt: Vec<(String, String, String)>,
}

impl TryFrom<v1::Stop> for StopView {
    type Error = Invalid;

    fn try_from(message: v1::Stop) -> Result<Self, Invalid> {
        let v1::Stop { scope, actor, reason, time, exemptions } = message;
        let exempt = |v1::Exemption { rollout, actor, reason, time: _ }| (rollout, actor, reason);
        Ok(Self {
            scope: scope_from_wire("scope", &scope)?,
            actor,
            reason,
            at: wire::moment("time", time)?,
            exempt: exemptions.into_iter().map(exempt).collect(),
        })
    }
}

impl Client {
    /// Stops the line, lifts a stop, or exempts a rollout from one; tells what stands after it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stop_the_line(
        &self,
        stop: &StopOrder,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<Vec<StopView>, ClientError> {
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let (scope, request_id) = (stop.scope().to_string(), request.to_string());
        let (call, stops) = match stop {
            StopOrder::Raise(_) => {
                const CALL: &str = "raise stop";
                let message = v1::RaiseStopRequest { scope, actor, reason, request_id };
                let call = |link, m| async move { Calls::new(link).raise_stop(m).await };
                (CALL, self.call(CALL, message, call).await?.stops)
            }
            StopOrder::Lift(_) => {
                const CALL: &str = "lift stop";
                let message = v1::LiftStopRequest { scope, actor, reason, request_id };
                let call = |link, m| async move { Calls::new(link).lift_stop(m).await };
                (CALL, self.call(CALL, message, call).await?.stops)
            }
            StopOrder::Exempt(_, rollout) => {
                const CALL: &str = "exempt rollout";
                let rollout = RolloutId::to_string(rollout);
                let message = v1::ExemptRolloutRequest { scope, rollout, actor, reason, request_id };
                let call = |link, m| async move { Calls::new(link).exempt_rollout(m).await };
                (CALL, self.call(CALL, message, call).await?.stops)
            }
        };
        wire::answer(call, wire::list("stops", stops, StopView::try_from))
    }

    /// Every stop that stands.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stops(&self) -> Result<Vec<StopView>, ClientError> {
        const CALL: &str = "list stops";
        let call = |link, m| async move { Calls::new(link).list_stops(m).await };
        let answer = self.call(CALL, v1::ListStopsRequest {}, call).await?;
        wire::answer(CALL, wire::list("stops", answer.stops, StopView::try_from))
    }
}
