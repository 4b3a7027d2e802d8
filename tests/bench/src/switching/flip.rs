//! The least that can switch an Envoy and know that it did: a static listener and two static clusters, one RDS route over
//! ADS, and a wait for its acknowledgement. No disk, no order of kinds, no workers waited for.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::protobuf::UInt32Value;
use envoy_types::util::pack_any;
use meridian_core::slot::{Slot, Slots};
use meridian_harness::{Program, Running, ground, wait_until};
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::machine;

const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const ANSWER_MAX: Duration = Duration::from_secs(5);
const START_MAX: Duration = Duration::from_secs(30);
/// One response travels at a time.
const ROOM: usize = 4;

type Out = mpsc::Sender<Result<DiscoveryResponse, Status>>;

/// An Envoy that is flipped. Dropping it ends it.
pub struct FlippedEnvoy {
    /// Where clients connect.
    pub entrance: SocketAddr,
    out: Arc<Mutex<Option<Out>>>,
    acks: watch::Receiver<u64>,
    count: u64,
    ads: JoinHandle<()>,
    _envoy: Running,
}

impl FlippedEnvoy {
    /// Starts it in a folder, with all traffic on blue.
    pub async fn start(folder: &Path, at: &Slots<SocketAddr>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (socket, entrance) = (folder.join("ads.sock"), ground::free_address()?);
        let (acked, acks) = watch::channel(0);
        let out = Arc::new(Mutex::new(None));
        let service = AggregatedDiscoveryServiceServer::new(Ads { out: out.clone(), acked: Arc::new(acked) });
        let incoming = UnixListenerStream::new(UnixListener::bind(&socket)?);
        let ads = tokio::spawn(async move {
            if let Err(error) = Server::builder().add_service(service).serve_with_incoming(incoming).await {
                eprintln!("the floor's ADS server has ended: {error}");
            }
        });
        let config = folder.join("bootstrap.json");
        std::fs::write(&config, serde_json::to_vec(&bootstrap(&socket, entrance, at))?)?;
        let arguments = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--config-path"];
        let envoy =
            Program::new(machine::envoy()?, folder.join("envoy.log")).args(arguments).args([&config]).start()?;
        let flipped = Self { entrance, out, acks, count: 0, ads, _envoy: envoy };
        let listens = wait_until("the floor's Envoy to listen", START_MAX, || async {
            TcpStream::connect(entrance).await.ok()?;
            flipped.acks.borrow().ge(&1).then_some(())
        });
        listens.await?;
        Ok(flipped)
    }

    /// Sends everything to a slot; returns once Envoy has acknowledged it.
    pub async fn flip(&mut self, slot: Slot) -> anyhow::Result<()> {
        self.count += 1;
        // The first nonce was that of the beginning.
        let nonce = self.count + 1;
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let out = out.context("Envoy is not connected")?;
        out.send(Ok(response(nonce, slot))).await?;
        let acked = timeout(ANSWER_MAX, self.acks.wait_for(|acked| *acked >= nonce)).await;
        acked.context("Envoy does not acknowledge")??;
        Ok(())
    }
}

impl Drop for FlippedEnvoy {
    fn drop(&mut self) {
        self.ads.abort();
    }
}

struct Ads {
    out: Arc<Mutex<Option<Out>>>,
    acked: Arc<watch::Sender<u64>>,
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = ReceiverStream<Result<DiscoveryResponse, Status>>;
    type DeltaAggregatedResourcesStream = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let (out, stream) = mpsc::channel(ROOM);
        *self.out.lock().unwrap_or_else(PoisonError::into_inner) = Some(out.clone());
        let (acked, mut requests) = (self.acked.clone(), request.into_inner());
        // Ends with the stream that it reads.
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                if request.type_url != ROUTES {
                    continue;
                }
                if request.response_nonce.is_empty() {
                    let _gone = out.send(Ok(response(1, Slot::Blue))).await;
                } else if let (Ok(nonce), None) = (request.response_nonce.parse(), request.error_detail) {
                    acked.send_replace(nonce);
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("this server speaks state-of-the-world ADS"))
    }
}

fn response(nonce: u64, slot: Slot) -> DiscoveryResponse {
    let share = |of: Slot| ClusterWeight {
        name: of.as_str().to_owned(),
        weight: Some(UInt32Value { value: if of == slot { 10_000 } else { 0 } }),
        ..Default::default()
    };
    let weights = WeightedCluster { clusters: Slot::BOTH.map(share).to_vec(), ..Default::default() };
    let action =
        RouteAction { cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weights)), ..Default::default() };
    let matcher = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() };
    let route = Route { r#match: Some(matcher), action: Some(Action::Route(action)), ..Default::default() };
    let host = VirtualHost {
        name: "lane".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..Default::default()
    };
    let routes = RouteConfiguration { name: "lane".to_owned(), virtual_hosts: vec![host], ..Default::default() };
    DiscoveryResponse {
        version_info: nonce.to_string(),
        resources: vec![pack_any(routes)],
        type_url: ROUTES.to_owned(),
        nonce: nonce.to_string(),
        ..Default::default()
    }
}

fn bootstrap(ads: &Path, entrance: SocketAddr, at: &Slots<SocketAddr>) -> Value {
    let socket = |at: SocketAddr| json!({ "socket_address": { "address": at.ip(), "port_value": at.port() } });
    let cluster = |name: &str, address: Value| {
        json!({
            "name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": { "cluster_name": name, "endpoints": [
                { "lb_endpoints": [ { "endpoint": { "address": address } } ] },
            ] },
        })
    };
    let mut ads = cluster("ads", json!({ "pipe": { "path": ads } }));
    ads["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    } });
    let filters = json!([ { "name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
    } } ]);
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "floor", "http_filters": filters,
        "rds": { "route_config_name": "lane", "config_source": { "ads": {}, "resource_api_version": "V3" } },
    });
    let listener = json!({
        "name": "entrance", "address": socket(entrance),
        "filter_chains": [ { "filters": [
            { "name": "envoy.filters.network.http_connection_manager", "typed_config": manager },
        ] } ],
    });
    let grpc = json!([ { "envoy_grpc": { "cluster_name": "ads" } } ]);
    json!({
        "node": { "id": "floor", "cluster": "bench" },
        "dynamic_resources": { "ads_config": {
            "api_type": "GRPC", "transport_api_version": "V3", "grpc_services": grpc,
        } },
        "static_resources": { "listeners": [ listener ], "clusters": [
            cluster("blue", socket(at.blue)), cluster("green", socket(at.green)), ads,
        ] },
    })
}
