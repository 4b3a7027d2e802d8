//! What goes on to a slot and back to a client, header by header.

use std::net::Ipv4Addr;

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn sent_on(lines: &[(&'static str, &'static str)], host: &'static str) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_static(value));
    }
    request(&mut map, Version::HTTP_11, Ipv4Addr::LOCALHOST.into(), Some(&HeaderValue::from_static(host)));
    map
}

#[test]
fn one_hop_headers_stay_behind() {
    let sent = sent_on(
        &[
            ("connection", "keep-alive, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("authorization", "Bearer kept"),
        ],
        "shop.example",
    );
    let mut names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "host", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
}

#[test]
fn forwarding_is_told_and_added_to() {
    let sent = sent_on(&[("host", "shop.example")], "shop.example");
    assert_eq!(sent["x-forwarded-for"], "127.0.0.1");
    assert_eq!(sent["x-forwarded-host"], "shop.example");
    assert_eq!(sent["x-forwarded-proto"], "http");
    assert_eq!(sent["via"], "1.1 meridian-proxy");

    let behind = [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-for", "10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("via", "1.1 edge"),
    ];
    let sent = sent_on(&behind, "shop.example");
    assert_eq!(sent["x-forwarded-for"], "10.0.0.1, 10.0.0.2, 127.0.0.1");
    assert_eq!(sent["x-forwarded-proto"], "https");
    assert_eq!(sent["via"], "1.1 edge, 1.1 meridian-proxy");
    assert_eq!(sent.get_all("x-forwarded-for").iter().count(), 1);
}

#[test]
fn cookies_are_joined() {
    let sent = sent_on(&[("cookie", "a=1"), ("cookie", "b=2; c=3")], "h");
    let cookies: Vec<_> = sent.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
}

#[test]
fn upgrades_are_asked_for_in_full() {
    let asked = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
    assert_eq!(wanted_upgrade(Version::HTTP_11, &asked), Some(HeaderValue::from_static("websocket")));
    assert_eq!(wanted_upgrade(Version::HTTP_10, &asked), None);
    assert_eq!(wanted_upgrade(Version::HTTP_11, &headers(&[("upgrade", "websocket")])), None);
    let past_us = headers(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]);
    assert_eq!(wanted_upgrade(Version::HTTP_11, &past_us), None);
}

#[test]
fn answers_name_their_slot_and_cannot_pretend() {
    let mut response = Response::new(());
    *response.headers_mut() = headers(&[
        ("x-meridian-slot", "blue"),
        ("x-meridian-proxy-error", "connect"),
        ("connection", "close"),
        ("etag", "1"),
    ]);
    answer(&mut response, Slot::Green, false);
    assert_eq!(response.headers()["x-meridian-slot"], "green");
    assert!(!response.headers().contains_key("x-meridian-proxy-error"));
    assert!(!response.headers().contains_key("connection"));
    assert_eq!(response.headers()["etag"], "1");
}
