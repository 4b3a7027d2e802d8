//! When to try again: only what is unavailable, a bounded number of times, with jittered pauses. It knows errors and
//! counts; it does not know what is being called.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::error::ClientError;

/// Tries of one call: with the pauses below about three seconds, longer than one election of the store.
const TRIES_MAX: usize = 5;
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Pauses of a watch that has lost its server end here: soon enough to be back when the server is.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// The tries of one call over one or more addresses.
pub(crate) struct Tries {
    left: usize,
    /// Addresses not tried yet in this round: moving on to one of them costs no pause.
    fresh: usize,
    addresses: usize,
    pauses: ExponentialBackoff,
}

impl Tries {
    /// For a call. Every address is tried at least once.
    pub(crate) fn of_call(addresses: usize) -> Self {
        assert!(addresses > 0, "an endpoint has at least one address");
        Self { left: TRIES_MAX.max(addresses) - 1, fresh: addresses - 1, addresses, pauses: pauses() }
    }

    /// How long to wait before the next try; `None`: the error stands.
    pub(crate) fn pause_after(&mut self, error: &ClientError) -> Option<Duration> {
        if !error.retryable() || self.left == 0 {
            return None;
        }
        self.left -= 1;
        if self.fresh > 0 {
            self.fresh -= 1;
            return Some(Duration::ZERO);
        }
        self.fresh = self.addresses - 1;
        Some(self.pauses.next().unwrap_or(PAUSE_MAX))
    }

    /// How many addresses this try and the rest of its round have to share the time that is left.
    pub(crate) const fn sharers(&self) -> u32 {
        if self.left == 0 { 1 } else { self.fresh as u32 + 1 }
    }
}

/// Growing pauses with jitter, so that callers that lost the same server don't come back in step.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ClientError {
        ClientError::Unreachable { call: "c", address: "a".to_owned(), why: "w".to_owned() }
    }

    #[test]
    fn a_call_is_tried_five_times_with_growing_pauses() {
        let mut tries = Tries::of_call(1);
        let pauses: Vec<_> = std::iter::from_fn(|| tries.pause_after(&unreachable())).collect();
        assert_eq!(pauses.len(), 4);
        assert!(pauses.iter().all(|pause| *pause >= PAUSE_MIN && *pause <= PAUSE_MAX * 2), "{pauses:?}");
        assert!(pauses[3] > pauses[0], "{pauses:?}");
    }

    #[test]
    fn other_addresses_come_before_pauses() {
        let mut tries = Tries::of_call(3);
        assert_eq!(tries.sharers(), 3);
        let pauses: Vec<_> = std::iter::from_fn(|| tries.pause_after(&unreachable())).collect();
        let is_zero: Vec<_> = pauses.iter().map(Duration::is_zero).collect();
        assert_eq!(is_zero, [true, true, false, true]);
        assert_eq!(Tries::of_call(9).left, 8);
    }

    #[test]
    fn what_was_refused_is_not_tried_again() {
        let timeout = ClientError::Timeout { call: "c", after: PAUSE_MIN };
        assert_eq!(Tries::of_call(2).pause_after(&timeout), None);
    }
}
