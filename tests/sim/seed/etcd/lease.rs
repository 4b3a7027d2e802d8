//! Leases: for liveness only, and they vanish when it suits nobody.

use etcd_server::proto::{
    PbLeaseGrantRequest, PbLeaseGrantResponse, PbLeaseKeepAliveRequest, PbLeaseKeepAliveResponse, PbLeaseLeasesRequest,
    PbLeaseLeasesResponse, PbLeaseRevokeRequest, PbLeaseRevokeResponse, PbLeaseService, PbLeaseStatus,
    PbLeaseTimeToLiveRequest, PbLeaseTimeToLiveResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Etcd, HOST, Sort};

#[tonic::async_trait]
impl PbLeaseService for Etcd {
    async fn lease_grant(
        &self,
        request: Request<PbLeaseGrantRequest>,
    ) -> Result<Response<PbLeaseGrantResponse>, Status> {
        self.admit().await?;
        let PbLeaseGrantRequest { ttl, id } = request.into_inner();
        let now = self.0.story.now();
        let mut state = self.state();
        let (id, ttl) = state.ledger.grant(id, ttl, now)?;
        let header = Some(state.ledger.header());
        drop(state);
        self.0.story.note(HOST, format_args!("lease {id} granted for {ttl} s"));
        Ok(Response::new(PbLeaseGrantResponse { header, id, ttl, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<PbLeaseRevokeRequest>,
    ) -> Result<Response<PbLeaseRevokeResponse>, Status> {
        self.admit().await?;
        let applied = self.state().ledger.revoke(request.get_ref().id)?;
        self.tell(applied);
        Ok(Response::new(PbLeaseRevokeResponse { header: Some(self.read(super::Ledger::header)) }))
    }

    type LeaseKeepAliveStream = ReceiverStream<Result<PbLeaseKeepAliveResponse, Status>>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<PbLeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        self.admit().await?;
        let (answers, stream) = mpsc::channel(16);
        let (etcd, mut asked) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(PbLeaseKeepAliveRequest { id })) = asked.message().await {
                let answer = match etcd.admit().await {
                    Ok(()) => Ok(etcd.keep(id)),
                    Err(status) => Err(status),
                };
                let is_over = answer.is_err();
                if answers.send(answer).await.is_err() || is_over {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<PbLeaseTimeToLiveRequest>,
    ) -> Result<Response<PbLeaseTimeToLiveResponse>, Status> {
        self.admit().await?;
        let (id, now) = (request.get_ref().id, self.0.story.now());
        let state = self.state();
        let lease = state.ledger.leases.get(&id);
        let left =
            lease.map_or(-1, |lease| i64::try_from(lease.expires.saturating_sub(now).as_secs()).unwrap_or(i64::MAX));
        Ok(Response::new(PbLeaseTimeToLiveResponse {
            header: Some(state.ledger.header()),
            id,
            ttl: left,
            granted_ttl: lease.map_or(0, |lease| lease.ttl),
            keys: Vec::new(),
        }))
    }

    async fn lease_leases(
        &self,
        _request: Request<PbLeaseLeasesRequest>,
    ) -> Result<Response<PbLeaseLeasesResponse>, Status> {
        let state = self.state();
        let leases = state.ledger.leases.keys().map(|id| PbLeaseStatus { id: *id }).collect();
        Ok(Response::new(PbLeaseLeasesResponse { header: Some(state.ledger.header()), leases }))
    }
}

impl Etcd {
    fn keep(&self, id: i64) -> PbLeaseKeepAliveResponse {
        let now = self.0.story.now();
        let is_lost = self.strikes(Sort::LeasesLost);
        let mut state = self.state();
        let ttl = if is_lost { 0 } else { state.ledger.keep(id, now) };
        PbLeaseKeepAliveResponse { header: Some(state.ledger.header()), id, ttl }
    }
}
