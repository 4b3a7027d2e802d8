//! The counters, and the picture of them at one instant. They do not know where the numbers come from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::answer::{Answer, Origin};
use crate::failure::{FailureExample, FailureReason, Failures};
use crate::histogram::Histogram;
use crate::recording::{LIMIT, MAX_LABELS, OTHER, Recording, Sample};

/// The counters of a load at one instant.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Since the load started.
    pub elapsed: Duration,
    /// Requests whose time has come.
    pub due: u64,
    /// Requests written to a connection.
    pub sent: u64,
    /// Requests with a complete answer, whoever made it.
    pub answered: u64,
    /// Requests with no answer made by a slot; the sum over `failures`.
    pub failed_by_switch: u64,
    /// Those, by reason.
    pub failures: BTreeMap<FailureReason, Failures>,
    /// Answers by `x-skyoptima-version`; the 65th and further versions count as `other`.
    pub by_version: BTreeMap<String, u64>,
    /// Answers by `x-meridian-slot`.
    pub by_slot: BTreeMap<String, u64>,
    /// Answers by status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Connections opened; what exceeds [`crate::Options::connections`] was opened again after a close.
    pub connects: u64,
    /// From when a request was due to its complete answer: what a user waits, the generator's own lag (about a
    /// millisecond) included.
    pub latency: Histogram,
    /// From when it was written to its complete answer: what the server took.
    pub service_time: Histogram,
    /// The latencies, and the whole time of those that were given up as timed out or not sent: what nobody was spared.
    pub waited: Histogram,
}

impl Snapshot {
    /// Answers of a status class: 2 for `2xx`, 5 for `5xx`.
    pub fn class(&self, hundreds: u16) -> u64 {
        self.by_status.range(hundreds * 100..hundreds * 100 + 100).map(|(_, count)| count).sum()
    }

    /// Answers made by this version.
    pub fn version(&self, version: &str) -> u64 {
        self.by_version.get(version).copied().unwrap_or(0)
    }

    /// Answers made by this slot.
    pub fn slot(&self, slot: &str) -> u64 {
        self.by_slot.get(slot).copied().unwrap_or(0)
    }

    /// Failures of this reason.
    pub fn failed(&self, reason: FailureReason) -> u64 {
        self.failures.get(&reason).map_or(0, |failures| failures.count)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1?}: {} due, {} sent, {} answered, {} failed by a switch; 5xx {}; p50 {:.1?}, p99 {:.1?}",
            self.elapsed,
            self.due,
            self.sent,
            self.answered,
            self.failed_by_switch,
            self.class(5),
            self.latency.p50(),
            self.latency.p99(),
        )?;
        for (name, counts) in [("version", &self.by_version), ("slot", &self.by_slot)] {
            for (label, count) in counts {
                write!(f, "; {name} {label} {count}")?;
            }
        }
        for (reason, failures) in &self.failures {
            write!(f, "; {reason} {}", failures.count)?;
            if let Some(first) = failures.examples.first() {
                write!(f, " (first {first})")?;
            }
        }
        Ok(())
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When it was due.
    pub(crate) due: Instant,
    /// When it was written, if it was.
    pub(crate) written: Option<Instant>,
    /// When it ended.
    pub(crate) ended: Instant,
    /// What came of it.
    pub(crate) result: Result<Answer, Unanswered>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) reason: FailureReason,
    pub(crate) detail: String,
}

/// Whether each request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Requests,
    Counts,
}

/// The counters while the load runs.
#[derive(Debug)]
pub(crate) struct Tally {
    base: Instant,
    started: Instant,
    keep: Keep,
    due: AtomicU64,
    sent: AtomicU64,
    connects: AtomicU64,
    ended: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    snapshot: Snapshot,
    recording: Recording,
}

impl Tally {
    pub(crate) fn new(base: Instant, keep: Keep) -> Self {
        Self {
            base,
            started: Instant::now(),
            keep,
            due: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            ended: Mutex::default(),
        }
    }

    pub(crate) fn add_due(&self, requests: u64) {
        self.due.fetch_add(requests, Ordering::SeqCst);
    }

