//! How long to wait before the next try to reach a server: full jitter, so that agents that lost a server together do not
//! come back together. It knows no server.

use std::time::Duration;

use rand::RngExt;

/// The first retry comes within this: most losses are a server that was restarted beside others.
const FIRST: Duration = Duration::from_millis(50);
/// Later retries come within at most this, so that a region is never long without orders for want of a try.
const MAX: Duration = Duration::from_secs(5);
/// A session that lived this long was a good one; the next loss is a new story.
const GOOD: Duration = Duration::from_secs(5);

/// The tries since the last good session.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A session ended after so long; zero if there was none.
    pub fn ended_after(&mut self, lived: Duration) {
        if lived >= GOOD {
            self.failures = 0;
        }
    }

    /// The wait before the next try.
    pub fn wait(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(rand::rng().random_range(0.0..=1.0))
    }

    fn ceiling(&self) -> Duration {
        FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_a_good_session_forgives() {
        let mut backoff = Backoff::default();
        assert!(backoff.wait() <= FIRST);
        for _ in 0..50 {
            assert!(backoff.wait() <= MAX);
        }
        assert_eq!(backoff.ceiling(), MAX);
        backoff.ended_after(Duration::from_millis(10));
        assert_eq!(backoff.ceiling(), MAX, "a session that ends at once is no good one");
        backoff.ended_after(GOOD);
        assert!(backoff.wait() <= FIRST);
    }
}
