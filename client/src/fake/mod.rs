//! A server in memory for tests of callers: it keeps what it is given, answers from that, counts what it is asked and
//! fails on demand. It decides nothing; rollouts change when a test says so.

mod export;
mod queue;
mod refusal;
mod resources;
mod rollouts;
pub mod sample;
mod sets;
mod state;
mod stops;
mod write;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meridian_core::playbook::Playbook;
use meridian_core::release::Release;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::plan_service_server::PlanServiceServer;
use meridian_proto::r#gen::v1::playbook_service_server::PlaybookServiceServer;
use meridian_proto::r#gen::v1::queue_service_server::QueueServiceServer;
use meridian_proto::r#gen::v1::region_service_server::RegionServiceServer;
use meridian_proto::r#gen::v1::release_service_server::ReleaseServiceServer;
use meridian_proto::r#gen::v1::rollout_service_server::RolloutServiceServer;
use meridian_proto::r#gen::v1::service_service_server::ServiceServiceServer;
use meridian_proto::r#gen::v1::set_service_server::SetServiceServer;
use meridian_proto::r#gen::v1::stop_service_server::StopServiceServer;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::connect::{Client, Endpoint};
use crate::error::{ClientError, RefusalKind};
use crate::plans::PlanView;
use crate::regions::RegionChange;
use crate::rollouts::queue::QueueView;
use crate::rollouts::{DecisionView, RolloutView};
use crate::services::ServiceChange;

use state::{Signal, State};

/// Any free port of this machine alone.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A call that the server has seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenCall {
    /// Which, e.g. `UpdateService`.
    pub call: &'static str,
    /// Its request id; empty for reads.
    pub request_id: String,
    /// Its actor and reason, or the scope and such: what tests look at.
    pub words: Vec<String>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct FakeServer {
    shared: Shared,
    address: SocketAddr,
    /// Its own, so that stopping it breaks connections as the end of a process does.
    runtime: Option<Runtime>,
    tls: Option<FakeTls>,
}

