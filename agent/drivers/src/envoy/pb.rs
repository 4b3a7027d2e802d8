//! Envoy's own types by short names, and the small wrappers that its messages are full of. It knows no routes.

pub(super) use envoy_types::pb::envoy::config::cluster::v3 as cluster;
pub(super) use envoy_types::pb::envoy::config::core::v3 as core;
pub(super) use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
pub(super) use envoy_types::pb::envoy::config::listener::v3 as listener;
pub(super) use envoy_types::pb::envoy::config::route::v3 as route;
pub(super) use envoy_types::pb::envoy::service::discovery::v3 as discovery;
pub(super) use envoy_types::pb::envoy::r#type::matcher::v3 as matcher;
pub(super) use envoy_types::pb::google::protobuf::{Any, BoolValue, Duration, Struct, UInt32Value, Value, value};
pub(super) use envoy_types::util::pack_any;

use std::net::SocketAddr;
use std::path::Path;

pub(super) const fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(super) const fn yes() -> Option<BoolValue> {
    Some(BoolValue { value: true })
}

pub(super) const fn no() -> Option<BoolValue> {
    Some(BoolValue { value: false })
}

/// From milliseconds; more than Envoy can hold is as good as its most.
pub(super) fn millis(millis: u64) -> Option<Duration> {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(315_576_000_000);
    Some(Duration { seconds, nanos: i32::try_from(rest * 1_000_000).unwrap_or(0) })
}

pub(super) fn address(socket: SocketAddr) -> core::Address {
    let socket = core::SocketAddress {
        address: socket.ip().to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(socket.port().into())),
        ..Default::default()
    };
    core::Address { address: Some(core::address::Address::SocketAddress(socket)) }
}

/// A unix socket for our own user only.
pub(super) fn pipe(path: &Path) -> core::Address {
    let pipe = core::Pipe { path: path.display().to_string(), mode: 0o600 };
    core::Address { address: Some(core::address::Address::Pipe(pipe)) }
}

/// A header to be added beside others of its name.
pub(super) fn header(key: &str, value: &str) -> core::HeaderValueOption {
    let header = core::HeaderValue { key: key.to_owned(), value: value.to_owned(), ..Default::default() };
    core::HeaderValueOption { header: Some(header), ..Default::default() }
}

pub(super) fn exactly(text: &str) -> matcher::StringMatcher {
    let pattern = matcher::string_matcher::MatchPattern::Exact(text.to_owned());
    matcher::StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

pub(super) fn regex(regex: &str) -> matcher::StringMatcher {
    let regex = matcher::RegexMatcher { regex: regex.to_owned(), ..Default::default() };
    let pattern = matcher::string_matcher::MatchPattern::SafeRegex(regex);
    matcher::StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

pub(super) fn header_is(name: &str, string: matcher::StringMatcher) -> route::HeaderMatcher {
    let specifier = route::header_matcher::HeaderMatchSpecifier::StringMatch(string);
    route::HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(specifier), ..Default::default() }
}

pub(super) fn cookie_is(name: &str, string: matcher::StringMatcher) -> route::CookieMatcher {
    route::CookieMatcher { name: name.to_owned(), string_match: Some(string), invert_match: false }
}

/// Metadata that Envoy carries for us and shows again.
pub(super) fn metadata(namespace: &str, key: &str, text: String) -> core::Metadata {
    let value = Value { kind: Some(value::Kind::StringValue(text)) };
    let fields = Struct { fields: [(key.to_owned(), value)].into() };
    core::Metadata { filter_metadata: [(namespace.to_owned(), fields)].into(), ..Default::default() }
}
