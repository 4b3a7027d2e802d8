//! The checklist before a launch: what is missing and whose, who signs, for how long that holds, and that no way back ever
//! waits for it.

use meridian_core::playbook::Scope;
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::reason::Wait;

use crate::world::design::{Design, SIGN_OFF_SECS};
use crate::world::{World, order};

/// Two items, and nothing signed.
fn listed() -> World {
    let mut world = World::new(&Design { items: 2, ..Design::of(&[&[0], &[1]]) });
    world.rest();
    world
}

fn missing(world: &mut World) -> Vec<(String, String)> {
    let waits = world.pass(1).waits;
    let missing =
        waits.into_iter().find_map(|wait| if let Wait::Checklist { missing } = wait { Some(missing) } else { None });
    missing.unwrap_or_default().into_iter().map(|(item, owner)| (item.to_string(), owner)).collect()
}

fn pair(item: &str, owner: &str) -> (String, String) {
    (item.to_owned(), owner.to_owned())
}

#[test]
fn nothing_begins_before_everything_is_signed_off() {
    let mut world = listed();
    assert_eq!(missing(&mut world), [pair("uat", "bob"), pair("briefing", "carl")]);
    let refused =
        [("carl", "uat", "NOT_OWNER"), ("unknown", "uat", "APPROVER_UNNAMED"), ("bob", "load", "UNKNOWN_ITEM")];
    for (actor, item, code) in refused {
        assert_eq!(world.sign(actor, item).unwrap_err().code(), code, "{actor} {item}");
    }
    assert_eq!(world.sign("Bob", "uat").unwrap().kind, "sign");
    assert_eq!(missing(&mut world), [pair("briefing", "carl")]);
    assert_eq!((world.word(0), world.record.signed[0].identity.as_str()), ("waiting", "unverified"));
    assert_eq!(world.record.signed[0].digest, world.record.plan.release.digest);
    world.sign("carl", "briefing").unwrap();
    world.rest();
    assert!(world.at(0).is_on_its_way());
    assert!(world.record.signed.iter().all(|signed| signed.used));
    assert_eq!(world.unsign("bob", "uat").unwrap_err().code(), "LAUNCH_BEGUN");
    assert_eq!(world.sign("bob", "uat").unwrap_err().code(), "LAUNCH_BEGUN");
    // What was used does not run out under the later waves.
    world.pass(SIGN_OFF_SECS);
    world.until_phase("switched");
}

#[test]
fn a_sign_off_runs_out_and_is_taken_back_by_anyone() {
    let mut world = listed();
    world.sign("bob", "uat").unwrap();
    world.pass(SIGN_OFF_SECS);
    world.sign("carl", "briefing").unwrap();
    assert_eq!(missing(&mut world), [pair("uat", "bob")], "one has run out");
    assert_eq!(world.unsign("unknown", "briefing").unwrap_err().code(), "APPROVER_UNNAMED");
    assert_eq!(world.unsign("dora", "briefing").unwrap().kind, "unsign");
    assert_eq!(world.unsign("dora", "briefing").unwrap_err().code(), "NOT_SIGNED");
    world.sign("bob", "uat").unwrap();
    assert_eq!(missing(&mut world), [pair("briefing", "carl")]);
    assert_eq!(world.record.signed.len(), 1, "signed again, it is renewed");
}

#[test]
fn both_gates_are_told_at_once() {
    let mut design = Design { items: 1, ..Design::of(&[&[0]]) };
    design.waves[0].approvals = 1;
    let mut world = World::new(&design);
    world.rest();
    let codes: Vec<_> = world.pass(1).waits.iter().map(Wait::code).collect();
    assert_eq!(codes, ["CHECKLIST", "APPROVALS"]);
}

#[test]
fn another_release_is_signed_off_anew() {
    let design = Design { items: 1, ..Design::of(&[&[0]]) };
    let mut world = World::new(&design);
    world.rest();
    world.sign("bob", "uat").unwrap();
    world.until_phase("stable");
    world.reopen(&design, "3.0.0");
    assert_eq!(missing(&mut world), [pair("uat", "bob")]);
}

#[test]
fn a_way_back_waits_for_no_item_and_a_restore_drops_what_was_not_used() {
    let mut world = listed();
    world.sign("bob", "uat").unwrap();
    let epoch = world.head.restored(0).unwrap();
    assert!(restored(&world.record, order(), epoch, world.now).signed.is_empty(), "it may have been revoked since");
    world.rollback(Scope::Fleet).unwrap();
    world.until_phase("aborted");
    assert_eq!(world.sign("carl", "briefing").unwrap_err().code(), "ROLLOUT_ENDED");
}
