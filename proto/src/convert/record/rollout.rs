//! The record of a rollout. It names its plan by hash and is read together with it: a record that does not fit its plan
//! is refused here, because core takes their fit for granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::plan::{HashedPlan, Plan};
use meridian_core::playbook::validate::ITEMS_MAX;
use meridian_core::rollout::gates::approvals::APPROVALS_MAX;
use meridian_core::rollout::state::{LaneProgress, Phase, Rollout};
use meridian_core::time::Timestamp;

use super::gate::{
    INQUIRIES_MAX, approval_from_wire, approval_to_wire, inquiry_from_wire, inquiry_to_wire, signed_from_wire,
    signed_to_wire,
};
use super::progress::{progress_from_wire, progress_to_wire};
use super::set::{member_from_wire, member_to_wire};
use super::{check_schema, schema};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, list_with, map_with, named, required, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::convert::types::decided;
use crate::r#gen::records::v1 as records;
use crate::r#gen::v1;

/// What can be said of a rollout without its plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outline {
    /// Its name.
    pub id: RolloutId,
    /// Whose rollout.
    pub service: ServiceId,
    /// The hash of its plan.
    pub plan: Digest,
    /// Epoch of its last decision.
    pub epoch: Epoch,
    /// Who started it, as declared.
    pub requester: String,
    /// When it was started.
    pub opened: Timestamp,
    /// What it is doing.
    pub phase: Phase,
}

impl TryFrom<records::RolloutOutline> for Outline {
    type Error = Invalid;

    fn try_from(wire: records::RolloutOutline) -> Result<Self, Invalid> {
        let records::RolloutOutline { schema, id, service, plan, epoch, requester, opened, phase } = wire;
        check_schema(schema)?;
        Ok(Self {
            id: named("id", id, RolloutId::new)?,
            service: named("service", service, ServiceId::new)?,
            plan: digest("plan", &plan)?,
            epoch: decided("epoch", epoch)?,
            requester: text("requester", requester, RECORD_TEXT_BYTES_MAX)?,
            opened: moment("opened", opened)?,
            phase: required("phase", phase)?,
        })
    }
}

/// A rollout of `plan`.
///
/// # Errors
/// The first field that is wrong, or does not fit the plan.
pub fn rollout_from_record(wire: records::RolloutRecord, plan: Arc<HashedPlan>) -> Result<Rollout, Invalid> {
    let records::RolloutRecord {
        schema,
        id,
        service,
        plan: hash,
        epoch,
        requester,
        opened,
        phase,
        lanes,
        approvals,
        signed,
        train,
        inquiries,
        member,
        begun,
    } = wire;
    let outline = records::RolloutOutline { schema, id, service, plan: hash, epoch, requester, opened, phase };
    let outline = Outline::try_from(outline)?;
    check_plan(&outline, &plan)?;
    let lanes = lanes_from_wire(lanes, &plan, outline.epoch)?;
    let approvals = list_with("approvals", approvals, APPROVALS_MAX, |approval| approval_from_wire(approval, &plan))?;
    let signed = list_with("signed", signed, ITEMS_MAX, |signed| signed_from_wire(signed, &plan))?;
    let train = train_from_wire(train, &plan)?;
    let inquiries = list_with("inquiries", inquiries, INQUIRIES_MAX, |inquiry| inquiry_from_wire(inquiry, &plan))?;
    let member = member_from_wire(member, &plan)?;
    let Outline { id, service: _, plan: _, epoch, requester, opened, phase } = outline;
    let begun = begun_from_wire(begun, epoch)?;
    Ok(Rollout { id, plan, epoch, begun, requester, opened, phase, lanes, approvals, signed, train, inquiries, member })
}

/// A rollout as its record says it. The plan is stored on its own, under its hash.
#[must_use]
pub fn rollout_to_record(rollout: &Rollout) -> records::RolloutRecord {
    with_lanes(rollout, |_, _| true)
}

/// The same with only the lanes that are asked for: of a large rollout a decision changes few.
pub(super) fn with_lanes(
    rollout: &Rollout,
    wanted: impl Fn(&RegionId, &LaneProgress) -> bool,
) -> records::RolloutRecord {
    let Rollout { id, plan, epoch, begun, requester, opened, phase, .. } = rollout;
    let Rollout { lanes, approvals, signed, train, inquiries, member, .. } = rollout;
    let lanes = lanes.iter().filter(|(region, progress)| wanted(region, progress));
    records::RolloutRecord {
        schema: schema(),
        id: id.to_string(),
        service: plan.service.to_string(),
        plan: plan.hash().to_string(),
        epoch: Some((*epoch).into()),
        requester: requester.clone(),
        opened: Some(timestamp_to_wire(*opened)),
        phase: Some(phase.into()),
        lanes: lanes.map(|(region, progress)| progress_to_wire(region, progress)).collect(),
        approvals: approvals.iter().map(approval_to_wire).collect(),
        signed: signed.iter().map(signed_to_wire).collect(),
        train: train.clone().unwrap_or_default(),
        inquiries: inquiries.iter().map(inquiry_to_wire).collect(),
        member: member.as_ref().map(member_to_wire),
        begun: begun.map(Into::into),
    }
}

/// A decision up to the last one.
fn begun_from_wire(begun: Option<v1::Epoch>, last: Epoch) -> Result<Option<Epoch>, Invalid> {
    match begun.map(|begun| decided("begun", Some(begun))).transpose()? {
        Some(begun) if begun > last => Err(Invalid::contradiction("begun", begun, "the rollout's epoch")),
        begun => Ok(begun),
    }
}

/// One of the plan's trains, or none.
fn train_from_wire(train: String, plan: &Plan) -> Result<Option<String>, Invalid> {
    let train = Some(train).filter(|train| !train.is_empty());
    let unknown = |train: &&String| plan.timetable.trains.iter().all(|known| known.name != **train);
    match train.as_ref().filter(unknown) {
        Some(train) => Err(Invalid::of(train, InvalidKind::NotInPlan)).at("train"),
        None => Ok(train),
    }
}

/// The record and the plan are of each other.
fn check_plan(outline: &Outline, plan: &HashedPlan) -> Result<(), Invalid> {
    if outline.plan != plan.hash() {
        return Err(Invalid::contradiction("plan", outline.plan, "the plan that it is read with"));
    }
    if outline.service != plan.service {
        return Err(Invalid::contradiction("service", &outline.service, "the service of its plan"));
    }
    match &outline.phase {
        Phase::Running(run) if run.wave >= plan.waves.len() => {
            Err(Invalid::of(run.wave, InvalidKind::NotInPlan)).at("wave").at("running").at("phase")
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

/// Every lane of the plan, each at a goal set by one of the decisions up to `last`.
fn lanes_from_wire(
    wire: Vec<records::LaneProgress>,
    plan: &Plan,
    last: Epoch,
) -> Result<BTreeMap<RegionId, LaneProgress>, Invalid> {
    let lanes = map_with("lanes", wire, REGIONS_MAX, |lane| {
        let (region, progress) = progress_from_wire(lane, plan)?;
        if !plan.lanes.contains_key(&region) {
            return Err(Invalid::of(region, InvalidKind::NotInPlan)).at("region");
        }
        if progress.goal_epoch > last {
            return Err(Invalid::contradiction("goal_epoch", progress.goal_epoch, "the rollout's epoch"));
        }
        Ok((region, progress))
    })?;
    if lanes.len() != plan.lanes.len() {
        return Err(Invalid::contradiction("lanes", lanes.len(), "the lanes of its plan"));
    }
    Ok(lanes)
}
