//! The machine's one monotonic clock, whose readings can be compared across processes.

use nix::time::{ClockId, clock_gettime};

/// Microseconds since some moment before every process that runs now.
#[must_use]
pub fn micros() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux always has this clock");
    let (seconds, nanos) = (now.tv_sec().unsigned_abs(), now.tv_nsec().unsigned_abs());
    seconds * 1_000_000 + nanos / 1000
}

/// Milliseconds between two readings; negative if the second came first.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "differences of minutes at most")]
pub fn millis_between(from: u64, to: u64) -> f64 {
    if to >= from { (to - from) as f64 / 1000.0 } else { -((from - to) as f64) / 1000.0 }
}
