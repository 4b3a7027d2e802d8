//! The threshold judge: evidence and a check in, a three-valued verdict with its numbers out.
//!
//! No data is never success: too small a sample, or none, is inconclusive. A fail needs enough data too.

use std::fmt;

use super::check::{Check, EvidencePolicy, Measure};
use super::sample::Evidence;

/// The three values of a verdict, the worst first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Outcome {
    /// Enough data, and beyond the limit.
    Fail,
    /// Not enough data to say.
    Inconclusive,
    /// Enough data, and within the limit.
    Pass,
}

impl Outcome {
    /// `pass`, `fail` or `inconclusive`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        }
    }
}

/// A verdict with the numbers it was made from.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Verdict {
    /// The value.
    pub outcome: Outcome,
    /// The check that decided.
    pub check: String,
    /// What was measured, in the check's unit: basis points for ratios, microseconds for latencies.
    pub measured: u64,
    /// The limit in the same unit.
    pub limit: u64,
    /// How many requests or probes stand behind it.
    pub samples: u64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, check, measured, limit, samples } = self;
        write!(f, "{} {check}: {measured} of at most {limit} over {samples} samples", outcome.as_str())
    }
}

/// Judges all checks; the worst verdict decides. A policy without checks passes.
#[must_use]
pub fn judge(policy: &EvidencePolicy, evidence: &Evidence) -> Verdict {
    let nothing_asked =
        Verdict { outcome: Outcome::Pass, check: "none".to_owned(), measured: 0, limit: 0, samples: evidence.requests };
    policy.checks.iter().map(|check| judge_check(check, evidence)).min_by_key(|v| v.outcome).unwrap_or(nothing_asked)
}

/// Judges one check.
#[must_use]
pub fn judge_check(check: &Check, evidence: &Evidence) -> Verdict {
    let (measured, limit, samples) = match &check.measure {
        Measure::ErrorRatio { max } => {
            let requests = evidence.requests.max(evidence.errors);
            (ratio(evidence.errors, requests), u64::from(max.basis_points()), requests)
        }
        Measure::Latency { quantile, max } => {
            let measured = evidence.latency.quantile(*quantile).unwrap_or(0);
            (measured, max.millis().saturating_mul(1000), evidence.latency.count())
        }
        Measure::Probe { path: _, max } => {
            let count = evidence.probes.get(&check.name).copied().unwrap_or_default();
            let sent = count.sent.max(count.failed);
            (ratio(count.failed, sent), u64::from(max.basis_points()), sent)
        }
    };
    // At least one sample whatever the playbook says: no data is not success.
    let outcome = if samples < check.sample_min.max(1) {
        Outcome::Inconclusive
    } else if measured > limit {
        Outcome::Fail
    } else {
        Outcome::Pass
    };
    Verdict { outcome, check: check.name.clone(), measured, limit, samples }
}

/// Parts in basis points of the whole, rounded up so that a breach is never rounded away.
fn ratio(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let basis_points = (u128::from(part) * 10_000).div_ceil(u128::from(whole));
    u64::try_from(basis_points).expect("a part never exceeds its whole here, so the ratio is at most 10 000")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample::{Histogram, Pin, ProbeCount, StepRef};
    use super::*;
    use crate::digest::Digest;
    use crate::epoch::Epoch;
    use crate::id::RolloutId;
    use crate::time::Span;
    use crate::weight::Weight;

    fn evidence(requests: u64, errors: u64) -> Evidence {
        let pin = Pin {
            rollout: RolloutId::new("r").unwrap(),
            step: StepRef { wave: 0, step: 0 },
            digest: Digest::of(b"x"),
            epoch: Epoch::ZERO,
        };
        let latency = Histogram { buckets: BTreeMap::from([(1_000, requests)]) };
        let probes = BTreeMap::from([("up".to_owned(), ProbeCount { sent: requests, failed: errors })]);
        Evidence { pin, from: Span::ZERO, to: Span::from_secs(1), requests, errors, latency, probes }
    }

    fn check(measure: Measure) -> Check {
        Check { name: "up".to_owned(), measure, sample_min: 100 }
    }

    #[test]
    fn errors_are_judged_three_valued() {
        let max = Weight::from_basis_points(100).unwrap();
        for measure in [Measure::ErrorRatio { max }, Measure::Probe { path: "/".to_owned(), max }] {
            let check = check(measure);
            let table = [
                (0, 0, Outcome::Inconclusive),
                (99, 99, Outcome::Inconclusive),
                (100, 0, Outcome::Pass),
                (100, 1, Outcome::Pass),
                (100, 2, Outcome::Fail),
                (10_000, 101, Outcome::Fail),
                (u64::MAX, u64::MAX, Outcome::Fail),
            ];
            for (requests, errors, expect) in table {
                assert_eq!(judge_check(&check, &evidence(requests, errors)).outcome, expect, "{requests} {errors}");
            }
        }
    }

    #[test]
    fn latency_is_judged_at_its_quantile() {
        let check = |millis| {
            check(Measure::Latency {
                quantile: Weight::from_basis_points(9_900).unwrap(),
                max: Span::from_millis(millis),
            })
        };
        assert_eq!(judge_check(&check(1), &evidence(100, 0)).outcome, Outcome::Pass);
        assert_eq!(judge_check(&check(0), &evidence(100, 0)).outcome, Outcome::Fail);
        assert_eq!(judge_check(&check(1), &evidence(0, 0)).outcome, Outcome::Inconclusive);
    }

    #[test]
    fn the_worst_check_decides_and_no_data_never_passes() {
        let ratio = Check { sample_min: 0, ..check(Measure::ErrorRatio { max: Weight::WHOLE }) };
        let policy = |checks| EvidencePolicy { checks, window: Span::ZERO, extend_max: Span::ZERO };
        assert_eq!(judge(&policy(vec![ratio.clone()]), &evidence(0, 0)).outcome, Outcome::Inconclusive);
        let strict = check(Measure::ErrorRatio { max: Weight::NONE });
        let patient = Check { sample_min: 1_000, ..ratio.clone() };
        let table = [
            (vec![], Outcome::Pass),
            (vec![ratio.clone()], Outcome::Pass),
            (vec![ratio.clone(), strict.clone()], Outcome::Fail),
            (vec![ratio, patient.clone()], Outcome::Inconclusive),
            (vec![patient, strict], Outcome::Fail),
        ];
        for (checks, expect) in table {
            assert_eq!(judge(&policy(checks.clone()), &evidence(200, 1)).outcome, expect, "{checks:?}");
        }
    }

    #[test]
    fn counts_that_contradict_one_another_are_judged_at_their_worst() {
        let check = check(Measure::ErrorRatio { max: Weight::from_basis_points(9_999).unwrap() });
        let mut odd = evidence(1, 500);
        assert_eq!(judge_check(&check, &odd).outcome, Outcome::Fail, "more errors than requests");
        odd.errors = 0;
        assert_eq!(judge_check(&check, &odd).outcome, Outcome::Inconclusive);
        let missing = Check {
            name: "other".to_owned(),
            ..self::check(Measure::Probe { path: "/".to_owned(), max: Weight::WHOLE })
        };
        assert_eq!(judge_check(&missing, &evidence(500, 0)).outcome, Outcome::Inconclusive, "no such probe");
    }
}
