//! Invariants of an agent: of its memory, and of what it does to its region. They know no server.

use super::{Broken, require};
use crate::agent::{Action, LaneMemory, LocalWorld, serves_now};
use crate::goal::{Goal, SlotGoal};
use crate::observation::SlotState;
use crate::slot::Slot;

/// Checks what became of a memory, over anything: a goal, a crash, a new server.
#[must_use]
pub fn memory(before: &LaneMemory, after: &LaneMemory) -> Vec<Broken> {
    let mut broken = Vec::new();
    let (was, is) = (before.accepted(), after.accepted());
    require(&mut broken, "S1", is >= was, || format!("accepted {was}, then {is}"));
    if let (Some(old), Some(new)) = (before.intent(), after.intent()) {
        require(&mut broken, "S1", is != was || old == new, || format!("epoch {is} became another goal"));
        let kept = after.is_done() || !before.is_done() || after.went_back().is_some();
        require(&mut broken, "S1", is != was || kept, || format!("{is} was done"));
        let stays_back = after.went_back().is_some() || before.went_back().is_none();
        require(&mut broken, "S1", is != was || stays_back, || format!("{is} was turned back, and is no more"));
        require(&mut broken, "S1", old.lane == new.lane, || format!("{} became {}", old.lane, new.lane));
        let undone = is == was || !after.is_done();
        require(&mut broken, "S12", undone, || format!("{is} is done before anything was done for it"));
    } else {
        require(&mut broken, "S1", before.intent().is_none(), || "a memory was lost".to_owned());
    }
    let (knew, knows) = (before.vetoes(), after.vetoes());
    let kept = knows.at > knew.at || knows == knew;
    require(&mut broken, "C16", kept, || format!("vetoes of {} were replaced by those of {}", knew.at, knows.at));
    broken
}

/// Checks that what an agent knows to be vetoed is not started on the way forward: where its goal names the slot as the
/// one that is measured, or sends it nothing while something else has the traffic or nothing has.
#[must_use]
pub fn start(memory: &LaneMemory, goal: &Goal, action: &Action) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Action::Start(slot, release) = action else {
        return broken;
    };
    let alone = !matches!(goal.slots.get(slot.other()), SlotGoal::Run(_));
    let back = match &goal.measurement {
        Some(measurement) => measurement.slot != *slot || alone,
        None => goal.serves(*slot) || alone && goal.split.is_some(),
    };
    let known = memory.vetoes().digests.contains(&release.digest);
    require(&mut broken, "C16", back || !known, || format!("starts {release} in {slot}, which it knows is vetoed"));
    broken
}

/// Checks that an agent works toward nothing but what is on its disk.
#[must_use]
pub fn intent(durable: &LaneMemory, goal: &Goal) -> Vec<Broken> {
    let mut broken = Vec::new();
    let same = durable.target().as_ref() == Some(goal);
    require(&mut broken, "S12", same, || format!("acts on {}, {} is on disk", goal.epoch, durable.accepted()));
    broken
}

/// Checks one action toward a goal, in the world as it was before it.
#[must_use]
pub fn action(goal: &Goal, world: &LocalWorld, action: &Action) -> Vec<Broken> {
    let mut broken = Vec::new();
    let alive = |slot: Slot| world.slots.get(slot).is_some_and(|seen| seen.state != SlotState::Failed);
    match action {
        Action::Stop(slot) => {
            let used = serves_now(world, *slot) || goal.serves(*slot) && *goal.slots.get(*slot) == SlotGoal::Empty;
            require(&mut broken, "S8", !used, || format!("stops {slot}, which gets traffic"));
        }
        Action::Start(slot, release) => {
            require(&mut broken, "S8", !alive(*slot), || format!("starts over {slot}, which is alive"));
            let meant = *goal.slots.get(*slot) == SlotGoal::Run(release.clone());
            require(&mut broken, "S4", meant, || format!("starts {release} in {slot}, which no goal asks for"));
        }
        Action::Route(split, cohort) => {
            let meant = goal.split == Some(*split) && goal.cohort == *cohort;
            require(&mut broken, "S9", meant, || format!("routes {split}, which no goal asks for"));
            for slot in Slot::BOTH {
                let served = split.serves(slot) || cohort.as_ref().is_some_and(|cohort| cohort.slot == slot);
                let ready = world.slots.get(slot).filter(|seen| seen.state == SlotState::Ready);
                let right = match goal.slots.get(slot) {
                    SlotGoal::Run(release) => ready.is_some_and(|seen| seen.digest == release.digest),
                    SlotGoal::Keep | SlotGoal::Empty => false,
                };
                require(&mut broken, "S10", right || !served, || format!("routes to {slot}, which is not ready"));
            }
        }
    }
    broken
}

/// Checks that an agent's own doing did not leave its region without a slot that is ready and gets traffic.
#[must_use]
pub fn live(before: &LocalWorld, after: &LocalWorld) -> Vec<Broken> {
    let mut broken = Vec::new();
    let is_live = |world: &LocalWorld| {
        Slot::BOTH.into_iter().any(|slot| {
            let ready = world.slots.get(slot).is_some_and(|seen| seen.state == SlotState::Ready);
            ready && serves_now(world, slot)
        })
    };
    require(&mut broken, "S8", is_live(after) || !is_live(before), || format!("{before:?} became {after:?}"));
    broken
}

/// Checks that an agent calls a goal done only when the world reads back like it.
#[must_use]
pub fn done(memory: &LaneMemory, world: &LocalWorld) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Some(goal) = memory.target().filter(|_| memory.is_reached()) else {
        return broken;
    };
    let traffic = goal.split.is_none()
        || world.traffic.as_ref().is_some_and(|seen| Some(seen.split) == goal.split && seen.cohort == goal.cohort);
    require(&mut broken, "S12", traffic, || format!("{} is done, traffic is {:?}", goal.epoch, world.traffic));
    for slot in Slot::BOTH {
        let seen = world.slots.get(slot);
        let fits = match goal.slots.get(slot) {
            SlotGoal::Empty => seen.is_none(),
            SlotGoal::Keep => true,
            SlotGoal::Run(release) => {
                seen.is_some_and(|seen| seen.digest == release.digest && seen.state == SlotState::Ready)
            }
        };
        require(&mut broken, "S12", fits, || format!("{} is done, {slot} holds {seen:?}", goal.epoch));
    }
    broken
}
