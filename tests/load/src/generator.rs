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
use crate::tally::{Outcome, Unanswered};

/// Due requests that may wait for a free line; further ones fail as not sent.
const MAX_WAITING: usize = 1 << 20;

/// What the generator is told.
pub(crate) struct Plan {
    pub(crate) rate_per_second: f64,
    pub(crate) connections: usize,
    pub(crate) timeout: Duration,
    /// No further request becomes due; those that are due end on their own.
    pub(crate) stop: CancellationToken,
    /// Everything ends at once.
    pub(crate) abandon: CancellationToken,
}

/// Makes the load until it is stopped and drained, or abandoned.
pub(crate) async fn generate(plan: Plan, call: Arc<Call>) {
    let queue = Arc::new(Queue { waiting: Mutex::default(), ready: Semaphore::new(0) });
    let mut lines = JoinSet::new();
    for _ in 0..plan.connections {
        lines.spawn(work(Line::new(call.clone()), queue.clone(), plan.timeout, call.clone()));
    }
    let to_the_end = async {
        pace(&plan, &queue, &call).await;
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
        () = plan.abandon.cancelled() => {}
    }
    lines.shutdown().await;
}

/// Declares requests due: each at its own time since the start, however late this task itself may be.
async fn pace(plan: &Plan, queue: &Queue, call: &Call) {
    let start = Instant::now();
    let due_at = |number: u64| start + Duration::from_secs_f64(number as f64 / plan.rate_per_second);
    let mut next = 0;
    loop {
        // The timer wakes at whole milliseconds, so a high rate costs one wake a millisecond and not one a request.
        tokio::select! {
            biased;
            () = plan.stop.cancelled() => return,
            () = tokio::time::sleep_until(due_at(next).into()) => {}
        }
        let (now, first) = (Instant::now(), next);
        let mut refused = 0;
        {
            let mut waiting = queue.waiting();
            while due_at(next) <= now {
                if waiting.len() < MAX_WAITING {
                    waiting.push_back(due_at(next));
                } else {
                    refused += 1;
                }
                next += 1;
            }
        }
        let due = next - first;
        call.tally.add_due(due);
        queue.ready.add_permits(usize::try_from(due - refused).unwrap_or(0));
        for _ in 0..refused {
            let detail = format!("{MAX_WAITING} requests were waiting already");
            let result = Err(Unanswered { reason: FailureReason::NotSent, detail });
            call.tally.add(&Outcome { due: now, written: None, ended: now, result });
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
        let Some(due) = due else { return };
        let outcome = line.request(due, due + timeout).await;
        call.tally.add(&outcome);
    }
}

/// Requests that are due and wait for a line. The semaphore wakes the line that has been free longest, so all are used.
struct Queue {
    waiting: Mutex<VecDeque<Instant>>,
    ready: Semaphore,
}

impl Queue {
    /// The next due request; `None` when the queue is closed and empty.
    async fn take(&self) -> Option<Instant> {
        if let Ok(permit) = self.ready.acquire().await {
            permit.forget();
        }
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        // A queue is whole after every statement.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
