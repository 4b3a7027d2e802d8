//! Each rollout as one trace: a span per ended step, and one over all of it when it ends. The trace's id follows from the
//! rollout's name, so that every server, at any time, adds to the same one. Sending is done in the background; when the
//! collector is away, spans are lost and nothing else.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::time::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use sha2::{Digest as _, Sha256};

use crate::engine::StepTrace;
use crate::engine::trace::EndedStep;

/// Spans waiting to be sent; a fleet of a thousand regions ends fewer at once.
const QUEUE: usize = 4096;
/// Spans are sent at least this often.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take.
const SEND_MAX: Duration = Duration::from_secs(5);
/// How long the last spans may take when the server ends.
const LAST_MAX: Duration = Duration::from_secs(2);

/// Sends rollouts as traces.
#[derive(Debug)]
pub struct Traces {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
}

/// Traces can't be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces can't be sent to {endpoint}: {why}")]
pub struct TracesError {
    endpoint: String,
    why: String,
}

impl Traces {
    /// Begins to send to a collector. Needs a running tokio.
    ///
    /// # Errors
    /// If the address can't be used; that nobody answers there is found out later and told in the log.
    pub fn begin(endpoint: &str) -> Result<Self, TracesError> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(SEND_MAX).build();
        let exporter =
            exporter.map_err(|error| TracesError { endpoint: endpoint.to_owned(), why: error.to_string() })?;
        let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(SEND_EVERY).build();
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        processor.set_resource(&Resource::builder().with_service_name("meridian-server").build());
        let scope = InstrumentationScope::builder("meridian").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self { processor, scope })
    }

    /// Sends what is left and ends. Blocks for at most two seconds.
    pub fn end(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(LAST_MAX) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }

    fn send(&self, span: Span) {
        let Span { trace, id, parent, name, began, ended, attributes, failed } = span;
        let context = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default());
        self.processor.on_end(SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Owned(name),
            start_time: time(began),
            end_time: time(ended),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: failed.map_or(Status::Ok, Status::error),
            instrumentation_scope: self.scope.clone(),
        });
    }
}

struct Span {
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    name: String,
    began: Timestamp,
    ended: Timestamp,
    attributes: Vec<KeyValue>,
    failed: Option<&'static str>,
}

impl StepTrace for Traces {
    fn step_ended(&self, record: &Rollout, step: EndedStep<'_>) {
        let (trace, root) = ids(record);
        let EndedStep { region, what, step, began, ended, failed } = step;
        let outcome = if failed { "taken-back" } else { "done" };
        let mut attributes = common(record, outcome);
        let place = region.map_or("all", |region| region.as_str());
        attributes.push(KeyValue::new("meridian.region", place.to_owned()));
        if let Some(step) = step {
            let wave = record.plan.waves.get(step.wave).map_or("", |wave| wave.id.as_str());
            attributes.push(KeyValue::new("meridian.wave", wave.to_owned()));
            attributes.push(KeyValue::new("meridian.step", i64::try_from(step.step + 1).unwrap_or(i64::MAX)));
        }
        self.send(Span {
            trace,
            id: SpanId::from_bytes(rand::random()),
            parent: root,
            name: format!("{what} {place}"),
            began,
            ended,
            attributes,
            failed: failed.then_some("taken back"),
        });
    }

    fn ended(&self, record: &Rollout, at: Timestamp) {
        let (trace, root) = ids(record);
        let word = record.phase.as_str();
        let failed = match record.phase {
            Phase::RolledBack { .. } | Phase::Aborted { .. } | Phase::Failed { .. } => Some(word),
            Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Frozen { .. }
            | Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::Superseded { .. } => None,
        };
        self.send(Span {
            trace,
            id: root,
            parent: SpanId::INVALID,
            name: format!("rollout {} {}", record.plan.service, record.plan.release),
            began: record.opened,
            ended: at,
            attributes: common(record, word),
            failed,
        });
    }
}

/// The trace of a rollout and the span over all of it.
fn ids(record: &Rollout) -> (TraceId, SpanId) {
    let digest: [u8; 32] = Sha256::digest(record.id.as_str().as_bytes()).into();
    let (mut trace, mut root) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&digest[..16]);
    root.copy_from_slice(&digest[16..24]);
    (TraceId::from_bytes(trace), SpanId::from_bytes(root))
}

fn common(record: &Rollout, outcome: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("meridian.service", record.plan.service.to_string()),
        KeyValue::new("meridian.rollout", record.id.to_string()),
        KeyValue::new("meridian.release", record.plan.release.version.to_string()),
        KeyValue::new("meridian.epoch", record.epoch.to_string()),
        KeyValue::new("meridian.outcome", outcome),
    ]
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.millis())
}
