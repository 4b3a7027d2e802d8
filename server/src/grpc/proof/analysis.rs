//! `ExplainAnalysis`: what each check found in each region, as core explains it, and what loads came to.

use meridian_core::id::RegionId;
use meridian_core::plan::{Leg, Plan};
use meridian_core::rollout::explain::{Finding, Ground, explain};
use meridian_core::rollout::state::{LaneProgress, LoadReport};
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;

use crate::engine::Status;

/// All findings on a rollout as it is seen from here.
pub(in crate::grpc) fn findings(status: &Status) -> v1::ExplainAnalysisResponse {
    let findings = explain(&status.record, &status.sight).into_iter().map(finding).collect();
    let plan = &status.record.plan;
    let of_lane = |(region, lane): (_, &LaneProgress)| -> Vec<_> {
        lane.loads.iter().map(|report| load(plan, region, report)).collect()
    };
    let loads = status.record.lanes.iter().flat_map(of_lane).collect();
    v1::ExplainAnalysisResponse { findings, loads, view_time: Some(timestamp_to_wire(status.now)) }
}

fn load(plan: &Plan, region: &RegionId, report: &LoadReport) -> v1::StepLoad {
    let leg = match plan.leg(report.step) {
        None => v1::step_load::Leg::Unspecified,
        Some(Leg::Down) => v1::step_load::Leg::Down,
        Some(Leg::Up) => v1::step_load::Leg::Up,
    };
    let weight = plan.step(report.step).map_or(0, |step| step.weight.basis_points());
    v1::StepLoad {
        region: region.to_string(),
        wave: plan.waves.get(report.step.wave).map(|wave| wave.id.to_string()).unwrap_or_default(),
        weight_basis_points: u32::from(weight),
        leg: leg.into(),
        report: Some(report.into()),
    }
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
