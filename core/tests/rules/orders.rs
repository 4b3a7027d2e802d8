//! Operators' orders in every phase: what is taken, what is refused, and that what `allowed` says is true.

use meridian_core::observation::SlotState;
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Effect, Event, Notice};
use meridian_core::rollout::operator::allowed;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::state::{Cause, Phase};
use meridian_core::slot::Slot;

use super::world::design::{Design, region};
use super::world::site::Mood;
use super::world::{World, order};

/// One world per phase that a rollout can be found in.
fn worlds() -> Vec<World> {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].soak = 30;
    let fresh = || {
        let mut world = World::new(&design);
        world.until("it bakes", |world| world.word(0) == "baking");
        world
    };
    let mut worlds = vec![fresh()];
    let mut held = fresh();
    held.pause().unwrap();
    worlds.push(held);
    for phase in ["soaking", "switched", "stable"] {
        let mut world = fresh();
        world.until_phase(phase);
        worlds.push(world);
    }
    let mut back = fresh();
    back.rollback(Scope::Fleet).unwrap();
    worlds.push(back.clone());
    back.site(0).trouble = Some(("BROKEN", true));
    back.rest();
    worlds.push(back.clone());
    back.abandon().unwrap();
    worlds.push(back);
    let mut rolled = fresh();
    rolled.rollback(Scope::Fleet).unwrap();
    rolled.rest();
    worlds.push(rolled);
    let mut aborted = World::new(&design);
    aborted.rollback(Scope::Fleet).unwrap();
    aborted.rest();
    worlds.push(aborted);
    worlds
}

#[test]
fn every_order_in_every_phase() {
    let words = ["pause", "resume", "rollback", "abandon"];
    let table = [
        ("running", [true, false, true, false]),
        ("held", [true, true, true, false]),
        ("soaking", [true, false, true, false]),
        ("switched", [true, false, true, false]),
        ("stable", [false; 4]),
        ("rolling-back", [true, false, true, false]),
        ("frozen", [true, false, true, true]),
        ("failed", [false; 4]),
        ("rolled-back", [false; 4]),
        ("aborted", [false; 4]),
    ];
    let worlds = worlds();
    assert_eq!(worlds.len(), table.len());
    for (world, (phase, taken)) in worlds.iter().zip(table) {
        assert_eq!(world.phase().as_str(), phase);
        for (word, taken) in words.iter().zip(taken) {
            let mut world = world.clone();
            let answer = match *word {
                "pause" => world.pause(),
                "resume" => world.resume(),
                "rollback" => world.rollback(Scope::Fleet),
                _ => world.abandon(),
            };
            assert_eq!(answer.is_ok(), taken, "{word} while {phase}: {answer:?}");
            let code = answer.err().map(|refused| refused.code());
            let expected =
                if world.phase().is_terminal() && !taken { "ROLLOUT_ENDED" } else { "TRANSITION_NOT_ALLOWED" };
            assert!(code.is_none_or(|code| code == expected), "{word} while {phase}: {code:?}");
            // What is offered is taken; what is taken without being offered changes nothing.
            assert!(taken || !allowed(&world.record).contains(word), "{word} while {phase}");
        }
    }
}

#[test]
fn offered_orders_are_taken() {
    for world in worlds() {
        for word in allowed(&world.record) {
            let mut world = world.clone();
            let event = match *word {
                "pause" => Event::Pause(order()),
                "resume" => Event::Resume(order()),
                "rollback" => Event::Rollback(order(), Scope::Fleet),
                "abandon" => Event::Abandon(order()),
                other => panic!("unknown order {other}"),
            };
            let answer = world.decide(event).unwrap();
            assert!(answer.next.is_some(), "{word} while {}", world.phase().as_str());
            let at_once = answer.wake == Some(world.now);
            assert_eq!(at_once, !world.phase().is_terminal(), "an order is followed by a look at once");
        }
    }
}

#[test]
fn the_same_order_twice_has_the_effect_of_once() {
    for scope in [Scope::Fleet, Scope::Wave, Scope::Region(region(0))] {
        let mut world = worlds().remove(0);
        assert!(world.rollback(scope.clone()).unwrap().next.is_some());
        let again = world.rollback(scope.clone()).unwrap();
        assert!(again.next.is_none() && again.effects.is_empty(), "{scope:?}: {again:?}");
        world.now = world.now.after(meridian_core::time::Span::from_secs(1));
        assert!(world.rollback(scope).unwrap().next.is_none());
    }
    let mut world = worlds().remove(0);
    assert!(world.pause().unwrap().next.is_some());
    assert!(world.pause().unwrap().next.is_none());
}

#[test]
fn a_pause_after_the_switch_keeps_the_way_back_warm() {
    let mut world = worlds().remove(3);
    assert_eq!(world.phase().as_str(), "switched");
    world.pause().unwrap();
    assert_eq!(world.phase().as_str(), "held");
    world.now = world.now.after(world.record.plan.rollback.retention.times(10));
    world.rest();
    assert_eq!(world.phase().as_str(), "held", "retention does not end while it is held");
    world.resume().unwrap();
    world.until_phase("switched");
    world.until_phase("stable");
}

#[test]
fn orders_that_name_what_is_not_there_are_refused() {
    let mut world = worlds().remove(0);
    let nowhere = Scope::Region(region(9));
    assert_eq!(world.rollback(nowhere), Err(Refused::NoSuchRegion(region(9))));
    let mut frozen = worlds().remove(6);
    assert_eq!(frozen.rollback(Scope::Wave).unwrap_err().code(), "TRANSITION_NOT_ALLOWED");
}

#[test]
fn a_hold_holds_and_names_who_said_so() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    let step = world.at(0);
    world.pause().unwrap();
    let answer = world.pass(100);
    assert_eq!(world.at(0), step);
    assert_eq!(answer.waits[0].code(), "HELD");
    assert!(answer.waits[0].to_string().contains("anna: to see it"), "{}", answer.waits[0]);
    // A vote takes it back even on hold.
    world.mood(Mood::Bad);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn people_are_told_what_they_must_know() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    let told = world.rollback(Scope::Fleet).unwrap().effects;
    let cause = Cause::Operator { actor: "anna".to_owned(), reason: "to see it".to_owned() };
    assert!(told.contains(&Effect::Notify(Notice::RollbackDecided(cause))), "{told:?}");
    assert!(told.contains(&Effect::PushGoal(region(0))), "{told:?}");
    world.site(0).trouble = Some(("BROKEN", true));
    world.site(0).set(Slot::Green, SlotState::Failed);
    world.hear(&region(0));
    let before = world.kinds.len();
    world.rest();
    assert_eq!(world.kinds[before..], ["freeze"]);
    assert!(matches!(world.phase(), Phase::Frozen { cause: Cause::Driver { .. }, .. }));
}
