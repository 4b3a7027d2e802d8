//! Evidence: the checks of a bake and what they measure.

use meridian_core::evidence::{Asks, Bound, Check, EvidencePolicy, LoadMeasure, Measure, Query, Reach, Source};

use super::Page;
use super::scalar::scalar;

impl Page {
    pub(super) fn evidence(&mut self, evidence: &EvidencePolicy) {
        self.line(1, "evidence:");
        self.line(2, format!("window: {}", evidence.window));
        self.line(2, format!("extendMax: {}", evidence.extend_max));
        if !evidence.checks.is_empty() {
            self.line(2, "checks:");
        }
        for Check { name, measure, sample_min } in &evidence.checks {
            self.line(3, format!("- name: {}", scalar(name)));
            let measure = match measure {
                Measure::ErrorRatio { max } => format!("errorRatio: {{max: {max}}}"),
                Measure::Latency { quantile, max } => {
                    format!("latency: {{quantile: {quantile}, max: {max}}}")
                }
                Measure::Probe { path, max } => format!("probe: {{path: {}, max: {max}}}", scalar(path)),
                Measure::ErrorDifference { max } => format!("errorDifference: {{max: {max}}}"),
                Measure::LatencyShift { tolerance } => format!("latencyShift: {{tolerance: {tolerance}}}"),
                Measure::ErrorSequence { max } => format!("errorSequence: {{max: {max}}}"),
                Measure::BudgetBurn { budget, factor } => {
                    format!("budgetBurn: {{budget: {budget}, factor: {factor}}}")
                }
                Measure::Query(query) => query_text(query),
                Measure::Load(LoadMeasure::Errors { max }) => format!("loadErrors: {{max: {max}}}"),
                Measure::Load(LoadMeasure::Latency { quantile, max }) => {
                    format!("loadLatency: {{quantile: {quantile}, max: {max}}}")
                }
                Measure::Load(LoadMeasure::Rate { min }) => format!("loadRate: {{min: {min}}}"),
            };
            self.line(4, measure);
            self.line(4, format!("sampleMin: {sample_min}"));
        }
    }
}

fn query_text(Query { source, url, asks, reach }: &Query) -> String {
    let of = match source {
        Source::Prometheus => "query",
        Source::WebhookGet | Source::WebhookPost => "pointer",
    };
    let mut fields = vec![format!("url: {}", scalar(url))];
    fields.extend((*source == Source::WebhookPost).then(|| "method: POST".to_owned()));
    fields.extend(match asks {
        Asks::Value { of: text, bound: Bound::Most(most) } => {
            vec![format!("{of}: {}", scalar(text)), format!("max: {most}")]
        }
        Asks::Value { of: text, bound: Bound::Least(least) } => {
            vec![format!("{of}: {}", scalar(text)), format!("min: {least}")]
        }
        Asks::Counts { errors, total, max } => {
            vec![format!("errors: {}", scalar(errors)), format!("total: {}", scalar(total)), format!("max: {max}")]
        }
    });
    fields.extend((*reach == Reach::Fleet).then(|| "over: fleet".to_owned()));
    format!("{}: {{{}}}", source.as_str(), fields.join(", "))
}
