//! The agent's rules, case by case: what it takes, and what it does next in every world.

use meridian_core::agent::{Accepted, Action, Blocked, GoalRefused, LaneMemory, LocalWorld, NextMove, VetoList};
use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::epoch::Epoch;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::id::{Lane, RolloutId};
use meridian_core::observation::{SlotSeen, SlotState, TrafficSeen};
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;

use super::world::design::{percent, region, release, service};

fn old() -> ReleaseRef {
    release("1.0.0").reference()
}

fn new() -> ReleaseRef {
    release("2.0.0").reference()
}

/// Old in blue, new in green, that many percent to the new one.
fn goal(counter: u64, to_new: u64) -> Goal {
    Goal {
        parameters: Slots::default(),
        lane: Lane { service: service(), region: region(0) },
        epoch: Epoch::new(1, counter),
        rollout: RolloutId::new("r").unwrap(),
        slots: Slots { blue: SlotGoal::Run(old()), green: SlotGoal::Run(new()) },
        split: Some(Split::toward(Slot::Green, percent(to_new))),
        cohort: None,
        measurement: None,
        mandate: None,
    }
}

#[test]
fn the_fence_takes_what_is_higher_and_nothing_else() {
    let mut memory = LaneMemory::default();
    assert_eq!(memory.accepted(), Epoch::ZERO);
    let zero = Goal { epoch: Epoch::ZERO, ..goal(0, 20) };
    assert!(matches!(memory.accept(zero), Err(GoalRefused::Stale { .. })), "no decision has epoch zero");
    assert_eq!(memory.accept(goal(5, 20)), Ok(Accepted::New));
    assert_eq!(memory.accept(goal(5, 20)), Ok(Accepted::Known));
    assert!(memory.mark_done(Epoch::new(1, 5)) && !memory.mark_done(Epoch::new(1, 5)));
    let table = [
        (goal(4, 20), Err("stale")),
        (Goal { epoch: Epoch::new(0, 99), ..goal(5, 20) }, Err("stale")),
        (goal(5, 50), Err("conflict")),
        (goal(5, 20), Ok(Accepted::Known)),
        (goal(6, 20), Ok(Accepted::New)),
        (Goal { epoch: Epoch::new(2, 0), ..goal(5, 50) }, Ok(Accepted::New)),
    ];
    for (offered, expected) in table {
        let mut after = memory.clone();
        let answer = after.accept(offered.clone());
        match expected {
            Ok(accepted) => assert_eq!(answer, Ok(accepted), "{offered:?}"),
            Err(why) => {
                let refused = match &answer {
                    Err(GoalRefused::Stale { .. }) => "stale",
                    Err(GoalRefused::Conflict { .. }) => "conflict",
                    Ok(_) => "nothing",
                };
                assert_eq!(refused, why, "{offered:?}");
                assert_eq!(after, memory, "a refused goal changes nothing");
            }
        }
        let is_new = answer == Ok(Accepted::New);
        assert_eq!(after.is_done(), !is_new, "what is new is not done");
    }
}

#[test]
fn only_the_goal_that_is_held_can_be_done() {
    let mut memory = LaneMemory::default();
    assert!(!memory.mark_done(Epoch::new(1, 5)));
    memory.accept(goal(5, 20)).unwrap();
    assert!(!memory.mark_done(Epoch::new(1, 4)) && !memory.mark_done(Epoch::new(1, 6)));
    assert_eq!(memory.done_mark(), None);
    assert!(memory.mark_done(Epoch::new(1, 5)));
    let mark = memory.done_mark().unwrap();
    assert_eq!((mark.epoch, mark.hash), (Epoch::new(1, 5), goal(5, 20).hash()));
    assert_eq!(LaneMemory::recalled(goal(5, 20), true), memory);
}

#[test]
fn hashes_tell_every_difference_but_the_epoch() {
    let same = goal(5, 20);
    assert_eq!(same.hash(), goal(6, 20).hash());
    let cohort = Cohort { rule: CohortRule::Share(RequestKey::Cookie("id".to_owned()), percent(1)), slot: Slot::Green };
    let others = [
        goal(5, 21),
        Goal { rollout: RolloutId::new("s").unwrap(), ..same.clone() },
        Goal { lane: Lane { service: service(), region: region(1) }, ..same.clone() },
        Goal { slots: Slots { blue: SlotGoal::Keep, ..same.slots.clone() }, ..same.clone() },
        Goal { split: None, ..same.clone() },
        Goal { cohort: Some(cohort), ..same.clone() },
    ];
    for other in others {
        assert_ne!(other.hash(), same.hash(), "{other:?}");
    }
}

/// What an agent does next that knows of no veto.
fn next_move(goal: &Goal, world: &LocalWorld) -> NextMove {
    meridian_core::agent::next_move(goal, world, &VetoList::default())
}

fn seen(release: &ReleaseRef, state: SlotState) -> Option<SlotSeen> {
    Some(SlotSeen { digest: release.digest, state })
}

