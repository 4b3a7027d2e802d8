//! The evidence of a playbook: checks with a measure, a limit and a minimum sample.

use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

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
    let fields = given.fields(report, &["name", "errorRatio", "latency", "probe", "sampleMin"])?;
    let name = fields.need(report, "name", "errors");
    let name = name.and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
    let sample_min = fields.need(report, "sampleMin", "50").and_then(|it| it.value(report, values::number));
    let measure = measure(&fields, report);
    Some(Check { name: name?, measure: measure?, sample_min: sample_min? })
}

fn measure(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Measure> {
    match (fields.get("errorRatio"), fields.get("latency"), fields.get("probe")) {
        (Some(ratio), None, None) => {
            let fields = ratio.fields(report, &["max"])?;
            let max = fields.need(report, "max", "1%").and_then(|it| it.value(report, values::percent));
            Some(Measure::ErrorRatio { max: max? })
        }
        (None, Some(latency), None) => {
            let fields = latency.fields(report, &["quantile", "max"])?;
            let quantile = fields.need(report, "quantile", "99%").and_then(|it| it.value(report, values::percent));
            let max = fields.need(report, "max", "500ms").and_then(|it| it.value(report, values::span));
            Some(Measure::Latency { quantile: quantile?, max: max? })
        }
        (None, None, Some(probe)) => {
            let fields = probe.fields(report, &["path", "max"])?;
            let path = fields.need(report, "path", "/healthz");
            let path = path.and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
            let max = fields.need(report, "max", "0%").and_then(|it| it.value(report, values::percent));
            Some(Measure::Probe { path: path?, max: max? })
        }
        _ => {
            let fix = "give exactly one of errorRatio, latency, probe";
            fields.refuse(report, "", Refused::new("FIELDS_CONFLICT", "a check measures exactly one thing", fix));
            None
        }
    }
}
