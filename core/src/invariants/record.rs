//! Invariants of one record, whatever led to it. They do not know the record before.

use super::{Broken, require, set};
use crate::epoch::Epoch;
use crate::evidence::StepRef;
use crate::goal::{Goal, SlotGoal};
use crate::id::RegionId;
use crate::person::person;
use crate::plan::PlannedLane;
use crate::playbook::Scope;
use crate::rollout::event::{Event, Order};
use crate::rollout::goals::goal;
use crate::rollout::reason::Refused;
use crate::rollout::state::{Cause, Inquiry, LaneAt, LaneProgress, Phase, Rollout};
use crate::rollout::step::{Moment, step};
use crate::slot::Slot;
use crate::weight::{Split, Weight};

/// Checks a record.
#[must_use]
pub fn record(record: &Rollout) -> Vec<Broken> {
    let mut broken = Vec::new();
    let same = record.lanes.keys().eq(record.plan.lanes.keys());
    require(&mut broken, "C1", same, || "the lanes are not those of the plan".to_owned());
    for (region, lane) in &record.lanes {
        let Some(planned) = record.plan.lanes.get(region) else {
            continue;
        };
        let within = places(lane).into_iter().all(|place| is_of_plan(record, region, place));
        require(&mut broken, "C1", within, || format!("{region} is at {:?}, which its plan does not have", lane.at));
        let epochs = lane.goal_epoch <= record.epoch && lane.goal_epoch > Epoch::ZERO;
        require(&mut broken, "C2", epochs, || format!("{region} has a goal of epoch {}", lane.goal_epoch));
        // A goal can be asked only of a record that makes sense.
        if let Some(order) = within.then(|| goal(record, region)).flatten() {
            serves_what_runs(&mut broken, &order);
            started_as_pinned(&mut broken, planned, &order);
            way_back(&mut broken, record, region, planned, &order);
        }
    }
    crowd(&mut broken, record);
    approvals(&mut broken, record);
    signed(&mut broken, record);
    for asked in &record.inquiries {
        let callbacks = record.plan.waves.get(asked.wave).map(|wave| wave.callbacks.as_slice()).unwrap_or_default();
        let known = callbacks.iter().any(|callback| callback.id == asked.callback);
        let same = |other: &&Inquiry| other.wave == asked.wave && other.callback == asked.callback;
        let once = record.inquiries.iter().filter(same).count() == 1;
        let bound = asked.plan == record.plan.hash() && asked.digest == record.plan.release.digest;
        require(&mut broken, "C23", known && once && bound, || format!("{asked:?}"));
    }
    let trains = &record.plan.timetable.trains;
    let known = record.train.as_ref().is_none_or(|train| trains.iter().any(|known| known.name == *train));
    require(&mut broken, "C22", known, || format!("{:?} is no train of the plan", record.train));
    set::record(&mut broken, record);
    end(&mut broken, record);
    broken
}

/// Whoever has approved was asked, and approved exactly this.
fn approvals(broken: &mut Vec<Broken>, record: &Rollout) {
    for approval in &record.approvals {
        let asked = record.plan.waves.get(approval.wave).is_some_and(|wave| {
            wave.approvals
                .iter()
                .any(|rule| rule.role == approval.role && approval.until == approval.at.after(rule.valid_for))
        });
        let bound = approval.plan == record.plan.hash() && approval.digest == record.plan.release.digest;
        let other = person(&approval.actor) != person(&record.requester);
        require(broken, "S19", asked && bound && other, || format!("{approval:?} for {}", record.requester));
    }
}

/// Whatever is signed off was asked, once, and by its owner for this release.
fn signed(broken: &mut Vec<Broken>, record: &Rollout) {
    for signed in &record.signed {
        let asked = record.plan.checklist.iter().any(|item| {
            let until = signed.at.after(item.valid_for);
            item.id == signed.item && person(&item.owner) == person(&signed.actor) && signed.until == until
        });
        let once = record.signed.iter().filter(|other| other.item == signed.item).count() == 1;
        let bound = signed.digest == record.plan.release.digest;
        require(broken, "C17", asked && once && bound, || format!("{signed:?}"));
    }
}

