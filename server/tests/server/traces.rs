//! Rollouts as traces, sent to a collector in this process.

use std::sync::{Arc, Mutex};

use meridian_core::time::Span;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span as WireSpan;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::support::agent::Obedient;
use crate::support::fixture::{SERVICE, playbook};
use crate::support::{Server, config, free, until};

#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<WireSpan>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_one_trace() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind(free()).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collecting = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let collecting = tokio::spawn(collecting);

    let server = Server::with(meridian_server::Config { otlp: Some(endpoint), ..config() }).await;
    server.put_service(SERVICE).await;
    let mut quick = playbook(Span::ZERO);
    quick.rollback.retention = Span::ZERO;
    server.put_playbook(&quick).await;
    server.add_release("1.0.0").await;
    let _agent = Obedient::start(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    server.start_rollout(&plan.name).await;
    let root = until("the span over all of it", || async {
        let spans = collector.spans.lock().unwrap();
        spans.iter().find(|span| span.parent_span_id.is_empty()).cloned()
    })
    .await;
    assert_eq!(root.name, "rollout checkout 1.0.0");
    let spans = until("a span for each step", || async {
        let spans = collector.spans.lock().unwrap().clone();
        let is_there = |name: &str| spans.iter().any(|span| span.name == name);
        ["prepare eu", "shift eu", "bake eu"].into_iter().all(is_there).then_some(spans)
    })
    .await;
    for span in &spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert!(span.span_id == root.span_id || span.parent_span_id == root.span_id, "{} is astray", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    server.running.shutdown().await;
    collecting.abort();
}
