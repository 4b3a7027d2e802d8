//! Clients of an entrance, on kept connections. They know which slot answered, not why.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use meridian_core::slot::Slot;

use super::backend::BACKEND_HEADER;

/// An answer, as far as a suite cares.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The slot whose backend answered; `None`: made on the way.
    pub slot: Option<Slot>,
    /// The slot that the data plane names.
    pub named: Option<Slot>,
    /// 200 when all is well.
    pub status: StatusCode,
    /// A cookie that was set, as a client would send it back.
    pub cookie: Option<String>,
}

/// Sends requests to one entrance.
#[derive(Clone, Debug)]
pub struct EntranceClient {
    entrance: SocketAddr,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl EntranceClient {
    /// A client with connections of its own.
    #[must_use]
    pub fn new(entrance: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build_http();
        Self { entrance, client }
    }

    /// One GET with these headers.
    ///
    /// # Errors
    /// What a client would see when no answer comes.
    pub async fn ask(&self, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut request = Request::builder().uri(format!("http://{}/", self.entrance));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = response.into_parts();
        body.collect().await.map_err(|error| error.to_string())?;
        let cookie = text(&head.headers, "set-cookie").and_then(|cookie| cookie.split(';').next());
        Ok(Answer {
            slot: slot(&head.headers, BACKEND_HEADER),
            named: slot(&head.headers, "x-meridian-slot"),
            status: head.status,
            cookie: cookie.map(str::to_owned),
        })
    }
}

fn slot(headers: &HeaderMap, name: &str) -> Option<Slot> {
    let value = text(headers, name)?;
    Slot::BOTH.into_iter().find(|slot| slot.as_str() == value)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
