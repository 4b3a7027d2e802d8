//! Where each region of a rollout is, and the votes that regions have cast.

use meridian_core::epoch::Epoch;
use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::plan::Plan;
use meridian_core::playbook::validate::{STEPS_MAX, WAVES_MAX};
use meridian_core::rollout::state::{Ballot, LaneAt, LaneProgress, LoadReport, Vote};

use super::cause::limit_from_wire;
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, list, named, optional, position_to_wire, present, required, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::convert::types::decided;
use crate::r#gen::records::v1 as records;
use crate::r#gen::records::v1::lane_progress::At as WireAt;
use crate::r#gen::records::v1::vote::{self as wire_vote, Ballot as WireBallot};
use crate::r#gen::v1;

/// A region walks each step of a plan once at most.
const LOADS_MAX: usize = WAVES_MAX * STEPS_MAX;

/// One region's progress through `plan`.
pub(super) fn progress_from_wire(
    wire: records::LaneProgress,
    plan: &Plan,
) -> Result<(RegionId, LaneProgress), Invalid> {
    let records::LaneProgress { region, at, step, since, goal_epoch, moved, vote, acked, adopted, loads } = wire;
    let at = at_from_wire(at, step)?;
    check_at(at, plan).at("step")?;
    let vote: Option<Vote> = optional("vote", vote)?;
    if let Some(vote) = &vote {
        check_step(vote.step, plan).at("step").at("vote")?;
    }
    let loads: Vec<LoadReport> = list("loads", loads, LOADS_MAX)?;
    for (index, report) in loads.iter().enumerate() {
        check_step(report.step, plan).at("step").at_index(index).at("loads")?;
    }
    let progress = LaneProgress {
        at,
        since: moment("since", since)?,
        goal_epoch: decided("goal_epoch", goal_epoch)?,
        moved,
        vote,
        acked: optional("acked", acked)?.unwrap_or(Epoch::ZERO),
        adopted: (!adopted.is_empty()).then(|| text("adopted", adopted, RECORD_TEXT_BYTES_MAX)).transpose()?,
        loads,
    };
    Ok((named("region", region, RegionId::new)?, progress))
}

/// One region's progress as the record says it.
pub(super) fn progress_to_wire(region: &RegionId, progress: &LaneProgress) -> records::LaneProgress {
    let LaneProgress { at, since, goal_epoch, moved, vote, acked, adopted, loads } = progress;
    let (at, step) = at_to_wire(*at);
    records::LaneProgress {
        region: region.to_string(),
        at: at.into(),
        step,
        since: Some(timestamp_to_wire(*since)),
        goal_epoch: Some((*goal_epoch).into()),
        moved: *moved,
        vote: vote.as_ref().map(Into::into),
        acked: (*acked != Epoch::ZERO).then(|| (*acked).into()),
        adopted: adopted.clone().unwrap_or_default(),
        loads: loads.iter().map(Into::into).collect(),
    }
}

fn at_from_wire(at: i32, step: Option<v1::StepRef>) -> Result<LaneAt, Invalid> {
    let known = WireAt::try_from(at).map_err(|_| Invalid::of(at, InvalidKind::UnknownEnum)).at("at")?;
    let stepless = |lane_at| match &step {
        None => Ok(lane_at),
        Some(_) => Err(Invalid::contradiction("at", known.as_str_name(), "a step")),
    };
    match known {
        WireAt::Unspecified => Err(Invalid::missing("at")),
        WireAt::Waiting => stepless(LaneAt::Waiting),
        WireAt::Reverting => stepless(LaneAt::Reverting),
        WireAt::Reverted => stepless(LaneAt::Reverted),
        WireAt::Preparing => {
            let StepRef { wave, step } = required("step", step)?;
            if step == 0 {
                Ok(LaneAt::Preparing { wave })
            } else {
                Err(Invalid::contradiction("step", step, "preparing, which is before any step"))
            }
        }
        WireAt::Shifting => required("step", step).map(LaneAt::Shifting),
        WireAt::Baking => required("step", step).map(LaneAt::Baking),
        WireAt::Settled => required("step", step).map(LaneAt::Settled),
    }
}

fn at_to_wire(at: LaneAt) -> (WireAt, Option<v1::StepRef>) {
    match at {
        LaneAt::Waiting => (WireAt::Waiting, None),
        LaneAt::Preparing { wave } => (WireAt::Preparing, Some(v1::StepRef { wave: position_to_wire(wave), step: 0 })),
        LaneAt::Shifting(step) => (WireAt::Shifting, Some(step.into())),
        LaneAt::Baking(step) => (WireAt::Baking, Some(step.into())),
        LaneAt::Settled(step) => (WireAt::Settled, Some(step.into())),
        LaneAt::Reverting => (WireAt::Reverting, None),
        LaneAt::Reverted => (WireAt::Reverted, None),
    }
}

/// Core asks the plan for the steps of a record without checking them again.
fn check_at(at: LaneAt, plan: &Plan) -> Result<(), Invalid> {
    match at {
        LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => Ok(()),
        LaneAt::Preparing { wave } => check_step(StepRef { wave, step: 0 }, plan),
        LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => check_step(step, plan),
    }
}

fn check_step(at: StepRef, plan: &Plan) -> Result<(), Invalid> {
    let StepRef { wave, step } = at;
    plan.step(at).map(|_| ()).ok_or_else(|| Invalid::of(format!("{wave}/{step}"), InvalidKind::NotInPlan))
}

impl TryFrom<records::Vote> for Vote {
    type Error = Invalid;

    fn try_from(wire: records::Vote) -> Result<Self, Invalid> {
        let records::Vote { step, epoch, at, ballot } = wire;
        let ballot = match present("ballot", ballot)? {
            WireBallot::Evidence(verdict) => Ballot::Evidence(required("evidence", Some(verdict))?),
            WireBallot::Driver(wire_vote::Driver { code, message }) => Ballot::Driver {
                code: text("code", code, RECORD_TEXT_BYTES_MAX).at("driver")?,
                message: text("message", message, RECORD_TEXT_BYTES_MAX).at("driver")?,
            },
            WireBallot::Deadline(limit) => Ballot::Deadline { limit: limit_from_wire("deadline", &limit)? },
        };
        Ok(Self { step: required("step", step)?, epoch: decided("epoch", epoch)?, at: moment("at", at)?, ballot })
    }
}

impl From<&Vote> for records::Vote {
    fn from(vote: &Vote) -> Self {
        let Vote { step, epoch, at, ballot } = vote;
        let ballot = match ballot {
            Ballot::Evidence(verdict) => WireBallot::Evidence(verdict.into()),
            Ballot::Driver { code, message } => {
                WireBallot::Driver(wire_vote::Driver { code: code.clone(), message: message.clone() })
            }
            Ballot::Deadline { limit } => WireBallot::Deadline((*limit).to_owned()),
        };
        Self {
            step: Some((*step).into()),
            epoch: Some((*epoch).into()),
            at: Some(timestamp_to_wire(*at)),
            ballot: Some(ballot),
        }
    }
}
