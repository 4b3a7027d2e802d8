//! Consent: who counts, for what, for how long, and that no way back ever waits for it.

use meridian_core::digest::Digest;
use meridian_core::id::{RoleId, WaveId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Consent, Event, Order, Right};
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::LaneAt;

use crate::world::design::{APPROVAL_SECS, Design, role};
use crate::world::{World, consent, order};

/// Two waves of one region each; the second one asks for two people.
fn asking() -> World {
    let mut design = Design::of(&[&[0], &[1]]);
    design.waves[1].approvals = 2;
    let mut world = World::new(&design);
    world.until("the second wave waits", |world| {
        world.word(0) == "settled" && matches!(world.phase().as_str(), "running") && world.at(1) == LaneAt::Waiting
    });
    world.rest();
    world
}

fn code(answer: Result<meridian_core::rollout::event::Transition, meridian_core::rollout::reason::Refused>) -> String {
    answer.map_or_else(|refused| refused.code().to_owned(), |answer| answer.kind.to_owned())
}

#[test]
fn a_wave_begins_when_enough_different_people_have_consented() {
    let mut world = asking();
    let waits = world.pass(500).waits;
    let Wait::Approvals { wave, role: asked, have, need } = &waits[0] else { panic!("{waits:?}") };
    assert_eq!((wave.as_str(), asked, *have, *need), ("w1", &role(), 0, 2));
    // The one who started it, in any spelling, and nobody, do not count.
    for (actor, refusal) in [("anna", "OWN_REQUEST"), (" Anna", "OWN_REQUEST"), ("x (anna)", "OWN_REQUEST")] {
        assert_eq!(code(world.approve(actor)), refusal);
    }
    assert_eq!(code(world.approve("unknown")), "APPROVER_UNNAMED");
    let first = world.approve("bob").unwrap();
    assert_eq!((first.kind, first.right), ("approve", Right::Anyone));
    // The same person again is one person.
    world.approve("Bob").unwrap();
    world.approve("robert (bob)").unwrap();
    assert_eq!(world.record.approvals.len(), 1);
    assert_eq!((world.record.approvals[0].identity.as_str(), world.word(1)), ("unverified", "waiting"));
    world.pass(5);
    assert_eq!(world.word(1), "waiting");
    world.approve("carl").unwrap();
    world.rest();
    assert!(world.at(1).is_on_its_way());
    assert!(world.record.approvals.iter().all(|approval| approval.used));
    assert_eq!(code(world.revoke("carl")), "WAVE_BEGUN");
    assert_eq!(code(world.approve("dora")), "WAVE_BEGUN");
    // What was used does not run out under a wave on its way.
    world.until_phase("switched");
}

#[test]
fn consent_runs_out_and_can_be_taken_back_until_it_is_used() {
    let mut world = asking();
    world.approve("bob").unwrap();
    let rest = world.rest();
    assert_eq!(rest.wake, Some(world.record.approvals[0].until).min(rest.wake), "it is looked at again by then");
    world.pass(APPROVAL_SECS);
    world.approve("carl").unwrap();
    world.rest();
    assert_eq!(world.word(1), "waiting", "one has run out");
    assert_eq!(code(world.revoke("dora")), "NO_APPROVAL");
    assert_eq!(code(world.revoke("carl")), "revoke");
    world.approve("bob").unwrap();
    world.rest();
    assert_eq!(world.word(1), "waiting", "one was taken back");
    world.approve("carl").unwrap();
    world.rest();
    assert!(world.at(1).is_on_its_way());
}

#[test]
fn consent_is_for_a_wave_a_role_and_a_plan() {
    let mut world = asking();
    let bob = || Order { actor: "bob".to_owned(), ..order() };
    let mut say = |consent: Consent| code(world.decide(Event::Approve(bob(), consent)));
    let wave = |name: &str| Some(WaveId::new(name).unwrap());
    assert_eq!(say(Consent { role: RoleId::new("boss").unwrap(), ..consent() }), "APPROVAL_NOT_ASKED");
    assert_eq!(say(Consent { wave: wave("w0"), ..consent() }), "APPROVAL_NOT_ASKED");
    assert_eq!(say(Consent { plan: Some(Digest::of(b"another plan")), ..consent() }), "OTHER_PLAN");
    assert_eq!(say(Consent { wave: wave("w1"), ..consent() }), "approve");
    let plan = world.record.plan.hash();
    assert_eq!(
        (world.record.approvals[0].plan, world.record.approvals[0].digest),
        (plan, world.record.plan.release.digest)
    );
}

#[test]
fn a_way_back_waits_for_nobody() {
    let mut world = asking();
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(code(world.approve("bob")), "TRANSITION_NOT_ALLOWED");
    world.until_phase("rolled-back");
    assert_eq!(code(world.approve("bob")), "ROLLOUT_ENDED");
}

#[test]
fn a_hold_is_not_lifted_by_consent_and_a_guard_begins_nothing() {
    let mut world = asking();
    world.pause().unwrap();
    world.approve("bob").unwrap();
    world.approve("carl").unwrap();
    world.pass(5);
    assert_eq!((world.phase().as_str(), world.word(1)), ("held", "waiting"));
    world.resume().unwrap();
    world.guard();
    assert_eq!(world.word(1), "waiting");
    world.rest();
    assert!(world.at(1).is_on_its_way());
}

#[test]
fn after_a_restore_only_used_consent_counts() {
    let mut world = asking();
    world.approve("bob").unwrap();
    let epoch = world.head.restored(0).unwrap();
    assert!(restored(&world.record, order(), epoch, world.now).approvals.is_empty(), "it may have been revoked since");
}