/// PEM texts of a server that asks its callers who they are.
#[derive(Clone, Debug)]
pub struct FakeTls {
    /// Its certificate.
    pub cert: String,
    /// The key of it.
    pub key: String,
    /// Who signs its callers.
    pub client_ca: String,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeServer {
    /// Starts on a free port of loopback.
    ///
    /// # Panics
    /// If there is none.
    pub async fn start() -> Self {
        Self::start_at(LOOPBACK, Shared::default(), None).await
    }

    /// Starts with TLS on a free port of loopback; callers without a certificate are refused.
    ///
    /// # Panics
    /// If there is none.
    pub async fn start_secure(tls: FakeTls) -> Self {
        Self::start_at(LOOPBACK, Shared::default(), Some(tls)).await
    }

    /// Stops, and starts again at the same address with the same content.
    pub async fn restart(mut self) -> Self {
        self.stop();
        Self::start_at(self.address, self.shared.clone(), self.tls.take()).await
    }

    /// Stops answering: connections break.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    async fn start_at(address: SocketAddr, shared: Shared, tls: Option<FakeTls>) -> Self {
        let listener = bind(address).await;
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut builder = tonic::transport::Server::builder();
        if let Some(FakeTls { cert, key, client_ca }) = &tls {
            let identity = Identity::from_pem(cert, key);
            let config = ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(client_ca));
            builder = builder.tls_config(config).expect("tests bring good certificates");
        }
        let server = builder
            .add_service(ServiceServiceServer::new(shared.clone()))
            .add_service(PlaybookServiceServer::new(shared.clone()))
            .add_service(ReleaseServiceServer::new(shared.clone()))
            .add_service(RegionServiceServer::new(shared.clone()))
            .add_service(PlanServiceServer::new(shared.clone()))
            .add_service(StopServiceServer::new(shared.clone()))
            .add_service(SetServiceServer::new(shared.clone()))
            .add_service(QueueServiceServer::new(shared.clone()))
            .add_service(RolloutServiceServer::new(shared.clone()));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system gives one more thread");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("the listener does not block");
            // A server that ends leaves its callers unanswered, and the test sees that.
            let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
        });
        Self { shared, address, runtime: Some(runtime), tls }
    }

    /// Where it listens, as an address for [`Endpoint`].
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// A client of this server.
    ///
    /// # Errors
    /// See [`Client::connect`].
    pub async fn client(&self) -> Result<Client, ClientError> {
        let timeout = Duration::from_secs(10);
        Client::connect(Endpoint { addresses: vec![self.address()], tls: None, timeout }).await
    }

    /// Answers the next calls, one each, with these refusals.
    pub fn refuse_next(&self, refusals: impl IntoIterator<Item = (RefusalKind, &'static str)>) {
        self.shared.lock().refusals.extend(refusals);
    }

    /// Lets the next call wait for an answer that never comes.
    pub fn hang_next(&self) {
        self.shared.lock().hangs += 1;
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<SeenCall> {
        self.shared.lock().seen.clone()
    }

    /// Keeps a service.
    pub fn put_service(&self, service: &ServiceChange) {
        let message = v1::Service::from(service);
        self.shared.lock().services.put(message.name.clone(), message);
    }

    /// Keeps a playbook.
    pub fn put_playbook(&self, playbook: &Playbook) {
        let message = v1::Playbook::from(playbook);
        self.shared.lock().playbooks.put(message.name.clone(), message);
    }

    /// Keeps a release.
    pub fn put_release(&self, release: &Release) {
        let message = v1::Release::from(release);
        self.shared.lock().releases.put(message.name.clone(), message);
    }

    /// Keeps a region.
    pub fn put_region(&self, region: &RegionChange) {
        let message = v1::Region::from(region);
        self.shared.lock().regions.put(message.name.clone(), message);
    }

    /// Keeps the plan that is given to whoever asks for one of its release.
    pub fn put_plan(&self, view: &PlanView) {
        let answer = write::plan(view);
        let name = answer.plan.as_ref().map(|plan| plan.name.clone()).unwrap_or_default();
        self.shared.lock().plans.insert(name, answer);
    }

    /// Keeps a rollout at a new revision, and tells whoever watches.
    pub fn put_rollout(&self, view: &RolloutView) {
        self.shared.lock().put_rollout(write::rollout(view));
    }

    /// Lets this wait for its lanes.
    pub fn put_queue(&self, view: &QueueView) {
        self.shared.lock().queue = queue::message(view);
    }

    /// Keeps a decision.
    pub fn put_decision(&self, view: &DecisionView) {
        self.shared.lock().decisions.push(write::decision(view));
    }

    /// Keeps what is exported of `checkout/r-1`: a whole rollout, taken back.
    pub fn put_export(&self) {
        self.shared.lock().exports.insert(sample::name("r-1").to_string(), export::rollout());
    }

    /// Keeps two findings on `checkout/r-1`: `us-east` passes on evidence, `ap-south` has measured nothing.
    pub fn put_findings(&self) {
        let finding = |region: &str, verdict: Option<v1::Verdict>| v1::CheckFinding {
            region: region.to_owned(),
            check: "errors".to_owned(),
            measure: "error-ratio".to_owned(),
            test: "threshold: at most 1.00 %".to_owned(),
            ground: 3 - 2 * i32::from(verdict.is_some()),
            sample_min: 100,
            why: if verdict.is_some() { "0.12 % is within 1.00 %" } else { "the region is waiting" }.to_owned(),
            verdict,
            ..v1::CheckFinding::default()
        };
        let pass = (&sample::verdict(meridian_core::evidence::Outcome::Pass)).into();
        let findings = vec![finding("us-east", Some(pass)), finding("ap-south", None)];
        self.shared.lock().findings.insert(sample::name("r-1").to_string(), findings);
    }

    /// Keeps the load of the way down of a rehearsal on `checkout/r-1`.
    pub fn put_loads(&self) {
        let figures = v1::LoadFigures {
            offered: 2000,
            sent: 1990,
            achieved: 1980,
            failed: 10,
            not_sent: 10,
            p50_micros: 1_200,
            p90_micros: 2_300,
            p99_micros: 4_500,
            p999_micros: 61_000,
            max_micros: 98_700,
        };
        let report = v1::LoadReport {
            step: Some(v1::StepRef { wave: 0, step: 2 }),
            epoch: Some(v1::Epoch { generation: 1, counter: 9 }),
            time: Some(meridian_proto::convert::timestamp_to_wire(meridian_core::time::Timestamp::from_millis(1000))),
            figures: Some(figures),
            verdict: Some((&sample::verdict(meridian_core::evidence::Outcome::Pass)).into()),
        };
        let load = v1::StepLoad {
            region: "us-east".to_owned(),
            wave: "rehearsed".to_owned(),
            weight_basis_points: 0,
            leg: v1::step_load::Leg::Down.into(),
            report: Some(report),
        };
        self.shared.lock().loads.insert(sample::name("r-1").to_string(), vec![load]);
    }

    /// Ends all watches; they may come back.
    pub fn cut_watches(&self) {
        self.shared.lock().signal(Signal::Cut);
    }

    /// Forgets all past revisions: whoever comes back with one has to begin again.
    pub fn compact(&self) {
        self.shared.lock().compact();
    }

    /// How many watches are open.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.shared.lock().watches()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A listener; the address of a server that has just stopped is free a moment later.
async fn bind(address: SocketAddr) -> std::net::TcpListener {
    let bound = async {
        loop {
            if let Ok(listener) = std::net::TcpListener::bind(address) {
                return listener;
            }
            tokio::task::yield_now().await;
        }
    };
    let listener = tokio::time::timeout(Duration::from_secs(10), bound).await.expect("the address is free");
    listener.set_nonblocking(true).expect("a fresh socket can be set");
    listener
}
