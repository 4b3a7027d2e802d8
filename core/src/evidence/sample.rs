//! Evidence itself: counts over a window, pinned to what they were measured on. Whole numbers only, so that a missing
//! or impossible value cannot hide in a NaN.

use std::collections::BTreeMap;

use super::load::LoadTally;
use super::query::Asked;
use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::id::RolloutId;
use crate::time::Span;
use crate::weight::Weight;

/// A step of a plan: wave by position, step by position in the wave.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct StepRef {
    /// Position of the wave in the plan.
    pub wave: usize,
    /// Position of the step in the wave.
    pub step: usize,
}

/// What a piece of evidence is about. A gate counts evidence only if the pin is its own.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Pin {
    /// The rollout.
    pub rollout: RolloutId,
    /// The step that was in effect.
    pub step: StepRef,
    /// The release that was measured.
    pub digest: Digest,
    /// The epoch of the goal in effect.
    pub epoch: Epoch,
}

/// Counts per upper bound in microseconds; the last bound is `u64::MAX`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Histogram {
    /// Upper bound in microseconds (inclusive) to the number of values in that bucket alone.
    pub buckets: BTreeMap<u64, u64>,
}

impl Histogram {
    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Self) {
        for (bound, count) in &other.buckets {
            let all = self.buckets.entry(*bound).or_default();
            *all = all.saturating_add(*count);
        }
    }

    /// The upper bound of the bucket in which the quantile lies, in microseconds; `None` without values.
    #[must_use]
    pub fn quantile(&self, quantile: Weight) -> Option<u64> {
        let total = u128::from(self.count());
        // The smallest rank that covers the quantile, counted from one.
        let rank = (total * u128::from(quantile.basis_points())).div_ceil(10_000).max(1);
        let mut seen = 0_u128;
        self.buckets.iter().find_map(|(bound, n)| {
            seen += u128::from(*n);
            (*n > 0 && seen >= rank).then_some(*bound)
        })
    }
}

/// How often a probe was sent and how often it failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ProbeCount {
    /// Sent.
    pub sent: u64,
    /// Not answered with 2xx in time.
    pub failed: u64,
}

/// How many requests a slot answered, and how many of them badly.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Answers {
    /// Requests that came to an end there.
    pub requests: u64,
    /// Of these, answers with 5xx, and requests that the slot let fail.
    pub errors: u64,
}

/// What a slot answered, with latencies.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Tally {
    /// How many.
    pub answers: Answers,
    /// How fast.
    pub latency: Histogram,
}

/// What one region measured on one step.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Evidence {
    /// What it is about.
    pub pin: Pin,
    /// Start of the window, counted from the moment the step took effect in the region (its own monotonic clock),
    /// so that clocks of different machines need not agree.
    pub from: Span,
    /// End of the window, counted likewise.
    pub to: Span,
    /// Requests that the new release's slot answered.
    pub requests: u64,
    /// Of these, answers with 5xx, and requests that the slot let fail.
    pub errors: u64,
    /// Their latencies.
    pub latency: Histogram,
    /// Probes by check name.
    pub probes: BTreeMap<String, ProbeCount>,
    /// What the other slot answered in the same window, under the same weather; nothing where it gets no traffic.
    pub other: Tally,
    /// What the new release's slot has answered since the step took effect, however short the window.
    pub whole: Answers,
    /// What somebody else's metrics answered, by check name.
    pub asked: BTreeMap<String, Asked>,
    /// What became of the load since it began, however short the window; `None`: none was driven.
    pub load: Option<LoadTally>,
}

impl Canonical for StepRef {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.wave as u64).number(self.step as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds_of_their_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(Weight::WHOLE), None);
        histogram.buckets.extend([(100, 98), (200, 1), (400, 1), (u64::MAX, 0)]);
        let at = |bp| histogram.quantile(Weight::from_basis_points(bp).unwrap());
        assert_eq!(at(0), Some(100));
        assert_eq!(at(9_800), Some(100));
        assert_eq!(at(9_900), Some(200));
        assert_eq!(at(10_000), Some(400));
    }
}
