//! What a modelled region measures on a step: evidence as an agent would report it, computed from how long the step has
//! been in effect.

use std::collections::BTreeMap;

use meridian_core::cohort::CohortRule;
use meridian_core::evidence::{
    Amount, Answers, Asked, Asks, Bound, Check, Evidence, EvidencePolicy, Histogram, LoadTally, Measure, Outcome, Pin,
    ProbeCount, Query, Tally, judge,
};
use meridian_core::goal::{Goal, LoadOrder};
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::assume::{Answered, Measured};

/// How often an agent probes.
const PROBE_EVERY: Span = Span::from_secs(1);
/// How often an agent asks somebody else's metrics.
const ASK_EVERY: Span = Span::from_secs(5);
/// How many times as long answers take in a region that fails.
const FAILING_SLOWER: u64 = 100;
/// Long after a step took effect, for what evidence comes to in the end.
const IN_THE_END: Span = Span::from_secs(400 * 24 * 3600);

/// The same region, failing.
pub const fn failing(measured: Measured) -> Measured {
    let latency = measured.new.latency.times(FAILING_SLOWER);
    Measured { new: Answered { errors: Weight::WHOLE, probes: Weight::WHOLE, latency }, ..measured }
}

/// The share of a region's traffic that goes to a slot with this weight and cohort. What a cohort takes is assumed where
/// its rule does not say.
pub fn share(weight: Weight, cohort: Option<&CohortRule>, assumed: Weight) -> Weight {
    let picked = match cohort {
        Some(CohortRule::Share(_, share)) => *share,
        Some(CohortRule::Equals(..)) => assumed,
        None => Weight::NONE,
    };
    let (weight, picked) = (u64::from(weight.basis_points()), u64::from(picked.basis_points()));
    Weight::from_basis_points(picked + (10_000 - picked) * weight / 10_000).expect("parts of a whole are below it")
}

/// What was measured by the time that the goal has been in effect for `elapsed`; `None`: the goal asks for nothing.
pub fn evidence(goal: &Goal, measured: Measured, elapsed: Span) -> Option<Evidence> {
    let (pin, measurement) = (goal.pin()?, goal.measurement.as_ref()?);
    let share = share(goal.split?.of(measurement.slot), goal.cohort.as_ref().map(|it| &it.rule), measured.cohort);
    let evidence = measure(pin, &measurement.policy, measured, share, elapsed);
    Some(match &measurement.load {
        Some(order) => under_load(evidence, order, measured, share),
        None => evidence,
    })
}

/// Whether the checks will fail if the goal stays in effect for long; with `pooled` whatever sample they ask of one region.
/// Only then is it worth looking before the bake is over.
pub fn fails_in_the_end(goal: &Goal, measured: Measured, pooled: bool) -> bool {
    let Some(policy) = goal.measurement.as_ref().map(|measurement| &measurement.policy) else { return false };
    let asked = |check: &Check| Check { sample_min: if pooled { 1 } else { check.sample_min }, ..check.clone() };
    let policy = EvidencePolicy { checks: policy.checks.iter().map(asked).collect(), ..policy.clone() };
    evidence(goal, measured, IN_THE_END).is_some_and(|evidence| judge(&policy, &evidence).outcome == Outcome::Fail)
}

fn measure(pin: Pin, policy: &EvidencePolicy, measured: Measured, share: Weight, elapsed: Span) -> Evidence {
    let Measured { requests, cohort: _, new, old } = measured;
    let from = Span::from_millis(elapsed.millis().saturating_sub(policy.window.millis()));
    let window = Span::from_millis(elapsed.millis() - from.millis());
    let answers = |share: Weight, answered: Answered, during: Span| {
        let requests = requests_in(requests, share, during);
        Answers { requests, errors: part(requests, answered.errors) }
    };
    let (ours, theirs) = (answers(share, new, window), answers(share.rest(), old, window));
    let probed = |check: &Check| {
        let sent = window.millis() / PROBE_EVERY.millis();
        let count = ProbeCount { sent, failed: part(sent, new.probes) };
        matches!(check.measure, Measure::Probe { .. }).then(|| (check.name.clone(), count))
    };
    let asked = |check: &Check| match &check.measure {
        Measure::Query(query) => Some((check.name.clone(), answered(query, new, ours, window))),
        Measure::ErrorRatio { .. }
        | Measure::Latency { .. }
        | Measure::Probe { .. }
        | Measure::ErrorDifference { .. }
        | Measure::LatencyShift { .. }
        | Measure::ErrorSequence { .. }
        | Measure::BudgetBurn { .. }
        | Measure::Load(_) => None,
    };
    Evidence {
        pin,
        from,
        to: elapsed,
        requests: ours.requests,
        errors: ours.errors,
        latency: latencies(ours.requests, new.latency),
        probes: policy.checks.iter().filter_map(probed).collect(),
        other: Tally { answers: theirs, latency: latencies(theirs.requests, old.latency) },
        whole: answers(share, new, elapsed),
        asked: policy.checks.iter().filter_map(asked).collect(),
        load: None,
    }
}

