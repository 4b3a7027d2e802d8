//! The server's half of a stream: a bounded queue, a deadline for every item, and one last word. A reader that does not
//! read is cut off; it costs a queue, never more.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status};

use crate::grpc::status;

/// How long one item may wait for room.
const SEND_MAX: Duration = Duration::from_secs(10);

/// Where items are put in.
#[derive(Debug)]
pub struct Outgoing<T> {
    items: mpsc::Sender<T>,
    last: Option<oneshot::Sender<Status>>,
    patience: Duration,
}

/// What the reader is given. Yields the items, then the last word if there is one.
#[derive(Debug)]
pub struct OutgoingStream<T> {
    items: mpsc::Receiver<T>,
    last: Option<oneshot::Receiver<Status>>,
}

/// Why an item was not put in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// The reader has gone away.
    Gone,
    /// The reader did not make room in time.
    Slow,
}

/// A stream with room for `room` items that were not read yet.
#[must_use]
pub fn outgoing<T>(room: usize) -> (Outgoing<T>, OutgoingStream<T>) {
    patient(room, SEND_MAX)
}

fn patient<T>(room: usize, patience: Duration) -> (Outgoing<T>, OutgoingStream<T>) {
    let (sender, items) = mpsc::channel(room);
    let (word, last) = oneshot::channel();
    (Outgoing { items: sender, last: Some(word), patience }, OutgoingStream { items, last: Some(last) })
}

impl<T> Outgoing<T> {
    /// Puts an item in.
    ///
    /// # Errors
    /// If nobody reads.
    pub async fn send(&self, item: T) -> Result<(), Cut> {
        match self.items.send_timeout(item, self.patience).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(Cut::Gone),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(Cut::Slow),
        }
    }

    /// Until the reader has gone away.
    pub async fn gone(&self) {
        self.items.closed().await;
    }

    /// Ends the stream with a last word; `None`: in good order.
    pub fn finish(mut self, word: Option<Status>) {
        if let (Some(word), Some(last)) = (word, self.last.take()) {
            // The reader may have gone away; then nobody waits for a word.
            let _gone = last.send(word);
        }
    }
}

/// The last word to a reader that was too slow.
#[must_use]
pub fn too_slow() -> Status {
    let message = format!("the stream was not read for {} s; open it again", SEND_MAX.as_secs());
    status::reasoned(Code::ResourceExhausted, "SLOW_READER", message)
}

impl<T> Stream for OutgoingStream<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = std::task::ready!(self.items.poll_recv(context)) {
            return Poll::Ready(Some(Ok(item)));
        }
        // The sender is gone, so the word is there or never comes.
        let word = self.last.take().and_then(|mut last| last.try_recv().ok());
        Poll::Ready(word.map(Err))
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn the_last_word_comes_after_all_items() {
        let (out, mut stream) = outgoing(2);
        out.send(1).await.unwrap();
        out.send(2).await.unwrap();
        out.finish(Some(Status::aborted("enough")));
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        assert_eq!(stream.next().await.unwrap().unwrap(), 2);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Aborted);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_is_told_apart_from_one_that_left() {
        let (out, stream) = patient(1, Duration::from_millis(10));
        out.send(1).await.unwrap();
        assert_eq!(out.send(2).await, Err(Cut::Slow));
        drop(stream);
        out.gone().await;
        assert_eq!(out.send(3).await, Err(Cut::Gone));
    }
}
