//! How far a rollback reaches, and how what was taken back in part goes on.

use meridian_core::playbook::Scope;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Cause, Phase, Run};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Split;

use crate::world::World;
use crate::world::design::{Design, region};

/// Region 0 has settled in wave 0, regions 1 and 2 bake in wave 1, region 3 waits in wave 2.
fn midway() -> World {
    let mut world = World::new(&Design::of(&[&[0], &[1, 2], &[3]]));
    world.until("wave 1 bakes", |world| world.word(1) == "baking" && world.word(2) == "baking");
    world
}

fn words(world: &World) -> Vec<&'static str> {
    (0..world.sites.len()).map(|number| world.word(number)).collect()
}

#[test]
fn scopes_reach_as_far_as_they_say() {
    let table = [
        (Scope::Fleet, ["reverting", "reverting", "reverting", "waiting"], "rolling-back"),
        (Scope::Wave, ["settled", "reverting", "reverting", "waiting"], "held"),
        (Scope::Region(region(0)), ["reverting", "baking", "baking", "waiting"], "held"),
        (Scope::Region(region(2)), ["settled", "baking", "reverting", "waiting"], "held"),
        (Scope::Region(region(3)), ["settled", "baking", "baking", "waiting"], "held"),
    ];
    for (scope, expected, phase) in table {
        let mut world = midway();
        world.rollback(scope.clone()).unwrap();
        assert_eq!(words(&world), expected, "{scope:?}");
        assert_eq!(world.phase().as_str(), phase, "{scope:?}");
        for (number, word) in expected.into_iter().enumerate() {
            let split = goal(&world.record, &region(number)).unwrap().split.unwrap();
            let back = split == Split::all(Slot::Blue);
            assert_eq!(back, matches!(word, "reverting" | "waiting"), "{scope:?} {number}");
        }
    }
}

#[test]
fn the_fleet_goes_back_at_once_finished_regions_too() {
    let mut world = midway();
    world.until_phase("switched");
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(words(&world), ["reverting"; 4]);
    world.round();
    assert_eq!(world.phase().as_str(), "rolled-back", "one switch, not the steps backwards");
    world.rest();
    for site in world.sites.values() {
        assert_eq!(site.local.traffic.as_ref().unwrap().split, Split::all(Slot::Blue));
        assert!(site.local.slots.green.is_none(), "what went wrong is cleared away at the end");
    }
    assert!(world.lanes.values().all(|lane| !lane.held && lane.stable.as_ref().unwrap().slot == Slot::Blue));
}

#[test]
fn a_part_taken_back_waits_for_a_human_and_starts_again() {
    for scope in [Scope::Wave, Scope::Region(region(0)), Scope::Region(region(2))] {
        let mut world = midway();
        world.rollback(scope.clone()).unwrap();
        world.pass(1000);
        let Phase::Running(Run { hold: Some(hold), .. }) = world.phase() else { panic!("{:?}", world.phase()) };
        assert_eq!(hold.cause, Cause::PartBack { scope: scope.clone() });
        world.resume().unwrap();
        world.until_phase("switched");
        assert_eq!(words(&world), ["settled"; 4], "{scope:?}");
    }
}

#[test]
fn a_part_of_a_switched_rollout_goes_back_and_forward_again() {
    let mut world = midway();
    world.until_phase("switched");
    world.rollback(Scope::Region(region(0))).unwrap();
    world.pass(10_000);
    assert_eq!(words(&world), ["reverted", "settled", "settled", "settled"]);
    assert_eq!(world.phase().as_str(), "held", "retention does not run out meanwhile");
    world.resume().unwrap();
    world.until_phase("stable");
}

#[test]
fn a_region_of_a_later_wave_neither_moves_nor_blocks_while_an_earlier_one_is_walked_again() {
    let mut design = Design::of(&[&[0], &[1]]);
    design.waves[0].max_parallel = 1;
    design.waves[1].max_parallel = 1;
    let mut world = World::new(&design);
    world.until("wave 1 bakes", |world| world.word(1) == "baking");
    let step = world.at(1);
    world.rollback(Scope::Region(region(0))).unwrap();
    world.rest();
    world.resume().unwrap();
    world.until("region 0 has settled again", |world| {
        assert!(world.word(0) == "settled" || world.at(1) == step, "{:?}", world.at(1));
        world.word(0) == "settled"
    });
    world.until_phase("switched");
}

#[test]
fn a_pilot_is_walked_again_though_its_other_region_is_in_production() {
    let mut design = Design::of(&[&[0, 1], &[1], &[0]]);
    design.waves[0].steps = vec![(5, 10)];
    design.waves[0].max_parallel = 1;
    let mut world = World::new(&design);
    world
        .until("region 1 is in production", |world| world.word(1) == "baking" && world.at(1).step().unwrap().wave == 1);
    world.rollback(Scope::Region(region(0))).unwrap();
    world.rest();
    world.resume().unwrap();
    world.until_phase("switched");
}

#[test]
fn a_part_that_does_not_come_back_freezes_the_rest() {
    let mut world = midway();
    world.site(2).trouble = Some(("BROKEN", true));
    world.rollback(Scope::Region(region(2))).unwrap();
    world.pass(1);
    let Phase::Frozen { cause: Cause::Driver { region: at, .. }, .. } = world.phase() else {
        panic!("{:?}", world.phase())
    };
    assert_eq!(*at, region(2));
    // It comes back after all; the others still stand where they were, and a human decides.
    world.site(2).trouble = None;
    world.pass(1);
    assert_eq!(words(&world), ["settled", "baking", "reverted", "waiting"]);
    assert!(matches!(world.phase(), Phase::Frozen { cause: Cause::Driver { .. }, .. }), "{:?}", world.phase());
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn while_a_part_is_on_its_way_back_that_is_what_is_waited_for() {
    let mut world = midway();
    world.site(2).trouble = Some(("SLOW", false));
    world.rollback(Scope::Region(region(2))).unwrap();
    world.rest();
    world.resume().unwrap();
    let answer = world.pass(1);
    let waits = answer.waits.iter().any(|wait| wait.region() == Some(&region(2)) && wait.code() == "NOT_CONFIRMED");
    assert!(waits, "{answer:?}");
    world.now = world.now.after(Span::from_secs(300));
    world.rest();
    assert!(matches!(world.phase(), Phase::Frozen { cause: Cause::Deadline { limit: "revert", .. }, .. }));
}