fn places(lane: &LaneProgress) -> Vec<StepRef> {
    let at = match lane.at {
        LaneAt::Preparing { wave } => Some(StepRef { wave, step: 0 }),
        LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => Some(step),
        LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => None,
    };
    at.into_iter().chain(lane.vote.as_ref().map(|vote| vote.step)).collect()
}

fn is_of_plan(record: &Rollout, region: &RegionId, place: StepRef) -> bool {
    let wave = record.plan.waves.get(place.wave);
    wave.is_some_and(|wave| wave.regions.contains(region) && place.step < wave.steps.len())
}

/// A goal never sends traffic to a slot that it does not also keep up.
fn serves_what_runs(broken: &mut Vec<Broken>, order: &Goal) {
    for slot in Slot::BOTH {
        let runs = matches!(order.slots.get(slot), SlotGoal::Run(_));
        require(broken, "S10", runs || !order.serves(slot), || {
            format!("{} sends traffic to {slot}, which it does not run", order.lane)
        });
    }
}

/// What runs in a slot is started with what the plan pins for the new release, or what was pinned for the stable one.
fn started_as_pinned(broken: &mut Vec<Broken>, planned: &PlannedLane, order: &Goal) {
    for slot in Slot::BOTH {
        let base = planned.base.as_ref().filter(|base| base.slot == slot).map(|base| &base.parameters);
        let pinned = if slot == planned.slot { Some(&planned.parameters) } else { base };
        let runs = matches!(order.slots.get(slot), SlotGoal::Run(_));
        let given = order.parameters.get(slot);
        let fits = if runs { pinned.is_some_and(|pinned| pinned == given) } else { given.is_empty() };
        require(broken, "C29", fits, || format!("{} starts {slot} with {given:?}, not {pinned:?}", order.lane));
    }
}

fn way_back(broken: &mut Vec<Broken>, record: &Rollout, region: &RegionId, planned: &PlannedLane, order: &Goal) {
    let Some(base) = &planned.base else { return };
    let apart = base.slot != planned.slot && base.release.digest != record.plan.release.digest;
    require(broken, "S11", apart, || format!("{region} would go back to what it comes from"));
    let at = record.lanes.get(region).map(|lane| lane.at);
    let back = matches!(at, Some(LaneAt::Waiting | LaneAt::Preparing { .. } | LaneAt::Reverting | LaneAt::Reverted));
    let ended = matches!(record.phase, Phase::Stable { .. });
    let warm = *order.slots.get(base.slot) == SlotGoal::Run(base.release.clone());
    require(broken, "S11", warm || ended, || format!("{region} does not keep its way back warm"));
    let turned = matches!(at, Some(LaneAt::Reverting | LaneAt::Reverted));
    let left_alone = *order.slots.get(planned.slot) == SlotGoal::Keep;
    require(broken, "S8", left_alone || !turned || record.phase.is_terminal(), || {
        format!("{region} would lose a slot before it is back")
    });
    let there = order.split == Some(Split::all(base.slot)) && order.cohort.is_none();
    require(broken, "S11", there || !back || ended, || format!("{region} is at {at:?} and its traffic elsewhere"));
}

fn crowd(broken: &mut Vec<Broken>, record: &Rollout) {
    for (index, wave) in record.plan.waves.iter().enumerate() {
        let here = |region: &&RegionId| match record.lanes.get(*region).map(|lane| lane.at) {
            Some(LaneAt::Preparing { wave }) => wave == index,
            Some(LaneAt::Shifting(step) | LaneAt::Baking(step)) => step.wave == index,
            Some(LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted) | None => false,
        };
        let count = wave.regions.iter().filter(here).count();
        require(broken, "C4", count <= wave.max_parallel as usize, || format!("{count} regions move in {}", wave.id));
    }
}

