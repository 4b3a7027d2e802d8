//! Stops of the server in memory: it keeps what is raised, and decides nothing.

use meridian_core::time::Timestamp;
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::stop_service_server::StopService;
use tonic::{Request, Response, Status};

use super::Shared;

#[tonic::async_trait]
impl StopService for Shared {
    async fn raise_stop(
        &self,
        request: Request<v1::RaiseStopRequest>,
    ) -> Result<Response<v1::RaiseStopResponse>, Status> {
        let v1::RaiseStopRequest { scope, actor, reason, request_id } = request.into_inner();
        self.enter("RaiseStop", &request_id, &[&scope, &actor, &reason]).await?;
        let time = Some(timestamp_to_wire(Timestamp::from_millis(1)));
        let stop = v1::Stop { scope, actor, reason, time, exemptions: Vec::new() };
        let mut state = self.lock();
        state.stops.push(stop);
        Ok(Response::new(v1::RaiseStopResponse { stops: state.stops.clone() }))
    }

    async fn lift_stop(&self, request: Request<v1::LiftStopRequest>) -> Result<Response<v1::LiftStopResponse>, Status> {
        let v1::LiftStopRequest { scope, actor, reason, request_id } = request.into_inner();
        self.enter("LiftStop", &request_id, &[&scope, &actor, &reason]).await?;
        let mut state = self.lock();
        state.stops.retain(|stop| stop.scope != scope);
        Ok(Response::new(v1::LiftStopResponse { stops: state.stops.clone() }))
    }

    async fn exempt_rollout(
        &self,
        request: Request<v1::ExemptRolloutRequest>,
    ) -> Result<Response<v1::ExemptRolloutResponse>, Status> {
        let v1::ExemptRolloutRequest { scope, rollout, actor, reason, request_id } = request.into_inner();
        self.enter("ExemptRollout", &request_id, &[&scope, &rollout, &actor, &reason]).await?;
        Ok(Response::new(v1::ExemptRolloutResponse { stops: self.lock().stops.clone() }))
    }

    async fn list_stops(
        &self,
        request: Request<v1::ListStopsRequest>,
    ) -> Result<Response<v1::ListStopsResponse>, Status> {
        let v1::ListStopsRequest {} = request.into_inner();
        self.enter("ListStops", "", &[]).await?;
        Ok(Response::new(v1::ListStopsResponse { stops: self.lock().stops.clone(), log: Vec::new() }))
    }
}
