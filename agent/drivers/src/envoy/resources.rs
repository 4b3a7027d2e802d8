//! The fixed part of what Envoy gets: the entrance and the two slots. It knows limits and timeouts; it does not know who
//! is sent where.

use std::net::SocketAddr;

use meridian_core::digest::Digest;
use meridian_core::slot::{Slot, Slots};

use super::config::EnvoyConfig;
use super::feed::Publication;
use super::pb::{self, Any, cluster, core, endpoint, listener, pack_any};
use envoy_types::pb::envoy::config::accesslog::v3 as accesslog;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;

/// The name of the route configuration.
pub(super) const ROUTES: &str = "lane";
/// On answers that Envoy made itself.
pub(super) const PROXY_ERROR_HEADER: &str = "x-meridian-proxy-error";

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

/// The entrance.
pub(super) fn listener(config: &EnvoyConfig, entrance: SocketAddr) -> Publication {
    let manager = pack_any(connection_manager(config));
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(manager)),
    };
    publication(vec![pack_any(listener::Listener {
        name: "entrance".to_owned(),
        address: Some(pb::address(entrance)),
        filter_chains: vec![listener::FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    })])
}

fn connection_manager(config: &EnvoyConfig) -> hcm::HttpConnectionManager {
    let ads = core::config_source::ConfigSourceSpecifier::Ads(core::AggregatedConfigSource {});
    let source = core::ConfigSource {
        config_source_specifier: Some(ads),
        resource_api_version: core::ApiVersion::V3.into(),
        // Without routes there is nothing to serve: wait for them, however long.
        initial_fetch_timeout: pb::millis(0),
        ..Default::default()
    };
    let routes = hcm::Rds { config_source: Some(source), route_config_name: ROUTES.to_owned() };
    let router = pack_any(Router { suppress_envoy_headers: true, ..Default::default() });
    let keep = hcm::http_connection_manager::ServerHeaderTransformation::PassThrough;
    hcm::HttpConnectionManager {
        stat_prefix: "entrance".to_owned(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(routes)),
        http_filters: vec![hcm::HttpFilter {
            name: "envoy.filters.http.router".to_owned(),
            config_type: Some(hcm::http_filter::ConfigType::TypedConfig(router)),
            ..Default::default()
        }],
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
        local_reply_config: Some(hcm::LocalReplyConfig { mappers: vec![own_answers()], body_format: None }),
        ..Default::default()
    }
}

/// Answers of Envoy itself say so, with its reason.
fn own_answers() -> hcm::ResponseMapper {
    let from_400 = core::RuntimeUInt32 { default_value: 400, runtime_key: "meridian.own_answers".to_owned() };
    let comparison =
        accesslog::ComparisonFilter { op: accesslog::comparison_filter::Op::Ge.into(), value: Some(from_400) };
    let status = accesslog::StatusCodeFilter { comparison: Some(comparison) };
    let specifier = accesslog::access_log_filter::FilterSpecifier::StatusCodeFilter(status);
    hcm::ResponseMapper {
        filter: Some(accesslog::AccessLogFilter { filter_specifier: Some(specifier) }),
        headers_to_add: vec![pb::header(PROXY_ERROR_HEADER, "%RESPONSE_CODE_DETAILS%")],
        ..Default::default()
    }
}

/// Versioned by content.
fn publication(resources: Vec<Any>) -> Publication {
    let bytes: Vec<u8> = resources.iter().flat_map(|any| any.value.iter().copied()).collect();
    Publication { version: Digest::of(&bytes).short(), resources }
}