    pub(crate) fn add_sent(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn add_connect(&self) {
        self.connects.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn add(&self, outcome: &Outcome) {
        let start_micros = self.micros(outcome.written.unwrap_or(outcome.due));
        let end_micros = self.micros(outcome.ended);
        let mut counts = self.counts();
        let Counts { snapshot, recording } = &mut *counts;
        let failure = match &outcome.result {
            Ok(answer) => {
                snapshot.add_answer(answer, outcome);
                match &answer.origin {
                    Origin::Slot => None,
                    Origin::Other { detail } => Some((FailureReason::NotMadeBySlot, detail)),
                }
            }
            Err(Unanswered { reason, detail }) => Some((*reason, detail)),
        };
        let reason = failure.as_ref().map(|(reason, _)| *reason);
        if outcome.result.is_ok() || matches!(reason, Some(FailureReason::TimedOut | FailureReason::NotSent)) {
            snapshot.waited.add(outcome.ended.saturating_duration_since(outcome.due));
        }
        if let Some((reason, detail)) = failure {
            snapshot.failed_by_switch += 1;
            let example = || FailureExample { start_micros, end_micros, detail: detail.clone() };
            snapshot.failures.entry(reason).or_default().add(example);
        }
        if self.keep == Keep::Requests {
            let answer = outcome.result.as_ref().ok();
            let sample = Sample {
                start_micros,
                end_micros,
                slot: answer.and_then(|answer| answer.slot.as_deref()),
                version: answer.and_then(|answer| answer.version.as_deref()),
                status: answer.map(|answer| answer.status),
                failure: reason,
            };
            recording.add(sample, LIMIT);
        }
    }

    /// The counters now. Always `answered <= sent <= due`: they are read in the order in which requests end.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.counts().snapshot.clone();
        snapshot.connects = self.connects.load(Ordering::SeqCst);
        snapshot.sent = self.sent.load(Ordering::SeqCst);
        snapshot.due = self.due.load(Ordering::SeqCst);
        snapshot.elapsed = self.started.elapsed();
        snapshot
    }

    /// Takes the recording out.
    pub(crate) fn take_recording(&self) -> Recording {
        std::mem::take(&mut self.counts().recording)
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counters are whole after every statement: a panic elsewhere while they were locked spoils nothing.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    fn add_answer(&mut self, answer: &Answer, outcome: &Outcome) {
        self.answered += 1;
        *self.by_status.entry(answer.status).or_default() += 1;
        for (counts, label) in [(&mut self.by_version, &answer.version), (&mut self.by_slot, &answer.slot)] {
            if let Some(label) = label {
                count(counts, label);
            }
        }
        self.latency.add(outcome.ended.saturating_duration_since(outcome.due));
        if let Some(written) = outcome.written {
            self.service_time.add(outcome.ended.saturating_duration_since(written));
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, label: &str) {
    if let Some(known) = counts.get_mut(label) {
        *known += 1;
    } else if counts.len() < MAX_LABELS {
        counts.insert(label.to_owned(), 1);
    } else {
        *counts.entry(OTHER.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::AfterAnswer;

    fn outcome(result: Result<Answer, Unanswered>) -> Outcome {
        let now = Instant::now();
        Outcome { due: now, written: None, ended: now, result }
    }

    #[test]
    fn labels_and_examples_are_bounded() {
        let tally = Tally::new(Instant::now(), Keep::Counts);
        let many = MAX_LABELS as u64 + 36;
        for number in 0..many {
            tally.add(&outcome(Ok(Answer {
                status: 500,
                version: Some(format!("{number}.0.0")),
                slot: Some("blue".to_owned()),
                origin: Origin::Slot,
                connection: AfterAnswer::Keep,
            })));
            tally.add(&outcome(Err(Unanswered { reason: FailureReason::Reset, detail: number.to_string() })));
        }
        let snapshot = tally.snapshot();
        assert_eq!((snapshot.by_version.len(), snapshot.version(OTHER)), (MAX_LABELS + 1, 36));
        assert_eq!((snapshot.slot("blue"), snapshot.class(5), snapshot.class(2)), (many, many, 0));
        let details: Vec<_> =
            snapshot.failures[&FailureReason::Reset].examples.iter().map(|example| example.detail.as_str()).collect();
        assert_eq!((snapshot.failed_by_switch, details), (many, vec!["0", "1", "2", "3", "4"]));
        assert!(tally.take_recording().is_empty());
    }
}
