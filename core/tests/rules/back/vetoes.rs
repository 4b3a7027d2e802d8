//! Vetoes: what was taken back is not started again, and nothing starts by itself, until a person says so.

use meridian_core::digest::Digest;
use meridian_core::id::RolloutId;
use meridian_core::playbook::Scope;
use meridian_core::rollout::open::{OpenRefused, open};
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::veto::{REASON_BYTES_MAX, VETOES_MAX, Veto, VetoOrder, VetoRefused, Vetoes};
use meridian_core::time::Timestamp;

use crate::world::World;
use crate::world::design::{Design, release, service};
use crate::world::site::Mood;

fn bad() -> Digest {
    release("2.0.0").digest
}

/// Two regions bake the new release.
fn baking() -> World {
    let mut world = World::new(&Design::of(&[&[0, 1]]));
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world
}

/// What starting a version now is answered; nothing is started.
fn start(world: &World, version: &str) -> Result<(), OpenRefused> {
    let plan = Design::of(&[&[0, 1]]).plan(version, &world.lanes).into();
    let moment = Moment { now: world.now, head: world.head };
    let id = RolloutId::new("next").unwrap();
    open(id, plan, "anna".to_owned(), &world.lanes, &world.vetoes, moment).map(|_| ())
}

#[test]
fn going_back_vetoes_the_digest_and_holds_automation_from_that_decision_on() {
    type Back = fn(&mut World);
    let ways: [(&str, Back); 2] = [
        ("meridian", |world| {
            world.mood(Mood::Bad);
            world.now = world.now.after(meridian_core::time::Span::from_secs(1));
            world.hear(&crate::world::design::region(0));
            world.look();
        }),
        ("anna", |world| drop(world.rollback(Scope::Fleet).unwrap())),
    ];
    for (actor, back) in ways {
        let mut world = baking();
        world.lose(1);
        assert_eq!(world.vetoes, Vetoes::default());
        back(&mut world);
        // One region may stay away for days; the digest is no better until then.
        assert_eq!(world.phase().as_str(), "rolling-back");
        let veto = &world.vetoes.digests[&bad()];
        assert_eq!((veto.rollout.as_ref(), veto.actor.as_str()), (Some(&world.record.id), actor));
        assert_eq!(world.vetoes.hold.as_ref(), Some(veto));
        assert_eq!(world.vetoes.changed, world.record.epoch);
        let before = world.vetoes.clone();
        world.find(1);
        world.rest();
        assert_eq!((world.phase().as_str(), &world.vetoes), ("rolled-back", &before), "the end adds nothing");
    }
}

#[test]
fn a_part_that_goes_back_and_what_never_moved_veto_nothing() {
    let mut world = baking();
    world.rollback(Scope::Wave).unwrap();
    assert_eq!((world.phase().as_str(), &world.vetoes), ("held", &Vetoes::default()));
    let mut world = World::new(&Design::of(&[&[0]]));
    world.look();
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!((world.phase().as_str(), &world.vetoes), ("aborted", &Vetoes::default()));
}

#[test]
fn what_is_vetoed_or_held_does_not_start_and_the_refusal_says_why_and_what_lifts_it() {
    let mut world = baking();
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    let vetoed = start(&world, "2.0.0").unwrap_err();
    assert_eq!(vetoed.code(), "DIGEST_VETOED");
    for part in ["rollout first", "anna: to see it", "meridian release unveto checkout 2.0.0"] {
        assert!(vetoed.to_string().contains(part), "{vetoed}");
    }
    // A hotfix is another digest, and needs a person first too.
    let held = start(&world, "2.0.1").unwrap_err();
    assert_eq!(held.code(), "AUTOMATION_HELD");
    for part in ["rollout first", "meridian service release-hold checkout"] {
        assert!(held.to_string().contains(part), "{held}");
    }
    world.veto(VetoOrder::ReleaseHold).unwrap();
    assert_eq!(start(&world, "2.0.1"), Ok(()));
    assert_eq!(start(&world, "2.0.0").unwrap_err().code(), "DIGEST_VETOED", "the hold is one thing, the veto another");
    world.veto(VetoOrder::Unveto(bad())).unwrap();
    assert_eq!(start(&world, "2.0.0"), Ok(()));
}

#[test]
fn people_veto_what_nobody_uses_and_lift_what_is_there() {
    let mut world = baking();
    let stable = release("1.0.0").digest;
    let other = release("3.0.0").digest;
    // What serves must come up again when it falls; what is launched is taken back instead.
    assert_eq!(world.veto(VetoOrder::Veto(stable)), Err(VetoRefused::InUse(stable)));
    assert_eq!(world.veto(VetoOrder::Veto(bad())), Err(VetoRefused::InUse(bad())));
    assert_eq!(world.veto(VetoOrder::Unveto(other)), Err(VetoRefused::NotVetoed(other)));
    assert_eq!(world.veto(VetoOrder::ReleaseHold), Err(VetoRefused::NotHeld));
    assert_eq!(world.vetoes, Vetoes::default());
    world.veto(VetoOrder::Veto(other)).unwrap();
    assert_eq!(world.vetoes.changed, world.head, "the newer list counts");
    assert_eq!(world.vetoes.digests[&other].to_string(), "by anna: to see it");
    // The rollout in progress goes on over a service's own decisions.
    world.until_phase("stable");
    let refused = start(&world, "3.0.0").unwrap_err();
    assert_eq!(refused.code(), "DIGEST_VETOED");
    assert!(matches!(refused, OpenRefused::Vetoed { service: of, .. } if of == service()));
}

#[test]
fn a_rollback_finds_room_for_its_veto_and_a_long_reason_is_cut() {
    let mut world = baking();
    let veto =
        |at| Veto { rollout: None, actor: "anna".to_owned(), reason: String::new(), at: Timestamp::from_millis(at) };
    for number in 0..VETOES_MAX as u64 {
        world.vetoes.digests.insert(Digest::of(&number.to_be_bytes()), veto(number));
    }
    let refused = world.veto(VetoOrder::Veto(Digest::of(b"one more")));
    assert_eq!(refused, Err(VetoRefused::TooMany), "a person is asked to make room");
    world.rollback(Scope::Fleet).unwrap();
    let digests = &world.vetoes.digests;
    assert_eq!(digests.len(), VETOES_MAX);
    assert!(digests.contains_key(&bad()) && !digests.contains_key(&Digest::of(&0_u64.to_be_bytes())));
    let reason = "é".repeat(REASON_BYTES_MAX);
    let cut = Veto { reason, ..veto(1) }.bounded();
    assert_eq!(cut.reason, "é".repeat(REASON_BYTES_MAX / 2));
}
