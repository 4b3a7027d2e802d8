//! The body of a request on its way to a slot: streamed, never buffered. It knows the hand-off it reports to.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::handoff::HandOff;

/// A request's body; `None` inside when there is none, so that the request can be made again.
pub(crate) struct UpstreamBody {
    incoming: Option<Incoming>,
    hand_off: Arc<HandOff>,
}

impl UpstreamBody {
    /// A body that reports to `hand_off`.
    pub(crate) const fn new(incoming: Option<Incoming>, hand_off: Arc<HandOff>) -> Self {
        Self { incoming, hand_off }
    }

    /// Takes the body back from a request that was not sent.
    pub(crate) fn into_incoming(self) -> Option<Incoming> {
        self.incoming
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(incoming).poll_frame(cx);
        if frame.is_ready() {
            self.hand_off.moved();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.hand_off.take();
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
