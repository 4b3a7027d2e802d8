//! The machine's own pulse: a thread that wants to wake every few milliseconds and notes when it could not, and when others
//! waited for a core most of the time, as the kernel counts it. Where that was so, a probe's gap is the machine's and nobody
//! else's. It does not know what else runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::history::Micros;

/// How often it wants to wake.
const PULSE: Duration = Duration::from_millis(4);
/// Later than this is a stall: a gap of 50 ms has at least two hops of processes in it, each of which may be as late.
const LATE_MIN: Duration = Duration::from_millis(12);
/// How often the kernel is asked who waited.
const PRESSURE_EVERY: Duration = Duration::from_millis(20);
/// The share of that time in which somebody waited for a core that makes it a stall.
const PRESSURE_MAX: f64 = 0.5;
/// Where the kernel says so.
const PRESSURE: &str = "/proc/pressure/cpu";
/// A day of a machine that stands still ten times a second.
const STALLS_MAX: usize = 1_000_000;

/// The pulse, until it is stopped.
#[derive(Debug)]
pub struct Pulse {
    stop: Arc<AtomicBool>,
    stalls: Arc<Mutex<Vec<(Micros, Micros)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pulse {
    /// Starts it; times are counted from `base`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(base: Instant) -> std::io::Result<Self> {
        let (stop, stalls) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (stopped, kept) = (stop.clone(), stalls.clone());
        let micros = move |at: Instant| u64::try_from(at.duration_since(base).as_micros()).unwrap_or(Micros::MAX);
        let thread = std::thread::Builder::new().name("pulse".to_owned()).spawn(move || {
            let keep = |from: Instant, to: Instant| {
                let mut stalls = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if stalls.len() < STALLS_MAX {
                    stalls.push((micros(from), micros(to)));
                }
            };
            runtime.block_on(async {
                let mut last = Instant::now();
                let mut asked = (last, waited());
                while !stopped.load(Ordering::Relaxed) {
                    tokio::time::sleep(PULSE).await; // tidy: paced
                    let now = Instant::now();
                    if now - last > PULSE + LATE_MIN {
                        keep(last, now);
                    }
                    if now - asked.0 >= PRESSURE_EVERY {
                        let waited = waited();
                        if waited.saturating_sub(asked.1).as_secs_f64() > PRESSURE_MAX * (now - asked.0).as_secs_f64() {
                            keep(asked.0, now);
                        }
                        asked = (now, waited);
                    }
                    last = now;
                }
            });
        })?;
        Ok(Self { stop, stalls, thread: Some(thread) })
    }

    /// Stops it and returns the stalls.
    #[must_use]
    pub fn stop(mut self) -> Vec<(Micros, Micros)> {
        self.end();
        std::mem::take(&mut *self.stalls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only panics if time does.
            let _ended = thread.join();
        }
    }
}

/// How long in all somebody has waited for a core; always nothing where the kernel does not count it.
fn waited() -> Duration {
    let text = std::fs::read_to_string(PRESSURE).unwrap_or_default();
    let some = text.lines().find(|line| line.starts_with("some ")).unwrap_or_default();
    let total = some.split(' ').find_map(|word| word.strip_prefix("total=")?.parse().ok());
    Duration::from_micros(total.unwrap_or(0))
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.end();
    }
}
