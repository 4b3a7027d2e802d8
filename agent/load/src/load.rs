//! The handle of a running load: look, wait, stop. It does not know how the load is made.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::generator::{Plan, generate};
use crate::line::Call;
use crate::options::{Options, OptionsError};
use crate::recording::Recording;
use crate::tally::{Keep, Snapshot, Tally};

/// How often a waiting caller looks.
const LOOK: Duration = Duration::from_millis(5);
/// What a stop may take beyond the timeout of the last request.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A running load. Dropping it ends the load at once, without a report.
#[derive(Debug)]
pub struct Load {
    call: Arc<Call>,
    timeout: Duration,
    stop: CancellationToken,
    abandon: CancellationToken,
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a load found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The counters at the end; every request that was due is answered or failed.
    pub totals: Snapshot,
    /// Every request, if [`Options::record`] was set.
    pub recording: Recording,
}

/// Why a load could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The options ask for something that cannot be made.
    #[error("no load can be made with these options")]
    Options(#[source] OptionsError),
    /// There is no thread or runtime for it.
    #[error("cannot start the load's thread")]
    Thread(#[source] io::Error),
}

/// The load did not come to the wanted state.
#[derive(Debug, Error)]
#[error("not seen within {waited:?}; last: {last}")]
pub struct WaitError {
    /// How long it was waited for.
    pub waited: Duration,
    /// What was seen last.
    pub last: Box<Snapshot>,
}

impl Load {
    /// Starts the load, on a thread of its own.
    ///
    /// # Errors
    /// The options are out of their bounds, or the system has no thread left.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (requests, turns) = options.requests().map_err(StartError::Options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let keep = if options.record { Keep::Requests } else { Keep::Counts };
        let call = Arc::new(Call {
            target: options.target,
            requests,
            made_by_slot: options.made_by_slot,
            tally: Tally::new(options.base, keep),
        });
        let plan = Plan {
            rate_per_second: options.rate_per_second,
            ramp: options.ramp,
            lasts: options.lasts,
            waiting: options.waiting,
            turns,
            connections: options.connections,
            timeout: options.timeout,
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let (end, ended) = oneshot::channel();
        let generating = generate(plan, call.clone());
        let thread = std::thread::Builder::new()
            .name("meridian-load".to_owned())
            .spawn(move || {
                // Dropped at the end of the thread, by a panic too: that is what tells the handle.
                let _end: oneshot::Sender<()> = end;
                runtime.block_on(generating);
            })
            .map_err(StartError::Thread)?;
        let timeout = options.timeout;
        Ok(Self { call, timeout, stop, abandon, ended: Some(ended), thread: Some(thread) })
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        self.call.tally.snapshot()
    }

    /// Waits until the counters satisfy `wanted` and returns them.
    ///
    /// # Errors
    /// `timeout` has passed; the error carries the last counters.
    pub async fn wait_until(
        &self,
        mut wanted: impl FnMut(&Snapshot) -> bool,
        timeout: Duration,
    ) -> Result<Snapshot, WaitError> {
        let end = Instant::now() + timeout;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let snapshot = self.snapshot();
            if wanted(&snapshot) {
                return Ok(snapshot);
            }
            if Instant::now() >= end {
                return Err(WaitError { waited: timeout, last: Box::new(snapshot) });
            }
        }
    }

    /// Makes no further request due, waits for those that are (no longer than their timeout), and reports.
    ///
    /// # Panics
    /// If a [`crate::MadeBySlot::Judge`] panicked in the load, with its panic.
    pub async fn stop(mut self) -> Report {
        self.stop.cancel();
        if let Some(mut ended) = self.ended.take()
            && tokio::time::timeout(self.timeout + STOP_GRACE, &mut ended).await.is_err()
        {
            self.abandon.cancel();
            // The sender never sends: its end is the news.
            let _ = ended.await;
        }
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        Report { totals: self.snapshot(), recording: self.call.tally.take_recording() }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.abandon.cancel();
        if let Some(thread) = self.thread.take() {
            // It ends at its next wake. A panic in it is not worth a second one in a drop.
            let _ = thread.join();
        }
    }
}
