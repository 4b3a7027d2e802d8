//! What can go wrong with a call, and whether trying again can help. It does not know what a program does about it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why a call had no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An address can't be used at all.
    #[error("server address {address:?} can't be used: {why}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or key could not be read.
    #[error("read {path}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// No server answered: nothing listens, the connection broke, or every address was tried.
    #[error("{call}: no server answers at {address}: {why}")]
    Unreachable {
        /// What was wanted.
        call: &'static str,
        /// The address tried last.
        address: String,
        /// What the transport said.
        why: String,
    },
    /// The deadline passed. For a change: it may have been made; trying again with the same request id is safe.
    #[error("{call}: no answer within {after:?}")]
    Timeout {
        /// What was wanted.
        call: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// A server answered with a refusal.
    #[error("{call}: {refusal}")]
    Refused {
        /// What was wanted.
        call: &'static str,
        /// The refusal.
        refusal: Box<Refusal>,
    },
    /// The answer makes no sense: the server speaks another version, or is broken.
    #[error("{call}: the answer can't be read: {why}")]
    Answer {
        /// What was wanted.
        call: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What kind of refusal it is, for exit codes and retries.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RefusalKind {
    /// There is no such thing.
    NotFound,
    /// It is there already, with other content.
    AlreadyExists,
    /// Nobody knows who asks.
    Unauthenticated,
    /// Whoever asks may not.
    PermissionDenied,
    /// Somebody else was faster.
    Conflict,
    /// The present state does not allow it.
    Precondition,
    /// The request is malformed.
    Invalid,
    /// Past what is kept.
    OutOfRange,
    /// Too much at once.
    Exhausted,
    /// The server can't at the moment.
    Unavailable,
    /// The server's own deadline passed.
    Deadline,
    /// The server does not know this call.
    Unimplemented,
    /// The server is broken.
    Internal,
}

/// A server's refusal with everything it said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Its kind.
    pub kind: RefusalKind,
    /// The stable reason, e.g. `STALE_ETAG`; empty if the server gave none.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Which fields were refused.
    pub violations: Vec<FieldViolation>,
    /// The values of the message, for programs.
    pub metadata: BTreeMap<String, String>,
    /// The server's id of the request, for its logs; empty if it gave none.
    pub trace: String,
}

/// A field that was refused.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct FieldViolation {
    /// Its path.
    pub field: String,
    /// What is wrong and what to write instead.
    pub description: String,
}

impl ClientError {
    /// A stable code: the server's reason, or one of the client's own.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Address { .. } => "SERVER_ADDRESS_INVALID",
            Self::Pem { .. } => "PEM_UNREADABLE",
            Self::Unreachable { .. } => "SERVER_UNREACHABLE",
            Self::Timeout { .. } => "TIMEOUT",
            Self::Refused { refusal, call: _ } if refusal.reason.is_empty() => refusal.kind.as_str(),
            Self::Refused { refusal, call: _ } => &refusal.reason,
            Self::Answer { .. } => "ANSWER_UNREADABLE",
        }
    }

    /// The kind of refusal, if a server refused.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, call: _ } => Some(refusal),
            Self::Address { .. }
            | Self::Pem { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Answer { .. } => None,
        }
    }

    /// Whether the thing asked for does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.kind == RefusalKind::NotFound)
    }

    /// Whether the same call, with the same request id, may succeed later without anybody changing anything.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { refusal, call: _ } => matches!(refusal.kind, RefusalKind::Unavailable),
            Self::Address { .. } | Self::Pem { .. } | Self::Timeout { .. } | Self::Answer { .. } => false,
        }
    }
}

impl RefusalKind {
    /// The code for a refusal without a reason of its own.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::Conflict => "CONFLICT",
            Self::Precondition => "PRECONDITION_FAILED",
            Self::Invalid => "INVALID_ARGUMENT",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Exhausted => "EXHAUSTED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Deadline => "DEADLINE_EXCEEDED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.reason.is_empty() { self.kind.as_str() } else { &self.reason };
        write!(f, "{code}: {}", self.message)?;
        for FieldViolation { field, description } in &self.violations {
            match (field.is_empty(), *description == self.message) {
                // Servers repeat their message as the one condition that is not met.
                (_, true) => {}
                (true, false) => write!(f, "\n  {description}")?,
                (false, false) => write!(f, "\n  {field}: {description}")?,
            }
        }
        Ok(())
    }
}
