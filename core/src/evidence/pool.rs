//! The pool: evidence of several regions on one step, added up and judged together. A rise too small to be seen in any
//! one region is seen in all of them. It does not know which regions belong together.

use super::check::Measure;
use super::check::{Check, EvidencePolicy};
use super::judge::{Verdict, judge};
use super::query::{Query, Reach};
use super::sample::{Answers, Evidence};

/// Judges what several regions measured as if one had, by the same checks with a minimum sample of the pool's own.
/// `None`: fewer than two regions are no pool.
#[must_use]
pub fn judge_pool(policy: &EvidencePolicy, sample_min: u64, evidence: &[&Evidence]) -> Option<Verdict> {
    let [first, others @ ..] = evidence else { return None };
    if others.is_empty() {
        return None;
    }
    let mut pooled = (*first).clone();
    for other in others {
        add(&mut pooled, other);
    }
    let own_minimum = |check: &Check| if check.measure.samples_answers() { check.sample_min } else { sample_min };
    let checks = policy.checks.iter().map(|check| Check { sample_min: own_minimum(check), ..check.clone() }).collect();
    for check in &policy.checks {
        if let Measure::Query(Query { reach: Reach::Fleet, .. }) = &check.measure {
            ask_once(&mut pooled, &check.name, evidence);
        }
    }
    Some(judge(&EvidencePolicy { checks, ..policy.clone() }, &pooled))
}

fn add(sum: &mut Evidence, other: &Evidence) {
    assert!(sum.pin.step == other.pin.step, "only evidence on one step is pooled");
    assert!(sum.pin.digest == other.pin.digest, "only evidence on one release is pooled");
    sum.requests = sum.requests.saturating_add(other.requests);
    sum.errors = sum.errors.saturating_add(other.errors);
    sum.latency.add(&other.latency);
    add_answers(&mut sum.other.answers, other.other.answers);
    sum.other.latency.add(&other.other.latency);
    add_answers(&mut sum.whole, other.whole);
    for (check, count) in &other.probes {
        let all = sum.probes.entry(check.clone()).or_default();
        all.sent = all.sent.saturating_add(count.sent);
        all.failed = all.failed.saturating_add(count.failed);
    }
    for (check, asked) in &other.asked {
        let both = sum.asked.get(check).map_or(*asked, |all| all.and(*asked));
        sum.asked.insert(check.clone(), both);
    }
    if let Some(load) = &other.load {
        sum.load = Some(sum.load.as_ref().map_or_else(|| load.clone(), |all| all.and(load)));
    }
}

/// Whoever asked was told the same, so it counts once: as told to who has it on the most, and without a failure if it can be.
fn ask_once(pooled: &mut Evidence, check: &str, evidence: &[&Evidence]) {
    let told = evidence.iter().filter_map(|evidence| evidence.asked.get(check).copied());
    let best = told.max_by_key(|asked| (asked.failed.is_none(), asked.answers, asked.grown));
    pooled.asked.extend(best.map(|asked| (check.to_owned(), asked)));
}

fn add_answers(sum: &mut Answers, other: Answers) {
    sum.requests = sum.requests.saturating_add(other.requests);
    sum.errors = sum.errors.saturating_add(other.errors);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::check::Measure;
    use super::super::judge::Outcome;
    use super::super::sample::{Histogram, Pin, ProbeCount, StepRef, Tally};
    use super::*;
    use crate::digest::Digest;
    use crate::epoch::Epoch;
    use crate::id::RolloutId;
    use crate::time::Span;
    use crate::weight::Weight;

    fn evidence(requests: u64, bad: u64) -> Evidence {
        let step = StepRef { wave: 0, step: 0 };
        let pin =
            Pin { rollout: RolloutId::new("r").unwrap(), step, digest: Digest::of(b"x"), epoch: Epoch::new(1, 1) };
        let latency = Histogram { buckets: BTreeMap::from([(1_000, requests - bad), (9_000, bad)]) };
        let probes = BTreeMap::from([("up".to_owned(), ProbeCount { sent: requests, failed: bad })]);
        let other = Tally { answers: Answers { requests, errors: 0 }, latency: Histogram::default() };
        let whole = Answers { requests, errors: bad };
        Evidence {
            pin,
            from: Span::ZERO,
            to: Span::ZERO,
            requests,
            errors: bad,
            latency,
            probes,
            other,
            whole,
            asked: BTreeMap::new(),
            load: None,
        }
    }

    fn measures() -> [Measure; 4] {
        let share = |basis_points| Weight::from_basis_points(basis_points).unwrap();
        [
            Measure::ErrorRatio { max: share(100) },
            Measure::Latency { quantile: share(9_900), max: Span::from_millis(5) },
            Measure::Probe { path: "/".to_owned(), max: share(100) },
            Measure::ErrorDifference { max: share(100) },
        ]
    }

    #[test]
    fn a_rise_too_small_for_one_region_is_seen_in_the_pool() {
        for measure in measures() {
            let check = Check { name: "up".to_owned(), measure, sample_min: 100 };
            let policy = EvidencePolicy { checks: vec![check], window: Span::ZERO, extend_max: Span::ZERO };
            let table = [
                (vec![(60, 2); 3], 150, Some(Outcome::Fail)),
                (vec![(60, 2); 3], 181, Some(Outcome::Inconclusive)),
                (vec![(60, 0); 3], 150, Some(Outcome::Pass)),
                (vec![(60, 0), (60, 0), (60, 9)], 150, Some(Outcome::Fail)),
                (vec![(60, 2)], 1, None),
                (vec![], 1, None),
            ];
            for (counts, sample_min, expect) in table {
                let each: Vec<Evidence> = counts.iter().map(|(requests, bad)| evidence(*requests, *bad)).collect();
                for one in &each {
                    assert_eq!(judge(&policy, one).outcome, Outcome::Inconclusive, "no region can say: {counts:?}");
                }
                let verdict = judge_pool(&policy, sample_min, &each.iter().collect::<Vec<_>>());
                assert_eq!(verdict.map(|verdict| verdict.outcome), expect, "{counts:?} {sample_min}");
            }
        }
    }

    #[test]
    fn counts_that_overflow_stay_at_their_worst() {
        let check = Check { name: "up".to_owned(), measure: measures()[0].clone(), sample_min: 1 };
        let policy = EvidencePolicy { checks: vec![check], window: Span::ZERO, extend_max: Span::ZERO };
        let huge = evidence(u64::MAX, u64::MAX);
        assert_eq!(judge_pool(&policy, 1, &[&huge, &huge]).unwrap().outcome, Outcome::Fail);
    }
}
