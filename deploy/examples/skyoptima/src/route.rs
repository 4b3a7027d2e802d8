//! What a request asks for, from its method and path. It does not know how it is answered.

use std::time::Duration;

use http::{Method, Uri};

/// More lines than this are not a slow answer but a stuck one.
const MAX_CHUNKS: u32 = 1_000;
const DEFAULT_CHUNKS: u32 = 10;
const DEFAULT_EVERY_MS: u64 = 50;
const MAX_EVERY_MS: u64 = 10_000;

/// The closed list of what can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Is the service ready?
    Health,
    /// The front page.
    Home,
    /// One flight.
    Flight { number: u64 },
    /// The body, back again.
    Echo,
    /// `chunks` lines, one after every `every`.
    Stream { chunks: u32, every: Duration },
    /// A tunnel that echoes.
    Upgrade,
    /// The path exists, but not for this method.
    WrongMethod { allow: &'static str },
    /// The path or its parameters mean nothing here.
    Unknown,
}

impl Route {
    /// Reads the route of a request.
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        let (route, allow) = match uri.path() {
            "/healthz" => (Self::Health, "GET, HEAD"),
            "/" => (Self::Home, "GET, HEAD"),
            "/echo" => (Self::Echo, "POST"),
            "/stream" => (Self::stream(uri.query()), "GET, HEAD"),
            "/upgrade" => (Self::Upgrade, "GET"),
            path => match path.strip_prefix("/flights/").map(str::parse) {
                Some(Ok(number)) => (Self::Flight { number }, "GET, HEAD"),
                Some(Err(_)) | None => return Self::Unknown,
            },
        };
        if allow.split(", ").any(|allowed| method.as_str() == allowed) { route } else { Self::WrongMethod { allow } }
    }

    fn stream(query: Option<&str>) -> Self {
        let (mut chunks, mut every_ms) = (DEFAULT_CHUNKS, DEFAULT_EVERY_MS);
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let understood = match pair.split_once('=') {
                Some(("chunks", value)) => value.parse().map(|value| chunks = value).is_ok(),
                Some(("every_ms", value)) => value.parse().map(|value| every_ms = value).is_ok(),
                Some(_) | None => false,
            };
            if !understood {
                return Self::Unknown;
            }
        }
        if chunks > MAX_CHUNKS || every_ms > MAX_EVERY_MS {
            return Self::Unknown;
        }
        Self::Stream { chunks, every: Duration::from_millis(every_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, target: &str) -> Route {
        Route::of(&method, &target.parse().unwrap())
    }

    #[test]
    fn paths_are_understood() {
        assert_eq!(of(Method::GET, "/"), Route::Home);
        assert_eq!(of(Method::HEAD, "/healthz"), Route::Health);
        assert_eq!(of(Method::GET, "/flights/7?x=1"), Route::Flight { number: 7 });
        assert_eq!(of(Method::GET, "/flights/seven"), Route::Unknown);
        assert_eq!(of(Method::GET, "/nothing"), Route::Unknown);
        assert_eq!(of(Method::GET, "/echo"), Route::WrongMethod { allow: "POST" });
    }

    #[test]
    fn a_stream_has_limits() {
        let every = Duration::from_millis(DEFAULT_EVERY_MS);
        assert_eq!(of(Method::GET, "/stream?chunks=3"), Route::Stream { chunks: 3, every });
        assert_eq!(of(Method::GET, "/stream"), Route::Stream { chunks: DEFAULT_CHUNKS, every });
        assert_eq!(of(Method::GET, "/stream?chunks=1001"), Route::Unknown);
        assert_eq!(of(Method::GET, "/stream?every_ms=10001"), Route::Unknown);
        assert_eq!(of(Method::GET, "/stream?chunks=many"), Route::Unknown);
        assert_eq!(of(Method::GET, "/stream?speed=1"), Route::Unknown);
    }
}