fn world(blue: Option<SlotSeen>, green: Option<SlotSeen>, to_new: Option<u64>) -> LocalWorld {
    let traffic = to_new.map(|share| TrafficSeen { split: Split::toward(Slot::Green, percent(share)), cohort: None });
    LocalWorld { slots: Slots { blue, green }, traffic }
}

fn with(blue: SlotGoal, green: SlotGoal, to_new: u64) -> Goal {
    Goal { slots: Slots { blue, green }, ..goal(5, to_new) }
}

#[test]
fn the_next_move_is_the_safe_one() {
    use SlotState::{Failed, Ready, Starting, Stopping, Unready};
    let (run_old, run_new) = (|| SlotGoal::Run(old()), || SlotGoal::Run(new()));
    let up = || seen(&old(), Ready);
    let route = |share| Action::Route(Split::toward(Slot::Green, percent(share)), None);
    let wait = |slot| NextMove::Wait(Blocked::SlotNotReady(slot));
    let table = vec![
        // Bring up, wait, route, reached.
        (goal(5, 20), world(up(), None, Some(0)), NextMove::Act(vec![Action::Start(Slot::Green, new())])),
        (goal(5, 20), world(up(), seen(&new(), Starting), Some(0)), wait(Slot::Green)),
        (goal(5, 20), world(up(), seen(&new(), Unready), Some(0)), wait(Slot::Green)),
        (goal(5, 20), world(up(), seen(&new(), Stopping), Some(0)), wait(Slot::Green)),
        (
            goal(5, 20),
            world(up(), seen(&new(), Failed), Some(0)),
            NextMove::Act(vec![Action::Start(Slot::Green, new())]),
        ),
        (goal(5, 20), world(up(), seen(&new(), Ready), Some(0)), NextMove::Act(vec![route(20)])),
        (goal(5, 20), world(up(), seen(&new(), Ready), None), NextMove::Act(vec![route(20)])),
        (goal(5, 20), world(up(), seen(&new(), Ready), Some(20)), NextMove::Reached),
        // The right slot holds the wrong release: away with it first, unless it serves.
        (goal(5, 20), world(up(), seen(&old(), Ready), Some(0)), NextMove::Act(vec![Action::Stop(Slot::Green)])),
        (goal(5, 20), world(up(), seen(&old(), Ready), Some(50)), NextMove::Wait(Blocked::SlotNotReady(Slot::Green))),
        // The end: the old slot goes only once nothing goes there.
        (
            with(SlotGoal::Empty, run_new(), 100),
            world(up(), seen(&new(), Ready), Some(50)),
            NextMove::Act(vec![route(100)]),
        ),
        (
            with(SlotGoal::Empty, run_new(), 100),
            world(up(), seen(&new(), Ready), Some(100)),
            NextMove::Act(vec![Action::Stop(Slot::Blue)]),
        ),
        (with(SlotGoal::Empty, run_new(), 100), world(None, seen(&new(), Ready), Some(100)), NextMove::Reached),
        // Back: what went wrong is left alone, even if it has failed.
        (
            with(run_old(), SlotGoal::Keep, 0),
            world(up(), seen(&new(), Failed), Some(50)),
            NextMove::Act(vec![route(0)]),
        ),
        (with(run_old(), SlotGoal::Keep, 0), world(up(), seen(&new(), Failed), Some(0)), NextMove::Reached),
        // Back to a slot that is gone: prepared again first.
        (
            with(run_old(), SlotGoal::Keep, 0),
            world(None, seen(&new(), Ready), Some(100)),
            NextMove::Act(vec![Action::Start(Slot::Blue, old())]),
        ),
        (
            with(run_old(), SlotGoal::Keep, 0),
            world(seen(&old(), Starting), seen(&new(), Ready), Some(100)),
            wait(Slot::Blue),
        ),
    ];
    for (goal, world, expected) in table {
        assert_eq!(next_move(&goal, &world), expected, "{:?} toward {:?} {:?}", world, goal.slots, goal.split);
    }
}

#[test]
fn a_slot_that_serves_a_cohort_serves() {
    let key = RequestKey::Header("x-pilot".to_owned());
    let cohort = Cohort { rule: CohortRule::Equals(key, "yes".to_owned()), slot: Slot::Green };
    let goal = Goal { cohort: Some(cohort.clone()), ..goal(5, 0) };
    let up = seen(&old(), SlotState::Ready);
    let before = world(up, seen(&new(), SlotState::Starting), Some(0));
    assert_eq!(next_move(&goal, &before), NextMove::Wait(Blocked::SlotNotReady(Slot::Green)));
    let mut serving = world(up, seen(&new(), SlotState::Ready), Some(0));
    serving.traffic.as_mut().unwrap().cohort = Some(cohort);
    assert_eq!(next_move(&goal, &serving), NextMove::Reached);
    let clear = with(SlotGoal::Run(old()), SlotGoal::Empty, 0);
    let route = Action::Route(Split::all(Slot::Blue), None);
    assert_eq!(next_move(&clear, &serving), NextMove::Act(vec![route]), "the route first, then the stop");
}
