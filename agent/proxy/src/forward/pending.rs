//! A request that waits to be sent: its head as a template for one or two attempts, its body until it is given away.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderValue, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::headers;
use crate::control::Protocol;
use crate::upstream::{HandOff, UpstreamBody};

/// Why a request is not for any slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// `CONNECT`: this is no forward proxy.
    Method,
    /// No usable host, or several: slots could read another one than we do.
    Host,
}

impl Unfit {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::NOT_IMPLEMENTED,
            Self::Host => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Host => "host",
        }
    }
}

/// A client's wish to speak something else after this request.
pub(super) struct Upgrade {
    protocol: HeaderValue,
    /// The client's connection, once it has our answer.
    pub(super) client: OnUpgrade,
}

/// The request.
pub(super) struct Pending {
    method: Method,
    path: PathAndQuery,
    authority: Option<Authority>,
    /// What goes on to the slot, except what depends on the protocol spoken there.
    pub(super) headers: HeaderMap,
    trailers: bool,
    /// Present until it is given to a connection; absent when there is none.
    pub(super) body: Option<Incoming>,
    pub(super) upgrade: Option<Upgrade>,
}

impl Pending {
    /// # Errors
    /// When the request is not for a slot.
    pub(super) fn new(mut request: Request<Incoming>, client: IpAddr) -> Result<Self, Unfit> {
        let protocol = headers::wanted_upgrade(request.version(), request.headers());
        let upgrade = protocol.map(|protocol| Upgrade { protocol, client: hyper::upgrade::on(&mut request) });
        let (head, body) = request.into_parts();
        if head.method == Method::CONNECT {
            return Err(Unfit::Method);
        }
        let authority = authority(&head.uri, &head.headers)?;
        let host = authority.as_ref().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
        let path = head.uri.path_and_query().cloned();
        let mut headers = head.headers;
        let trailers = headers::takes_trailers(&headers);
        headers::request(&mut headers, head.version, client, host.as_ref());
        Ok(Self {
            method: head.method,
            path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
            authority,
            headers,
            trailers,
            body: Some(body).filter(|body| !body.is_end_stream()),
            upgrade,
        })
    }

    /// Whether it may be sent a second time although a slot may have seen it: nothing to repeat but the head, and
    /// repeating has no effect.
    pub(super) fn is_repeatable(&self) -> bool {
        self.body.is_none() && self.method.is_idempotent()
    }

    /// The request for one attempt; the body leaves with it.
    pub(super) fn request(
        &mut self,
        protocol: Protocol,
        address: &str,
        hand_off: &Arc<HandOff>,
    ) -> Request<UpstreamBody> {
        let mut request = Request::new(UpstreamBody::new(self.body.take(), Arc::clone(hand_off)));
        *request.method_mut() = self.method.clone();
        let mut headers = self.headers.clone();
        match protocol {
            Protocol::Http1 => {
                *request.uri_mut() = Uri::from(self.path.clone());
                if let Some(upgrade) = &self.upgrade {
                    headers::ask_upgrade(&mut headers, upgrade.protocol.clone());
                }
                if self.authority.is_none()
                    && let Ok(host) = HeaderValue::try_from(address)
                {
                    headers.insert(HOST, host);
                }
            }
            Protocol::Http2 => {
                *request.version_mut() = Version::HTTP_2;
                *request.uri_mut() = self.absolute(address);
                headers.remove(HOST);
                if self.trailers {
                    headers.insert(TE, HeaderValue::from_static("trailers"));
                }
            }
        }
        *request.headers_mut() = headers;
        request
    }

    /// HTTP/2 carries scheme and authority apart from the headers. A client of HTTP/1.0 may have named no host.
    fn absolute(&self, address: &str) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = self.authority.clone().or_else(|| address.parse().ok());
        parts.path_and_query = Some(self.path.clone());
        Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(self.path.clone()))
    }
}

/// What the client asked for: the target's authority, else the one `Host` header. HTTP/1.0 may have none.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, Unfit> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Unfit::Host);
    }
    if let Some(authority) = uri.authority() {
        return Ok(Some(authority.clone()));
    }
    match host {
        Some(host) if !host.is_empty() => Authority::try_from(host.as_bytes()).map(Some).map_err(|_| Unfit::Host),
        Some(_) | None => Ok(None),
    }
}
