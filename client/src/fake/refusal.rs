//! Refusals as statuses with details, as a real server sends them.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{SeenCall, Shared};
use crate::error::RefusalKind;

impl Shared {
    /// Notes a call, then fails it if a test has asked for that.
    pub(super) async fn enter(&self, call: &'static str, request_id: &str, words: &[&str]) -> Result<(), Status> {
        let hangs = {
            let mut state = self.lock();
            let words = words.iter().map(ToString::to_string).collect();
            state.seen.push(SeenCall { call, request_id: request_id.to_owned(), words });
            if let Some((kind, reason)) = state.refusals.pop_front() {
                return Err(status(kind, reason, "as the test wanted"));
            }
            let hangs = state.hangs > 0;
            state.hangs = state.hangs.saturating_sub(1);
            hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

pub(super) fn status(kind: RefusalKind, reason: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "meridian.dev", [("given".to_owned(), message.to_owned())]);
    details.set_request_info("trace-1", "");
    if kind == RefusalKind::Invalid {
        details.add_bad_request_violation("stages[0]", "has no waves");
    }
    Status::with_error_details(code(kind), message, details)
}

pub(super) fn not_found(name: &str) -> Status {
    status(RefusalKind::NotFound, "NOT_FOUND", &format!("there is no {name}"))
}

const fn code(kind: RefusalKind) -> Code {
    match kind {
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::AlreadyExists => Code::AlreadyExists,
        RefusalKind::Unauthenticated => Code::Unauthenticated,
        RefusalKind::PermissionDenied => Code::PermissionDenied,
        RefusalKind::Conflict => Code::Aborted,
        RefusalKind::Precondition => Code::FailedPrecondition,
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::OutOfRange => Code::OutOfRange,
        RefusalKind::Exhausted => Code::ResourceExhausted,
        RefusalKind::Unavailable => Code::Unavailable,
        RefusalKind::Deadline => Code::DeadlineExceeded,
        RefusalKind::Unimplemented => Code::Unimplemented,
        RefusalKind::Internal => Code::Internal,
    }
}
