//! The next safe move toward a goal. Level-triggered: it looks at the world as it is, so it is the same after a crash.
//!
//! At every instant at least one slot is up and receiving traffic: traffic moves only to slots that are ready, and a
//! slot is stopped only after the read-back says that nothing goes there any more.

use super::vetoes::VetoList;
use crate::cohort::Cohort;
use crate::digest::Digest;
use crate::goal::{Goal, SlotGoal};
use crate::observation::{SlotSeen, SlotState, TrafficSeen};
use crate::planted;
use crate::release::ReleaseRef;
use crate::slot::{Slot, Slots};
use crate::weight::Split;

/// The region as its drivers read it back.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LocalWorld {
    /// Contents of the slots.
    pub slots: Slots<Option<SlotSeen>>,
    /// Traffic in effect.
    pub traffic: Option<TrafficSeen>,
}

/// One thing for a driver to do.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Action {
    /// Bring a release up in a slot that holds nothing alive.
    Start(Slot, ReleaseRef),
    /// Drain and stop what is in a slot that gets no traffic.
    Stop(Slot),
    /// Send traffic like this; returns once the data plane has acknowledged it.
    Route(Split, Option<Cohort>),
}

/// Why there is nothing to do although the goal is not reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Blocked {
    /// A slot is on its way up (or down).
    SlotNotReady(Slot),
    /// A slot that gets traffic holds something else; it can't be replaced under traffic.
    SlotServes(Slot),
    /// The slot is to hold what is vetoed, and does not: that is not started on the way forward.
    Vetoed(Slot, Digest),
    /// The goal was reached, and somebody has changed the region since: it is left as it is.
    Drifted,
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum NextMove {
    /// The world is what the goal says.
    Reached,
    /// Do these, in any order, then look again.
    Act(Vec<Action>),
    /// Wait, then look again.
    Wait(Blocked),
}

/// Decides the next move of an agent that knows of these vetoes.
#[must_use]
pub fn next_move(goal: &Goal, world: &LocalWorld, vetoes: &VetoList) -> NextMove {
    let mut actions = Vec::new();
    let (mut blocked, mut vetoed) = (None, None);
    for slot in Slot::BOTH {
        match unless_vetoed(content_move(goal, world, slot), goal, vetoes, slot) {
            ContentMove::Fits => {}
            ContentMove::Act(action) => actions.push(action),
            ContentMove::Wait(why @ Blocked::Vetoed(..)) => vetoed = Some(why),
            ContentMove::Wait(why) => blocked = blocked.or(Some(why)),
        }
    }
    match traffic_move(goal, world) {
        TrafficMove::Fits => {}
        // A slot is neither started over nor stopped while traffic is about to be moved on to it or off it; the
        // contents above were decided on the traffic as it is now, so both may run side by side.
        TrafficMove::Route(split) => actions.push(Action::Route(split, goal.cohort.clone())),
        TrafficMove::Wait(slot) => blocked = Some(Blocked::SlotNotReady(slot)),
    }
    // What only a person can lift is told before what may pass.
    match (actions.is_empty(), vetoed.or(blocked)) {
        (false, _) => NextMove::Act(actions),
        (true, Some(_)) if planted::is("reached-early") => NextMove::Reached,
        (true, Some(blocked)) => NextMove::Wait(blocked),
        (true, None) => NextMove::Reached,
    }
}

enum ContentMove {
    Fits,
    Act(Action),
    Wait(Blocked),
}

/// What is vetoed is not started, nor is room made for it.
fn unless_vetoed(next: ContentMove, goal: &Goal, vetoes: &VetoList, slot: Slot) -> ContentMove {
    match (&next, goal.slots.get(slot)) {
        (ContentMove::Act(_), SlotGoal::Run(release)) if vetoes.forbids(goal, slot, release) => {
            ContentMove::Wait(Blocked::Vetoed(slot, release.digest))
        }
        (ContentMove::Act(_) | ContentMove::Wait(_) | ContentMove::Fits, _) => next,
    }
}

fn content_move(goal: &Goal, world: &LocalWorld, slot: Slot) -> ContentMove {
    let seen = *world.slots.get(slot);
    let in_use = (serves_now(world, slot) || goal.serves(slot)) && !planted::is("stop-serving");
    match (goal.slots.get(slot), seen) {
        (SlotGoal::Keep, _) | (SlotGoal::Empty, None) => ContentMove::Fits,
        (SlotGoal::Empty, Some(_)) if in_use => ContentMove::Wait(Blocked::SlotServes(slot)),
        (SlotGoal::Empty, Some(SlotSeen { state: SlotState::Stopping, .. })) => {
            ContentMove::Wait(Blocked::SlotNotReady(slot))
        }
        (SlotGoal::Empty, Some(_)) => ContentMove::Act(Action::Stop(slot)),
        (SlotGoal::Run(release), None) => ContentMove::Act(Action::Start(slot, release.clone())),
        (SlotGoal::Run(release), Some(seen)) => run_move(release, seen, slot, serves_now(world, slot)),
    }
}

fn run_move(release: &ReleaseRef, seen: SlotSeen, slot: Slot, serving: bool) -> ContentMove {
    let same = seen.digest == release.digest;
    match seen.state {
        SlotState::Ready if same => ContentMove::Fits,
        SlotState::Starting | SlotState::Unready if same => ContentMove::Wait(Blocked::SlotNotReady(slot)),
        SlotState::Stopping => ContentMove::Wait(Blocked::SlotNotReady(slot)),
        // What came down by itself serves nobody, whatever the split says.
        SlotState::Failed => ContentMove::Act(Action::Start(slot, release.clone())),
        SlotState::Ready | SlotState::Starting | SlotState::Unready if serving => {
            ContentMove::Wait(Blocked::SlotServes(slot))
        }
        SlotState::Ready | SlotState::Starting | SlotState::Unready => ContentMove::Act(Action::Stop(slot)),
    }
}

enum TrafficMove {
    Fits,
    Route(Split),
    Wait(Slot),
}

fn traffic_move(goal: &Goal, world: &LocalWorld) -> TrafficMove {
    // Where nothing has ever served there is nothing to route, and nothing is taken away.
    let Some(split) = goal.split else {
        return TrafficMove::Fits;
    };
    let wanted = TrafficSeen { split, cohort: goal.cohort.clone() };
    if world.traffic.as_ref() == Some(&wanted) {
        return TrafficMove::Fits;
    }
    let unready = Slot::BOTH.into_iter().find(|slot| goal.serves(*slot) && !may_serve(goal, world, *slot));
    let unready = unready.filter(|_| !planted::is("switch-before-ready"));
    unready.map_or(TrafficMove::Route(split), TrafficMove::Wait)
}

/// Ready before traffic: the right release, up and answering.
pub(super) fn may_serve(goal: &Goal, world: &LocalWorld, slot: Slot) -> bool {
    let ready = world.slots.get(slot).filter(|seen| seen.state == SlotState::Ready);
    match (goal.slots.get(slot), ready) {
        (SlotGoal::Run(release), Some(seen)) => seen.digest == release.digest,
        (SlotGoal::Keep, Some(_)) => true,
        (SlotGoal::Run(_) | SlotGoal::Keep, None) | (SlotGoal::Empty, _) => false,
    }
}

/// Whether a slot gets traffic by the split or the cohort in effect.
#[must_use]
pub fn serves_now(world: &LocalWorld, slot: Slot) -> bool {
    let Some(traffic) = &world.traffic else {
        return false;
    };
    traffic.split.serves(slot) || traffic.cohort.as_ref().is_some_and(|cohort| cohort.slot == slot)
}
