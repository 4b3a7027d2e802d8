//! The `watch:` of a playbook: when a launch is reviewed, which KPIs it is held against, and what feedback has to say.

use std::collections::BTreeSet;

use super::decimal::Decimal;
use super::feedback::ANSWERS_MAX;
use super::kpi::{KPIS_MAX, Mean};
use super::state::Outcome;
use crate::id::KpiId;
use crate::playbook::Violation;
use crate::time::Span;

/// A day. Reviews are lengths of time after the switch, so that no clock that is set forward or back moves them.
const DAY: Span = Span::from_secs(24 * 3600);
/// The most reviews of a watch, the evaluation counted.
pub const REVIEWS_MAX: usize = 64;
/// The most cadences of a policy.
pub const CADENCES_MAX: usize = 8;

/// How a launch is watched. By default as the launch strategy has it: daily for a week, weekly to day 30, then evaluated.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WatchPolicy {
    /// One after the other.
    pub reviews: Vec<Cadence>,
    /// How long after the switch it is evaluated.
    pub evaluation: Span,
    /// How long after it was due an unsigned review is overdue.
    pub grace: Span,
    /// What each KPI has to come to.
    pub targets: Vec<KpiTarget>,
    /// What feedback has to say; `None`: it is shown and judges nothing.
    pub feedback: Option<FeedbackPolicy>,
}

/// A review after each `every`, up to `until` after the switch.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Cadence {
    /// Between two reviews.
    pub every: Span,
    /// Counted from the switch; included.
    pub until: Span,
}

/// What a KPI has to come to.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct KpiTarget {
    /// Which.
    pub kpi: KpiId,
    /// On which side of the number.
    pub direction: Direction,
    /// The number; met exactly is met.
    pub target: Decimal,
}

/// On which side of a target it is good to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Direction {
    /// More is better.
    AtLeast,
    /// Less is better.
    AtMost,
}

/// What feedback has to say of a release.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct FeedbackPolicy {
    /// The least mean score, 1 to 5.
    pub score_min: Decimal,
    /// Of fewer answers the mean says nothing.
    pub answers_min: u32,
    /// More blockers than these fail, whatever the score.
    pub blockers_max: u32,
    /// Whether a rollout stays in its pilot until it passes.
    pub pilot_waits: bool,
}

impl Default for WatchPolicy {
    fn default() -> Self {
        let (daily, weekly) =
            (Cadence { every: DAY, until: DAY.times(7) }, Cadence { every: DAY.times(7), until: DAY.times(30) });
        Self {
            reviews: vec![daily, weekly],
            evaluation: DAY.times(30),
            grace: DAY,
            targets: Vec::new(),
            feedback: None,
        }
    }
}

impl WatchPolicy {
    /// When reviews are due after the switch, with the cadence of each, in order; the evaluation is not among them.
    /// Bounded by [`REVIEWS_MAX`] also for a policy that no playbook could have.
    #[must_use]
    pub fn dues(&self) -> Vec<(Span, Span)> {
        let mut dues: Vec<(Span, Span)> = Vec::new();
        for cadence in self.reviews.iter().filter(|cadence| cadence.every > Span::ZERO) {
            let last = dues.last().map_or(Span::ZERO, |(due, _)| *due);
            let mut count = last.millis() / cadence.every.millis() + 1;
            while cadence.every.times(count) <= cadence.until.min(self.evaluation) && dues.len() < REVIEWS_MAX {
                dues.push((cadence.every.times(count), cadence.every));
                count += 1;
            }
        }
        // What falls together with the evaluation is looked at there.
        dues.retain(|(due, _)| *due < self.evaluation);
        dues
    }

    /// The target of a KPI.
    #[must_use]
    pub fn target(&self, kpi: &KpiId) -> Option<&KpiTarget> {
        self.targets.iter().find(|target| target.kpi == *kpi)
    }
}

impl KpiTarget {
    /// Whether what was measured meets it. No data meets nothing.
    #[must_use]
    pub fn judge(&self, measured: Option<Mean>) -> Outcome {
        let Some(Mean { value, samples: _ }) = measured else { return Outcome::NoData };
        let met = match self.direction {
            Direction::AtLeast => value >= self.target,
            Direction::AtMost => value <= self.target,
        };
        if met { Outcome::Met } else { Outcome::Missed }
    }
}

impl Direction {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at-least",
            Self::AtMost => "at-most",
        }
    }
}

/// Every rule that a policy breaks, for the validation of its playbook.
#[must_use]
pub fn check(policy: &WatchPolicy) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |code, field: String, value: String, fix: &str| {
        found.push(Violation { code, field, value, fix: fix.to_owned() });
    };
    for (name, span) in [("evaluation", policy.evaluation), ("grace", policy.grace)] {
        if span > Span::MAX || span == Span::ZERO {
            add("WATCH_SPAN_INVALID", format!("watch.{name}"), span.to_string(), "more than 0s and at most ten years");
        }
    }
    let mut last = Span::ZERO;
    for (index, Cadence { every, until }) in policy.reviews.iter().enumerate() {
        let at = format!("watch.reviews[{index}]");
        if *every == Span::ZERO {
            add(
                "REVIEW_SPAN_ZERO",
                format!("{at}.every"),
                every.to_string(),
                "leave some time between reviews, e.g. `1d`",
            );
        }
        if *until <= last || *until > policy.evaluation {
            let fix = "after the `until` before it, and not after the evaluation";
            add("REVIEWS_UNORDERED", format!("{at}.until"), until.to_string(), fix);
        }
        last = *until;
    }
    let dues = policy.dues().len();
    if dues >= REVIEWS_MAX || policy.reviews.len() > CADENCES_MAX {
        let fix = "fewer cadences, or more time between reviews: at most 63 reviews before the evaluation";
        add("TOO_MANY_REVIEWS", "watch.reviews".to_owned(), dues.to_string(), fix);
    }
    if policy.targets.len() > KPIS_MAX {
        add("TOO_MANY_KPIS", "watch.kpis".to_owned(), policy.targets.len().to_string(), "use at most 32 KPIs");
    }
    let mut names = BTreeSet::new();
    for (index, target) in policy.targets.iter().enumerate() {
        if !names.insert(&target.kpi) {
            let at = format!("watch.kpis[{index}].name");
            add("KPI_TWICE", at, target.kpi.to_string(), "give every KPI one target");
        }
    }
    if let Some(FeedbackPolicy { score_min, answers_min, blockers_max: _, pilot_waits: _ }) = policy.feedback {
        if !(1_000_000..=5_000_000).contains(&score_min.millionths()) {
            add(
                "SCORE_INVALID",
                "watch.feedback.scoreMin".to_owned(),
                score_min.to_string(),
                "between 1 and 5, e.g. `4`",
            );
        }
        if answers_min == 0 {
            add("ANSWERS_ZERO", "watch.feedback.answersMin".to_owned(), "0".to_owned(), "ask for at least one answer");
        }
        if u64::from(answers_min) > ANSWERS_MAX {
            let fix = "at most 10000: no more answers of a release are kept";
            add("ANSWERS_NEVER", "watch.feedback.answersMin".to_owned(), answers_min.to_string(), fix);
        }
    }
    found
}
