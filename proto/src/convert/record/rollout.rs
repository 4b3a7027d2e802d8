//! The record of a rollout. It names its plan by hash and is read together with it: a record that does not fit its plan
//! is refused here, because core takes their fit for granted.

use std::sync::Arc;

use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::rollout::state::{Phase, Rollout};

use super::progress::{progress_from_wire, progress_to_wire};
use super::{check_schema, schema};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, map_with, named, required, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::convert::types::decided;
use crate::r#gen::records::v1 as records;

/// A rollout of `plan`.
///
/// # Errors
/// The first field that is wrong, or does not fit the plan.
pub fn rollout_from_record(wire: records::RolloutRecord, plan: Arc<Plan>) -> Result<Rollout, Invalid> {
    let records::RolloutRecord { schema, id, service, plan: hash, epoch, requester, opened, phase, lanes } = wire;
    check_schema(schema)?;
    if digest("plan", &hash)? != plan.hash() {
        return Err(Invalid::of(hash, InvalidKind::Contradiction("the plan that it is read with"))).at("plan");
    }
    if named("service", service, ServiceId::new)? != plan.service {
        return Err(Invalid::of(&plan.service, InvalidKind::Contradiction("the service of its plan"))).at("service");
    }
    let epoch = decided("epoch", epoch)?;
    let phase = required("phase", phase)?;
    check_phase(&phase, &plan).at("phase")?;
    let lanes = map_with("lanes", lanes, REGIONS_MAX, |lane| {
        let (region, progress) = progress_from_wire(lane, &plan)?;
        if !plan.lanes.contains_key(&region) {
            return Err(Invalid::of(region, InvalidKind::NotInPlan)).at("region");
        }
        check_goal_epoch(progress.goal_epoch, epoch)?;
        Ok((region, progress))
    })?;
    if lanes.len() != plan.lanes.len() {
        return Err(Invalid::of(lanes.len(), InvalidKind::Contradiction("the lanes of its plan"))).at("lanes");
    }
    Ok(Rollout {
        id: named("id", id, RolloutId::new)?,
        plan,
        epoch,
        requester: text("requester", requester, RECORD_TEXT_BYTES_MAX)?,
        opened: moment("opened", opened)?,
        phase,
        lanes,
    })
}

/// A rollout as its record says it; the plan is stored on its own.
#[must_use]
pub fn rollout_to_record(rollout: &Rollout) -> records::RolloutRecord {
    let Rollout { id, plan, epoch, requester, opened, phase, lanes } = rollout;
    records::RolloutRecord {
        schema: schema(),
        id: id.to_string(),
        service: plan.service.to_string(),
        plan: plan.hash().to_string(),
        epoch: Some((*epoch).into()),
        requester: requester.clone(),
        opened: Some(timestamp_to_wire(*opened)),
        phase: Some(phase.into()),
        lanes: lanes.iter().map(|(region, progress)| progress_to_wire(region, progress)).collect(),
    }
}

fn check_phase(phase: &Phase, plan: &Plan) -> Result<(), Invalid> {
    match phase {
        Phase::Running(run) if run.wave >= plan.waves.len() => {
            Err(Invalid::of(run.wave, InvalidKind::NotInPlan)).at("wave").at("running")
        }
        Phase::Running(_)
        | Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => Ok(()),
    }
}

/// A lane's goal was set by one of the decisions up to the last.
fn check_goal_epoch(goal: Epoch, last: Epoch) -> Result<(), Invalid> {
    if goal <= last { Ok(()) } else { Err(Invalid::of(goal, InvalidKind::Contradiction("the rollout's epoch"))).at("goal_epoch") }
}
