//! What a playbook asks of the evidence: named checks with a threshold and a minimum sample.

use super::load::LoadMeasure;
use super::query::{Asks, Query};
use crate::canon::{Canon, Canonical};
use crate::time::Span;
use crate::weight::Weight;

/// What one check measures and where its limit lies.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Measure {
    /// Share of requests answered with 5xx by the new release's slot, as counted by the traffic driver.
    ErrorRatio {
        /// Above this the check fails.
        max: Weight,
    },
    /// A latency quantile of the new release's slot, as counted by the traffic driver.
    Latency {
        /// Which quantile, as a share: 9 900 basis points is p99.
        quantile: Weight,
        /// Above this the check fails.
        max: Span,
    },
    /// The agent asks the slot itself over HTTP; anything but 2xx within a second is a failed probe.
    Probe {
        /// Absolute path on the slot, at most 512 bytes.
        path: String,
        /// Share of failed probes above which the check fails.
        max: Weight,
    },
    /// How many percentage points more of its requests the new release's slot answers badly than the other slot does in
    /// the same window. Needs the minimum sample on both; blind once all traffic has moved.
    ErrorDifference {
        /// Above this the check fails.
        max: Weight,
    },
    /// Whether requests take longer on the new release's slot than on the other one in the same window: Mann and
    /// Whitney's test, asked whether they take longer by more than a tolerance. Needs the minimum sample on both.
    LatencyShift {
        /// What nobody minds, as a share of the other slot's latencies.
        tolerance: Weight,
    },
    /// Share of requests answered badly since the step took effect, by a confidence sequence: it may be asked after
    /// every request, says `fail` or `pass` as soon as it knows and is inconclusive until then. For low traffic.
    ErrorSequence {
        /// On which side of this the share lies.
        max: Weight,
    },
    /// How many times faster than allowed the error budget is spent, in the window and since the step took effect: both
    /// must be beyond the factor, so that neither a blip nor something long over counts.
    BudgetBurn {
        /// The share of requests that may fail, for ever.
        budget: Weight,
        /// How many times as fast as that is too fast.
        factor: u32,
    },
    /// What somebody else's metrics answer to the agent: technical ones or those of the business.
    Query(Query),
    /// What became of the load that the agent itself drives; asked only where a stage is under load.
    Load(LoadMeasure),
}

/// A named question to the evidence.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Check {
    /// Its name, unique in the playbook.
    pub name: String,
    /// What is measured against what.
    pub measure: Measure,
    /// Below this many requests (or probes) the check is inconclusive, never a pass and never a fail.
    pub sample_min: u64,
}

/// All checks of a playbook and how long they may stay undecided.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct EvidencePolicy {
    /// Each must pass before a step is left.
    pub checks: Vec<Check>,
    /// Evidence looks back this far, but never before the step took effect.
    pub window: Span,
    /// How long inconclusive evidence may extend a bake before a human is needed.
    pub extend_max: Span,
}

impl EvidencePolicy {
    /// The default look-back.
    pub const WINDOW: Span = Span::from_secs(60);
    /// The default extension: an hour, long enough for a quiet night, short enough to be noticed.
    pub const EXTEND_MAX: Span = Span::from_secs(3600);
}

impl Measure {
    /// The word used in playbooks.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ErrorRatio { .. } => "error-ratio",
            Self::Latency { .. } => "latency",
            Self::Probe { .. } => "probe",
            Self::ErrorDifference { .. } => "error-difference",
            Self::LatencyShift { .. } => "latency-shift",
            Self::ErrorSequence { .. } => "error-sequence",
            Self::BudgetBurn { .. } => "budget-burn",
            Self::Query(query) => query.source.as_str(),
            Self::Load(load) => load.as_str(),
        }
    }

    /// Whether it looks at the other slot too.
    #[must_use]
    pub const fn compares(&self) -> bool {
        match self {
            Self::ErrorDifference { .. } | Self::LatencyShift { .. } => true,
            Self::ErrorRatio { .. }
            | Self::Latency { .. }
            | Self::Probe { .. }
            | Self::ErrorSequence { .. }
            | Self::BudgetBurn { .. }
            | Self::Query(_)
            | Self::Load(_) => false,
        }
    }

    /// Whether its samples are answers to a question, not requests: a pool of many regions has hardly more of them.
    #[must_use]
    pub const fn samples_answers(&self) -> bool {
        match self {
            Self::Query(query) => matches!(query.asks, Asks::Value { .. }),
            Self::ErrorRatio { .. }
            | Self::Latency { .. }
            | Self::Probe { .. }
            | Self::ErrorDifference { .. }
            | Self::LatencyShift { .. }
            | Self::ErrorSequence { .. }
            | Self::BudgetBurn { .. }
            | Self::Load(_) => false,
        }
    }
}

impl Measure {
    /// Whether it has an answer where the new release gets no traffic: under the way down of a rehearsal.
    #[must_use]
    pub fn needs_no_traffic(&self) -> bool {
        match self {
            Self::Probe { .. } | Self::Load(_) => true,
            Self::Query(query) => !query.is_of_release(),
            Self::ErrorRatio { .. }
            | Self::Latency { .. }
            | Self::ErrorDifference { .. }
            | Self::LatencyShift { .. }
            | Self::ErrorSequence { .. }
            | Self::BudgetBurn { .. } => false,
        }
    }
}

impl Canonical for Measure {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.as_str());
        match self {
            Self::ErrorRatio { max } | Self::ErrorDifference { max } | Self::ErrorSequence { max } => canon.value(max),
            Self::Latency { quantile, max } => canon.value(quantile).value(max),
            Self::Probe { path, max } => canon.text(path).value(max),
            Self::LatencyShift { tolerance } => canon.value(tolerance),
            Self::BudgetBurn { budget, factor } => canon.value(budget).number(u64::from(*factor)),
            Self::Query(query) => canon.value(query),
            Self::Load(load) => canon.value(load),
        };
    }
}

impl Canonical for Check {
    fn feed(&self, canon: &mut Canon) {
        canon.text(&self.name).value(&self.measure).number(self.sample_min);
    }
}

impl Canonical for EvidencePolicy {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.checks).value(&self.window).value(&self.extend_max);
    }
}
