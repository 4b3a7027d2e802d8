//! The file that Envoy starts from: who it is, where its ADS server is, and its limits. Everything else comes over ADS.

use std::path::Path;

use serde_json::{Value, json};

use super::config::EnvoyConfig;

/// Upper bounds of latency buckets in milliseconds, Envoy's own unit.
const LATENCY_BOUNDS_MS: [u32; 18] =
    [1, 2, 3, 5, 7, 10, 15, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000];
/// Client connections at once; the same as our own proxy's.
const CLIENT_CONNECTIONS_MAX: u32 = 10_000;

/// The bootstrap, in Envoy's JSON.
pub(super) fn bootstrap(config: &EnvoyConfig, admin: &Path, ads: &Path) -> Value {
    let source = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    json!({
        "node": { "id": config.node, "cluster": "meridian" },
        // Only our own user may ask.
        "admin": { "address": { "pipe": { "path": admin, "mode": 0o600 } } },
        "stats_flush_on_admin": true,
        "stats_config": { "histogram_bucket_settings": [
            { "match": { "suffix": "upstream_rq_time" }, "buckets": LATENCY_BOUNDS_MS },
        ] },
        "overload_manager": { "resource_monitors": [ {
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                "max_active_downstream_connections": CLIENT_CONNECTIONS_MAX.to_string(),
            },
        } ] },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [ { "envoy_grpc": {
                    "cluster_name": "ads",
                    // An agent that comes back should not wait for its Envoy.
                    "retry_policy": { "retry_back_off": { "base_interval": "0.05s", "max_interval": "0.5s" } },
                } } ],
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": { "clusters": [ ads_cluster(ads) ] },
    })
}

fn ads_cluster(ads: &Path) -> Value {
    json!({
        "name": "ads",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "load_assignment": {
            "cluster_name": "ads",
            "endpoints": [ { "lb_endpoints": [
                { "endpoint": { "address": { "pipe": { "path": ads } } } },
            ] } ],
        },
    })
}
