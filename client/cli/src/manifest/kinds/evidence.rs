//! The evidence of a playbook: checks with a measure, a limit and a minimum sample.

use meridian_core::evidence::{Check, EvidencePolicy, LoadMeasure, Measure};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use super::query;
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

/// The fields of a check that say what is measured; a check has one of them.
const MEASURES: [&str; 12] = [
    "errorRatio",
    "errorDifference",
    "errorSequence",
    "budgetBurn",
    "latency",
    "latencyShift",
    "probe",
    "prometheus",
    "webhook",
    "loadErrors",
    "loadLatency",
    "loadRate",
];

/// Without the field: no checks, the default window and extension.
pub(in crate::manifest) fn read(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<EvidencePolicy> {
    let (window, extend_max) = (EvidencePolicy::WINDOW, EvidencePolicy::EXTEND_MAX);
    let Some(given) = given else {
        return Some(EvidencePolicy { checks: Vec::new(), window, extend_max });
    };
    let fields = given.fields(report, &["window", "extendMax", "checks"])?;
    let window = fields.value_or(report, "window", window, values::span);
    let extend_max = fields.value_or(report, "extendMax", extend_max, values::span);
    let checks = fields.get("checks").map_or(Some(Vec::new()), |it| it.each(report, check));
    Some(EvidencePolicy { checks: checks?, window: window?, extend_max: extend_max? })
}

fn check(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Check> {
    let mut known = vec!["name", "sampleMin"];
    known.extend(MEASURES);
    let fields = given.fields(report, &known)?;
    let name = fields.need(report, "name", "errors");
    let name = name.and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
    let sample_min = fields.need(report, "sampleMin", "50").and_then(|it| it.value(report, values::number));
    let measure = measure(&fields, report);
    Some(Check { name: name?, measure: measure?, sample_min: sample_min? })
}

fn measure(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Measure> {
    let given: Vec<_> = MEASURES.iter().filter_map(|name| Some((*name, fields.get(name)?))).collect();
    let [(name, measure)] = given.as_slice() else {
        let fix = format!("give exactly one of {}", MEASURES.join(", "));
        fields.refuse(report, "", Refused::new("FIELDS_CONFLICT", "a check measures exactly one thing", fix));
        return None;
    };
    match *name {
        "errorRatio" => Some(Measure::ErrorRatio { max: max(measure, report, "1%")? }),
        "errorDifference" => Some(Measure::ErrorDifference { max: max(measure, report, "1%")? }),
        "errorSequence" => Some(Measure::ErrorSequence { max: max(measure, report, "1%")? }),
        "latencyShift" => {
            let fields = measure.fields(report, &["tolerance"])?;
            let tolerance = fields.need(report, "tolerance", "25%").and_then(|it| it.value(report, values::percent));
            Some(Measure::LatencyShift { tolerance: tolerance? })
        }
        "budgetBurn" => {
            let fields = measure.fields(report, &["budget", "factor"])?;
            let budget = fields.need(report, "budget", "0.1%").and_then(|it| it.value(report, values::percent));
            let factor = fields.need(report, "factor", "10").and_then(|it| it.value(report, values::small_number));
            Some(Measure::BudgetBurn { budget: budget?, factor: factor? })
        }
        "latency" => {
            let (quantile, max) = latency(measure, report)?;
            Some(Measure::Latency { quantile, max })
        }
        "prometheus" => query::prometheus(measure, report).map(Measure::Query),
        "webhook" => query::webhook(measure, report).map(Measure::Query),
        "loadErrors" => Some(Measure::Load(LoadMeasure::Errors { max: max(measure, report, "1%")? })),
        "loadLatency" => {
            let (quantile, max) = latency(measure, report)?;
            Some(Measure::Load(LoadMeasure::Latency { quantile, max }))
        }
        "loadRate" => {
            let fields = measure.fields(report, &["min"])?;
            let min = fields.need(report, "min", "95%").and_then(|it| it.value(report, values::percent));
            Some(Measure::Load(LoadMeasure::Rate { min: min? }))
        }
        _ => {
            let fields = measure.fields(report, &["path", "max"])?;
            let path = fields.need(report, "path", "/healthz");
            let path = path.and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
            let max = fields.need(report, "max", "0%").and_then(|it| it.value(report, values::percent));
            Some(Measure::Probe { path: path?, max: max? })
        }
    }
}

/// A quantile and its limit.
fn latency(measure: &Cursor<'_>, report: &mut Report<'_>) -> Option<(Weight, Span)> {
    let fields = measure.fields(report, &["quantile", "max"])?;
    let quantile = fields.need(report, "quantile", "99%").and_then(|it| it.value(report, values::percent));
    let max = fields.need(report, "max", "500ms").and_then(|it| it.value(report, values::span));
    Some((quantile?, max?))
}

/// The one field of a measure that has nothing but a limit.
fn max(measure: &Cursor<'_>, report: &mut Report<'_>, example: &str) -> Option<Weight> {
    let fields = measure.fields(report, &["max"])?;
    fields.need(report, "max", example).and_then(|it| it.value(report, values::percent))
}