fn end(broken: &mut Vec<Broken>, record: &Rollout) {
    let last = |region: &RegionId| record.plan.waves.iter().rposition(|wave| wave.regions.contains(region));
    let whole = |(region, lane): (&RegionId, &LaneProgress)| match lane.at {
        LaneAt::Settled(step) => {
            let weight = record.plan.step(step).map(|step| step.weight);
            Some(step.wave) == last(region) && weight == Some(Weight::WHOLE)
        }
        LaneAt::Waiting
        | LaneAt::Preparing { .. }
        | LaneAt::Shifting(_)
        | LaneAt::Baking(_)
        | LaneAt::Reverting
        | LaneAt::Reverted => false,
    };
    let back = |lane: &LaneProgress| matches!(lane.at, LaneAt::Waiting | LaneAt::Reverted);
    let moved = record.lanes.values().any(|lane| lane.moved);
    let honest = match &record.phase {
        Phase::Switched { .. } | Phase::Stable { .. } => record.lanes.iter().all(whole),
        Phase::RolledBack { .. } => moved && record.lanes.values().all(back),
        Phase::Aborted { .. } => !moved && record.lanes.values().all(back),
        Phase::Running(run) => run.wave < record.plan.waves.len(),
        Phase::Frozen { cause: Cause::NoWayBack { region }, .. } => {
            record.plan.lanes.get(region).is_some_and(|planned| planned.base.is_none())
        }
        Phase::RollingBack { .. } | Phase::Frozen { .. } | Phase::Superseded { .. } | Phase::Failed { .. } => true,
    };
    require(broken, "C8", honest, || format!("{} with {:?}", record.phase.as_str(), record.lanes));
}

/// Checks that a rollback of the fleet would be accepted now.
#[must_use]
pub fn anyone_may_stop(record: &Rollout, moment: Moment) -> Vec<Broken> {
    let mut broken = Vec::new();
    if record.phase.is_terminal() {
        return broken;
    }
    let order = Order { actor: "anyone".to_owned(), reason: "stop".to_owned() };
    let answer = step(record, Event::Rollback(order, Scope::Fleet), moment);
    let begun = |lane: &LaneProgress| lane.at != LaneAt::Waiting;
    let nowhere = record.lanes.iter().filter(|(_, lane)| begun(lane)).all(|(region, lane)| {
        lane.moved && record.plan.lanes.get(region).is_some_and(|planned| planned.base.is_none())
    });
    let accepted = match &answer {
        Ok(_) => true,
        Err(Refused::NoWayBack(_)) => nowhere && record.lanes.values().any(begun),
        Err(Refused::EpochExhausted) => moment.head.next().is_none(),
        Err(
            Refused::Ended(_)
            | Refused::NotNow { .. }
            | Refused::NoSuchRegion(_)
            | Refused::NotAsked { .. }
            | Refused::WaveBegun { .. }
            | Refused::OwnRequest { .. }
            | Refused::Nameless
            | Refused::OtherPlan { .. }
            | Refused::NoApproval { .. }
            | Refused::TooManyApprovals
            | Refused::NoSuchItem { .. }
            | Refused::NotOwner { .. }
            | Refused::NotSigned { .. }
            | Refused::LaunchBegun
            | Refused::TrainDeparted
            | Refused::NotAwaited { .. }
            | Refused::NoMember { .. }
            | Refused::NoSuchTrain { .. },
        ) => false,
    };
    require(&mut broken, "S6", accepted, || format!("{}: {answer:?}", record.phase.as_str()));
    broken
}

/// Checks that a look or a guard which has been followed by a decision decides nothing when it comes again. A decision
/// that enters a new phase is looked at once more in that phase.
#[must_use]
pub fn idempotent(after: &Rollout, event: &Event, moment: Moment) -> Vec<Broken> {
    let mut broken = Vec::new();
    if !matches!(event, Event::Look(_) | Event::Guard(_)) {
        return broken;
    }
    let (mut record, mut head) = (after.clone(), moment.head);
    // Switched, stable; rolling back, aborted: no look enters more than two phases one after the other.
    for _ in 0..3 {
        head = head.max(record.epoch);
        let Ok(again) = step(&record, event.clone(), Moment { head, ..moment }) else {
            return broken;
        };
        let Some(next) = again.next else { return broken };
        let entered = std::mem::discriminant(&next.phase) != std::mem::discriminant(&record.phase);
        require(&mut broken, "S23", entered, || format!("{:?} became {:?}", record.lanes, next.lanes));
        record = next;
    }
    require(&mut broken, "S23", false, || "one look never comes to rest".to_owned());
    broken
}
