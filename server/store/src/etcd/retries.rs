//! How often a call is sent again: for as long as an election takes, with growing and jittered pauses, and only while
//! retries are few among calls, so that an etcd in trouble is not buried under repetitions. Knows nothing about members.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

use super::codes::Failure;

/// Pauses between attempts, before jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// After so long a call is not sent again: an election that was lost once is over by then.
const PATIENCE: Duration = Duration::from_secs(4);
/// Retries that may be saved up: a burst of calls that all meet a dead member.
const SAVED_MAX: f64 = 100.0;
/// Retries earned by time, so that a quiet store can always try again.
const PER_SECOND: f64 = 20.0;
/// Retries earned by a call that was answered.
const PER_ANSWER: f64 = 0.2;

/// What is left of the retries of a store.
pub(super) struct Retries {
    saved: Mutex<Saved>,
}

struct Saved {
    count: f64,
    at: Instant,
}

impl Saved {
    fn earn(&mut self, now: Instant, answers: f64) {
        let by_time = now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.count = (self.count + by_time + answers * PER_ANSWER).min(SAVED_MAX);
        self.at = now;
    }

    fn spend(&mut self, now: Instant) -> bool {
        self.earn(now, 0.0);
        let enough = self.count >= 1.0;
        if enough {
            self.count -= 1.0;
        }
        enough
    }
}

impl Retries {
    pub(super) fn new() -> Self {
        Self { saved: Mutex::new(Saved { count: SAVED_MAX, at: Instant::now() }) }
    }

    /// Makes attempts until one succeeds, fails in a way that is not to be tried `again`, or there is no more time or
    /// retry to spend.
    pub(super) async fn of<T, F>(&self, attempt: impl Fn() -> F, again: impl Fn(&Failure) -> bool) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let until = Instant::now() + PATIENCE;
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        let mut pauses = pauses.without_max_times().with_jitter().build();
        loop {
            let failure = match attempt().await {
                Ok(answer) => {
                    self.saved.lock().unwrap_or_else(PoisonError::into_inner).earn(Instant::now(), 1.0);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            let now = Instant::now();
            let spent = || self.saved.lock().unwrap_or_else(PoisonError::into_inner).spend(now);
            if !again(&failure) || now + pause > until || !spent() {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn retries_are_saved_up_to_a_bound_and_earned_by_answers_and_time() {
        let start = Instant::now();
        let mut saved = Saved { count: SAVED_MAX, at: start };
        let burst = (0..1000).filter(|_| saved.spend(start)).count();
        assert_eq!(burst, 100);
        saved.earn(start, 10.0);
        assert!(saved.spend(start) && saved.spend(start) && !saved.spend(start));
        assert!(saved.spend(start + Duration::from_secs(1)));
        saved.earn(start + Duration::from_secs(3600), 0.0);
        assert!(saved.count <= SAVED_MAX);
    }

    #[tokio::test]
    async fn what_must_not_be_sent_again_is_not() {
        let attempts = AtomicU32::new(0);
        let retries = Retries::new();
        let attempt = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(Failure::Unclear("lost".to_owned())) }
        };
        let outcome = retries.of(attempt, |failure| matches!(failure, Failure::NotDone(_))).await;
        assert!(matches!(outcome, Err(Failure::Unclear(_))));
        assert_eq!(attempts.into_inner(), 1);
    }

    #[tokio::test]
    async fn an_attempt_that_succeeds_ends_it() {
        let attempts = AtomicU32::new(0);
        let attempt = || {
            let count = attempts.fetch_add(1, Ordering::Relaxed);
            async move { if count < 3 { Err(Failure::NotDone("no leader".to_owned())) } else { Ok(count) } }
        };
        assert_eq!(Retries::new().of(attempt, Failure::transient).await, Ok(3));
    }
}
