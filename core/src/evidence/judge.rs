//! The judges: evidence and a check in, a three-valued verdict with its numbers out.
//!
//! No data is never success: too small a sample, or none, is inconclusive. A fail needs enough data too.

use std::fmt;

use super::check::{Check, EvidencePolicy, Measure};
use super::load::{LoadMeasure, LoadTally};
use super::query::{Asked, Asks, Bound, Query};
use super::sample::{Answers, Evidence, Histogram};
use super::stats::ranks;
use super::stats::sequence::{self, Side};
use crate::weight::Weight;

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
    /// What was measured, in the check's unit: basis points for ratios and differences, microseconds for latencies, parts
    /// per million of certainty for shifts, hundredths for burn rates, millionths for values of queries.
    pub measured: u64,
    /// The limit in the same unit.
    pub limit: u64,
    /// How many requests, probes or answers stand behind it.
    pub samples: u64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, check, measured, limit, samples } = self;
        write!(f, "{} {check}: {measured} against {limit} over {samples} samples", outcome.as_str())
    }
}

/// Judges all checks; the worst verdict decides. A policy without checks passes.
#[must_use]
pub fn judge(policy: &EvidencePolicy, evidence: &Evidence) -> Verdict {
    let nothing_asked =
        Verdict { outcome: Outcome::Pass, check: "none".to_owned(), measured: 0, limit: 0, samples: evidence.requests };
    policy.checks.iter().map(|check| judge_check(check, evidence)).min_by_key(|v| v.outcome).unwrap_or(nothing_asked)
}

/// How seldom a judge that compares distributions may be wrong at one look, in parts per million; a bake is many looks.
const SHIFT_LEVEL_PPM: u64 = 10;
/// How seldom a confidence sequence may be wrong over all of its looks, on either side.
const SEQUENCE_LEVEL: f64 = 0.001;

/// What a check found.
struct Finding {
    outcome: Outcome,
    measured: u64,
    limit: u64,
    samples: u64,
}

/// Judges one check.
#[must_use]
pub fn judge_check(check: &Check, evidence: &Evidence) -> Verdict {
    // At least one sample whatever the playbook says: no data is not success.
    let sample_min = check.sample_min.max(1);
    let window = Answers { requests: evidence.requests, errors: evidence.errors };
    let Finding { outcome, measured, limit, samples } = match &check.measure {
        Measure::ErrorRatio { max } => {
            let (errors, requests) = (window.errors, seen(window));
            threshold(ratio(errors, requests), u64::from(max.basis_points()), requests, sample_min)
        }
        Measure::Latency { quantile, max } => {
            let measured = evidence.latency.quantile(*quantile).unwrap_or(0);
            threshold(measured, max.millis().saturating_mul(1000), evidence.latency.count(), sample_min)
        }
        Measure::Probe { path: _, max } => {
            let count = evidence.probes.get(&check.name).copied().unwrap_or_default();
            let sent = count.sent.max(count.failed);
            threshold(ratio(count.failed, sent), u64::from(max.basis_points()), sent, sample_min)
        }
        Measure::ErrorDifference { max } => {
            let other = evidence.other.answers;
            let more = ratio(window.errors, seen(window)).saturating_sub(ratio(other.errors, seen(other)));
            threshold(more, u64::from(max.basis_points()), seen(window).min(seen(other)), sample_min)
        }
        Measure::LatencyShift { tolerance } => {
            shift(&evidence.latency, &evidence.other.latency, *tolerance, sample_min)
        }
        Measure::ErrorSequence { max } => sequential(evidence.whole, *max, sample_min),
        Measure::BudgetBurn { budget, factor } => {
            let slower = burn(window, *budget).min(burn(evidence.whole, *budget));
            let samples = seen(window).min(seen(evidence.whole));
            threshold(slower, u64::from(*factor).saturating_mul(100), samples, sample_min)
        }
        Measure::Query(query) => {
            answered(query, evidence.asked.get(&check.name).copied().unwrap_or_default(), sample_min)
        }
        Measure::Load(measure) => loaded(*measure, &evidence.load.clone().unwrap_or_default(), sample_min),
    };
    Verdict { outcome, check: check.name.clone(), measured, limit, samples }
}

