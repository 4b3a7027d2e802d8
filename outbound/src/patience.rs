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
        Err(SendError::Unreachable { source, .. }) => source.kind() != std::io::ErrorKind::PermissionDenied,
        Err(SendError::Late(_)) => true,
        Err(SendError::Address(_) | SendError::Trust(_) | SendError::TooLarge(_)) => false,
    }
}

/// The wait after so many tries, at least one.
pub(super) fn wait(tried: u32) -> Duration {
    pause(tried, WAIT_MIN, WAIT_MAX)
}

/// A wait after `tried` tries that failed, at least one: `min` after the first, then doubled up to `max`. Half of it is fixed and
/// half random: who failed together does not try again together.
#[must_use]
pub fn pause(tried: u32, min: Duration, max: Duration) -> Duration {
    let doubled = min.saturating_mul(1_u32.checked_shl(tried - 1).unwrap_or(u32::MAX)).min(max);
    doubled.mul_f64(rand::rng().random_range(0.5..=1.0))
}
