//! Goals and lists of vetoes on their way to an agent. The hash of a goal goes with it and is computed again on arrival, so
//! that both sides mean the same thing by every field, whatever version they are.

use meridian_core::agent::VetoList;
use meridian_core::evidence::EvidencePolicy;
use meridian_core::goal::{Goal, Measurement, SlotGoal};
use meridian_core::id::{Lane, RegionId, RolloutId, ServiceId};
use meridian_core::plan::parameters::Values;
use meridian_core::rollout::veto::VETOES_MAX;
use meridian_core::slot::Slots;

use super::field::{digest, hash, map_with, named, optional, present, required, word};
use super::invalid::{At, Invalid, InvalidKind};
use super::parameters::values;
use super::types::decided;
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::agent::v1::slot_goal::{self as wire_slot, Goal as WireSlotGoal};
use crate::r#gen::v1;

/// A goal for a lane of `region`: a session carries goals of its own region only, so they do not repeat its name.
///
/// # Errors
/// The first field that is wrong; a hash that is not that of the goal.
pub fn goal_from_wire(region: &RegionId, wire: agent::Goal) -> Result<Goal, Invalid> {
    let agent::Goal { service, epoch, rollout, blue, green, split, cohort, measurement, hash: carried, mandate } = wire;
    let service = named("service", service, ServiceId::new)?;
    let parameters = |wire: &Option<agent::SlotGoal>| {
        values("parameters", wire.as_ref().map(|slot| slot.parameters.clone()).unwrap_or_default())
    };
    let parameters = Slots { blue: parameters(&blue).at("blue")?, green: parameters(&green).at("green")? };
    let goal = Goal {
        parameters,
        lane: Lane { service, region: region.clone() },
        epoch: decided("epoch", epoch)?,
        rollout: named("rollout", rollout, RolloutId::new)?,
        slots: Slots { blue: required("blue", blue)?, green: required("green", green)? },
        split: optional("split", split)?,
        cohort: optional("cohort", cohort)?,
        measurement: optional("measurement", measurement)?,
        mandate: optional("mandate", mandate)?,
    };
    let carried = hash("hash", &carried)?;
    if carried == goal.hash() { Ok(goal) } else { Err(Invalid::of(carried, InvalidKind::HashMismatch)).at("hash") }
}

impl From<&Goal> for agent::Goal {
    /// The region is that of the session.
    fn from(goal: &Goal) -> Self {
        let Goal { lane, epoch, rollout, slots, parameters, split, cohort, measurement, mandate } = goal;
        let Lane { service, region: _ } = lane;
        let slot =
            |slot: &SlotGoal, parameters: &Values| agent::SlotGoal { parameters: parameters.clone(), ..slot.into() };
        Self {
            service: service.to_string(),
            epoch: Some((*epoch).into()),
            rollout: rollout.to_string(),
            blue: Some(slot(&slots.blue, &parameters.blue)),
            green: Some(slot(&slots.green, &parameters.green)),
            split: split.map(Into::into),
            cohort: cohort.as_ref().map(Into::into),
            measurement: measurement.as_ref().map(Into::into),
            hash: goal.hash().as_bytes().to_vec(),
            mandate: mandate.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<agent::SlotGoal> for SlotGoal {
    type Error = Invalid;

    fn try_from(wire: agent::SlotGoal) -> Result<Self, Invalid> {
        // What it is started with stands in the goal.
        let agent::SlotGoal { goal, parameters: _ } = wire;
        match present("goal", goal)? {
            WireSlotGoal::Empty(wire_slot::Empty {}) => Ok(Self::Empty),
            WireSlotGoal::Keep(wire_slot::Keep {}) => Ok(Self::Keep),
            WireSlotGoal::Run(release) => required("run", Some(release)).map(Self::Run),
        }
    }
}

impl From<&SlotGoal> for agent::SlotGoal {
    fn from(goal: &SlotGoal) -> Self {
        let goal = match goal {
            SlotGoal::Empty => WireSlotGoal::Empty(wire_slot::Empty {}),
            SlotGoal::Keep => WireSlotGoal::Keep(wire_slot::Keep {}),
            SlotGoal::Run(release) => WireSlotGoal::Run(release.into()),
        };
        Self { goal: Some(goal), parameters: Values::new() }
    }
}

impl TryFrom<agent::Measurement> for Measurement {
    type Error = Invalid;

    fn try_from(wire: agent::Measurement) -> Result<Self, Invalid> {
        let agent::Measurement { slot, step, digest: content, policy, load } = wire;
        Ok(Self {
            slot: word::<v1::Slot, _>("slot", slot)?,
            step: required("step", step)?,
            digest: digest("digest", &content)?,
            policy: required::<_, EvidencePolicy>("policy", policy)?,
            load: optional("load", load)?,
        })
    }
}

impl From<&Measurement> for agent::Measurement {
    fn from(measurement: &Measurement) -> Self {
        let Measurement { slot, step, digest, policy, load } = measurement;
        Self {
            slot: v1::Slot::from(*slot).into(),
            step: Some((*step).into()),
            digest: digest.to_string(),
            policy: Some(policy.into()),
            load: load.as_ref().map(Into::into),
        }
    }
}

/// What a service has vetoed.
///
/// # Errors
/// The first field that is wrong; a digest that is there twice.
pub fn vetoes_from_wire(wire: agent::VetoList) -> Result<(ServiceId, VetoList), Invalid> {
    let agent::VetoList { service, epoch, digests } = wire;
    let service = named("service", service, ServiceId::new)?;
    let at = decided("epoch", epoch)?;
    let digests = map_with("digests", digests, VETOES_MAX, |bytes| Ok((hash("", &bytes)?, ())))?;
    Ok((service, VetoList { at, digests: digests.into_keys().collect() }))
}

/// A list as the wire says it.
#[must_use]
pub fn vetoes_to_wire(service: &ServiceId, list: &VetoList) -> agent::VetoList {
    let VetoList { at, digests } = list;
    agent::VetoList {
        service: service.to_string(),
        epoch: Some((*at).into()),
        digests: digests.iter().map(|digest| digest.as_bytes().to_vec()).collect(),
    }
}
