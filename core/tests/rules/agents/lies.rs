//! Agents that say what is not so: a mark of done is held against what was read back, and neither repeating it nor saying it out
//! of turn moves anything.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::observation::{Observed, SlotSeen};
use meridian_core::playbook::Scope;
use meridian_core::rollout::state::{Cause, Phase};
use meridian_core::slot::Slots;
use meridian_core::time::Span;

use super::world::World;
use super::world::design::{Design, region};

/// How a report is bent on its way.
type Lie = fn(&mut Observed);

/// A second passes and the region works; what is heard of it is bent on the way.
fn bent(world: &mut World, bend: Lie) {
    world.now = world.now.after(Span::from_secs(1));
    world.work();
    bend(world.sight.get_mut(&region(0)).unwrap().observed.as_mut().unwrap());
    world.look();
}

#[test]
fn a_mark_of_done_without_the_thing_is_no_progress() {
    let lies: [(&str, Lie); 3] = [
        ("nothing runs there", |seen| seen.slots.green = None),
        ("something else runs there", |seen| {
            let other = Digest::of(b"something else");
            seen.slots.green = seen.slots.green.map(|slot| SlotSeen { digest: other, ..slot });
        }),
        ("the right thing runs in the wrong slot", |seen| {
            seen.slots = Slots { blue: seen.slots.green, green: seen.slots.blue };
        }),
    ];
    for (lie, bend) in lies {
        let mut design = Design::of(&[&[0]]);
        design.limits.prepare = Span::from_secs(60);
        let mut world = World::new(&design);
        world.round();
        for _ in 0..59 {
            bent(&mut world, bend);
            assert_eq!(world.word(0), "preparing", "{lie}");
        }
        assert!(
            world.sight[&region(0)].observed.as_ref().unwrap().done.is_some(),
            "{lie}: it does say that all is done"
        );
        bent(&mut world, bend);
        let Phase::RollingBack { cause, .. } = world.phase() else { panic!("{lie}: {:?}", world.phase()) };
        assert_eq!(*cause, Cause::Deadline { region: Some(region(0)), limit: "prepare" }, "{lie}");
    }
}

/// Its session may be another replica's, which knows that it is in quarantine.
#[test]
fn who_remembers_less_than_it_had_accepted_is_not_believed() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    let bake = world.record.plan.waves[0].steps[0].bake;
    let over = world.now.after(bake).after(Span::from_secs(3));
    while world.now < over {
        bent(&mut world, |seen| seen.accepted = Epoch::ZERO);
        assert_eq!(world.word(0), "baking");
    }
    world.until("it remembers again", |world| world.word(0) == "settled");
}

#[test]
fn what_is_said_twice_or_out_of_turn_changes_nothing() {
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until("it bakes", |world| world.word(0) == "baking");
    let said_before = world.sight.clone();
    world.rollback(Scope::Fleet).unwrap();
    world.sight = said_before.clone();
    for _ in 0..2 {
        assert!(world.look().next.is_none());
        assert_eq!(world.word(0), "reverting", "what was done before the order is no answer to it");
    }
    world.work();
    let said_last = world.sight.clone();
    world.look();
    assert_eq!(world.phase().as_str(), "rolled-back");
    for sight in [said_last.clone(), said_before, said_last] {
        world.sight = sight;
        assert!(world.look().next.is_none(), "an end is an end");
    }
}
