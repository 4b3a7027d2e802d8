//! Keys: reads and transactions, with what may go wrong on the way.

use etcd_server::proto::{
    PbCompactionRequest, PbCompactionResponse, PbDeleteRequest, PbDeleteResponse, PbKvService, PbPutRequest,
    PbPutResponse, PbRangeRequest, PbRangeResponse, PbRangeStreamResponse, PbTxnRequest, PbTxnResponse,
};
use tonic::{Request, Response, Status};

use super::{Etcd, HOST, Sort};

/// How far back a stale read may look.
const STALE_MAX: i64 = 12;

#[tonic::async_trait]
impl PbKvService for Etcd {
    async fn range(&self, request: Request<PbRangeRequest>) -> Result<Response<PbRangeResponse>, Status> {
        self.admit().await?;
        let mut request = request.into_inner();
        let is_stale = self.strikes(Sort::StaleReads);
        let mut state = self.state();
        let head = state.ledger.revision;
        if is_stale && request.revision == 0 {
            let back = state.mischief.below(STALE_MAX);
            request.revision = (head - back).max(state.ledger.compacted).max(1);
        }
        let mut answer = state.ledger.range(&request)?;
        if is_stale && let Some(header) = &mut answer.header {
            header.revision = request.revision;
        }
        Ok(Response::new(answer))
    }

    type RangeStreamStream = tokio_stream::Empty<Result<PbRangeStreamResponse, Status>>;

    async fn range_stream(&self, _: Request<PbRangeRequest>) -> Result<Response<Self::RangeStreamStream>, Status> {
        Err(Status::unimplemented("not in this etcd"))
    }

    async fn put(&self, request: Request<PbPutRequest>) -> Result<Response<PbPutResponse>, Status> {
        self.admit().await?;
        let (answer, applied) = self.state().ledger.put(request.get_ref())?;
        self.tell(applied);
        Ok(Response::new(answer))
    }

    async fn delete_range(&self, request: Request<PbDeleteRequest>) -> Result<Response<PbDeleteResponse>, Status> {
        self.admit().await?;
        let (answer, applied) = self.state().ledger.delete(request.get_ref());
        self.tell(applied);
        Ok(Response::new(answer))
    }

    async fn txn(&self, request: Request<PbTxnRequest>) -> Result<Response<PbTxnResponse>, Status> {
        self.admit().await?;
        let request = request.into_inner();
        if self.strikes(Sort::NoSpace) {
            return Err(Status::resource_exhausted("etcdserver: mvcc: database space exceeded"));
        }
        if self.strikes(Sort::DelayCommits) {
            let wait = self.state().mischief.millis(300, 2500);
            let late = self.clone();
            // Its connection may be gone by then; what etcd has taken in, it carries out.
            tokio::spawn(async move {
                tokio::time::sleep(wait).await; // tidy: paced
                late.0.story.note(HOST, format_args!("carries out a transaction late"));
                late.carry_out(&request)
            });
            return self.lose().await;
        }
        let is_lost = self.strikes(Sort::LoseAnswers);
        let answer = self.carry_out(&request)?;
        if is_lost {
            self.0.story.note(HOST, format_args!("loses an answer"));
            return self.lose().await;
        }
        Ok(Response::new(answer))
    }

    async fn compact(&self, request: Request<PbCompactionRequest>) -> Result<Response<PbCompactionResponse>, Status> {
        self.admit().await?;
        let mut state = self.state();
        state.ledger.compact(request.get_ref().revision)?;
        let header = Some(state.ledger.header());
        drop(state);
        self.0.changed.notify_waiters();
        Ok(Response::new(PbCompactionResponse { header }))
    }
}

impl Etcd {
    fn carry_out(&self, request: &PbTxnRequest) -> Result<PbTxnResponse, Status> {
        let (answer, applied) = self.state().ledger.txn(request)?;
        self.tell(applied);
        Ok(answer)
    }
}
