//! A stream of messages from one server. It ends with an error or with the server's own end; it never opens itself again.

use std::time::Duration;

use super::{Link, status};
use crate::error::ClientError;

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    call: &'static str,
    link: Link,
    messages: tonic::Streaming<R>,
}

impl<R> Stream<R> {
    pub(super) fn new(call: &'static str, link: &Link, messages: tonic::Streaming<R>) -> Self {
        let link = Link { address: link.address.clone(), channel: link.channel.clone() };
        Self { call, link, messages }
    }

    /// The next message; `None`: the server has ended the stream. Dropping the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<R>, ClientError> {
        let answer = self.messages.message().await;
        answer.map_err(|status| status::error(self.call, &self.link, Duration::ZERO, status))
    }
}
