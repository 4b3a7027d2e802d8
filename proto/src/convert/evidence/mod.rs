//! What is asked of the evidence, and verdicts. Evidence itself travels only from agents; see [`super::report`].

mod load;
pub(super) mod query;

use meridian_core::evidence::{Check, EvidencePolicy, Measure, Outcome, Query, Verdict};
use meridian_core::playbook::validate::CHECKS_MAX;

use self::load::{WireLoadMeasure, measure_from_wire, measure_to_wire};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, TEXT_BYTES_MAX, WORD_BYTES_MAX, list, present, text, weight, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{span, span_to_wire};
use crate::convert::types::weight_to_wire;
use crate::r#gen::v1;
use crate::r#gen::v1::check::{self as wire_check, Measure as WireMeasure};

impl TryFrom<WireMeasure> for Measure {
    type Error = Invalid;

    fn try_from(wire: WireMeasure) -> Result<Self, Invalid> {
        match wire {
            WireMeasure::ErrorRatio(wire_check::ErrorRatio { max_basis_points }) => {
                let max = weight("max_basis_points", max_basis_points).at("error_ratio")?;
                Ok(Self::ErrorRatio { max })
            }
            WireMeasure::Latency(wire_check::Latency { quantile_basis_points, max }) => {
                let quantile = weight("quantile_basis_points", quantile_basis_points).at("latency")?;
                Ok(Self::Latency { quantile, max: span("max", max).at("latency")? })
            }
            WireMeasure::Probe(wire_check::Probe { path, max_basis_points }) => {
                let path = text("path", path, TEXT_BYTES_MAX).at("probe")?;
                Ok(Self::Probe { path, max: weight("max_basis_points", max_basis_points).at("probe")? })
            }
            WireMeasure::ErrorDifference(wire_check::ErrorDifference { max_basis_points }) => {
                Ok(Self::ErrorDifference { max: weight("max_basis_points", max_basis_points).at("error_difference")? })
            }
            WireMeasure::LatencyShift(wire_check::LatencyShift { tolerance_basis_points }) => {
                let tolerance = weight("tolerance_basis_points", tolerance_basis_points).at("latency_shift")?;
                Ok(Self::LatencyShift { tolerance })
            }
            WireMeasure::ErrorSequence(wire_check::ErrorSequence { max_basis_points }) => {
                Ok(Self::ErrorSequence { max: weight("max_basis_points", max_basis_points).at("error_sequence")? })
            }
            WireMeasure::BudgetBurn(wire_check::BudgetBurn { budget_basis_points, factor }) => {
                let budget = weight("budget_basis_points", budget_basis_points).at("budget_burn")?;
                Ok(Self::BudgetBurn { budget, factor })
            }
            WireMeasure::Query(query) => Ok(Self::Query(Query::try_from(query).at("query")?)),
            WireMeasure::LoadErrors(errors) => measure_from_wire(WireLoadMeasure::Errors(errors)).map(Self::Load),
            WireMeasure::LoadLatency(latency) => measure_from_wire(WireLoadMeasure::Latency(latency)).map(Self::Load),
            WireMeasure::LoadRate(rate) => measure_from_wire(WireLoadMeasure::Rate(rate)).map(Self::Load),
        }
    }
}

