//! The analysis of a rollout in words: what each check found in each region, on what, and why it is judged so. It decides
//! nothing; numbers and verdicts are those that decisions are made from.

use super::LaneView;
use crate::evidence::{
    Amount, AskFailure, Asks, Bound, Check, Evidence, LoadMeasure, Measure, Outcome, Query, Reach, StepRef, Verdict,
    judge_check,
};
use crate::id::RegionId;
use crate::observation::Sight;
use crate::rollout::state::{Ballot, Rollout, Vote};
use crate::time::Timestamp;

/// What a finding rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Ground {
    /// Evidence of the present step, as seen now.
    Evidence,
    /// A durable vote.
    Vote,
    /// Nothing that counts.
    Nothing,
}

/// What one check found in one region.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Finding {
    /// Where.
    pub region: RegionId,
    /// The check's name; of a vote without evidence, what it rests on.
    pub check: String,
    /// What is measured, in the word of playbooks; empty if nothing is.
    pub measure: &'static str,
    /// How it is judged.
    pub test: String,
    /// On what.
    pub ground: Ground,
    /// On which step.
    pub step: Option<StepRef>,
    /// With its numbers; `None` if nothing counts.
    pub verdict: Option<Verdict>,
    /// The fewest samples that say something.
    pub sample_min: u64,
    /// In words.
    pub why: String,
    /// When the vote was cast.
    pub voted: Option<Timestamp>,
}

/// Every check in every region, as seen now, and every vote.
#[must_use]
pub fn explain(record: &Rollout, sight: &Sight) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (region, lane) in &record.lanes {
        let view = LaneView::new(record, region, sight);
        findings.extend(view.asked().checks.iter().map(|check| seen(&view, region, check)));
        findings.extend(lane.vote.as_ref().map(|vote| voted(record, region, vote)));
    }
    findings
}

fn seen(view: &LaneView<'_>, region: &RegionId, check: &Check) -> Finding {
    let step = view.at().step();
    let evidence = step.and_then(|step| view.evidence_on(step));
    let verdict = evidence.map(|evidence| judge_check(check, evidence));
    let why = match (&verdict, step) {
        (Some(verdict), _) => match evidence.and_then(|evidence| ask_failure(check, evidence)) {
            Some(failure) => format!("the last ask has no number: {failure}"),
            None => why(check, verdict),
        },
        (None, None) => format!("the region is {}: nothing is measured", view.at().as_str()),
        (None, Some(_)) => match view.no_contact() {
            Some(wait) => wait.to_string(),
            None => "no evidence of this step has come in".to_owned(),
        },
    };
    let ground = if verdict.is_some() { Ground::Evidence } else { Ground::Nothing };
    let measure = check.measure.as_str();
    let (test, sample_min) = (test(&check.measure), check.sample_min.max(1));
    let (region, check) = (region.clone(), check.name.clone());
    Finding { region, check, measure, test, ground, step, verdict, sample_min, why, voted: None }
}

fn ask_failure(check: &Check, evidence: &Evidence) -> Option<AskFailure> {
    evidence.asked.get(&check.name).filter(|_| matches!(check.measure, Measure::Query(_)))?.failed
}

fn voted(record: &Rollout, region: &RegionId, vote: &Vote) -> Finding {
    let Vote { step, epoch: _, at, ballot } = vote;
    let mut finding = Finding {
        region: region.clone(),
        check: String::new(),
        measure: "",
        test: String::new(),
        ground: Ground::Vote,
        step: Some(*step),
        verdict: None,
        sample_min: 0,
        why: String::new(),
        voted: Some(*at),
    };
    match ballot {
        Ballot::Evidence(verdict) => {
            finding.check.clone_from(&verdict.check);
            finding.verdict = Some(verdict.clone());
            finding.why = verdict.to_string();
            if let Some(check) = record.plan.evidence.checks.iter().find(|check| check.name == verdict.check) {
                finding.measure = check.measure.as_str();
                finding.test = test(&check.measure);
                finding.sample_min = check.sample_min.max(1);
                finding.why = why(check, verdict);
            }
        }
        Ballot::Driver { code, message } => {
            finding.check = format!("driver {code}");
            finding.why = format!("the driver gave up: {message}");
        }
        Ballot::Deadline { limit } => {
            finding.check = format!("limit {limit}");
            finding.why = format!("the limit `{limit}` has passed");
        }
    }
    finding
}