/// The same while a load is driven besides: all of it is sent, and each slot answers its share as it answers others.
fn under_load(evidence: Evidence, order: &LoadOrder, measured: Measured, share: Weight) -> Evidence {
    let Measured { new, old, .. } = measured;
    let due = |at: Span| order.load.due_after(at.min(order.lasts));
    let (all, since) = (due(evidence.to), due(evidence.to) - due(evidence.from));
    let answers = |of: Answers, due: u64, share: Weight, answered: Answered| {
        let requests = of.requests.saturating_add(part(due, share));
        Answers { requests, errors: part(requests, answered.errors) }
    };
    let ours = answers(Answers { requests: evidence.requests, errors: 0 }, since, share, new);
    let theirs = answers(evidence.other.answers, since, share.rest(), old);
    let (by_new, by_old) = (part(all, share), part(all, share.rest()));
    let mut latency = latencies(by_new, new.latency);
    latency.add(&latencies(by_old, old.latency));
    let load = LoadTally {
        due: all,
        sent: all,
        answered: all,
        errors: part(by_new, new.errors) + part(by_old, old.errors),
        slowest: latency.buckets.keys().next_back().copied().unwrap_or(0),
        latency,
        ..LoadTally::default()
    };
    Evidence {
        requests: ours.requests,
        errors: ours.errors,
        latency: latencies(ours.requests, new.latency),
        other: Tally { answers: theirs, latency: latencies(theirs.requests, old.latency) },
        whole: answers(evidence.whole, all, share, new),
        load: Some(load),
        ..evidence
    }
}

/// Nobody can assume what a business measures: a value is at its limit where anything is answered well, and beyond it
/// where nothing is. Counts are taken for those of requests.
fn answered(query: &Query, new: Answered, ours: Answers, window: Span) -> Asked {
    let mean = match &query.asks {
        Asks::Value { bound: Bound::Most(most), .. } if new.errors == Weight::WHOLE => {
            Amount::from_millionths(most.millionths().saturating_mul(2).saturating_add(1))
        }
        Asks::Value { bound: Bound::Least(_), .. } if new.errors == Weight::WHOLE => Amount::ZERO,
        Asks::Value { bound: Bound::Most(limit) | Bound::Least(limit), .. } => *limit,
        Asks::Counts { .. } => Amount::ZERO,
    };
    Asked { answers: window.millis() / ASK_EVERY.millis(), mean, grown: ours, failed: None }
}

fn requests_in(a_minute: u64, share: Weight, during: Span) -> u64 {
    let all = u128::from(a_minute) * u128::from(share.basis_points()) * u128::from(during.millis());
    u64::try_from(all / (10_000 * 60_000)).unwrap_or(u64::MAX)
}

fn part(of: u64, share: Weight) -> u64 {
    u64::try_from(u128::from(of) * u128::from(share.basis_points()) / 10_000).expect("a part is below its whole")
}

/// A third each takes half as long, three quarters, and as long as the longest.
fn latencies(count: u64, longest: Span) -> Histogram {
    let micros = longest.millis().saturating_mul(1000);
    let third = count / 3;
    let buckets = [(micros / 2, third), (micros / 4 * 3, third), (micros, count - 2 * third)];
    let mut spread: BTreeMap<u64, u64> = BTreeMap::new();
    for (bound, count) in buckets.into_iter().filter(|(_, count)| *count > 0) {
        *spread.entry(bound).or_default() += count;
    }
    Histogram { buckets: spread }
}
