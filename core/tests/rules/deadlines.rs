//! Limits: what happens when something takes too long, and what is not too long.

use meridian_core::observation::{Contact, Seen, Sight};
use meridian_core::rollout::state::{Cause, Phase};
use meridian_core::time::Span;

use super::world::World;
use super::world::design::{Design, region};

const STUCK: Option<(&str, bool)> = Some(("STUCK", false));

fn design() -> Design {
    let mut design = Design::of(&[&[0]]);
    let secs = Span::from_secs;
    (design.limits.prepare, design.limits.shift, design.limits.revert) = (secs(60), secs(40), secs(50));
    design.limits.total = secs(5000);
    design
}

fn cause(world: &World) -> &Cause {
    match world.phase() {
        Phase::RolledBack { cause, .. }
        | Phase::Aborted { cause, .. }
        | Phase::RollingBack { cause, .. }
        | Phase::Frozen { cause, .. } => cause,
        Phase::Running(_)
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => panic!("{:?} has no cause of going back", world.phase()),
    }
}

#[test]
fn a_slot_that_never_comes_up_aborts() {
    let mut world = World::new(&design());
    world.round();
    world.site(0).trouble = STUCK;
    world.pass(59);
    assert_eq!(world.word(0), "preparing");
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolling-back");
    world.site(0).trouble = None;
    world.rest();
    assert_eq!(world.phase().as_str(), "aborted", "no traffic had moved");
    assert_eq!(*cause(&world), Cause::Deadline { region: Some(region(0)), limit: "prepare" });
}

#[test]
fn a_shift_that_is_never_confirmed_rolls_back() {
    let mut world = World::new(&design());
    world.round();
    // Prepared by the next look; from then on nothing is done.
    let order = meridian_core::rollout::goals::goal(&world.record, &region(0)).unwrap();
    let now = world.now;
    world.site(0).offer(order).unwrap();
    world.site(0).persist();
    world.site(0).settle(now);
    world.hear(&region(0));
    world.look();
    assert_eq!(world.word(0), "shifting");
    world.site(0).trouble = STUCK;
    world.pass(39);
    assert_eq!(world.word(0), "shifting");
    world.pass(1);
    assert_eq!(*cause(&world), Cause::Deadline { region: Some(region(0)), limit: "shift" });
    world.site(0).trouble = None;
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn a_driver_that_gives_up_is_not_waited_for() {
    let mut world = World::new(&design());
    world.round();
    world.site(0).trouble = Some(("SLOT_NOT_STARTED", true));
    world.pass(1);
    assert!(matches!(cause(&world), Cause::Driver { code, .. } if code == "SLOT_NOT_STARTED"), "{:?}", world.phase());
}

#[test]
fn a_region_that_does_not_come_back_freezes_and_may_still_come() {
    let mut world = World::new(&design());
    world.until("it bakes", |world| world.word(0) == "baking");
    world.site(0).trouble = STUCK;
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    world.pass(49);
    assert_eq!(world.phase().as_str(), "rolling-back");
    world.pass(1);
    assert_eq!(*cause(&world), Cause::Deadline { region: Some(region(0)), limit: "revert" });
    assert_eq!(world.phase().as_str(), "frozen");
    // A human tries again: the region gets its whole limit once more.
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    world.pass(49);
    assert_eq!(world.phase().as_str(), "rolling-back");
    world.pass(1);
    assert_eq!(world.phase().as_str(), "frozen");
    world.site(0).trouble = None;
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn the_whole_rollout_has_a_limit_even_on_hold() {
    let mut world = World::new(&design());
    world.until("it bakes", |world| world.word(0) == "baking");
    world.pause().unwrap();
    world.pass(5000);
    assert_eq!(world.phase().as_str(), "rolled-back");
    assert_eq!(*cause(&world), Cause::Deadline { region: None, limit: "total" });
}

#[test]
fn a_pause_does_not_make_a_prepared_region_late() {
    let mut world = World::new(&design());
    world.look();
    world.hear(&region(0));
    world.look();
    world.pause().unwrap();
    world.rest();
    assert_eq!(world.word(0), "preparing");
    world.pass(600);
    assert_eq!((world.phase().as_str(), world.word(0)), ("held", "preparing"));
    world.resume().unwrap();
    world.until_phase("switched");
}

#[test]
fn a_server_that_was_away_blames_nobody() {
    let mut world = World::new(&design());
    world.round();
    assert_eq!(world.word(0), "preparing");
    world.now = world.now.after(Span::from_secs(600));
    for sight in [
        Sight::new(),
        [(
            region(0),
            Seen {
                contact: Contact::Never,
                observed: None,
                openings: meridian_core::calendar::Openings::default(),
                halt: None,
                feedback: None,
            },
        )]
        .into(),
    ] {
        world.sight = sight;
        let answer = world.look();
        assert_eq!(world.word(0), "preparing", "it has heard of nobody yet");
        assert_eq!(answer.waits[0].code(), "NO_CONTACT");
    }
    let now = world.now;
    world.site(0).contact = Contact::Live(now);
    world.until_phase("switched");
}

#[test]
fn what_is_confirmed_late_is_confirmed() {
    let mut world = World::new(&design());
    world.rest();
    assert_eq!(world.word(0), "baking");
    world.now = world.now.after(Span::from_secs(10));
    world.hear(&region(0));
    world.look();
    assert_eq!(world.word(0), "shifting");
    // The region does it at once; the server sees it only after the limit.
    let mut later = world.clone();
    later.now = later.now.after(Span::from_secs(41));
    later.round();
    assert_eq!(later.phase().as_str(), "running", "{:?}", later.phase());
}
