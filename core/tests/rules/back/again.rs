//! No rollback of a rollback: while one is on its way another changes nothing, after its end none is taken, and one that
//! fails stands still until a person chooses.

use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Effect, Event, Notice, Order};
use meridian_core::rollout::operator::allowed;
use meridian_core::rollout::reason::{Refused, Wait};
use meridian_core::rollout::state::{Cause, Phase};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Split;

use crate::world::World;
use crate::world::design::{Design, region, release};
use crate::world::site::Mood;

fn scopes() -> [Scope; 3] {
    [Scope::Fleet, Scope::Wave, Scope::Region(region(1))]
}

/// Somebody else, with another reason than the first one's.
fn another() -> Order {
    Order { actor: "bert".to_owned(), reason: "to be sure".to_owned() }
}

fn baking() -> World {
    let mut world = World::new(&Design::of(&[&[0, 1]]));
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world
}

/// Region 0 is back, region 1 can't be reached.
fn on_the_way() -> World {
    let mut world = baking();
    world.lose(1);
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!((world.word(0), world.word(1), world.phase().as_str()), ("reverted", "reverting", "rolling-back"));
    world
}

/// Region 1 is back, the driver of region 0 gave up; answers the decision that froze it too.
fn failed() -> (World, Vec<Effect>) {
    let mut world = baking();
    world.site(0).trouble = Some(("BROKEN", true));
    world.rollback(Scope::Fleet).unwrap();
    world.work();
    let answer = world.decide(Event::Look(world.sight.clone())).unwrap();
    assert_eq!((answer.kind, world.phase().as_str()), ("freeze", "frozen"));
    (world, answer.effects)
}

#[test]
fn on_the_way_back_another_order_to_go_back_changes_nothing_whoever_gives_it() {
    for scope in scopes() {
        let mut world = on_the_way();
        world.now = world.now.after(Span::from_secs(1));
        let (record, vetoes) = (world.record.clone(), world.vetoes.clone());
        let again = world.decide(Event::Rollback(another(), scope.clone())).unwrap();
        assert!(again.next.is_none() && again.effects.is_empty(), "{scope:?}: {again:?}");
        assert_eq!((&world.record, &world.vetoes), (&record, &vetoes), "{scope:?}: it is still the first one's");
    }
}

#[test]
fn what_is_measured_on_the_way_back_turns_nobody_around() {
    for mood in [Mood::Good, Mood::Bad, Mood::Silent] {
        let mut world = on_the_way();
        world.mood(mood);
        let before = world.kinds.len();
        world.pass(100_000);
        assert_eq!((world.word(0), world.word(1)), ("reverted", "reverting"), "{mood:?}");
        world.find(1);
        world.rest();
        assert_eq!(world.phase().as_str(), "rolled-back", "{mood:?}");
        assert_eq!(world.kinds[before..], ["finish"], "{mood:?}");
    }
}

#[test]
fn what_has_gone_back_is_not_taken_back_again() {
    let mut rolled = baking();
    rolled.rollback(Scope::Fleet).unwrap();
    rolled.rest();
    let mut aborted = World::new(&Design::of(&[&[0, 1]]));
    aborted.rollback(Scope::Fleet).unwrap();
    aborted.rest();
    for (mut world, phase) in [(rolled, "rolled-back"), (aborted, "aborted")] {
        let (record, vetoes) = (world.record.clone(), world.vetoes.clone());
        for scope in scopes() {
            let answer = world.decide(Event::Rollback(another(), scope.clone()));
            assert_eq!(answer, Err(Refused::Ended(phase)), "{scope:?}");
        }
        assert!(allowed(&world.record).is_empty(), "nothing is offered once it is {phase}");
        world.pass(100_000);
        assert_eq!((&world.record, &world.vetoes), (&record, &vetoes), "{phase}");
    }
}

#[test]
fn a_rollback_that_fails_calls_a_person_and_names_the_choices() {
    let (mut world, told) = failed();
    let Phase::Frozen { cause, .. } = world.phase().clone() else { panic!("{:?}", world.phase()) };
    assert!(matches!(&cause, Cause::Driver { region: at, .. } if *at == region(0)), "{cause:?}");
    assert!(told.contains(&Effect::Notify(Notice::HumanNeeded(cause.clone()))), "{told:?}");
    assert_eq!(allowed(&world.record), ["rollback", "abandon"]);
    // However long nobody answers and whatever is measured, it chooses nothing by itself.
    let record = world.record.clone();
    world.mood(Mood::Bad);
    let answer = world.pass(100_000);
    assert_eq!((&world.record, answer.waits), (&record, vec![Wait::Human(cause)]));
}

#[test]
fn a_person_tries_a_failed_rollback_again_or_gives_it_up() {
    let (world, _) = failed();
    let serves = |world: &World, number: usize| world.sites[&region(number)].local.traffic.clone().unwrap().split;
    let forward = serves(&world, 0);
    assert_ne!(forward, Split::all(Slot::Blue));
    let mut again = world.clone();
    again.rollback(Scope::Fleet).unwrap();
    assert_eq!((again.word(0), again.word(1), again.phase().as_str()), ("reverting", "reverted", "rolling-back"));
    let mut broken = again.clone();
    broken.rest();
    assert_eq!(broken.phase().as_str(), "frozen", "what stood in the way stands there still");
    again.site(0).trouble = None;
    again.rest();
    assert_eq!((again.phase().as_str(), serves(&again, 0)), ("rolled-back", Split::all(Slot::Blue)));
    let mut given_up = world;
    given_up.abandon().unwrap();
    given_up.rest();
    assert_eq!((given_up.phase().as_str(), serves(&given_up, 0)), ("failed", forward), "traffic stays as it is");
    assert!(given_up.vetoes.digests.contains_key(&release("2.0.0").digest), "given up is not lifted");
}
