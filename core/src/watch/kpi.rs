//! KPIs: named numbers of a service, pushed from outside, with a bounded history. What they measure is not known here.

use std::collections::BTreeMap;

use super::decimal::Decimal;
use crate::time::{Span, Timestamp};

/// The most samples of one KPI; past it the oldest goes. One every half hour is kept for 85 days: the thirty of a watch,
/// the thirty before its launch, and a rollout between them.
pub const SAMPLES_MAX: usize = 4096;
/// The most KPIs of a service: more can't be looked at in a review.
pub const KPIS_MAX: usize = 32;
/// How far ahead of the server's clock the clock of whoever pushes may be.
pub const AHEAD_MAX: Span = Span::from_secs(300);

/// Why a sample was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum KpiRefused {
    /// There are as many as can be looked at.
    #[error("a service has at most {KPIS_MAX} KPIs, and this one has them")]
    TooMany,
    /// Its time has not come.
    #[error("a sample is of the past, not of more than {AHEAD_MAX} ahead")]
    Ahead,
}

impl KpiRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "TOO_MANY_KPIS",
            Self::Ahead => "SAMPLE_AHEAD",
        }
    }
}

/// What was measured of one KPI, by time.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct History {
    /// At most [`SAMPLES_MAX`].
    samples: BTreeMap<Timestamp, Decimal>,
}

/// What a KPI came to in a span of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Mean {
    /// The mean of all samples.
    pub value: Decimal,
    /// How many there are; at least one.
    pub samples: u64,
}

impl History {
    /// A history read back; of more than [`SAMPLES_MAX`] the newest stay.
    #[must_use]
    pub fn of(samples: BTreeMap<Timestamp, Decimal>) -> Self {
        let mut history = Self { samples };
        history.bound();
        history
    }

    /// Adds a sample; the one of the same moment is replaced, so that pushing again changes nothing.
    pub fn record(&mut self, at: Timestamp, value: Decimal) {
        self.samples.insert(at, value);
        self.bound();
    }

    /// All samples, the oldest first.
    #[must_use]
    pub const fn samples(&self) -> &BTreeMap<Timestamp, Decimal> {
        &self.samples
    }

    /// What it came to from `from` on and before `to`; `None` without a sample: no data is not nought.
    #[must_use]
    pub fn mean(&self, from: Timestamp, to: Timestamp) -> Option<Mean> {
        if from >= to {
            return None;
        }
        let (value, samples) = Decimal::mean(self.samples.range(from..to).map(|(_, value)| *value))?;
        Some(Mean { value, samples })
    }

    fn bound(&mut self) {
        while self.samples.len() > SAMPLES_MAX {
            self.samples.pop_first();
        }
    }
}
