//! What an error from etcd means: which answers say "not done", which say "cannot tell". Texts are compared where etcd
//! uses one code for different things.

use etcd_client::Error;
use tonic::{Code, ConnectError};

use crate::{CommitError, StoreError};

/// An error from etcd, by what it says about the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not carried out; another member, or the same one later, may do it.
    NotDone(String),
    /// No answer, or one that leaves it open whether a write was or will be applied.
    Unclear(String),
    /// Breaks one of etcd's limits; will never be carried out.
    Refused(String),
    /// Writes are refused until space is made.
    Full(String),
    /// The answer was larger than we take.
    AnswerTooLarge(String),
    /// The revision asked for is no longer kept.
    Compacted,
    /// The revision asked for is ahead of the head.
    Future,
    /// A lease that was named does not live.
    LeaseGone,
    /// etcd found itself damaged, or another cluster answers.
    Corrupt(String),
}

impl Failure {
    pub(super) fn timeout(after: std::time::Duration) -> Self {
        Self::Unclear(format!("no answer within {after:?}"))
    }

    /// Whether a read may be sent again.
    pub(super) fn transient(&self) -> bool {
        matches!(self, Self::NotDone(_) | Self::Unclear(_))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::GRpcStatus(status) = &error {
            return from_status(status);
        }
        // Everything else arises on our side of the connection while a request is made or an answer read.
        Self::Unclear(error.to_string())
    }
}

/// Whether the client read from a first answer that the lease to be kept is gone; it has no error of its own for that.
pub(super) fn says_lease_gone(error: &Error) -> bool {
    matches!(error, Error::LeaseKeepAliveError(text) if text == "lease not found")
        || matches!(error, Error::GRpcStatus(status) if from_status(status) == Failure::LeaseGone)
}

fn from_status(status: &tonic::Status) -> Failure {
    let text = status.message().to_owned();
    let says = |part: &str| text.contains(part);
    let code = status.code();
    if code == Code::InvalidArgument {
        return if says("auth store is old") { Failure::NotDone(text) } else { Failure::Refused(text) };
    }
    if code == Code::ResourceExhausted {
        return if says("database space exceeded") {
            Failure::Full(text)
        } else if says("too many requests") {
            Failure::NotDone(text)
        } else if says("larger than max") {
            Failure::Refused(text)
        } else {
            Failure::Unclear(text)
        };
    }
    if code == Code::OutOfRange {
        return if says("has been compacted") {
            Failure::Compacted
        } else if says("future revision") {
            Failure::Future
        } else if says("message length too large") {
            Failure::AnswerTooLarge(text)
        } else {
            Failure::Unclear(text)
        };
    }
    if code == Code::NotFound && says("requested lease not found") {
        return Failure::LeaseGone;
    }
    if code == Code::DataLoss || says("corrupt cluster") {
        return Failure::Corrupt(text);
    }
    let barred = code == Code::Unauthenticated || code == Code::PermissionDenied;
    // "no leader" is said before a request is looked at; other troubles with leaders come up in the middle of it.
    if barred || says("etcdserver: no leader") || never_connected(status) {
        return Failure::NotDone(text);
    }
    Failure::Unclear(text)
}

/// Whether the request cannot have left, because there was no connection to leave by.
fn never_connected(status: &tonic::Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotDone(reason) | Failure::Unclear(reason) | Failure::Full(reason) => Self::Unavailable { reason },
            Failure::Refused(reason) | Failure::AnswerTooLarge(reason) => Self::Invalid { reason },
            Failure::Compacted => Self::Invalid { reason: "the revision is no longer kept".to_owned() },
            Failure::Future => Self::Invalid { reason: "the revision is ahead of the store".to_owned() },
            Failure::LeaseGone => Self::Invalid { reason: "the lease is gone".to_owned() },
            Failure::Corrupt(reason) => Self::Corrupt { reason },
        }
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotDone(reason) => Self::Unavailable { reason },
            // What etcd refuses here passed our own limits, so its operator has set lower ones. Not applied, but for
            // a reason only the operator can remove.
            Failure::Refused(reason) => Self::Unavailable { reason: format!("etcd refuses the request: {reason}") },
            Failure::Full(reason) => Self::Full { reason },
            Failure::Unclear(reason) | Failure::AnswerTooLarge(reason) => Self::Unknown { reason },
            Failure::Compacted | Failure::Future | Failure::LeaseGone => {
                Self::Unknown { reason: format!("etcd spoke of something else: {failure:?}") }
            }
            Failure::Corrupt(reason) => Self::Corrupt { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: Code, text: &str) -> Failure {
        Error::GRpcStatus(tonic::Status::new(code, text)).into()
    }

    #[test]
    fn only_certain_answers_count_as_not_done() {
        let unclear = [
            (Code::Unavailable, "etcdserver: request timed out, possibly due to previous leader failure"),
            (Code::Unavailable, "etcdserver: leader changed"),
            (Code::Unavailable, "transport error"),
            (Code::Cancelled, "operation was canceled"),
            (Code::Unknown, "h2 protocol error"),
            (Code::DeadlineExceeded, "context deadline exceeded"),
            (Code::Internal, "stream terminated"),
        ];
        for (code, text) in unclear {
            assert!(matches!(CommitError::from(read(code, text)), CommitError::Unknown { .. }), "{text}");
        }
        assert!(matches!(read(Code::Unavailable, "etcdserver: no leader"), Failure::NotDone(_)));
        assert!(matches!(read(Code::ResourceExhausted, "etcdserver: too many requests"), Failure::NotDone(_)));
        assert!(matches!(read(Code::PermissionDenied, "etcdserver: permission denied"), Failure::NotDone(_)));
    }

    #[test]
    fn one_code_is_told_apart_by_its_text() {
        let full = read(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
        assert!(matches!(CommitError::from(full), CommitError::Full { .. }));
        let large = read(Code::ResourceExhausted, "grpc: received message larger than max (3145760 vs. 2097152)");
        assert!(matches!(large, Failure::Refused(_)));
        let gone = read(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
        assert_eq!(gone, Failure::Compacted);
        let ahead = read(Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision");
        assert_eq!(ahead, Failure::Future);
        let answer = read(Code::OutOfRange, "Error, decoded message length too large: found 5 bytes, the limit is: 4");
        assert!(matches!(answer, Failure::AnswerTooLarge(_)));
        assert!(matches!(read(Code::DataLoss, "etcdserver: corrupt cluster"), Failure::Corrupt(_)));
    }
}