/// Requests, but never fewer than errors: counts that contradict one another are judged at their worst.
fn seen(answers: Answers) -> u64 {
    answers.requests.max(answers.errors)
}

fn threshold(measured: u64, limit: u64, samples: u64, sample_min: u64) -> Finding {
    let outcome = if samples < sample_min {
        Outcome::Inconclusive
    } else if measured > limit {
        Outcome::Fail
    } else {
        Outcome::Pass
    };
    Finding { outcome, measured, limit, samples }
}

/// Where no load was driven there are no samples, so it is inconclusive.
fn loaded(measure: LoadMeasure, load: &LoadTally, sample_min: u64) -> Finding {
    match measure {
        LoadMeasure::Errors { max } => {
            let tried = load.tried().max(load.failed());
            threshold(ratio(load.failed(), tried), u64::from(max.basis_points()), tried, sample_min)
        }
        LoadMeasure::Latency { quantile, max } => {
            let measured = load.latency.quantile(quantile).unwrap_or(0);
            threshold(measured, max.millis().saturating_mul(1000), load.latency.count(), sample_min)
        }
        LoadMeasure::Rate { min } => {
            let wanted = load.sent.saturating_add(load.not_sent);
            // What was missed is rounded up, so what was sent is rounded down.
            let sent = 10_000 - ratio(load.not_sent, wanted);
            at_least(sent, u64::from(min.basis_points()), wanted, sample_min)
        }
    }
}

/// Too little is what too much is, seen from the other side.
fn at_least(measured: u64, limit: u64, samples: u64, sample_min: u64) -> Finding {
    let found = threshold(limit, measured, samples, sample_min);
    Finding { measured, limit, ..found }
}

/// A last ask without a number makes the look inconclusive, whatever was answered before.
fn answered(query: &Query, asked: Asked, sample_min: u64) -> Finding {
    let (mean, answers) = (asked.mean.millionths(), asked.answers);
    let finding = match &query.asks {
        Asks::Value { of: _, bound: Bound::Most(most) } => threshold(mean, most.millionths(), answers, sample_min),
        Asks::Value { of: _, bound: Bound::Least(least) } => at_least(mean, least.millionths(), answers, sample_min),
        Asks::Counts { errors: _, total: _, max } => {
            let counted = seen(asked.grown);
            threshold(ratio(asked.grown.errors, counted), u64::from(max.basis_points()), counted, sample_min)
        }
    };
    match asked.failed {
        Some(_) => Finding { outcome: Outcome::Inconclusive, ..finding },
        None => finding,
    }
}

/// Whether ours are slower than theirs would be if each of theirs took a tolerance longer.
fn shift(ours: &Histogram, theirs: &Histogram, tolerance: Weight, sample_min: u64) -> Finding {
    let (samples, limit) = (ours.count().min(theirs.count()), 1_000_000 - SHIFT_LEVEL_PPM);
    let longer = |bound: u64| {
        let longer = u128::from(bound) * (10_000 + u128::from(tolerance.basis_points())) / 10_000;
        u64::try_from(longer).unwrap_or(u64::MAX)
    };
    let mut tolerated = std::collections::BTreeMap::new();
    for (bound, count) in &theirs.buckets {
        let all: &mut u64 = tolerated.entry(longer(*bound)).or_default();
        *all = all.saturating_add(*count);
    }
    let Some(by_chance) = ranks::greater(&ours.buckets, &tolerated) else {
        return Finding { outcome: Outcome::Inconclusive, measured: 0, limit, samples };
    };
    // Between 0 and 1 million, so the cast is exact.
    let certainty = ((1.0 - by_chance) * 1e6).clamp(0.0, 1e6) as u64;
    threshold(certainty, limit, samples, sample_min)
}

fn sequential(whole: Answers, max: Weight, sample_min: u64) -> Finding {
    let samples = seen(whole);
    let side = sequence::side(whole.errors, samples, f64::from(max.basis_points()) / 10_000.0, SEQUENCE_LEVEL);
    let outcome = match side {
        Side::Open => Outcome::Inconclusive,
        Side::Above | Side::Below if samples < sample_min => Outcome::Inconclusive,
        Side::Above => Outcome::Fail,
        Side::Below => Outcome::Pass,
    };
    Finding { outcome, measured: ratio(whole.errors, samples), limit: u64::from(max.basis_points()), samples }
}

