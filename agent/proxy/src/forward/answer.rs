//! The body of an answer: streamed from a slot, or our own few words. It knows when a slot's connection is free again.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::headers::PROXY_ERROR;
use crate::stats::Flight;
use crate::upstream::Connection;

/// What is sent to the client.
pub(crate) enum AnswerBody {
    /// From a slot.
    Slot(SlotBody),
    /// From the proxy, at once.
    Own(Bytes),
}

/// A slot's body, with what it keeps busy until its end.
pub(crate) struct SlotBody {
    incoming: Incoming,
    connection: Option<Connection>,
    /// Its drop ends the count.
    flight: Option<Flight>,
}

impl AnswerBody {
    pub(super) const fn empty() -> Self {
        Self::Own(Bytes::new())
    }

    pub(super) fn slot(incoming: Incoming, connection: Connection, flight: Flight) -> Self {
        let mut body = SlotBody { incoming, connection: Some(connection), flight: Some(flight) };
        body.release_at_end();
        Self::Slot(body)
    }
}

impl SlotBody {
    /// After the last byte the connection is free for the next request. One that is dropped earlier is closed: what
    /// is left of the body would be taken for the next answer.
    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
        self.flight = None;
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Slot(body) => {
                let frame = Pin::new(&mut body.incoming).poll_frame(cx);
                match &frame {
                    Poll::Ready(None) => body.release(),
                    Poll::Ready(Some(Ok(_))) => body.release_at_end(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                frame
            }
            Self::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Slot(body) => body.incoming.is_end_stream(),
            Self::Own(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Slot(body) => body.incoming.size_hint(),
            Self::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// Our own answer: says why in a header and, for people, in the body.
pub(super) fn refused(status: StatusCode, reason: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Own(Bytes::from(format!("meridian-proxy: {reason}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(PROXY_ERROR, HeaderValue::from_static(reason));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
