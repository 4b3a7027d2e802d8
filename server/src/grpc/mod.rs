//! The services as they are spoken over gRPC. Thin: read, ask the engine or the catalog, write. The only folder of this
//! crate that names generated types.

mod agents;
mod alerts;
mod field;
mod front;
mod orders;
mod plans;
mod playbooks;
mod proof;
mod queues;
mod regions;
mod releases;
mod rollouts;
mod services;
pub mod status;
mod stops;
mod streams;
mod trust;
mod view;
mod watches;

use std::sync::Arc;

use meridian_proto::r#gen::agent::v1::agent_service_server::AgentServiceServer;
use meridian_proto::r#gen::v1::alert_service_server::AlertServiceServer;
use meridian_proto::r#gen::v1::plan_service_server::PlanServiceServer;
use meridian_proto::r#gen::v1::playbook_service_server::PlaybookServiceServer;
use meridian_proto::r#gen::v1::queue_service_server::QueueServiceServer;
use meridian_proto::r#gen::v1::region_service_server::RegionServiceServer;
use meridian_proto::r#gen::v1::release_service_server::ReleaseServiceServer;
use meridian_proto::r#gen::v1::rollout_service_server::RolloutServiceServer;
use meridian_proto::r#gen::v1::service_service_server::ServiceServiceServer;
use meridian_proto::r#gen::v1::set_service_server::SetServiceServer;
use meridian_proto::r#gen::v1::stop_service_server::StopServiceServer;
use meridian_proto::r#gen::v1::watch_service_server::WatchServiceServer;
use meridian_store::Store;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use crate::alert::{Bell, Teller};
use crate::catalog::{Catalog, Effect, Missing, Terms};
use crate::clock::Clock;
use crate::engine::{Engine, RequestMark};
use crate::joining::Joining;
use crate::metrics::Metrics;
use crate::queue::Queues;
use crate::session::Pace;
use crate::watching::Watches;

pub use front::{Front, Port};
pub use streams::Streams;

/// The largest message of a caller; the largest playbook has a tenth of it.
const PUBLIC_BYTES_MAX: usize = 1024 * 1024;
/// The largest message of an agent: a thousand lanes with their evidence.
const AGENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The largest message of ours, which is what callers take unless told otherwise.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the services are made of. Cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// Decides.
    pub engine: Engine,
    /// Keeps what was written down.
    pub catalog: Catalog,
    /// Lets wait what has no lanes yet.
    pub queues: Queues,
    /// Watches what was launched.
    pub watches: Watches,
    /// Brings late regions up.
    pub joining: Joining,
    /// For watching.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How often agents begin sessions.
    pub pace: Arc<Pace>,
    /// What stays open.
    pub streams: Streams,
    /// What is counted.
    pub metrics: Metrics,
    /// Tells receivers of alerts.
    pub teller: Teller,
    /// Rings for the courier.
    pub bell: Bell,
}

/// All services, and the switch that says whether they serve.
///
/// # Errors
/// If the descriptions of the services can't be read.
pub fn routes(shared: &Shared) -> Result<(Routes, HealthReporter), tonic_reflection::server::Error> {
    let health = HealthReporter::new();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(meridian_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let catalog = || shared.catalog.clone();
    let shared = || shared.clone();
    macro_rules! limited {
        ($server:ident, $service:expr, $bytes:expr) => {
            $server::new($service).max_decoding_message_size($bytes).max_encoding_message_size(ANSWER_BYTES_MAX)
        };
    }
    let mut routes = Routes::builder();
    routes
        .add_service(limited!(ServiceServiceServer, services::Services { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(PlaybookServiceServer, playbooks::Playbooks { catalog: catalog() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(ReleaseServiceServer, releases::Releases { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(RegionServiceServer, regions::Regions { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(PlanServiceServer, plans::Plans { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(RolloutServiceServer, rollouts::Rollouts { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(QueueServiceServer, queues::QueueCalls { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(WatchServiceServer, watches::WatchCalls { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(AlertServiceServer, alerts::Alerts { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(SetServiceServer, plans::sets::Sets { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(StopServiceServer, stops::Stops { shared: shared() }, PUBLIC_BYTES_MAX))
        .add_service(limited!(AgentServiceServer, agents::Agents { shared: shared() }, AGENT_BYTES_MAX))
        .add_service(tonic_health::pb::health_server::HealthServer::new(HealthService::from_health_reporter(
            health.clone(),
        )))
        .add_service(reflection);
    Ok((routes.routes().prepare(), health))
}

/// Names under which health is asked for: the whole server, and each of its services.
const HEALTH_NAMES: [&str; 13] = [
    "",
    "meridian.v1.ServiceService",
    "meridian.v1.PlaybookService",
    "meridian.v1.ReleaseService",
    "meridian.v1.RegionService",
    "meridian.v1.PlanService",
    "meridian.v1.RolloutService",
    "meridian.v1.QueueService",
    "meridian.v1.WatchService",
    "meridian.v1.AlertService",
    "meridian.v1.SetService",
    "meridian.v1.StopService",
    "meridian.agent.v1.AgentService",
];

/// Tells everybody who asks for health.
pub async fn set_health(health: &HealthReporter, status: ServingStatus) {
    for name in HEALTH_NAMES {
        health.set_service_status(name, status).await;
    }
}

/// The terms of a write, from the fields that requests share.
fn terms(
    allow_missing: bool,
    validate_only: bool,
    etag: Option<meridian_store::Revision>,
    request: Option<RequestMark>,
) -> Terms {
    let missing = if allow_missing { Missing::Made } else { Missing::Refused };
    let effect = if validate_only { Effect::Checked } else { Effect::Made };
    Terms { missing, effect, etag, request }
}
