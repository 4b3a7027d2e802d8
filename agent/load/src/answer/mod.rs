//! Reads one HTTP/1.1 answer from however many pieces it comes in. It does not know sockets, time or counters.

use crate::chunked::Chunked;
use crate::mix::Method;
use crate::options::MadeBySlot;

/// Names the version that made an answer, as the sample service does; the default of who looks for a slot's answers.
pub(crate) const VERSION_HEADER: &str = "x-skyoptima-version";
/// Names the slot that made an answer.
pub(crate) const SLOT_HEADER: &str = "x-meridian-slot";
/// Says why the proxy answered itself.
const PROXY_ERROR_HEADER: &str = "x-meridian-proxy-error";

const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// A label is for counting; a longer one is cut.
const MAX_LABEL_BYTES: usize = 64;

/// Status and headers of an answer, for [`MadeBySlot::Judge`].
#[derive(Debug)]
pub struct AnswerHead<'a> {
    /// The status code.
    pub status: u16,
    headers: &'a [httparse::Header<'a>],
}

impl<'a> AnswerHead<'a> {
    /// The first header of this name (any case), if its value is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    }
}

/// What is kept of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Option<String>,
    pub(crate) slot: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) connection: AfterAnswer,
}

/// Who made an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A slot.
    Slot,
    /// Something else; what it says about itself.
    Other { detail: String },
}

/// What may be done with the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterAnswer {
    Keep,
    Close,
}

/// What a piece did to the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It is not complete.
    More,
    /// It is complete.
    Done(Answer),
}

/// What the end of the connection did to the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was none.
    NoAnswer,
    /// It broke off.
    Truncated,
    /// It was the answer's proper end.
    Done(Answer),
}

/// This is not an answer to our request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

enum State {
    Head(Vec<u8>),
    Body(Answer, Body),
    Finished,
}

enum Body {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// Reads one answer.
pub(crate) struct AnswerReader {
    asked: Method,
    state: State,
}

impl AnswerReader {
    /// Before the first byte of the answer to such a request.
    pub(crate) fn new(asked: Method) -> Self {
        Self { asked, state: State::Head(Vec::new()) }
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8], made_by_slot: &MadeBySlot) -> Result<Fed, Malformed> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Head(mut head) => {
                head.extend_from_slice(piece);
                loop {
                    match parse(&head, self.asked, made_by_slot)? {
                        Parsed::Incomplete if head.len() > MAX_HEAD_BYTES => {
                            return Err(Malformed(format!("the head is longer than {MAX_HEAD_BYTES} bytes")));
                        }
                        Parsed::Incomplete => {
                            self.state = State::Head(head);
                            return Ok(Fed::More);
                        }
                        Parsed::Interim { length } => drop(head.drain(..length)),
                        Parsed::Head { length, answer, body } => {
                            return self.body(answer, body, &head[length..]);
                        }
                    }
                }
            }
            State::Body(answer, body) => self.body(answer, body, piece),
            State::Finished => Err(Malformed("bytes after the end of the answer".to_owned())),
        }
    }

    /// Says what it means that the connection ended here.
    pub(crate) fn end(self) -> Ended {
        match self.state {
            State::Head(head) if head.is_empty() => Ended::NoAnswer,
            State::Body(answer, Body::UntilClose) => Ended::Done(answer),
            State::Head(_) | State::Body(..) | State::Finished => Ended::Truncated,
        }
    }

    fn body(&mut self, mut answer: Answer, mut body: Body, piece: &[u8]) -> Result<Fed, Malformed> {
        let (used, complete) = match &mut body {
            Body::Length(left) => {
                let used = (*left).min(piece.len() as u64);
                *left -= used;
                (used as usize, *left == 0)
            }
            Body::Chunked(state) => {
                let used =
                    state.skip(piece).map_err(|_| Malformed("the body is not chunked as announced".to_owned()))?;
                (used, *state == Chunked::Done)
            }
            Body::UntilClose => (piece.len(), false),
        };
        if !complete {
            self.state = State::Body(answer, body);
            return Ok(Fed::More);
        }
        // Bytes that nobody asked for: whatever they are, the next answer must not be read from them.
        if used < piece.len() {
            answer.connection = AfterAnswer::Close;
        }
        Ok(Fed::Done(answer))
    }
}

enum Parsed {
    Incomplete,
    /// A `1xx`: the real answer follows after so many bytes.
    Interim {
        length: usize,
    },
    Head {
        length: usize,
        answer: Answer,
        body: Body,
    },
}

fn parse(bytes: &[u8], asked: Method, made_by_slot: &MadeBySlot) -> Result<Parsed, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(Parsed::Incomplete),
        Err(error) => return Err(Malformed(error.to_string())),
    };
    let head = AnswerHead { status: response.code.unwrap_or_default(), headers: response.headers };
    match head.status {
        101 => return Err(Malformed("switched protocols unasked".to_owned())),
        100..=199 => return Ok(Parsed::Interim { length }),
        _ => {}
    }
    // The answer to a HEAD says how long a body would be, and has none.
    let body = if asked == Method::Head { Body::Length(0) } else { framing(&head)? };
    let close = match (&body, response.version) {
        (Body::UntilClose, _) => true,
        (Body::Length(_) | Body::Chunked(_), Some(1)) => says(&head, "connection", "close"),
        (Body::Length(_) | Body::Chunked(_), _) => !says(&head, "connection", "keep-alive"),
    };
    let origin = if made_by_slot.holds(&head) { Origin::Slot } else { Origin::Other { detail: describe(&head) } };
    let answer = Answer {
        status: head.status,
        version: label(&head, VERSION_HEADER),
        slot: label(&head, SLOT_HEADER),
        origin,
        connection: if close { AfterAnswer::Close } else { AfterAnswer::Keep },
    };
    Ok(Parsed::Head { length, answer, body })
}

fn framing(head: &AnswerHead<'_>) -> Result<Body, Malformed> {
    if matches!(head.status, 204 | 304) {
        return Ok(Body::Length(0));
    }
    if head.header("transfer-encoding").is_some() {
        return Ok(if says(head, "transfer-encoding", "chunked") {
            Body::Chunked(Chunked::START)
        } else {
            Body::UntilClose
        });
    }
    match head.header("content-length") {
        Some(length) => {
            length.trim().parse().map(Body::Length).map_err(|_| Malformed(format!("content-length is {length:?}")))
        }
        None => Ok(Body::UntilClose),
    }
}

fn says(head: &AnswerHead<'_>, name: &str, token: &str) -> bool {
    head.header(name).is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

fn label(head: &AnswerHead<'_>, name: &str) -> Option<String> {
    head.header(name).map(|value| value.chars().take(MAX_LABEL_BYTES).collect())
}

fn describe(head: &AnswerHead<'_>) -> String {
    match label(head, PROXY_ERROR_HEADER) {
        Some(error) => format!("status {}, {PROXY_ERROR_HEADER}: {error}", head.status),
        None => format!("status {} not made by a slot", head.status),
    }
}

#[cfg(test)]
mod tests;
