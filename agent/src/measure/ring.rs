//! Readings of cumulative counters over a sliding window, and the evidence between the first and the last of them. It
//! knows no clock: readings say when they were taken.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meridian_core::evidence::{Answers, Evidence, Histogram, Pin, ProbeCount, Tally};
use meridian_core::time::Span;
use meridian_drivers::SlotCounters;

use super::ledger::Ledger;

/// However long the window, its memory is bounded: older readings lie further apart.
const READINGS_MAX: u32 = 240;

/// All counters at one moment.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Since the step took effect.
    pub at: Duration,
    /// Which life of the data plane.
    pub start_id: String,
    /// Of the measured slot.
    pub counters: SlotCounters,
    /// Of the other slot, if it is compared with.
    pub other: SlotCounters,
    /// By check, since the step took effect.
    pub probes: BTreeMap<String, ProbeCount>,
    /// By check, since the step took effect.
    pub ledgers: BTreeMap<String, Ledger>,
}

/// The readings of one window.
#[derive(Debug)]
pub(super) struct Ring {
    window: Duration,
    /// Kept readings, oldest first; what is measured is measured against the first that lies in the window.
    kept: VecDeque<Reading>,
    latest: Option<Reading>,
    /// What the measured slot had answered when measuring began, in this life of the data plane.
    begun: Answers,
}

impl Ring {
    /// An empty ring that looks back as far as `window`.
    pub fn new(window: Duration) -> Self {
        Self { window, kept: VecDeque::new(), latest: None, begun: Answers::default() }
    }

    /// Adds a reading. One from a new life of the data plane makes all before it incomparable.
    pub fn push(&mut self, reading: Reading) {
        if self.latest.as_ref().is_some_and(|latest| latest.start_id != reading.start_id) {
            (self.kept, self.latest) = (VecDeque::new(), None);
        }
        if self.latest.is_none() {
            self.begun = answers(&reading.counters);
        }
        if let Some(latest) = self.latest.replace(reading) {
            let spacing = self.window / READINGS_MAX;
            if self.kept.back().is_none_or(|last| latest.at.saturating_sub(last.at) >= spacing) {
                self.kept.push_back(latest);
            }
        }
        let start = self.latest.as_ref().map_or(Duration::ZERO, |latest| latest.at.saturating_sub(self.window));
        // The last one stays: it is what the latest is compared with, however short the window.
        while self.kept.len() > 1 && self.kept.front().is_some_and(|first| first.at < start) {
            self.kept.pop_front();
        }
    }

    /// What was counted in the window; `None` until there are two readings.
    pub fn evidence(&self, pin: &Pin) -> Option<Evidence> {
        let (first, latest) = (self.kept.front()?, self.latest.as_ref()?);
        let ours = grown(&latest.counters, &first.counters);
        let probes = latest.probes.iter().map(|(check, count)| {
            let before = first.probes.get(check).copied().unwrap_or_default();
            let (sent, failed) = (count.sent - before.sent, count.failed - before.failed);
            (check.clone(), ProbeCount { sent, failed })
        });
        let asked = latest.ledgers.iter().map(|(check, ledger)| {
            let before = first.ledgers.get(check).copied().unwrap_or_default();
            (check.clone(), ledger.since(&before))
        });
        Some(Evidence {
            pin: pin.clone(),
            from: span(first.at),
            to: span(latest.at),
            requests: ours.answers.requests,
            errors: ours.answers.errors,
            latency: ours.latency,
            probes: probes.collect(),
            other: grown(&latest.other, &first.other),
            whole: since(answers(&latest.counters), self.begun),
            asked: asked.collect(),
            load: None,
        })
    }
}

fn answers(counters: &SlotCounters) -> Answers {
    Answers { requests: counters.requests, errors: counters.errors }
}

fn since(now: Answers, before: Answers) -> Answers {
    let requests = now.requests.saturating_sub(before.requests);
    Answers { requests, errors: now.errors.saturating_sub(before.errors) }
}

