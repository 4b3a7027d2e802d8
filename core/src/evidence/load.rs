//! Evidence of a load: what the generator itself counted of the requests that it made. Latencies count from when a request
//! was due, so that a server which makes the generator wait cannot hide it.

use super::sample::Histogram;
use crate::canon::{Canon, Canonical};
use crate::time::Span;
use crate::weight::Weight;

/// What is asked of a load, over all of the time since it began.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum LoadMeasure {
    /// Share of the requests that were tried and answered with 5xx, or not at all.
    Errors {
        /// Above this the check fails.
        max: Weight,
    },
    /// A quantile of the latencies.
    Latency {
        /// Which quantile, as a share: 9 900 basis points is p99.
        quantile: Weight,
        /// Above this the check fails.
        max: Span,
    },
    /// Share of the requests that were due and could be sent in time.
    Rate {
        /// Below this the check fails.
        min: Weight,
    },
}

impl LoadMeasure {
    /// The word used in playbooks.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Errors { .. } => "load-errors",
            Self::Latency { .. } => "load-latency",
            Self::Rate { .. } => "load-rate",
        }
    }
}

/// What became of the requests of a load.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LoadTally {
    /// Their time had come.
    pub due: u64,
    /// Written to a connection.
    pub sent: u64,
    /// Not written while there was time: every connection was busy, or none could be made.
    pub not_sent: u64,
    /// Answered as a whole, whatever the status.
    pub answered: u64,
    /// Of these, with 5xx.
    pub errors: u64,
    /// No connection was accepted.
    pub refused: u64,
    /// The connection broke before the end of the answer.
    pub broken: u64,
    /// Sent, and not answered in time.
    pub timed_out: u64,
    /// Answered with something that is no HTTP.
    pub malformed: u64,
    /// From when they were due to the end of their answer, or to when they were given up as timed out or not sent.
    pub latency: Histogram,
    /// The longest of these, in microseconds.
    pub slowest: u64,
}

impl LoadTally {
    /// Requests that were tried and came to an end.
    #[must_use]
    pub const fn tried(&self) -> u64 {
        self.answered
            .saturating_add(self.refused)
            .saturating_add(self.broken)
            .saturating_add(self.timed_out)
            .saturating_add(self.malformed)
    }

    /// Of these, how many went badly.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.tried().saturating_sub(self.answered).saturating_add(self.errors)
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut latency = self.latency.clone();
        latency.add(&other.latency);
        Self {
            due: self.due.saturating_add(other.due),
            sent: self.sent.saturating_add(other.sent),
            not_sent: self.not_sent.saturating_add(other.not_sent),
            answered: self.answered.saturating_add(other.answered),
            errors: self.errors.saturating_add(other.errors),
            refused: self.refused.saturating_add(other.refused),
            broken: self.broken.saturating_add(other.broken),
            timed_out: self.timed_out.saturating_add(other.timed_out),
            malformed: self.malformed.saturating_add(other.malformed),
            latency,
            slowest: self.slowest.max(other.slowest),
        }
    }
}

/// A tally without its histogram, small enough to be kept for ever.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LoadFigures {
    /// Requests that were due.
    pub offered: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were answered without an error.
    pub achieved: u64,
    /// Requests that were tried and went badly.
    pub failed: u64,
    /// Requests that could not be sent in time.
    pub not_sent: u64,
    /// Half took no longer, in microseconds.
    pub p50: u64,
    /// Nine in ten took no longer.
    pub p90: u64,
    /// 99 in a hundred took no longer.
    pub p99: u64,
    /// 999 in a thousand took no longer.
    pub p999: u64,
    /// None took longer.
    pub max: u64,
}

impl From<&LoadTally> for LoadFigures {
    fn from(tally: &LoadTally) -> Self {
        // A bucket's bound may lie above all that was measured.
        let at = |quantile| tally.latency.quantile(quantile).unwrap_or(0).min(tally.slowest);
        let [p50, p90, p99, p999] = QUANTILES.map(at);
        Self {
            offered: tally.due,
            sent: tally.sent,
            achieved: tally.answered.saturating_sub(tally.errors),
            failed: tally.failed(),
            not_sent: tally.not_sent,
            p50,
            p90,
            p99,
            p999,
            max: tally.slowest,
        }
    }
}

/// What is kept of the latencies.
const QUANTILES: [Weight; 4] = [share(5_000), share(9_000), share(9_900), share(9_990)];

const fn share(basis_points: u16) -> Weight {
    Weight::WHOLE.part(basis_points)
}

impl Canonical for LoadMeasure {
    fn feed(&self, canon: &mut Canon) {
        match self {
            Self::Errors { max } => canon.value(max),
            Self::Latency { quantile, max } => canon.value(quantile).value(max),
            Self::Rate { min } => canon.value(min),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn figures_say_what_a_tally_came_to() {
        let latency = Histogram { buckets: BTreeMap::from([(1_000, 90), (5_000, 9), (80_000, 1)]) };
        let tally = LoadTally {
            due: 110,
            sent: 105,
            not_sent: 3,
            answered: 100,
            errors: 2,
            refused: 1,
            broken: 1,
            timed_out: 1,
            malformed: 1,
            latency,
            slowest: 79_000,
        };
        assert_eq!((tally.tried(), tally.failed()), (104, 6));
        let figures = LoadFigures::from(&tally);
        assert_eq!((figures.offered, figures.achieved, figures.failed, figures.not_sent), (110, 98, 6, 3));
        assert_eq!((figures.p50, figures.p90, figures.p99, figures.p999), (1_000, 1_000, 5_000, 79_000));
        assert_eq!(figures.max, 79_000);
        let both = tally.and(&tally);
        assert_eq!((both.due, both.failed(), both.latency.count(), both.slowest), (220, 12, 200, 79_000));
        assert_eq!(LoadFigures::from(&LoadTally::default()), LoadFigures::default());
    }
}
