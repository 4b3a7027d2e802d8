//! Which failures are worth another try, and after how long. It sends nothing.

use std::time::Duration;

use http::StatusCode;
use rand::RngExt;

use super::{Reply, SendError};

/// Wait after the first try.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Whether the same letter may be answered otherwise a moment later.
pub(super) fn may_pass(sent: &Result<Reply, SendError>) -> bool {
    match sent {
        Ok(reply) => reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS,
        Err(SendError::Unreachable { .. } | SendError::Late(_)) => true,
        Err(SendError::Address(_) | SendError::Trust(_) | SendError::TooLarge(_)) => false,
    }
}

/// Half fixed, half random: who failed together does not try again together.
pub(super) fn wait(tried: u32) -> Duration {
    let doubled = WAIT_MIN.saturating_mul(1_u32.checked_shl(tried - 1).unwrap_or(u32::MAX)).min(WAIT_MAX);
    doubled.mul_f64(rand::rng().random_range(0.5..=1.0))
}
