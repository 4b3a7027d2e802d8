//! What an agent knows to be vetoed it does not start on the way forward, and nothing else follows from it; and what
//! follows for the rollout.

use meridian_core::agent::{Action, Blocked, LocalWorld, NextMove, VetoList, next_move};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::{SlotSeen, SlotState, TrafficSeen};
use meridian_core::playbook::Scope;
use meridian_core::release::{ReleaseRef, Reversibility};
use meridian_core::rollout::goals::{goal, left_on_vetoed};
use meridian_core::rollout::state::LaneAt;
use meridian_core::rollout::veto::VetoOrder;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;

use super::world::World;
use super::world::design::{Design, region, release};
use super::world::site::Mood;

fn old() -> ReleaseRef {
    release("1.0.0").reference()
}

fn new() -> ReleaseRef {
    release("2.0.0").reference()
}

fn list(at: u64, digests: &[Digest]) -> VetoList {
    VetoList { at: Epoch::new(1, at), digests: digests.iter().copied().collect() }
}

/// Old in blue and new in green, as they are, and all traffic on blue.
fn local(blue: Option<SlotState>, green: Option<(&ReleaseRef, SlotState)>) -> LocalWorld {
    let slots = Slots {
        blue: blue.map(|state| SlotSeen { digest: old().digest, state }),
        green: green.map(|(release, state)| SlotSeen { digest: release.digest, state }),
    };
    LocalWorld { slots, traffic: Some(TrafficSeen { split: Split::all(Slot::Blue), cohort: None }) }
}

/// The goals of a rollout of the new release, in the order in which they are issued.
struct Goals {
    base: Goal,
    prepared: Goal,
    step: Goal,
    back: Goal,
    last: Goal,
}

fn goals() -> Goals {
    let mut world = World::new(&Design::of(&[&[0]]));
    let order = |world: &World| goal(&world.record, &region(0)).unwrap();
    let base = order(&world);
    world.round();
    let prepared = order(&world);
    world.until("it bakes", |world| world.word(0) == "baking");
    let (step, mut bad) = (order(&world), world.clone());
    bad.rollback(Scope::Fleet).unwrap();
    world.until_phase("stable");
    Goals { base, prepared, step, back: order(&bad), last: order(&world) }
}

#[test]
fn what_is_vetoed_is_not_started_on_the_way_forward_and_nothing_else_changes() {
    use SlotState::{Failed, Ready, Starting, Stopping};
    let Goals { base, prepared, step, back, last } = goals();
    let (new, other, both) = (new(), release("9.9.9").reference(), list(5, &[old().digest, new().digest]));
    let vetoed = NextMove::Wait(Blocked::Vetoed(Slot::Green, new.digest));
    let up = |slot, release: &ReleaseRef| NextMove::Act(vec![Action::Start(slot, release.clone())]);
    let table = [
        (&prepared, local(Some(Ready), None), vetoed.clone()),
        (&prepared, local(Some(Ready), Some((&new, Failed))), vetoed.clone()),
        // No room is made for it; what is there is left.
        (&prepared, local(Some(Ready), Some((&other, Ready))), vetoed.clone()),
        (&step, local(Some(Ready), None), vetoed.clone()),
        (&step, local(Some(Ready), Some((&new, Failed))), vetoed),
        // What runs, or is on its way, goes on.
        (&prepared, local(Some(Ready), Some((&new, Ready))), NextMove::Reached),
        (&prepared, local(Some(Ready), Some((&new, Starting))), NextMove::Wait(Blocked::SlotNotReady(Slot::Green))),
        (&prepared, local(Some(Ready), Some((&new, Stopping))), NextMove::Wait(Blocked::SlotNotReady(Slot::Green))),
        // The way back is kept open beside it, and is gone, whatever it leads to.
        (&prepared, local(Some(Failed), None), up(Slot::Blue, &old())),
        (&step, local(Some(Failed), None), up(Slot::Blue, &old())),
        (&back, local(Some(Failed), Some((&new, Ready))), up(Slot::Blue, &old())),
        (&base, local(None, None), up(Slot::Blue, &old())),
        // What was left as the last stable release is kept up.
        (
            &last,
            LocalWorld { traffic: last.split.map(|split| TrafficSeen { split, cohort: None }), ..local(None, None) },
            up(Slot::Green, &new),
        ),
    ];
    for (goal, world, expected) in table {
        assert_eq!(next_move(goal, &world, &both), expected, "{world:?} toward {:?} {:?}", goal.slots, goal.split);
    }
    assert_eq!(next_move(&prepared, &local(Some(Ready), None), &list(5, &[other.digest])), up(Slot::Green, &new));
}

