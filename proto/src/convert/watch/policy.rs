//! The `watch:` of a playbook. Only the spelling is checked here; the rules are the core's.

use meridian_core::id::KpiId;
use meridian_core::watch::kpi::KPIS_MAX;
use meridian_core::watch::policy::CADENCES_MAX;
use meridian_core::watch::{Cadence, Decimal, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};

use crate::convert::field::{list, named, optional, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{span, span_to_wire};
use crate::r#gen::v1;

/// A decimal number.
///
/// # Errors
/// If it is missing or none.
pub fn decimal(field: &str, text: &str) -> Result<Decimal, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    Decimal::parse(text).map_err(|_| Invalid::of(text, InvalidKind::BadDecimal)).at(field)
}

/// Absent where nothing is said that is not so anyway.
pub(crate) fn policy_to_wire(policy: &WatchPolicy) -> Option<v1::WatchPolicy> {
    (*policy != WatchPolicy::default()).then(|| policy.into())
}

impl TryFrom<v1::WatchPolicy> for WatchPolicy {
    type Error = Invalid;

    fn try_from(wire: v1::WatchPolicy) -> Result<Self, Invalid> {
        let v1::WatchPolicy { reviews, evaluation, grace, targets, feedback } = wire;
        Ok(Self {
            reviews: list("reviews", reviews, CADENCES_MAX)?,
            evaluation: span("evaluation", evaluation)?,
            grace: span("grace", grace)?,
            targets: list("targets", targets, KPIS_MAX)?,
            feedback: optional("feedback", feedback)?,
        })
    }
}

impl From<&WatchPolicy> for v1::WatchPolicy {
    fn from(policy: &WatchPolicy) -> Self {
        let WatchPolicy { reviews, evaluation, grace, targets, feedback } = policy;
        Self {
            reviews: reviews.iter().map(Into::into).collect(),
            evaluation: Some(span_to_wire(*evaluation)),
            grace: Some(span_to_wire(*grace)),
            targets: targets.iter().map(Into::into).collect(),
            feedback: feedback.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::Cadence> for Cadence {
    type Error = Invalid;

    fn try_from(wire: v1::Cadence) -> Result<Self, Invalid> {
        let v1::Cadence { every, until } = wire;
        Ok(Self { every: span("every", every)?, until: span("until", until)? })
    }
}

impl From<&Cadence> for v1::Cadence {
    fn from(cadence: &Cadence) -> Self {
        let Cadence { every, until } = cadence;
        Self { every: Some(span_to_wire(*every)), until: Some(span_to_wire(*until)) }
    }
}

impl TryFrom<v1::Direction> for Direction {
    type Error = Invalid;

    fn try_from(wire: v1::Direction) -> Result<Self, Invalid> {
        match wire {
            v1::Direction::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::Direction::AtLeast => Ok(Self::AtLeast),
            v1::Direction::AtMost => Ok(Self::AtMost),
        }
    }
}

impl TryFrom<v1::KpiTarget> for KpiTarget {
    type Error = Invalid;

    fn try_from(wire: v1::KpiTarget) -> Result<Self, Invalid> {
        let v1::KpiTarget { kpi, direction, target } = wire;
        Ok(Self {
            kpi: named("kpi", kpi, KpiId::new)?,
            direction: word::<v1::Direction, _>("direction", direction)?,
            target: decimal("target", &target)?,
        })
    }
}

impl From<&KpiTarget> for v1::KpiTarget {
    fn from(target: &KpiTarget) -> Self {
        let KpiTarget { kpi, direction, target } = target;
        let direction = match direction {
            Direction::AtLeast => v1::Direction::AtLeast,
            Direction::AtMost => v1::Direction::AtMost,
        };
        Self { kpi: kpi.to_string(), direction: direction.into(), target: target.to_string() }
    }
}

impl TryFrom<v1::FeedbackPolicy> for FeedbackPolicy {
    type Error = Invalid;

    fn try_from(wire: v1::FeedbackPolicy) -> Result<Self, Invalid> {
        let v1::FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits } = wire;
        Ok(Self { score_min: decimal("score_min", &score_min)?, answers_min, blockers_max, pilot_waits })
    }
}

impl From<&FeedbackPolicy> for v1::FeedbackPolicy {
    fn from(policy: &FeedbackPolicy) -> Self {
        let FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits } = policy;
        Self {
            score_min: score_min.to_string(),
            answers_min: *answers_min,
            blockers_max: *blockers_max,
            pilot_waits: *pilot_waits,
        }
    }
}
