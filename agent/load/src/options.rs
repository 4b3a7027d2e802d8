//! What load to make, checked and turned into the bytes of one request. It does not know how they are sent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::answer::{AnswerHead, VERSION_HEADER};
use crate::mix::{Method, Prepared, Request, Turns};

const MAX_RATE: f64 = 100_000.0;
const MAX_CONNECTIONS: usize = 4096;
const MAX_TIMEOUT: Duration = Duration::from_secs(300);
const MAX_WEIGHT: u32 = 1000;
/// A larger request could be written in part, and then nobody could say whether it was sent.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// What load to make. Start from [`Options::new`] and set what differs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to send the requests.
    pub target: SocketAddr,
    /// Path and query of every request, a GET, unless there is a mix; `/` unless set.
    pub path: String,
    /// What is sent instead, in turns by weight; empty unless set.
    pub mix: Vec<Request>,
    /// Requests due per second, more than 0, at most 100 000; 100 unless set.
    pub rate_per_second: f64,
    /// How long it takes to grow, evenly, from nothing to the rate; no time unless set.
    pub ramp: Duration,
    /// After so long no further request becomes due; never unless set.
    pub lasts: Option<Duration>,
    /// Due requests that may wait for a free connection, at least 1; a million unless set. Further ones are not sent.
    pub waiting: usize,
    /// Keep-alive connections, 1 to 4096; 8 unless set. A due request waits for a free one.
    pub connections: usize,
    /// From the time a request is due to its last answered byte, at most 5 min; 5 s unless set.
    pub timeout: Duration,
    /// Further headers of every request; a `host` here replaces the target's address.
    pub headers: Vec<(String, String)>,
    /// Which answers count as made by a slot; all others are failures.
    pub made_by_slot: MadeBySlot,
    /// Whether to keep each request for [`crate::Report::recording`], up to ten million.
    pub record: bool,
    /// The zero of every `…_micros`, so that a caller can compare them with times of its own.
    pub base: Instant,
}

/// How to tell that an answer was made by a slot and not by something on the way to it.
#[derive(Clone)]
pub enum MadeBySlot {
    /// Whoever answers is as good as a slot.
    Anybody,
    /// The answer has this header (any case), whatever its value.
    Header(String),
    /// The function says so.
    Judge(Arc<dyn Fn(&AnswerHead<'_>) -> bool + Send + Sync>),
}

impl MadeBySlot {
    pub(crate) fn holds(&self, answer: &AnswerHead<'_>) -> bool {
        match self {
            Self::Anybody => true,
            Self::Header(name) => answer.header(name).is_some(),
            Self::Judge(judge) => judge(answer),
        }
    }
}

impl Default for MadeBySlot {
    fn default() -> Self {
        Self::Header(VERSION_HEADER.to_owned())
    }
}

impl fmt::Debug for MadeBySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => f.write_str("Anybody"),
            Self::Header(name) => f.debug_tuple("Header").field(name).finish(),
            Self::Judge(_) => f.write_str("Judge(..)"),
        }
    }
}

/// Why no load can be made with these options.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OptionsError {
    /// The rate is not a number of requests that can be kept.
    #[error("rate_per_second is {0}; it must be more than 0 and at most {MAX_RATE}")]
    Rate(f64),
    /// No connection, or more than a process should open.
    #[error("connections is {0}; it must be 1 to {MAX_CONNECTIONS}")]
    Connections(usize),
    /// Nothing may wait.
    #[error("waiting is 0; it must be at least 1")]
    Waiting,
    /// A request that never has a turn, or has nearly all.
    #[error("a weight is {0}; it must be 1 to {MAX_WEIGHT}")]
    Weight(u32),
    /// No time for an answer, or so much that a stop would seem to hang.
    #[error("timeout is {0:?}; it must be more than 0 and at most {MAX_TIMEOUT:?}")]
    Timeout(Duration),
    /// The path is no origin-form target.
    #[error("path is {0:?}; it must start with `/` and have no space or control character")]
    Path(String),
    /// A body where none can be.
    #[error("a {0} has no body")]
    Body(&'static str),
    /// A header would break the request.
    #[error("header {name:?}: {value:?} cannot be sent")]
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The request does not fit into one write.
    #[error("the request has {0} bytes; at most {MAX_REQUEST_BYTES} can be sent")]
    TooLarge(usize),
}