fn grown(now: &SlotCounters, before: &SlotCounters) -> Tally {
    let latency = difference(&now.latency, &before.latency);
    Tally { answers: since(answers(now), answers(before)), latency }
}

fn difference(now: &Histogram, before: &Histogram) -> Histogram {
    let buckets = now.buckets.iter().filter_map(|(bound, count)| {
        let grown = count.saturating_sub(before.buckets.get(bound).copied().unwrap_or(0));
        (grown > 0).then_some((*bound, grown))
    });
    Histogram { buckets: buckets.collect() }
}

/// A duration in the words of the rules.
pub fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use meridian_core::digest::Digest;
    use meridian_core::epoch::Epoch;
    use meridian_core::evidence::StepRef;
    use meridian_core::id::RolloutId;

    use super::*;

    fn pin() -> Pin {
        let step = StepRef { wave: 0, step: 0 };
        Pin { rollout: RolloutId::new("r").unwrap(), step, digest: Digest::of(b"x"), epoch: Epoch::new(1, 1) }
    }

    /// A reading after `millis` of a slot that answers one request a millisecond, a tenth of them badly.
    fn reading(millis: u64, start_id: &str) -> Reading {
        let latency = Histogram { buckets: BTreeMap::from([(1000, millis), (2000, 7)]) };
        let counters = SlotCounters { requests: 50 + millis, errors: 5 + millis / 10, latency, in_flight: 0 };
        let probes = BTreeMap::from([("up".to_owned(), ProbeCount { sent: millis / 1000, failed: 0 })]);
        let other = SlotCounters { requests: 9 + 2 * millis, ..SlotCounters::default() };
        Reading {
            at: Duration::from_millis(millis),
            start_id: start_id.to_owned(),
            counters,
            other,
            probes,
            ledgers: BTreeMap::new(),
        }
    }

    #[test]
    fn evidence_begins_with_the_first_reading_and_slides_with_the_window() {
        let mut ring = Ring::new(Duration::from_secs(10));
        assert_eq!(ring.evidence(&pin()), None);
        ring.push(reading(0, "a"));
        assert_eq!(ring.evidence(&pin()), None);
        for millis in (250..=60_000).step_by(250) {
            ring.push(reading(millis, "a"));
            let evidence = ring.evidence(&pin()).unwrap();
            let length = millis.min(10_000);
            assert_eq!((evidence.from.millis(), evidence.to.millis()), (millis - length, millis));
            assert_eq!((evidence.requests, evidence.errors), (length, millis / 10 - (millis - length) / 10));
            assert_eq!(evidence.latency.buckets, BTreeMap::from([(1000, length)]), "what did not grow is left out");
            assert!(evidence.probes["up"].sent <= 10);
            assert_eq!(evidence.other.answers.requests, 2 * length, "the other slot in the same window");
            assert_eq!(evidence.whole, Answers { requests: millis, errors: millis / 10 }, "all of the step");
        }
    }

    #[test]
    fn a_new_life_of_the_data_plane_begins_again() {
        let mut ring = Ring::new(Duration::from_secs(10));
        ring.push(reading(0, "a"));
        ring.push(reading(5000, "a"));
        ring.push(reading(6000, "b"));
        assert_eq!(ring.evidence(&pin()), None);
        ring.push(reading(7000, "b"));
        let evidence = ring.evidence(&pin()).unwrap();
        assert_eq!((evidence.from.millis(), evidence.requests), (6000, 1000));
        assert_eq!(evidence.whole.requests, 1000, "counted from where the new life was first seen");
    }

    #[test]
    fn memory_is_bounded_for_any_window() {
        for window in [0, 1, 250, 60_000, 315_360_000_000] {
            let mut ring = Ring::new(Duration::from_millis(window));
            for sample in 0..5000 {
                ring.push(reading(sample * 250, "a"));
                assert!(ring.kept.len() <= READINGS_MAX as usize + 2);
                let evidence = ring.evidence(&pin());
                assert_eq!(evidence.is_some(), sample > 0);
                assert!(evidence.is_none_or(|evidence| evidence.from < evidence.to));
            }
        }
    }
}
