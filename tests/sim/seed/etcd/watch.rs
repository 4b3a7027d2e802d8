//! Watches: what was committed, in order, in fragments; and all the ways in which that does not arrive.

use std::collections::BTreeMap;

use etcd_server::proto::{
    PbEvent, PbResponseHeader, PbWatchRequest, PbWatchRequestUnion, PbWatchResponse, PbWatchService,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Etcd, Ledger, Sort};

/// Events in one fragment: few, so that commits are cut in two.
const FRAGMENT: usize = 3;
/// Answers on their way to one client.
const ROOM: usize = 64;

/// One watch of a stream.
struct Watcher {
    key: Vec<u8>,
    end: Vec<u8>,
    /// The first revision not sent yet.
    next: i64,
    has_fragments: bool,
}

type Answers = mpsc::Sender<Result<PbWatchResponse, Status>>;

#[tonic::async_trait]
impl PbWatchService for Etcd {
    type WatchStream = ReceiverStream<Result<PbWatchResponse, Status>>;

    async fn watch(&self, request: Request<Streaming<PbWatchRequest>>) -> Result<Response<Self::WatchStream>, Status> {
        self.admit().await?;
        let (answers, stream) = mpsc::channel(ROOM);
        let link = Link { etcd: self.clone(), answers, watchers: BTreeMap::new(), next_id: 0 };
        tokio::spawn(link.run(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// One stream of watches.
struct Link {
    etcd: Etcd,
    answers: Answers,
    watchers: BTreeMap<i64, Watcher>,
    next_id: i64,
}

/// The client is gone.
struct Gone;

impl Link {
    async fn run(mut self, mut asked: Streaming<PbWatchRequest>) {
        loop {
            let inner = self.etcd.0.clone();
            let changed = inner.changed.notified();
            if self.send_changes().await.is_err() {
                return;
            }
            let took = tokio::select! {
                biased;
                request = asked.message() => match request {
                    Ok(Some(PbWatchRequest { request_union: Some(request) })) => self.take(request).await,
                    Ok(Some(_)) => Ok(()),
                    Ok(None) | Err(_) => Err(Gone),
                },
                () = changed => Ok(()),
                () = self.answers.closed() => Err(Gone),
            };
            if took.is_err() {
                return;
            }
            if self.etcd.strikes(Sort::NoLeader) {
                // The client asked for a leader.
                let _gone = self.answers.send(Err(Status::unavailable("etcdserver: no leader"))).await;
                return;
            }
        }
    }

    async fn take(&mut self, request: PbWatchRequestUnion) -> Result<(), Gone> {
        match request {
            PbWatchRequestUnion::CreateRequest(create) => {
                let head = self.etcd.read(|ledger| ledger.revision);
                let next = if create.start_revision > 0 { create.start_revision } else { head + 1 };
                let id = self.next_id;
                self.next_id += 1;
                self.send(PbWatchResponse { watch_id: id, created: true, ..PbWatchResponse::default() }).await?;
                let watcher = Watcher { key: create.key, end: create.range_end, next, has_fragments: create.fragment };
                self.watchers.insert(id, watcher);
                Ok(())
            }
            PbWatchRequestUnion::CancelRequest(cancel) => {
                self.watchers.remove(&cancel.watch_id);
                let id = cancel.watch_id;
                self.send(PbWatchResponse { watch_id: id, canceled: true, ..PbWatchResponse::default() }).await
            }
            PbWatchRequestUnion::ProgressRequest(_) => {
                if self.etcd.strikes(Sort::MuteWatches) {
                    return Ok(());
                }
                self.send(PbWatchResponse { watch_id: -1, ..PbWatchResponse::default() }).await
            }
        }
    }

    async fn send_changes(&mut self) -> Result<(), Gone> {
        let ids: Vec<i64> = self.watchers.keys().copied().collect();
        for id in ids {
            self.send_changes_of(id).await?;
        }
        Ok(())
    }

    async fn send_changes_of(&mut self, id: i64) -> Result<(), Gone> {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return Ok(());
        };
        let (compacted, head, changes) = {
            let state = self.etcd.state();
            let ledger = &state.ledger;
            (ledger.compacted, ledger.revision, ledger.changes(&watcher.key, &watcher.end, watcher.next))
        };
        if watcher.next < compacted {
            self.watchers.remove(&id);
            // As a real one: no revision in the header, and the stream stays open.
            let header = Some(PbResponseHeader { revision: 0, ..self.etcd.read(Ledger::header) });
            let response = PbWatchResponse {
                header,
                watch_id: id,
                canceled: true,
                compact_revision: compacted,
                ..PbWatchResponse::default()
            };
            return self.answers.send(Ok(response)).await.map_err(|_| Gone);
        }
        watcher.next = watcher.next.max(head + 1);
        let has_fragments = watcher.has_fragments;
        if changes.is_empty() || self.etcd.strikes(Sort::MuteWatches) {
            return Ok(());
        }
        for batch in self.misdeliver(changes) {
            self.send_events(id, batch, has_fragments).await?;
        }
        Ok(())
    }

    /// What becomes of commits on their way.
    fn misdeliver(&self, changes: Vec<(i64, Vec<PbEvent>)>) -> Vec<Vec<PbEvent>> {
        let mut batches = Vec::new();
        for (_, events) in changes {
            if self.etcd.strikes(Sort::LoseEvents) {
                continue;
            }
            if self.etcd.strikes(Sort::RepeatEvents) {
                batches.push(events.clone());
            }
            if self.etcd.strikes(Sort::ReorderEvents) {
                batches.insert(0, events);
            } else {
                batches.push(events);
            }
        }
        batches
    }

    async fn send_events(&self, id: i64, events: Vec<PbEvent>, has_fragments: bool) -> Result<(), Gone> {
        let size = if has_fragments { FRAGMENT } else { events.len().max(1) };
        let count = events.chunks(size).count();
        for (index, chunk) in events.chunks(size).enumerate() {
            let fragment = index + 1 < count;
            let response =
                PbWatchResponse { watch_id: id, events: chunk.to_vec(), fragment, ..PbWatchResponse::default() };
            self.send(response).await?;
        }
        Ok(())
    }

    async fn send(&self, response: PbWatchResponse) -> Result<(), Gone> {
        let header = Some(self.etcd.read(Ledger::header));
        self.answers.send(Ok(PbWatchResponse { header, ..response })).await.map_err(|_| Gone)
    }
}
