//! The ADS server on a unix socket: brings the feed to one Envoy, state of the world, every type on one stream. It knows
//! nonces and subscriptions; it does not know what the resources mean.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use futures::stream;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::feed::{Changes, Feed, Kind};
use super::pb::discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use super::pb::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse};
use crate::error::DriverError;

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The running server. Dropping it ends its streams; Envoy goes on with what it has and connects again.
#[derive(Debug)]
pub(super) struct AdsServer {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl AdsServer {
    /// Listens at the socket, replacing a stale one.
    pub(super) fn open(socket: &Path, node: &str, feed: Arc<Feed>) -> Result<Self, DriverError> {
        let cannot = |error: std::io::Error| DriverError::state("listen on", socket, &error);
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(socket).map_err(cannot)?;
        let stop = CancellationToken::new();
        let service = Service { node: node.to_owned(), feed, stop: stop.clone() };
        let stopped = stop.clone().cancelled_owned();
        let serving = Server::builder()
            .add_service(AggregatedDiscoveryServiceServer::new(service))
            .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stopped);
        let task = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the ADS server has ended; Envoy keeps its last configuration");
            }
        });
        Ok(Self { stop, task })
    }
}

impl Drop for AdsServer {
    fn drop(&mut self) {
        // The token ends the streams, which would outlive an abort of the task alone.
        self.stop.cancel();
        self.task.abort();
    }
}

struct Service {
    node: String,
    feed: Arc<Feed>,
    stop: CancellationToken,
}

#[async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let talk = Talk {
            node: self.node.clone(),
            requests: request.into_inner(),
            changes: self.feed.changes(),
            stream: OpenStream::new(Arc::clone(&self.feed)),
            stop: self.stop.clone(),
            sent: BTreeMap::new(),
            nonces: 0,
        };
        // The stream drives itself when it is read: there is no task that could be left behind.
        let responses = stream::unfold(Some(talk), |talk| async {
            let mut talk = talk?;
            match talk.next_response().await {
                Ok(Some(response)) => Some((Ok(response), Some(talk))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("this server speaks state-of-the-world ADS"))
    }
}

/// A stream that is registered at the feed for as long as it lives.
struct OpenStream {
    feed: Arc<Feed>,
    id: u64,
}

impl OpenStream {
    fn new(feed: Arc<Feed>) -> Self {
        let id = feed.opened();
        Self { feed, id }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.feed.closed(self.id);
    }
}

/// What was sent last of a kind, on this stream; `None`: asked for, nothing sent yet.
type Sent = Option<(u64, String)>;

/// One conversation with Envoy.
struct Talk {
    node: String,
    requests: Streaming<DiscoveryRequest>,
    changes: Changes,
    stream: OpenStream,
    stop: CancellationToken,
    sent: BTreeMap<Kind, Sent>,
    nonces: u64,
}

impl Talk {
    /// Listens until there is something to say. `None`: the conversation is over.
    async fn next_response(&mut self) -> Result<Option<DiscoveryResponse>, Status> {
        loop {
            if let Some(response) = self.due() {
                return Ok(Some(response));
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                request = self.requests.message() => match request {
                    Ok(Some(request)) => self.hear(&request)?,
                    // A broken connection: Envoy opens another one.
                    Ok(None) | Err(_) => return Ok(None),
                },
                is_there = self.changes.next() => if !is_there {
                    return Ok(None);
                },
            }
        }
    }

    fn hear(&mut self, request: &DiscoveryRequest) -> Result<(), Status> {
        if let Some(node) = request.node.as_ref().filter(|node| node.id != self.node) {
            return Err(Status::permission_denied(format!("{} is not {}", node.id, self.node)));
        }
        // A kind that we do not serve: Envoy waits for it, and we say nothing.
        let Some(kind) = Kind::of(&request.type_url) else {
            return Ok(());
        };
        let sent = self.sent.entry(kind).or_insert(None);
        let Some((serial, nonce)) = sent else {
            return Ok(());
        };
        if request.response_nonce.is_empty() {
            // Asked anew: say it again.
            *sent = None;
        } else if request.response_nonce == *nonce {
            match &request.error_detail {
                None => self.stream.feed.accepted(self.stream.id, kind, *serial),
                Some(detail) => {
                    tracing::warn!(?kind, words = %detail.message, "Envoy refused a configuration");
                    self.stream.feed.refused(self.stream.id, kind, *serial, detail.message.clone());
                }
            }
        }
        // Any other nonce answers something that we have replaced since.
        Ok(())
    }

    /// The next response that Envoy lacks, in the order of kinds: what is pointed to before what points there.
    fn due(&mut self) -> Option<DiscoveryResponse> {
        for (kind, sent) in &mut self.sent {
            let (serial, publication) = self.changes.current(*kind)?;
            if sent.as_ref().is_some_and(|(last, _)| *last == serial) {
                continue;
            }
            self.nonces += 1;
            let nonce = self.nonces.to_string();
            *sent = Some((serial, nonce.clone()));
            return Some(DiscoveryResponse {
                version_info: publication.version.clone(),
                resources: publication.resources.clone(),
                type_url: kind.type_url().to_owned(),
                nonce,
                ..Default::default()
            });
        }
        None
    }
}
