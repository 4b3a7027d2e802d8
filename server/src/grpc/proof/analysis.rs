//! `ExplainAnalysis`: what each check found in each region, as core explains it.

use meridian_core::rollout::explain::{Finding, Ground, explain};
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;

use crate::engine::Status;

/// All findings on a rollout as it is seen from here.
pub(in crate::grpc) fn findings(status: &Status) -> v1::ExplainAnalysisResponse {
    let findings = explain(&status.record, &status.sight).into_iter().map(finding).collect();
    v1::ExplainAnalysisResponse { findings, view_time: Some(timestamp_to_wire(status.now)) }
}

fn finding(finding: Finding) -> v1::CheckFinding {
    use v1::check_finding::Ground as Wire;
    let Finding { region, check, measure, test, ground, step, verdict, sample_min, why, voted } = finding;
    let ground = match ground {
        Ground::Evidence => Wire::Evidence,
        Ground::Vote => Wire::Vote,
        Ground::Nothing => Wire::Nothing,
    };
    v1::CheckFinding {
        region: region.to_string(),
        check,
        measure: measure.to_owned(),
        test,
        ground: ground.into(),
        step: step.map(Into::into),
        verdict: verdict.as_ref().map(Into::into),
        sample_min,
        why,
        vote_time: voted.map(timestamp_to_wire),
    }
}
