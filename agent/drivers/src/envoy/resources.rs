//! The fixed part of what Envoy gets: the entrance and the two slots. It knows limits and timeouts; it does not know who
//! is sent where.

use std::net::SocketAddr;
use std::path::Path;

use meridian_core::digest::Digest;
use meridian_core::slot::{Slot, Slots};

use super::config::EnvoyConfig;
use super::feed::Publication;
use super::pb::{self, Any, cluster, core, endpoint, listener, pack_any};
use super::routes::{METADATA, METADATA_MARK};
use envoy_types::pb::envoy::config::accesslog::v3 as accesslog;
use envoy_types::pb::envoy::extensions::filters::http::health_check::v3::HealthCheck;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;

/// The name of the route configuration.
pub(super) const ROUTES: &str = "lane";
/// On answers that Envoy made itself.
pub(super) const PROXY_ERROR_HEADER: &str = "x-meridian-proxy-error";
/// On answers to a probe: the mark of the route in effect.
pub(super) const MARK_HEADER: &str = "x-meridian-mark";

/// Connections and requests per slot: Envoy's default of 1024 (and 3 retries!) would turn a burst during a switch into
/// failed requests.
const SLOT_REQUESTS_MAX: u32 = 10_000;
/// The same as our own proxy's.
const HEADERS_KIB_MAX: u32 = 16;
/// A client that does not finish its request's head in this time is let go.
const REQUEST_HEAD_MS_MAX: u64 = 10_000;

/// Both slots as clusters, always: a slot without a target has no endpoint. So no cluster ever goes away under a
/// request, and its counters last as long as Envoy does.
pub(super) fn clusters(config: &EnvoyConfig, targets: &Slots<Option<SocketAddr>>) -> Publication {
    publication(Slot::BOTH.map(|slot| pack_any(slot_cluster(config, slot, *targets.get(slot)))).to_vec())
}

fn slot_cluster(config: &EnvoyConfig, slot: Slot, target: Option<SocketAddr>) -> cluster::Cluster {
    let thresholds = cluster::circuit_breakers::Thresholds {
        max_connections: pb::number(SLOT_REQUESTS_MAX),
        max_pending_requests: pb::number(SLOT_REQUESTS_MAX),
        max_requests: pb::number(SLOT_REQUESTS_MAX),
        max_retries: pb::number(SLOT_REQUESTS_MAX),
        ..Default::default()
    };
    let discovery = cluster::cluster::DiscoveryType::Static;
    cluster::Cluster {
        name: slot.as_str().to_owned(),
        connect_timeout: pb::millis(config.connect_timeout_ms),
        cluster_discovery_type: Some(cluster::cluster::ClusterDiscoveryType::Type(discovery.into())),
        load_assignment: Some(endpoint::ClusterLoadAssignment {
            cluster_name: slot.as_str().to_owned(),
            endpoints: target.into_iter().map(one_endpoint).collect(),
            ..Default::default()
        }),
        circuit_breakers: Some(cluster::CircuitBreakers { thresholds: vec![thresholds], ..Default::default() }),
        ..Default::default()
    }
}

fn one_endpoint(target: SocketAddr) -> endpoint::LocalityLbEndpoints {
    let endpoint = endpoint::Endpoint { address: Some(pb::address(target)), ..Default::default() };
    let host = endpoint::lb_endpoint::HostIdentifier::Endpoint(endpoint);
    endpoint::LocalityLbEndpoints {
        lb_endpoints: vec![endpoint::LbEndpoint { host_identifier: Some(host), ..Default::default() }],
        ..Default::default()
    }
}

/// The entrance, and the listener that tells which route a worker obeys.
pub(super) fn listeners(config: &EnvoyConfig, entrance: SocketAddr, probe: &Path) -> Publication {
    let entrance = listener::Listener {
        name: "entrance".to_owned(),
        address: Some(pb::address(entrance)),
        filter_chains: vec![filter_chain(&connection_manager(config))],
        ..Default::default()
    };
    publication(vec![pack_any(entrance), pack_any(probe_listener(probe))])
}

/// For [`super::workers`] only, at a socket of our own user. Connections are spread evenly over the workers, and a full
/// house at the entrance keeps nobody out here.
fn probe_listener(socket: &Path) -> listener::Listener {
    use listener::listener::connection_balance_config::{BalanceType, ExactBalance};
    let balance = BalanceType::ExactBalance(ExactBalance {});
    listener::Listener {
        name: "probe".to_owned(),
        stat_prefix: "probe".to_owned(),
        address: Some(pb::pipe(socket)),
        filter_chains: vec![filter_chain(&probe_manager())],
        connection_balance_config: Some(listener::listener::ConnectionBalanceConfig { balance_type: Some(balance) }),
        ignore_global_conn_limit: true,
        ..Default::default()
    }
}

