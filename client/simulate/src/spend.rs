//! What a step is expected to cost: requests that the new release answers badly, and what part of the error budget of
//! thirty days they are. It only counts; whether that is too much, checks decide.

use meridian_core::evidence::{Measure, StepRef};
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Weight;

use crate::assume::Assumptions;
use crate::course::Course;

/// A budget is for so long.
const BUDGET_FOR: Span = Span::from_secs(30 * 24 * 3600);
const MINUTE: u128 = 60_000;
/// All of it, in basis points.
const WHOLE: u128 = 10_000;

/// What a step costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Spend {
    /// Requests that the new release answers badly from this step until the next one.
    pub failed: u64,
    /// What part of the budget of thirty days that is, in basis points; `None`: no check of the plan declares a budget.
    pub of_budget: Option<u64>,
}

/// What a step of a course costs; `None` if it was never taken.
#[must_use]
pub fn spend(course: &Course, assumed: &Assumptions, at: StepRef) -> Option<Spend> {
    let plan = &course.record.plan;
    let began = |at: StepRef| course.waves.get(at.wave)?.steps.get(at.step)?.began;
    let from = began(at)?;
    let later = (at.wave..course.waves.len()).flat_map(|wave| {
        let steps = course.waves.get(wave).map_or(0, |went| went.steps.len());
        (0..steps).map(move |step| StepRef { wave, step })
    });
    let to = later.filter(|other| *other > at).find_map(began).unwrap_or(course.end.at);
    let (mut requests, mut bad) = (0, 0);
    for region in plan.lanes.keys() {
        let measured = assumed.measured_in(region);
        requests += u128::from(measured.requests);
        bad += u128::from(measured.requests) * u128::from(measured.new.errors.basis_points());
    }
    let failed = served(course, from, to) * bad / (MINUTE * WHOLE * WHOLE);
    let budgets = plan.evidence.checks.iter().filter_map(|check| match &check.measure {
        Measure::BudgetBurn { budget, factor: _ } => Some(*budget),
        Measure::ErrorRatio { .. }
        | Measure::Latency { .. }
        | Measure::Probe { .. }
        | Measure::ErrorDifference { .. }
        | Measure::LatencyShift { .. }
        | Measure::ErrorSequence { .. }
        | Measure::Query(_)
        | Measure::Load(_) => None,
    });
    let of_budget = budgets.min().map(|budget: Weight| {
        let may_fail =
            requests * u128::from(BUDGET_FOR.millis()) * u128::from(budget.basis_points()) / (MINUTE * WHOLE);
        failed * WHOLE / may_fail.max(1)
    });
    let bounded = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
    Some(Spend { failed: bounded(failed), of_budget: of_budget.map(bounded) })
}

/// How much of all traffic the new release served, in basis points times milliseconds.
fn served(course: &Course, from: Timestamp, to: Timestamp) -> u128 {
    let ends = course.exposure.iter().skip(1).map(|(at, _)| *at).chain([course.end.at]);
    let stretches = course.exposure.iter().zip(ends);
    let within = stretches.map(|((begins, share), ends)| {
        let span = ends.min(to).since((*begins).max(from));
        u128::from(span.millis()) * u128::from(share.basis_points())
    });
    within.sum()
}