#[test]
fn a_first_release_is_not_started_and_is_kept_up_once_it_has_the_traffic() {
    let mut world = World::with_first(&Design::of(&[&[0]]), &[0]);
    world.round();
    let (prepared, known) = (goal(&world.record, &region(0)).unwrap(), list(5, &[new().digest]));
    assert_eq!(prepared.slots.blue, SlotGoal::Run(new()));
    let nothing = LocalWorld::default();
    assert_eq!(next_move(&prepared, &nothing, &known), NextMove::Wait(Blocked::Vetoed(Slot::Blue, new().digest)));
    world.until("it bakes", |world| world.word(0) == "baking");
    let mut fallen = world.sites[&region(0)].local.clone();
    fallen.slots.blue.as_mut().unwrap().state = SlotState::Failed;
    let step = goal(&world.record, &region(0)).unwrap();
    // Nothing else could serve.
    assert_eq!(next_move(&step, &fallen, &known), NextMove::Act(vec![Action::Start(Slot::Blue, new())]));
}

#[test]
fn an_older_list_never_replaces_a_newer_one() {
    let (bad, worse) = (Digest::of(b"bad"), Digest::of(b"worse"));
    let mut known = VetoList::default();
    assert!(known.renew(list(5, &[bad])));
    for stale in [list(5, &[]), list(4, &[worse]), VetoList::default()] {
        assert!(!known.renew(stale));
        assert_eq!(known, list(5, &[bad]));
    }
    assert!(known.renew(list(6, &[])), "lifted");
    // A restore raises the generation, and what was vetoed after the backup is not known any more.
    assert!(known.renew(list(90, &[worse])));
    assert!(known.renew(VetoList { at: Epoch::new(2, 7), ..VetoList::default() }));
}

#[test]
fn a_rollout_of_what_is_vetoed_meanwhile_says_so_and_goes_on_when_it_is_lifted() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.until("the first bakes", |world| world.word(0) == "baking");
    world.veto_elsewhere();
    world.until("the second is to be prepared", |world| matches!(world.at(1), LaneAt::Preparing { .. }));
    let waits = world.round().waits;
    let wait = waits.iter().find(|wait| wait.region() == Some(&region(1))).unwrap();
    assert_eq!(wait.code(), "DIGEST_VETOED");
    assert_eq!(world.sites[&region(1)].local.slots.green, None);
    assert!(world.sites[&region(0)].local.slots.green.is_some(), "what runs is not stopped");
    world.lift();
    world.until_phase("stable");
}

/// A release is everywhere, votes freeze it past its point of no return, and it is vetoed by another rollout.
fn given_up(first: &[usize]) -> World {
    let mut design = Design::of(&[&[0]]);
    design.reversibility = Reversibility::PointOfNoReturn;
    let mut world = World::with_first(&design, first);
    world.until_phase("switched");
    world.veto_elsewhere();
    world.mood(Mood::Bad);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "frozen");
    world.abandon().unwrap();
    world
}

#[test]
fn what_is_given_up_leaves_no_vetoed_release_behind_where_there_is_an_earlier_one() {
    let world = given_up(&[]);
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().release, old());
    assert_eq!(left_on_vetoed(&world.record, &world.vetoes), None);
    let mut lifted = world.clone();
    lifted.veto(VetoOrder::Unveto(new().digest)).unwrap();
    assert_eq!(left_on_vetoed(&lifted.record, &lifted.vetoes), None);
}

#[test]
fn a_vetoed_release_that_nothing_came_before_stays_and_the_way_back_to_it_is_open() {
    let mut world = given_up(&[0]);
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().release, new());
    let left = left_on_vetoed(&world.record, &world.vetoes).unwrap();
    assert_eq!(
        (left.code(), left.to_string().as_str()),
        ("LEFT_ON_VETOED", "2.0.0 is vetoed and stays the last stable release of r0: nothing served there before",)
    );
    // The next rollout goes back to it, though it fell meanwhile.
    let design = Design::of(&[&[0]]);
    world.mood(Mood::Good);
    world.reopen(&design, "3.0.0");
    world.until("it bakes", |world| world.word(0) == "baking");
    let base = world.lanes[&region(0)].stable.clone().unwrap().slot;
    world.site(0).set(base, SlotState::Failed);
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
    let local = &world.sites[&region(0)].local;
    assert_eq!(local.traffic.as_ref().unwrap().split, Split::all(base));
    assert_eq!(local.slots.get(base).unwrap().digest, new().digest);
}
