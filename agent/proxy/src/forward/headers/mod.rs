//! What a proxy does to headers: takes away those meant for one hop, and says that it was there. It knows RFC 9110 and
//! the product's own headers, not routing.

use std::net::IpAddr;

use http::header::{
    CONNECTION, COOKIE, Entry, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{Response, Version};

use crate::control::Slot;

/// Which slot answered.
const SLOT: HeaderName = HeaderName::from_static("x-meridian-slot");
/// Why the proxy answered instead of a slot.
pub(super) const PROXY_ERROR: HeaderName = HeaderName::from_static("x-meridian-proxy-error");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Meant for one hop, whether `Connection` names them or not. The last one would let a slot speak HTTP/2 past us.
const ONE_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// The protocol that a request asks to switch to. `h2c` is ignored as RFC 9113 allows: HTTP/2 begins with prior
/// knowledge here, and a slot that agreed to it would be spoken to past the routing.
pub(super) fn wanted_upgrade(version: Version, headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = names(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    let protocol = headers.get(UPGRADE)?;
    let is_h2c = protocol.as_bytes().to_ascii_lowercase().starts_with(b"h2c");
    (asks && version == Version::HTTP_11 && !is_h2c).then(|| protocol.clone())
}

/// Whether the sender can take trailers, which `TE` says and HTTP/2 slots (gRPC) insist on hearing.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Makes a request's headers ours to send on. `host` is what the client asked for.
pub(super) fn request(headers: &mut HeaderMap, version: Version, client: IpAddr, host: Option<&HeaderValue>) {
    take_one_hop(headers);
    join_cookies(headers);
    append_listed(headers, FORWARDED_FOR, &client.to_string());
    // In front of us something may end TLS: what it says about the client's side stays.
    if let (Some(host), Entry::Vacant(entry)) = (host, headers.entry(FORWARDED_HOST)) {
        entry.insert(host.clone());
    }
    if let Entry::Vacant(entry) = headers.entry(FORWARDED_PROTO) {
        entry.insert(HeaderValue::from_static("http"));
    }
    append_listed(headers, VIA, via(version));
    if let Some(host) = host {
        headers.insert(HOST, host.clone());
    }
}

/// Makes a slot's answer ours to send on.
pub(super) fn answer<B>(response: &mut Response<B>, slot: Slot, switching: bool) {
    let version = std::mem::replace(response.version_mut(), Version::HTTP_11);
    let headers = response.headers_mut();
    let protocol = headers.get(UPGRADE).filter(|_| switching).cloned();
    take_one_hop(headers);
    if let Some(protocol) = protocol {
        ask_upgrade(headers, protocol);
    }
    headers.remove(PROXY_ERROR);
    headers.insert(SLOT, HeaderValue::from_static(slot.as_str()));
    append_listed(headers, VIA, via(version));
}

/// Names a protocol to switch to.
pub(super) fn ask_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

const fn via(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2.0 meridian-proxy",
        Version::HTTP_10 => "1.0 meridian-proxy",
        _ => "1.1 meridian-proxy",
    }
}

fn take_one_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = names(headers).filter_map(|name| name.parse().ok()).collect();
    for name in named.iter().chain(&ONE_HOP) {
        headers.remove(name);
    }
}

/// What `Connection` names.
fn names(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// HTTP/2 may split cookies over several headers, which HTTP/1.1 slots do not expect (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let Some(first) = cookies.next() else { return };
    let mut joined = first.as_bytes().to_vec();
    let before = joined.len();
    for cookie in cookies {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if joined.len() > before
        && let Ok(joined) = HeaderValue::from_bytes(&joined)
    {
        headers.insert(COOKIE, joined);
    }
}

/// Adds to a header that is a list, keeping it on one line as simple readers expect.
fn append_listed(headers: &mut HeaderMap, name: HeaderName, item: &str) {
    let mut line: Vec<u8> = Vec::new();
    for value in headers.get_all(&name) {
        line.extend_from_slice(value.as_bytes());
        line.extend_from_slice(b", ");
    }
    line.extend_from_slice(item.as_bytes());
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(name, line);
    }
}

#[cfg(test)]
mod tests;