impl From<&Measure> for WireMeasure {
    fn from(measure: &Measure) -> Self {
        match measure {
            Measure::ErrorRatio { max } => {
                Self::ErrorRatio(wire_check::ErrorRatio { max_basis_points: weight_to_wire(*max) })
            }
            Measure::Latency { quantile, max } => Self::Latency(wire_check::Latency {
                quantile_basis_points: weight_to_wire(*quantile),
                max: Some(span_to_wire(*max)),
            }),
            Measure::Probe { path, max } => {
                Self::Probe(wire_check::Probe { path: path.clone(), max_basis_points: weight_to_wire(*max) })
            }
            Measure::ErrorDifference { max } => {
                Self::ErrorDifference(wire_check::ErrorDifference { max_basis_points: weight_to_wire(*max) })
            }
            Measure::LatencyShift { tolerance } => {
                Self::LatencyShift(wire_check::LatencyShift { tolerance_basis_points: weight_to_wire(*tolerance) })
            }
            Measure::ErrorSequence { max } => {
                Self::ErrorSequence(wire_check::ErrorSequence { max_basis_points: weight_to_wire(*max) })
            }
            Measure::BudgetBurn { budget, factor } => Self::BudgetBurn(wire_check::BudgetBurn {
                budget_basis_points: weight_to_wire(*budget),
                factor: *factor,
            }),
            Measure::Query(query) => Self::Query(query.into()),
            Measure::Load(load) => measure_to_wire(*load),
        }
    }
}

impl TryFrom<v1::Check> for Check {
    type Error = Invalid;

    fn try_from(wire: v1::Check) -> Result<Self, Invalid> {
        let v1::Check { name, measure, sample_min } = wire;
        Ok(Self {
            name: text("name", name, WORD_BYTES_MAX)?,
            measure: present("measure", measure)?.try_into()?,
            sample_min,
        })
    }
}

impl From<&Check> for v1::Check {
    fn from(check: &Check) -> Self {
        let Check { name, measure, sample_min } = check;
        Self { name: name.clone(), measure: Some(measure.into()), sample_min: *sample_min }
    }
}

impl TryFrom<v1::EvidencePolicy> for EvidencePolicy {
    type Error = Invalid;

    fn try_from(wire: v1::EvidencePolicy) -> Result<Self, Invalid> {
        let v1::EvidencePolicy { checks, window, extend_max } = wire;
        Ok(Self {
            checks: list("checks", checks, CHECKS_MAX)?,
            window: span("window", window)?,
            extend_max: span("extend_max", extend_max)?,
        })
    }
}

impl From<&EvidencePolicy> for v1::EvidencePolicy {
    fn from(policy: &EvidencePolicy) -> Self {
        let EvidencePolicy { checks, window, extend_max } = policy;
        Self {
            checks: checks.iter().map(Into::into).collect(),
            window: Some(span_to_wire(*window)),
            extend_max: Some(span_to_wire(*extend_max)),
        }
    }
}

impl TryFrom<v1::verdict::Outcome> for Outcome {
    type Error = Invalid;

    fn try_from(wire: v1::verdict::Outcome) -> Result<Self, Invalid> {
        match wire {
            v1::verdict::Outcome::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::verdict::Outcome::Pass => Ok(Self::Pass),
            v1::verdict::Outcome::Fail => Ok(Self::Fail),
            v1::verdict::Outcome::Inconclusive => Ok(Self::Inconclusive),
        }
    }
}

impl From<Outcome> for v1::verdict::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::Fail => Self::Fail,
            Outcome::Inconclusive => Self::Inconclusive,
        }
    }
}

impl TryFrom<v1::Verdict> for Verdict {
    type Error = Invalid;

    /// Verdicts are made by the server and read back from its records and views, so their text is bounded as one of those.
    fn try_from(wire: v1::Verdict) -> Result<Self, Invalid> {
        let v1::Verdict { outcome, check, measured, limit, samples } = wire;
        let outcome = word::<v1::verdict::Outcome, _>("outcome", outcome)?;
        Ok(Self { outcome, check: text("check", check, RECORD_TEXT_BYTES_MAX)?, measured, limit, samples })
    }
}

impl From<&Verdict> for v1::Verdict {
    fn from(verdict: &Verdict) -> Self {
        let Verdict { outcome, check, measured, limit, samples } = verdict;
        Self {
            outcome: v1::verdict::Outcome::from(*outcome).into(),
            check: check.clone(),
            measured: *measured,
            limit: *limit,
            samples: *samples,
        }
    }
}