/// How many times as fast as allowed the budget is spent, in hundredths, rounded up. Without a budget any error is
/// infinitely fast.
fn burn(answers: Answers, budget: Weight) -> u64 {
    let allowed = u128::from(seen(answers)) * u128::from(budget.basis_points());
    match (answers.errors, allowed) {
        (0, _) => 0,
        (_, 0) => u64::MAX,
        (errors, allowed) => u64::try_from((u128::from(errors) * 1_000_000).div_ceil(allowed)).unwrap_or(u64::MAX),
    }
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

    use super::super::sample::{Pin, ProbeCount, StepRef, Tally};
    use super::*;
    use crate::digest::Digest;
    use crate::epoch::Epoch;
    use crate::id::RolloutId;
    use crate::time::Span;

    fn evidence(requests: u64, errors: u64) -> Evidence {
        let pin = Pin {
            rollout: RolloutId::new("r").unwrap(),
            step: StepRef { wave: 0, step: 0 },
            digest: Digest::of(b"x"),
            epoch: Epoch::ZERO,
        };
        let latency = Histogram { buckets: BTreeMap::from([(1_000, requests)]) };
        let probes = BTreeMap::from([("up".to_owned(), ProbeCount { sent: requests, failed: errors })]);
        let other = Tally { answers: Answers { requests, errors: 0 }, latency: latency.clone() };
        let whole = Answers { requests, errors };
        Evidence {
            pin,
            from: Span::ZERO,
            to: Span::from_secs(1),
            requests,
            errors,
            latency,
            probes,
            other,
            whole,
            asked: BTreeMap::new(),
            load: None,
        }
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

    #[test]
    fn a_difference_is_taken_to_the_slot_beside_it() {
        let check = check(Measure::ErrorDifference { max: Weight::from_basis_points(100).unwrap() });
        // (ours: requests, errors), (theirs: requests, errors)
        let table = [
            ((200, 2), (200, 0), Outcome::Pass),
            ((200, 3), (200, 0), Outcome::Fail),
            ((200, 20), (200, 18), Outcome::Pass),
            ((200, 20), (200, 17), Outcome::Fail),
            ((200, 0), (200, 200), Outcome::Pass),
            ((200, 200), (99, 0), Outcome::Inconclusive),
            ((99, 99), (200, 0), Outcome::Inconclusive),
            ((200, 200), (0, 0), Outcome::Inconclusive),
        ];
        for ((requests, errors), (beside, failed), expect) in table {
            let mut evidence = evidence(requests, errors);
            evidence.other.answers = Answers { requests: beside, errors: failed };
            assert_eq!(judge_check(&check, &evidence).outcome, expect, "{requests} {errors} {beside} {failed}");
        }
    }

    #[test]
    fn a_shift_of_latency_is_seen_beyond_its_tolerance() {
        let check = check(Measure::LatencyShift { tolerance: Weight::from_basis_points(2_500).unwrap() });
        let spread = |scale: u64, count: u64| Histogram {
            buckets: (1..=20_u64).map(|step| (scale * (80 + 2 * step), count)).collect(),
        };
        let table = [
            (spread(10, 20), spread(10, 20), Outcome::Pass),
            (spread(11, 20), spread(10, 20), Outcome::Pass),
            (spread(15, 20), spread(10, 20), Outcome::Fail),
            (spread(5, 20), spread(10, 20), Outcome::Pass),
            (spread(15, 4), spread(10, 20), Outcome::Inconclusive),
            (spread(15, 20), Histogram::default(), Outcome::Inconclusive),
        ];
        for (ours, theirs, expect) in table {
            let mut evidence = evidence(0, 0);
            (evidence.latency, evidence.other.latency) = (ours, theirs);
            let verdict = judge_check(&check, &evidence);
            assert_eq!(verdict.outcome, expect, "{verdict}");
        }
    }

    #[test]
    fn a_sequence_speaks_once_it_knows() {
        let check =
            Check { sample_min: 1, ..check(Measure::ErrorSequence { max: Weight::from_basis_points(100).unwrap() }) };
        let table = [
            (0, 0, Outcome::Inconclusive),
            (10, 0, Outcome::Inconclusive),
            (10, 6, Outcome::Fail),
            (300, 5, Outcome::Inconclusive),
            (3_000, 2, Outcome::Pass),
            (3_000, 90, Outcome::Fail),
            (1, u64::MAX, Outcome::Fail),
        ];
        for (requests, errors, expect) in table {
            // The window may be empty: what counts is the whole step.
            let evidence = Evidence { whole: Answers { requests, errors }, ..evidence(0, 0) };
            assert_eq!(judge_check(&check, &evidence).outcome, expect, "{requests} {errors}");
        }
        let patient = Check { sample_min: 100, ..check };
        let evidence = Evidence { whole: Answers { requests: 10, errors: 6 }, ..evidence(0, 0) };
        assert_eq!(judge_check(&patient, &evidence).outcome, Outcome::Inconclusive);
    }

    #[test]
    fn a_load_is_judged_on_what_its_generator_counted() {
        let share = |basis_points| Weight::from_basis_points(basis_points).unwrap();
        let errors = check(Measure::Load(LoadMeasure::Errors { max: share(100) }));
        let latency = check(Measure::Load(LoadMeasure::Latency { quantile: share(9_900), max: Span::from_millis(5) }));
        let rate = check(Measure::Load(LoadMeasure::Rate { min: share(9_500) }));
        let load = |answered, errors, timed_out, not_sent| LoadTally {
            due: answered + timed_out + not_sent,
            sent: answered + timed_out,
            not_sent,
            answered,
            errors,
            timed_out,
            latency: Histogram { buckets: BTreeMap::from([(1_000, answered), (1_000_000, timed_out + not_sent)]) },
            slowest: 1_000_000,
            ..LoadTally::default()
        };
        let (pass, fail, open) = (Outcome::Pass, Outcome::Fail, Outcome::Inconclusive);
        let table = [
            (None, [open, open, open]),
            (Some(load(99, 0, 0, 0)), [open, open, open]),
            (Some(load(1_000, 10, 0, 0)), [pass, pass, pass]),
            (Some(load(1_000, 11, 0, 0)), [fail, pass, pass]),
            (Some(load(990, 0, 10, 0)), [pass, pass, pass]),
            (Some(load(980, 0, 20, 0)), [fail, fail, pass]),
            (Some(load(950, 0, 0, 50)), [pass, fail, pass]),
            (Some(load(940, 0, 0, 60)), [pass, fail, fail]),
            // Nothing was ever tried: neither good nor bad, but the rate was not kept.
            (Some(load(0, 0, 0, 500)), [open, fail, fail]),
        ];
        for (load, expect) in table {
            let evidence = Evidence { load, ..evidence(0, 0) };
            let found = [&errors, &latency, &rate].map(|check| judge_check(check, &evidence));
            assert_eq!(found.clone().map(|verdict| verdict.outcome), expect, "{found:?}");
        }
    }

    #[test]
    fn a_budget_burns_now_and_for_long_or_not_at_all() {
        let budget =
            |basis_points| Measure::BudgetBurn { budget: Weight::from_basis_points(basis_points).unwrap(), factor: 10 };
        // budget, window (requests, errors), whole (requests, errors)
        let table = [
            (10, (1_000, 10), (5_000, 50), Outcome::Pass),
            (10, (1_000, 11), (5_000, 51), Outcome::Fail),
            (10, (1_000, 100), (50_000, 100), Outcome::Pass),
            (10, (1_000, 0), (5_000, 500), Outcome::Pass),
            (10, (99, 99), (5_000, 500), Outcome::Inconclusive),
            (0, (1_000, 1), (5_000, 1), Outcome::Fail),
            (0, (1_000, 0), (5_000, 0), Outcome::Pass),
        ];
        for (basis_points, window, whole, expect) in table {
            let whole = Answers { requests: whole.0, errors: whole.1 };
            let evidence = Evidence { whole, ..evidence(window.0, window.1) };
            let verdict = judge_check(&check(budget(basis_points)), &evidence);
            assert_eq!(verdict.outcome, expect, "{basis_points} {window:?}: {verdict}");
        }
    }
}
