//! `meridian.v1.StopService`.

use meridian_core::id::RolloutId;
use meridian_core::rollout::gates::stops::StopOrder;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, TEXT_BYTES_MAX, text};
use meridian_proto::convert::{scope_from_wire, stop_entry_to_wire, stops_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::stop_service_server::StopService;
use tonic::{Extensions, Request, Response, Status};

use super::field::{at, mark};
use super::orders::actor_of;
use super::{Shared, status};
use crate::engine::{RequestMark, StopCall};

/// The most entries of the log in one answer.
const LOG_MAX: u64 = 100;

/// Answers for stops.
pub struct Stops {
    pub(super) shared: Shared,
}

/// Who orders it, why, and for having the effect of once.
struct Told {
    actor: String,
    reason: String,
    request: Option<RequestMark>,
    caller: Extensions,
}

impl Stops {
    async fn order(&self, told: Told, order: StopOrder) -> Result<Vec<v1::Stop>, Status> {
        let Told { actor, reason, request, caller } = told;
        let (actor, reason) = (actor_of(actor, &caller)?, at("", text("reason", reason, TEXT_BYTES_MAX))?);
        let call = StopCall { order, actor, reason, request };
        let stops = self.shared.engine.stop_the_line(&call).await.map_err(|error| status::refused(&error))?;
        Ok(stops_to_wire(&stops))
    }
}

#[tonic::async_trait]
impl StopService for Stops {
    async fn raise_stop(
        &self,
        request: Request<v1::RaiseStopRequest>,
    ) -> Result<Response<v1::RaiseStopResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RaiseStop", &message.request_id, &message)?;
        let v1::RaiseStopRequest { scope, actor, reason, request_id: _ } = message;
        let order = StopOrder::Raise(at("", scope_from_wire("scope", &scope))?);
        let stops = self.order(Told { actor, reason, request, caller }, order).await?;
        Ok(Response::new(v1::RaiseStopResponse { stops }))
    }

    async fn lift_stop(&self, request: Request<v1::LiftStopRequest>) -> Result<Response<v1::LiftStopResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("LiftStop", &message.request_id, &message)?;
        let v1::LiftStopRequest { scope, actor, reason, request_id: _ } = message;
        let order = StopOrder::Lift(at("", scope_from_wire("scope", &scope))?);
        let stops = self.order(Told { actor, reason, request, caller }, order).await?;
        Ok(Response::new(v1::LiftStopResponse { stops }))
    }

    async fn exempt_rollout(
        &self,
        request: Request<v1::ExemptRolloutRequest>,
    ) -> Result<Response<v1::ExemptRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("ExemptRollout", &message.request_id, &message)?;
        let v1::ExemptRolloutRequest { scope, rollout, actor, reason, request_id: _ } = message;
        let scope = at("", scope_from_wire("scope", &scope))?;
        let rollout = RolloutId::new(rollout.clone())
            .map_err(|why| Invalid::of(&rollout, InvalidKind::BadName(why)))
            .at("rollout");
        let order = StopOrder::Exempt(scope, at("", rollout)?);
        let stops = self.order(Told { actor, reason, request, caller }, order).await?;
        Ok(Response::new(v1::ExemptRolloutResponse { stops }))
    }

    async fn list_stops(
        &self,
        request: Request<v1::ListStopsRequest>,
    ) -> Result<Response<v1::ListStopsResponse>, Status> {
        let v1::ListStopsRequest {} = request.into_inner();
        let engine = &self.shared.engine;
        let stops = engine.stops().await.map_err(|error| status::refused(&error))?;
        let log = engine.stop_log(&stops, LOG_MAX).await.map_err(|error| status::refused(&error))?;
        let log = log.iter().map(stop_entry_to_wire).collect();
        Ok(Response::new(v1::ListStopsResponse { stops: stops_to_wire(&stops), log }))
    }
}
