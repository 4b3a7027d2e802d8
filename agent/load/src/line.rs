//! One keep-alive connection and the requests made over it, one at a time. It does not know the pace.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::{AfterAnswer, Answer, AnswerReader, Ended, Fed, Malformed};
use crate::failure::FailureReason;
use crate::mix::{Method, Prepared};
use crate::options::MadeBySlot;
use crate::tally::{Outcome, Tally, Unanswered};

const READ_BYTES: usize = 8 * 1024;

/// What every line of a load shares.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) target: SocketAddr,
    /// In the order of the mix.
    pub(crate) requests: Vec<Prepared>,
    pub(crate) made_by_slot: MadeBySlot,
    pub(crate) tally: Tally,
}

/// A connection to the target, opened when it is needed and kept while it lasts.
pub(crate) struct Line {
    call: Arc<Call>,
    stream: Option<TcpStream>,
    buffer: Box<[u8; READ_BYTES]>,
}

impl Line {
    pub(crate) fn new(call: Arc<Call>) -> Self {
        Self { call, stream: None, buffer: Box::new([0; READ_BYTES]) }
    }

    /// Ends when the server has closed the idle connection, which is then dropped; never while there is none.
    pub(crate) async fn hung_up(&mut self) {
        let Some(stream) = &self.stream else {
            return std::future::pending().await;
        };
        loop {
            let readable = stream.readable().await;
            // Bytes on an idle connection (a late 408, say) make it as useless as its end does.
            let alive = readable.is_ok()
                && stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            if !alive {
                self.stream = None;
                return;
            }
        }
    }

    /// Makes the request of the mix that was due at `due`, and gives up at `deadline`.
    pub(crate) async fn request(&mut self, number: usize, due: Instant, deadline: Instant) -> Outcome {
        let mut written = None;
        let result = if Instant::now() >= deadline {
            Err(unanswered(FailureReason::NotSent, "all connections were busy until its time was over"))
        } else {
            match tokio::time::timeout_at(deadline.into(), self.exchange(number, &mut written)).await {
                Ok(result) => result,
                Err(_) if written.is_some() => Err(unanswered(FailureReason::TimedOut, "no complete answer in time")),
                Err(_) => Err(unanswered(FailureReason::NotSent, "no connection in time")),
            }
        };
        let reusable = result.as_ref().is_ok_and(|answer| answer.connection == AfterAnswer::Keep);
        if !reusable {
            self.stream = None;
        }
        Outcome { due, written, ended: Instant::now(), result }
    }

    async fn exchange(&mut self, number: usize, written: &mut Option<Instant>) -> Result<Answer, Unanswered> {
        let call = self.call.clone();
        let request = &call.requests[number];
        let mut stream = self.write(&request.bytes, written).await?;
        self.call.tally.add_sent();
        let answer = read(&mut stream, self.buffer.as_mut_slice(), request.method, &self.call.made_by_slot).await?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// Writes the request and says when, on the kept connection or a new one.
    async fn write(&mut self, request: &[u8], written: &mut Option<Instant>) -> Result<TcpStream, Unanswered> {
        // A kept connection may turn out to be closed, by the look at it or by the write; the next one is new.
        loop {
            let (mut stream, age) = match self.stream.take().filter(alive) {
                Some(kept) => (kept, Age::Kept),
                None => (self.connect().await?, Age::New),
            };
            match write_all(&mut stream, request, written).await {
                Ok(()) => return Ok(stream),
                // Not a byte left this machine: to the server there was no request.
                Err(_) if written.is_none() && age == Age::Kept => {}
                Err(error) => return Err(unanswered(FailureReason::Reset, format!("write: {error}"))),
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Unanswered> {
        let refused = |error: io::Error| unanswered(FailureReason::Refused, format!("connect: {error}"));
        let stream = TcpStream::connect(self.call.target).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        self.call.tally.add_connect();
        Ok(stream)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Kept,
    New,
}

/// Whether a kept connection is open and silent. This asks the system, not the runtime, which may not have heard yet:
/// the time in which a close can slip between this look and the write is a few microseconds.
fn alive(stream: &TcpStream) -> bool {
    let peeked = SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

async fn write_all(stream: &mut TcpStream, mut rest: &[u8], written: &mut Option<Instant>) -> io::Result<()> {
    let start = Instant::now();
    while !rest.is_empty() {
        let count = stream.write(rest).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        written.get_or_insert(start);
        rest = &rest[count..];
    }
    Ok(())
}

async fn read(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    asked: Method,
    made_by_slot: &MadeBySlot,
) -> Result<Answer, Unanswered> {
    let mut reader = AnswerReader::new(asked);
    loop {
        let count = match stream.read(buffer).await {
            Ok(count) => count,
            Err(error) => return Err(unanswered(FailureReason::Reset, format!("read: {error}"))),
        };
        if count == 0 {
            return match reader.end() {
                Ended::Done(answer) => Ok(answer),
                Ended::NoAnswer => Err(unanswered(FailureReason::Closed, "closed with no byte of an answer")),
                Ended::Truncated => Err(unanswered(FailureReason::Reset, "closed in mid-answer")),
            };
        }
        match reader.feed(&buffer[..count], made_by_slot) {
            Ok(Fed::More) => {}
            Ok(Fed::Done(answer)) => return Ok(answer),
            Err(Malformed(what)) => return Err(unanswered(FailureReason::Malformed, what)),
        }
    }
}

fn unanswered(reason: FailureReason, detail: impl Into<String>) -> Unanswered {
    Unanswered { reason, detail: detail.into() }
}
