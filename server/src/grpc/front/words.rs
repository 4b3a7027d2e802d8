//! The words of the layers below, in ours: deadlines as they come, refusals as they go.

use std::time::Duration;

use hyper::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::grpc::status;

/// Gives a refusal of the layers below its reason, and tells the code of any answer.
pub(super) fn named(response: Response<Body>) -> (Response<Body>, Code) {
    let Some(word) = response.extensions().get::<Status>() else {
        return (response, Code::Ok);
    };
    if !word.details().is_empty() || word.code() == Code::Ok {
        let code = word.code();
        return (response, code);
    }
    let word = translated(word.clone());
    let code = word.code();
    (word.into_http(), code)
}

/// A refusal of the layers below in our words: they say with other codes what is the caller's mistake.
pub(in crate::grpc) fn translated(word: Status) -> Status {
    let says = |text: &str| word.message().contains(text);
    let (code, reason) = match word.code() {
        Code::OutOfRange if says("message length too large") => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        Code::Internal if says("failed to decode Protobuf") => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::Internal if says("Missing request message") || says("Unexpected EOF") => {
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        }
        Code::Internal if says("protocol error") => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::Unimplemented => (Code::Unimplemented, "NO_SUCH_METHOD"),
        Code::NotFound => (Code::NotFound, "NOT_FOUND"),
        other @ (Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated) => (other, "UNEXPECTED"),
    };
    status::reasoned(code, reason, word.message())
}

/// `1S`, `200m`, …: at most eight digits and a unit.
pub(super) fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

pub(in crate::grpc) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_or_ignored() {
        assert_eq!(parse_timeout("200m"), Some(Duration::from_millis(200)));
        assert_eq!(parse_timeout("0n"), Some(Duration::ZERO));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "m", "1", "123456789S", "-1S", "1x", "1é", "+1S"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }
}
