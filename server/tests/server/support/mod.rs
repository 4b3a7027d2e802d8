//! A server in this process, its callers, and what they need before anything moves.

pub mod agent;
pub mod fixture;
pub mod pair;
pub mod raw;
pub mod raw_http;

use std::net::SocketAddr;
use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::plan_service_client::PlanServiceClient;
use meridian_proto::r#gen::v1::playbook_service_client::PlaybookServiceClient;
use meridian_proto::r#gen::v1::region_service_client::RegionServiceClient;
use meridian_proto::r#gen::v1::release_service_client::ReleaseServiceClient;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient;
use meridian_proto::r#gen::v1::service_service_client::ServiceServiceClient;
use meridian_proto::r#gen::v1::stop_service_client::StopServiceClient;
use meridian_server::{AlertConfig, Config, Running, StoreChoice, Transport, start};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Nothing in these tests takes longer; a hang is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub running: Running,
    pub channel: Channel,
}

pub fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn config() -> Config {
    let (store, transport, alerts) = (StoreChoice::Memory, Transport::Plaintext, AlertConfig::default());
    Config { listen: free(), http: free(), store, transport, otlp: None, alerts }
}

impl Server {
    pub async fn plain() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: Config) -> Self {
        let running = start(config).await.unwrap();
        let channel = connect(running.grpc_addr).await;
        Self { running, channel }
    }

    pub fn services(&self) -> ServiceServiceClient<Channel> {
        ServiceServiceClient::new(self.channel.clone())
    }

    pub fn playbooks(&self) -> PlaybookServiceClient<Channel> {
        PlaybookServiceClient::new(self.channel.clone())
    }

    pub fn releases(&self) -> ReleaseServiceClient<Channel> {
        ReleaseServiceClient::new(self.channel.clone())
    }

    pub fn regions(&self) -> RegionServiceClient<Channel> {
        RegionServiceClient::new(self.channel.clone())
    }

    pub fn plans(&self) -> PlanServiceClient<Channel> {
        PlanServiceClient::new(self.channel.clone())
    }

    pub fn rollouts(&self) -> RolloutServiceClient<Channel> {
        RolloutServiceClient::new(self.channel.clone())
    }

    pub fn stops(&self) -> StopServiceClient<Channel> {
        StopServiceClient::new(self.channel.clone())
    }

    pub async fn rollout(&self, name: &str) -> v1::Rollout {
        let request = v1::GetRolloutRequest { name: name.to_owned() };
        self.rollouts().get_rollout(request).await.unwrap().into_inner().rollout.unwrap()
    }
}

pub async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// The code and the one reason of a refusal.
pub fn why(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("a refusal without a reason: {status:?}"));
    assert_eq!(info.domain, "meridian.dev");
    (status.code(), info.reason.clone())
}

/// The fields that a refusal names.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    bad.into_iter().map(|violation| violation.field).collect()
}

pub fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

pub fn uuid() -> String {
    uuid::Uuid::new_v4().hyphenated().to_string()
}

/// Asks again and again until the answer is there.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await; // tidy: paced
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what}: did not come in time"))
}
