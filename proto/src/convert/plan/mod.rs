//! Plans: a message is taken only if its name is the hash of what it says, and if it leaves execution no hole to fall
//! into.

pub(super) mod hotfix;
mod set;

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::calendar::timetable::TEXT_BYTES_MAX;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, WaveId};
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::plan::{
    Join, Plan, PlannedLane, PlannedStep, PlannedWave, PlaybookRef, Supersede, TrafficShare, forecast::forecast,
};
use meridian_core::playbook::validate::{STEPS_MAX, WAVES_MAX};
use meridian_core::playbook::{StageKind, Step};

use self::hotfix::{supersede_from_wire, supersede_to_wire};
use crate::convert::calendar::timetable_to_wire;
use crate::convert::field::{
    list, map_with, named, not_empty, optional, position_to_wire, required, share_or_none, text, within, word,
};
use crate::convert::gate::RULES_MAX;
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::name;
use crate::convert::parameters::values;
use crate::convert::playbook::regions_from_wire;
use crate::convert::safety::safety_or_default;
use crate::convert::time::{span, span_to_wire};
use crate::r#gen::v1;

impl TryFrom<v1::Plan> for Plan {
    type Error = Invalid;

    fn try_from(wire: v1::Plan) -> Result<Self, Invalid> {
        let v1::Plan {
            name: resource,
            service,
            release,
            reversibility,
            playbook_revision,
            parent,
            lanes,
            waves,
            evidence,
            rollback,
            limits,
            safety,
            timetable,
            checklist,
            feedback,
            supersedes,
            set,
            join,
        } = wire;
        let hash = name::parse_plan(&resource).at("name")?;
        let (id, revision) = name::parse_revision(&playbook_revision).at("playbook_revision")?;
        let plan = Self {
            service: name::parse_service(&service).at("service")?,
            release: required("release", release)?,
            reversibility: word::<v1::Reversibility, _>("reversibility", reversibility)?,
            playbook: PlaybookRef { id, revision },
            parent: plan_or_none("parent", &parent)?,
            lanes: map_with("lanes", lanes, REGIONS_MAX, lane_from_wire)?,
            waves: list("waves", waves, WAVES_MAX)?,
            evidence: required("evidence", evidence)?,
            rollback: required("rollback", rollback)?,
            limits: required("limits", limits)?,
            mandate: None,
            timetable: optional("timetable", timetable)?.unwrap_or_default(),
            checklist: list("checklist", checklist, RULES_MAX)?,
            feedback: optional("feedback", feedback)?,
            supersedes: supersedes.map(|of| own(&service, of)).transpose().at("supersedes")?,
            set: optional("set", set)?,
            join: join.map(|join| join_from_wire(&service, &join)).transpose().at("join")?,
        };
        let plan = plan.under(safety_or_default("safety", safety)?);
        check_whole(&plan)?;
        if plan.hash() == hash { Ok(plan) } else { Err(Invalid::of(resource, InvalidKind::HashMismatch)).at("name") }
    }
}

impl From<&Plan> for v1::Plan {
    fn from(plan: &Plan) -> Self {
        let Plan {
            service,
            release,
            reversibility,
            playbook: PlaybookRef { id, revision },
            parent,
            lanes,
            waves,
            evidence,
            rollback,
            limits,
            mandate,
            timetable,
            checklist,
            feedback,
            supersedes,
            set,
            join,
        } = plan;
        Self {
            name: name::plan(&plan.hash()),
            service: name::service(service),
            release: Some(release.into()),
            reversibility: v1::Reversibility::from(*reversibility).into(),
            playbook_revision: name::revision(id, *revision),
            parent: parent.as_ref().map(name::plan).unwrap_or_default(),
            lanes: lanes.iter().map(|(region, lane)| lane_to_wire(region, lane)).collect(),
            waves: waves.iter().map(Into::into).collect(),
            evidence: Some(evidence.into()),
            rollback: Some(rollback.into()),
            limits: Some(limits.into()),
            safety: mandate.as_ref().map(|mandate| mandate.policy().into()),
            timetable: timetable_to_wire(timetable),
            checklist: checklist.iter().map(Into::into).collect(),
            feedback: feedback.as_ref().map(Into::into),
            supersedes: supersedes.as_ref().map(|of| supersede_to_wire(service, of)),
            set: set.as_ref().map(Into::into),
            join: join.as_ref().map(|Join { after }| v1::Join { after: name::rollout(service, after) }),
        }
    }
}

/// The earliest course of a plan's waves, for people.
#[must_use]
pub fn forecast_to_wire(plan: &Plan) -> Vec<v1::WaveForecast> {
    let line = |wave: meridian_core::plan::forecast::WaveForecast| v1::WaveForecast {
        wave: plan.waves.get(wave.wave).map(|planned| planned.id.to_string()).unwrap_or_default(),
        begins: Some(span_to_wire(wave.begins)),
        settles: Some(span_to_wire(wave.settles)),
        exposed_regions: position_to_wire(wave.exposed),
    };
    forecast(plan).into_iter().map(line).collect()
}

/// A plan takes over lanes of its own service only.
fn own(service: &str, wire: v1::Supersede) -> Result<Supersede, Invalid> {
    let (of, supersede) = supersede_from_wire(wire)?;
    if name::service(&of) == service {
        return Ok(supersede);
    }
    Err(Invalid::contradiction("rollout", of, "the service of the plan"))
}