/// Every request is answered on the spot, with the mark of the rule that it would obey at the entrance: the routes are
/// the same, and a worker has them once.
fn probe_manager() -> hcm::HttpConnectionManager {
    let here = HealthCheck { pass_through_mode: pb::no(), ..Default::default() };
    let mark = format!("%METADATA(ROUTE:{METADATA}:{METADATA_MARK})%");
    hcm::HttpConnectionManager {
        stat_prefix: "probe".to_owned(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(rds())),
        http_filters: vec![http_filter("envoy.filters.http.health_check", pack_any(here)), router()],
        generate_request_id: pb::no(),
        local_reply_config: Some(hcm::LocalReplyConfig {
            mappers: vec![answers_from(200, pb::header(MARK_HEADER, &mark))],
            body_format: None,
        }),
        ..Default::default()
    }
}

fn filter_chain(manager: &hcm::HttpConnectionManager) -> listener::FilterChain {
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(pack_any(manager.clone()))),
    };
    listener::FilterChain { filters: vec![filter], ..Default::default() }
}

fn rds() -> hcm::Rds {
    let ads = core::config_source::ConfigSourceSpecifier::Ads(core::AggregatedConfigSource {});
    let source = core::ConfigSource {
        config_source_specifier: Some(ads),
        resource_api_version: core::ApiVersion::V3.into(),
        // Without routes there is nothing to serve: wait for them, however long.
        initial_fetch_timeout: pb::millis(0),
        ..Default::default()
    };
    hcm::Rds { config_source: Some(source), route_config_name: ROUTES.to_owned() }
}

fn router() -> hcm::HttpFilter {
    http_filter("envoy.filters.http.router", pack_any(Router { suppress_envoy_headers: true, ..Default::default() }))
}

fn http_filter(name: &str, config: Any) -> hcm::HttpFilter {
    let config_type = Some(hcm::http_filter::ConfigType::TypedConfig(config));
    hcm::HttpFilter { name: name.to_owned(), config_type, ..Default::default() }
}

fn connection_manager(config: &EnvoyConfig) -> hcm::HttpConnectionManager {
    let keep = hcm::http_connection_manager::ServerHeaderTransformation::PassThrough;
    hcm::HttpConnectionManager {
        stat_prefix: "entrance".to_owned(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(rds())),
        http_filters: vec![router()],
        use_remote_address: pb::yes(),
        generate_request_id: pb::no(),
        server_header_transformation: keep.into(),
        max_request_headers_kb: pb::number(HEADERS_KIB_MAX),
        request_headers_timeout: pb::millis(REQUEST_HEAD_MS_MAX),
        stream_idle_timeout: pb::millis(config.idle_timeout_ms),
        upgrade_configs: vec![hcm::http_connection_manager::UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..Default::default()
        }],
        local_reply_config: Some(hcm::LocalReplyConfig {
            // Answers of Envoy itself say so, with its reason.
            mappers: vec![answers_from(400, pb::header(PROXY_ERROR_HEADER, "%RESPONSE_CODE_DETAILS%"))],
            body_format: None,
        }),
        ..Default::default()
    }
}

/// Adds a header to Envoy's own answers from a status on.
fn answers_from(status: u32, header: core::HeaderValueOption) -> hcm::ResponseMapper {
    let runtime_key = format!("meridian.answers_from_{status}");
    let from = core::RuntimeUInt32 { default_value: status, runtime_key };
    let comparison = accesslog::ComparisonFilter { op: accesslog::comparison_filter::Op::Ge.into(), value: Some(from) };
    let status = accesslog::StatusCodeFilter { comparison: Some(comparison) };
    let specifier = accesslog::access_log_filter::FilterSpecifier::StatusCodeFilter(status);
    hcm::ResponseMapper {
        filter: Some(accesslog::AccessLogFilter { filter_specifier: Some(specifier) }),
        headers_to_add: vec![header],
        ..Default::default()
    }
}

/// Versioned by content.
fn publication(resources: Vec<Any>) -> Publication {
    let bytes: Vec<u8> = resources.iter().flat_map(|any| any.value.iter().copied()).collect();
    Publication { version: Digest::of(&bytes).short(), resources }
}
