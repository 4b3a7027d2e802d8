//! gRPC statuses to errors. It knows codes and details; what to do about them is decided elsewhere.

use std::error::Error as _;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::Link;
use super::channel::chain;
use crate::error::{ClientError, FieldViolation, Refusal, RefusalKind};

/// Refused fields that are shown; a server that names more is not read to its end.
const VIOLATIONS_MAX: usize = 100;

/// The error that a status stands for.
pub(super) fn error(call: &'static str, link: &Link, after: Duration, status: Status) -> ClientError {
    // tonic's own deadline surfaces as `Cancelled`, not as `DeadlineExceeded`.
    if status.code() == Code::Cancelled && status.message().contains("Timeout expired") {
        return ClientError::Timeout { call, after };
    }
    // A status with a source was made on this side: the transport failed and no server has spoken.
    if let Some(source) = status.source() {
        let why = chain(source);
        return ClientError::Unreachable { call, address: link.address.clone(), why };
    }
    let Some(kind) = kind(status.code()) else {
        return ClientError::Answer { call, why: format!("a refusal without a reason: {}", status.message()) };
    };
    ClientError::Refused { call, refusal: Box::new(refusal(kind, &status)) }
}

fn refusal(kind: RefusalKind, status: &Status) -> Refusal {
    let details = status.get_error_details();
    let info = details.error_info();
    let bad = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let fields = bad
        .iter()
        .map(|violation| FieldViolation { field: violation.field.clone(), description: violation.description.clone() });
    let unmet = details.precondition_failure().map(|unmet| unmet.violations.as_slice()).unwrap_or_default();
    let conditions = unmet.iter().map(|violation| FieldViolation {
        field: violation.subject.clone(),
        description: violation.description.clone(),
    });
    Refusal {
        kind,
        reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
        message: status.message().to_owned(),
        violations: fields.chain(conditions).take(VIOLATIONS_MAX).collect(),
        metadata: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
        trace: details.request_info().map(|info| info.request_id.clone()).unwrap_or_default(),
    }
}

const fn kind(code: Code) -> Option<RefusalKind> {
    Some(match code {
        Code::Ok => return None,
        Code::NotFound => RefusalKind::NotFound,
        Code::AlreadyExists => RefusalKind::AlreadyExists,
        Code::Unauthenticated => RefusalKind::Unauthenticated,
        Code::PermissionDenied => RefusalKind::PermissionDenied,
        Code::Aborted => RefusalKind::Conflict,
        Code::FailedPrecondition => RefusalKind::Precondition,
        Code::InvalidArgument => RefusalKind::Invalid,
        Code::OutOfRange => RefusalKind::OutOfRange,
        Code::ResourceExhausted => RefusalKind::Exhausted,
        Code::Unavailable => RefusalKind::Unavailable,
        Code::DeadlineExceeded => RefusalKind::Deadline,
        Code::Unimplemented => RefusalKind::Unimplemented,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => RefusalKind::Internal,
    })
}