/// A join follows a launch of its own service only.
fn join_from_wire(service: &str, wire: &v1::Join) -> Result<Join, Invalid> {
    let (of, after) = name::parse_rollout(&wire.after).at("after")?;
    if name::service(&of) == service {
        return Ok(Join { after });
    }
    Err(Invalid::contradiction("after", of, "the service of the plan"))
}

/// The name of a plan, or nothing.
pub(crate) fn plan_or_none(field: &str, text: &str) -> Result<Option<Digest>, Invalid> {
    if text.is_empty() { Ok(None) } else { name::parse_plan(text).at(field).map(Some) }
}

/// What execution relies on without asking again: there is a way forward, and every region on it has a lane.
fn check_whole(plan: &Plan) -> Result<(), Invalid> {
    not_empty("waves", &plan.waves)?;
    let mut moving = BTreeSet::new();
    for (index, wave) in plan.waves.iter().enumerate() {
        let whole = not_empty("regions", &wave.regions).and(not_empty("steps", &wave.steps));
        whole
            .and(within("max_parallel", u64::from(wave.max_parallel), 1, u64::from(u32::MAX)))
            .at_index(index)
            .at("waves")?;
        moving.extend(wave.regions.iter());
    }
    let planned: BTreeMap<&RegionId, &PlannedLane> = plan.lanes.iter().collect();
    if !moving.iter().copied().eq(planned.keys().copied()) {
        return Err(Invalid::contradiction("lanes", planned.len(), "the regions of the waves"));
    }
    for (region, lane) in planned {
        if lane.base.as_ref().is_some_and(|base| base.slot == lane.slot) {
            // The new release would be started on top of the one that serves.
            return Err(Invalid::contradiction("lanes", region, "the slot of its base"));
        }
    }
    Ok(())
}

fn lane_from_wire(wire: v1::PlannedLane) -> Result<(RegionId, PlannedLane), Invalid> {
    let v1::PlannedLane { region, slot, base, epoch, traffic_share, time_zone, parameters } = wire;
    let lane = PlannedLane {
        slot: word::<v1::Slot, _>("slot", slot)?,
        base: optional("base", base)?,
        epoch: required("epoch", epoch)?,
        share: share_or_none("traffic_share", traffic_share)?.unwrap_or(TrafficShare::EQUAL),
        zone: Some(text("time_zone", time_zone, TEXT_BYTES_MAX)?).filter(|zone| !zone.is_empty()),
        parameters: values("parameters", parameters)?,
    };
    Ok((named("region", region, RegionId::new)?, lane))
}

fn lane_to_wire(region: &RegionId, lane: &PlannedLane) -> v1::PlannedLane {
    let PlannedLane { slot, base, epoch, share, zone, parameters } = lane;
    v1::PlannedLane {
        region: region.to_string(),
        slot: v1::Slot::from(*slot).into(),
        base: base.as_ref().map(Into::into),
        epoch: Some((*epoch).into()),
        traffic_share: share.get(),
        time_zone: zone.clone().unwrap_or_default(),
        parameters: parameters.clone(),
    }
}

impl TryFrom<v1::PlannedWave> for PlannedWave {
    type Error = Invalid;

    fn try_from(wire: v1::PlannedWave) -> Result<Self, Invalid> {
        let v1::PlannedWave { name, stage, regions, max_parallel, max_skew, steps, soak, approvals, staging, gates } =
            wire;
        let steps = list::<_, Step>("steps", steps, STEPS_MAX)?;
        Ok(Self {
            id: named("name", name, WaveId::new)?,
            stage: word::<v1::StageKind, StageKind>("stage", stage)?,
            regions: regions_from_wire(regions)?,
            max_parallel,
            max_skew,
            steps: steps
                .into_iter()
                .map(|Step { weight, cohort, bake, requests }| PlannedStep { weight, cohort, bake, requests })
                .collect(),
            soak: span("soak", soak)?,
            approvals: list("approvals", approvals, RULES_MAX)?,
            staging: optional("staging", staging)?,
            callbacks: list("gates", gates, RULES_MAX)?,
        })
    }
}

impl From<&PlannedWave> for v1::PlannedWave {
    fn from(wave: &PlannedWave) -> Self {
        let PlannedWave { id, stage, regions, max_parallel, max_skew, steps, soak, approvals, staging, callbacks } =
            wave;
        Self {
            name: id.to_string(),
            stage: v1::StageKind::from(*stage).into(),
            regions: regions.iter().map(ToString::to_string).collect(),
            max_parallel: *max_parallel,
            max_skew: *max_skew,
            steps: steps.iter().map(Into::into).collect(),
            soak: Some(span_to_wire(*soak)),
            approvals: approvals.iter().map(Into::into).collect(),
            staging: staging.as_ref().map(Into::into),
            gates: callbacks.iter().map(Into::into).collect(),
        }
    }
}

impl From<&PlannedStep> for v1::Step {
    fn from(step: &PlannedStep) -> Self {
        let PlannedStep { weight, cohort, bake, requests } = step.clone();
        Self::from(&Step { weight, cohort, bake, requests })
    }
}
