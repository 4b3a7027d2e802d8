//! The pace and the hands: requests become due by the clock, and free lines take them in turn. It does not know what
//! an answer means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::FailureReason;
use crate::line::{Call, Line};
use crate::mix::Turns;
use crate::tally::{Outcome, Unanswered};

/// What the generator is told.
pub(crate) struct Plan {
    pub(crate) rate_per_second: f64,
    pub(crate) ramp: Duration,
    pub(crate) lasts: Option<Duration>,
    /// Due requests that may wait for a free line; further ones fail as not sent.
    pub(crate) waiting: usize,
    pub(crate) turns: Turns,
    pub(crate) connections: usize,
    pub(crate) timeout: Duration,
    /// No further request becomes due; those that are due end on their own.
    pub(crate) stop: CancellationToken,
    /// Everything ends at once.
    pub(crate) abandon: CancellationToken,
}

impl Plan {
    /// When a request is due, counted from the start. While the rate grows, what is due by a time grows with its square.
    fn due_after(&self, number: u64) -> Duration {
        let (number, rate, ramp) = (number as f64, self.rate_per_second, self.ramp.as_secs_f64());
        let in_ramp = rate * ramp / 2.0;
        let seconds =
            if number < in_ramp { (2.0 * ramp * number / rate).sqrt() } else { (number - in_ramp) / rate + ramp };
        Duration::from_secs_f64(seconds)
    }

    fn is_over(&self, after: Duration) -> bool {
        self.lasts.is_some_and(|lasts| after >= lasts)
    }
}

/// Makes the load until it is stopped and drained, or abandoned.
pub(crate) async fn generate(mut plan: Plan, call: Arc<Call>) {
    let queue = Arc::new(Queue { waiting: Mutex::default(), ready: Semaphore::new(0) });
    let (mut lines, abandon) = (JoinSet::new(), plan.abandon.clone());
    for _ in 0..plan.connections {
        lines.spawn(work(Line::new(call.clone()), queue.clone(), plan.timeout, call.clone()));
    }
    let to_the_end = async {
        pace(&mut plan, &queue, &call).await;
        queue.ready.close();
        while let Some(ended) = lines.join_next().await {
            if let Err(error) = ended {
                // A judge given by the caller is the only code here that may panic; its test must see that.
                std::panic::resume_unwind(error.into_panic());
            }
        }
    };
    tokio::select! {
        () = to_the_end => {}
        () = abandon.cancelled() => {}
    }
    lines.shutdown().await;
}

/// Declares requests due: each at its own time since the start, however late this task itself may be.
async fn pace(plan: &mut Plan, queue: &Queue, call: &Call) {
    let start = Instant::now();
    let mut next = 0;
    loop {
        let after = plan.due_after(next);
        if plan.is_over(after) {
            return;
        }
        // The timer wakes at whole milliseconds, so a high rate costs one wake a millisecond and not one a request.
        tokio::select! {
            biased;
            () = plan.stop.cancelled() => return,
            () = tokio::time::sleep_until((start + after).into()) => {}
        }
        let (now, first) = (Instant::now(), next);
        let mut refused = Vec::new();
        {
            let mut waiting = queue.waiting();
            loop {
                let after = plan.due_after(next);
                if start + after > now || plan.is_over(after) {
                    break;
                }
                // Whoever is refused has had their turn.
                let due = Due { request: plan.turns.next(), at: start + after };
                if waiting.len() < plan.waiting {
                    waiting.push_back(due)
                } else {
                    refused.push(due.at)
                }
                next += 1;
            }
        }
        let due = next - first;
        call.tally.add_due(due);
        queue.ready.add_permits(usize::try_from(due).unwrap_or(0) - refused.len());
        for due in refused {
            let detail = format!("{} requests were waiting already", plan.waiting);
            let result = Err(Unanswered { reason: FailureReason::NotSent, detail });
            // It would have waited for all of its time.
            call.tally.add(&Outcome { due, written: None, ended: due + plan.timeout, result });
        }
    }
}

/// Makes due requests on one line, one at a time, until the queue is closed and empty.
async fn work(mut line: Line, queue: Arc<Queue>, timeout: Duration, call: Arc<Call>) {
    loop {
        let due = tokio::select! {
            biased;
            () = line.hung_up() => continue,
            due = queue.take() => due,
        };
        let Some(Due { request, at }) = due else { return };
        let outcome = line.request(request, at, at + timeout).await;
        call.tally.add(&outcome);
    }
}

/// A request that is due.
struct Due {
    /// Which of the mix.
    request: usize,
    at: Instant,
}

/// Requests that are due and wait for a line. The semaphore wakes the line that has been free longest, so all are used.
struct Queue {
    waiting: Mutex<VecDeque<Due>>,
    ready: Semaphore,
}

impl Queue {
    /// The next due request; `None` when the queue is closed and empty.
    async fn take(&self) -> Option<Due> {
        if let Ok(permit) = self.ready.acquire().await {
            permit.forget();
        }
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Due>> {
        // A queue is whole after every statement.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_evenly_to_the_rate() {
        let plan = |ramp, lasts: Option<u64>| Plan {
            rate_per_second: 200.0,
            ramp: Duration::from_secs(ramp),
            lasts: lasts.map(Duration::from_secs),
            waiting: 1,
            turns: Turns::new(std::iter::once(1)),
            connections: 1,
            timeout: Duration::from_secs(1),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        };
        for (ramp, number, millis) in
            [(0, 0, 0), (0, 200, 1_000), (10, 0, 0), (10, 10, 1_000), (10, 250, 5_000), (10, 1_000, 10_000)]
        {
            assert_eq!(plan(ramp, None).due_after(number).as_millis(), millis, "{ramp} s, request {number}");
        }
        assert_eq!(plan(10, None).due_after(1_200), Duration::from_secs(11));
        let brief = plan(0, Some(2));
        assert!(!brief.is_over(brief.due_after(399)) && brief.is_over(brief.due_after(400)));
        assert!(!plan(0, None).is_over(Duration::from_secs(1 << 20)));
    }
}
