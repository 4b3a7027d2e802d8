//! Pauses between tries: doubled, capped, with full jitter so that those who collided do not collide again.

use std::time::Duration;

/// The first pause at most.
const FIRST_MICROS: u64 = 500;
/// Any pause at most.
const CAP_MICROS: u64 = 50_000;

/// A pause before try `attempt` + 1, counted from zero.
#[must_use]
pub fn jittered(attempt: u32) -> Duration {
    let most = FIRST_MICROS.saturating_mul(1 << attempt.min(16)).min(CAP_MICROS);
    Duration::from_micros(rand::random_range(0..=most))
}