impl Options {
    /// Load on `target` with every other option at its default; the base is now.
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            path: "/".to_owned(),
            mix: Vec::new(),
            rate_per_second: 100.0,
            ramp: Duration::ZERO,
            lasts: None,
            waiting: 1 << 20,
            connections: 8,
            timeout: Duration::from_secs(5),
            headers: Vec::new(),
            made_by_slot: MadeBySlot::default(),
            record: false,
            base: Instant::now(),
        }
    }

    /// The requests in their order, and their turns.
    pub(crate) fn requests(&self) -> Result<(Vec<Prepared>, Turns), OptionsError> {
        self.check()?;
        let mix = self.mix();
        let prepared = mix.iter().map(|request| self.prepare(request)).collect::<Result<_, _>>()?;
        Ok((prepared, Turns::new(mix.iter().map(|request| request.weight))))
    }

    /// The mix, or the only request.
    fn mix(&self) -> Vec<Request> {
        let only = || Request {
            method: Method::Get,
            path: self.path.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            weight: 1,
        };
        if self.mix.is_empty() { vec![only()] } else { self.mix.clone() }
    }

    fn prepare(&self, request: &Request) -> Result<Prepared, OptionsError> {
        check_request(request)?;
        let Request { method, path, headers, body, weight: _ } = request;
        let own = |name: &str| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let shared = self.headers.iter().filter(|(name, _)| !own(name));
        let all: Vec<&(String, String)> = shared.chain(headers).collect();
        let mut text = format!("{} {path} HTTP/1.1\r\n", method.as_str());
        if !all.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text.push_str(&format!("host: {}\r\n", self.target));
        }
        for (name, value) in all {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        match method {
            Method::Post | Method::Put => text.push_str(&format!("content-length: {}\r\n", body.len())),
            Method::Get | Method::Head | Method::Delete => {}
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(OptionsError::TooLarge(bytes.len()));
        }
        Ok(Prepared { bytes, method: *method })
    }

    fn check(&self) -> Result<(), OptionsError> {
        if !(self.rate_per_second > 0.0 && self.rate_per_second <= MAX_RATE) {
            return Err(OptionsError::Rate(self.rate_per_second));
        }
        if !(1..=MAX_CONNECTIONS).contains(&self.connections) {
            return Err(OptionsError::Connections(self.connections));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(OptionsError::Timeout(self.timeout));
        }
        if self.waiting == 0 {
            return Err(OptionsError::Waiting);
        }
        check_headers(&self.headers)
    }
}

fn check_request(request: &Request) -> Result<(), OptionsError> {
    let Request { method, path, headers, body, weight } = request;
    if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(OptionsError::Path(path.clone()));
    }
    if !(1..=MAX_WEIGHT).contains(weight) {
        return Err(OptionsError::Weight(*weight));
    }
    match method {
        Method::Get | Method::Head | Method::Delete if !body.is_empty() => Err(OptionsError::Body(method.as_str())),
        Method::Get | Method::Head | Method::Delete | Method::Post | Method::Put => check_headers(headers),
    }
}

fn check_headers(headers: &[(String, String)]) -> Result<(), OptionsError> {
    for (name, value) in headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let framing = ["content-length", "transfer-encoding", "upgrade", "connection"];
        let good_name = !name.is_empty() && name.bytes().all(token);
        let good_value = value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        // How a request is framed on its kept connection is the generator's own business.
        if !good_name || !good_value || framing.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            return Err(OptionsError::Header { name: name.clone(), value: value.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("127.0.0.1:80".parse().unwrap())
    }

    fn text(options: &Options) -> String {
        let (requests, _) = options.requests().unwrap();
        requests.into_iter().map(|request| String::from_utf8(request.bytes).unwrap()).collect()
    }

    #[test]
    fn a_mix_has_its_own_headers_and_bodies() {
        let request = |method, path: &str, body: &str| Request {
            method,
            path: path.to_owned(),
            headers: vec![("x-load".to_owned(), "own".to_owned())],
            body: body.as_bytes().to_vec(),
            weight: 1,
        };
        let mix = vec![request(Method::Post, "/orders", "a=1"), request(Method::Head, "/", "")];
        let headers = vec![("host".to_owned(), "sky".to_owned()), ("X-Load".to_owned(), "shared".to_owned())];
        assert_eq!(
            text(&Options { mix, headers, ..options() }),
            "POST /orders HTTP/1.1\r\nhost: sky\r\nx-load: own\r\ncontent-length: 3\r\n\r\na=1\
             HEAD / HTTP/1.1\r\nhost: sky\r\nx-load: own\r\n\r\n"
        );
        let refused = |request| Options { mix: vec![request], ..options() }.requests().map(|_| ());
        assert_eq!(refused(request(Method::Get, "/", "x")), Err(OptionsError::Body("GET")));
        assert_eq!(refused(Request { weight: 0, ..request(Method::Get, "/", "") }), Err(OptionsError::Weight(0)));
    }

    #[test]
    fn a_request_is_what_was_asked_for() {
        let mut wanted = options();
        wanted.path = "/flights/7".to_owned();
        wanted.headers.push(("cookie".to_owned(), "a=b".to_owned()));
        let text = text(&wanted);
        assert_eq!(text, "GET /flights/7 HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncookie: a=b\r\n\r\n");
        wanted.headers = vec![("Host".to_owned(), "sky".to_owned())];
        assert!(self::text(&wanted).ends_with("HTTP/1.1\r\nHost: sky\r\n\r\n"));
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 100_001.0] {
            let refused = Options { rate_per_second: rate, ..options() }.requests().map(|_| ());
            assert!(matches!(refused, Err(OptionsError::Rate(_))), "{rate}");
        }
        let refused = Options { connections: 0, ..options() }.requests().map(|_| ());
        assert_eq!(refused, Err(OptionsError::Connections(0)));
        let refused = Options { timeout: Duration::ZERO, ..options() }.requests().map(|_| ());
        assert_eq!(refused, Err(OptionsError::Timeout(Duration::ZERO)));
        for path in ["", "x", "/a b", "/a\r\nhost: x"] {
            let refused = Options { path: path.to_owned(), ..options() }.requests().map(|_| ());
            assert_eq!(refused, Err(OptionsError::Path(path.to_owned())));
        }
        for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\r\ny: z"), ("Content-Length", "1")] {
            let refused =
                Options { headers: vec![(name.to_owned(), value.to_owned())], ..options() }.requests().map(|_| ());
            assert!(matches!(refused, Err(OptionsError::Header { .. })), "{name}: {value}");
        }
        let refused =
            Options { headers: vec![("a".to_owned(), "x".repeat(20_000))], ..options() }.requests().map(|_| ());
        assert!(matches!(refused, Err(OptionsError::TooLarge(_))));
    }
}