/// How a measure is judged.
fn test(measure: &Measure) -> String {
    match measure {
        Measure::ErrorRatio { max } => format!("threshold: at most {}", percent(max.basis_points().into())),
        Measure::Latency { quantile, max } => {
            let quantile = percent(quantile.basis_points().into());
            format!("threshold: the {quantile} quantile at most {} ms", max.millis())
        }
        Measure::Probe { path, max } => {
            format!("threshold: at most {} of probes of {path} fail", percent(max.basis_points().into()))
        }
        Measure::ErrorDifference { max } => {
            format!("against the other slot: at most {} more", percent(max.basis_points().into()))
        }
        Measure::LatencyShift { tolerance } => {
            let tolerance = percent(tolerance.basis_points().into());
            format!("Mann-Whitney against the other slot: not slower by more than {tolerance}")
        }
        Measure::ErrorSequence { max } => {
            format!("confidence sequence: which side of {}", percent(max.basis_points().into()))
        }
        Measure::BudgetBurn { budget, factor } => {
            let budget = percent(budget.basis_points().into());
            format!("burn rate: a budget of {budget}, at most {factor} times as fast")
        }
        Measure::Query(query) => asks(query),
        Measure::Load(load) => of_load(*load),
    }
}

fn of_load(measure: LoadMeasure) -> String {
    match measure {
        LoadMeasure::Errors { max } => format!("of the load: at most {} fail", percent(max.basis_points().into())),
        LoadMeasure::Latency { quantile, max } => {
            let quantile = percent(quantile.basis_points().into());
            format!("of the load: the {quantile} quantile at most {} ms from when it was due", max.millis())
        }
        LoadMeasure::Rate { min } => {
            format!("of the load: at least {} sent in time", percent(min.basis_points().into()))
        }
    }
}

fn asks(Query { source, url, asks, reach }: &Query) -> String {
    let whose = match reach {
        Reach::Region => "",
        Reach::Fleet => ", of the fleet",
    };
    let asked = match asks {
        Asks::Value { of, bound: Bound::Most(most) } => format!("the mean of {of} at most {most}"),
        Asks::Value { of, bound: Bound::Least(least) } => format!("the mean of {of} at least {least}"),
        Asks::Counts { errors, total, max } => {
            format!("of what {total} grows by, {errors} grows by at most {}", percent(max.basis_points().into()))
        }
    };
    format!("{} at {url}{whose}: {asked}", source.as_str())
}

fn why(check: &Check, verdict: &Verdict) -> String {
    let Verdict { outcome, check: _, measured, limit, samples } = verdict;
    let (sample_min, unit) = (check.sample_min.max(1), unit(&check.measure));
    let (measured, limit) = (unit(*measured), unit(*limit));
    match outcome {
        Outcome::Inconclusive if *samples < sample_min => format!("{samples} of at least {sample_min} samples"),
        Outcome::Inconclusive => format!("{measured} against {limit}: {samples} samples do not decide it"),
        Outcome::Fail => format!("{measured} is beyond {limit}"),
        Outcome::Pass => format!("{measured} is within {limit}"),
    }
}

/// How the numbers of a measure are said.
fn unit(measure: &Measure) -> fn(u64) -> String {
    match measure {
        Measure::Latency { .. } | Measure::Load(LoadMeasure::Latency { .. }) => {
            |micros| format!("{}.{:03} ms", micros / 1000, micros % 1000)
        }
        Measure::LatencyShift { .. } => |parts| format!("a certainty of {}.{:04} %", parts / 10_000, parts % 10_000),
        Measure::BudgetBurn { .. } => |hundredths| format!("{}.{:02} times", hundredths / 100, hundredths % 100),
        Measure::Query(Query { asks: Asks::Value { .. }, .. }) => |parts| Amount::from_millionths(parts).to_string(),
        Measure::Query(Query { asks: Asks::Counts { .. }, .. })
        | Measure::ErrorRatio { .. }
        | Measure::Probe { .. }
        | Measure::ErrorDifference { .. }
        | Measure::ErrorSequence { .. }
        | Measure::Load(LoadMeasure::Errors { .. } | LoadMeasure::Rate { .. }) => percent,
    }
}

fn percent(basis_points: u64) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
}
