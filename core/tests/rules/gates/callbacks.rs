//! Callbacks before a wave: who is asked, what counts as a yes, and that neither a no nor silence lets anything begin.

use meridian_core::playbook::Scope;
use meridian_core::rollout::gates::callbacks::open;
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::Said;
use meridian_core::time::Span;

use crate::world::design::{CALLBACK_SECS, Design};
use crate::world::{World, order};

/// Asks one endpoint before its first wave.
fn asking() -> World {
    let mut world = World::new(&Design { callbacks: 1, ..Design::of(&[&[0], &[1]]) });
    world.rest();
    world
}

#[test]
fn a_wave_begins_on_a_yes_to_the_question_that_was_asked() {
    let mut world = asking();
    let asked = world.record.inquiries[0].clone();
    assert_eq!((asked.digest, world.kinds.last()), (world.record.plan.release.digest, Some(&"ask")));
    let until = asked.since.after(Span::from_secs(CALLBACK_SECS));
    let waits = world.pass(1);
    let Wait::Callback { callback, until: told, .. } = &waits.waits[0] else { panic!("{waits:?}") };
    assert_eq!((callback.as_str(), *told, world.word(0)), ("gate-0", until, "waiting"));
    let another = asked.since.after(Span::from_secs(1));
    assert_eq!(world.answer(Said::Pass, another).unwrap_err().code(), "ANSWER_NOT_AWAITED");
    assert_eq!(world.answer(Said::Pass, asked.since).unwrap().kind, "answer");
    assert_eq!(world.answer(Said::Fail, asked.since).unwrap_err().code(), "ANSWER_NOT_AWAITED", "it has spoken");
    world.rest();
    assert!(world.at(0).is_on_its_way());
    world.until_phase("switched");
    assert_eq!(world.record.inquiries.len(), 1, "nobody else was asked");
}

#[test]
fn a_no_holds_and_is_asked_again_when_somebody_has_looked() {
    let mut world = asking();
    let since = world.record.inquiries[0].since;
    world.answer(Said::Fail, since).unwrap();
    world.rest();
    let cause = world.phase().cause().unwrap();
    assert_eq!((cause.code(), cause.to_string().as_str()), ("CALLBACK", "wave w0: gate-0: it said so"));
    world.pass(10);
    world.resume().unwrap();
    world.rest();
    let again = world.record.inquiries[0].clone();
    assert!(again.since > since && again.answer.is_none(), "{again:?}");
    world.answer(Said::Pass, again.since).unwrap();
    world.until_phase("switched");
}

#[test]
fn silence_is_no_yes_and_a_late_one_still_counts() {
    let mut world = asking();
    let since = world.record.inquiries[0].since;
    world.pass(CALLBACK_SECS - 1);
    assert_eq!(world.phase().as_str(), "running");
    world.pass(1);
    assert_eq!(world.phase().cause().unwrap().to_string(), "wave w0: gate-0: no answer within 1m");
    world.answer(Said::Pass, since).unwrap();
    world.rest();
    assert_eq!((world.phase().as_str(), world.word(0)), ("held", "waiting"), "who holds it has to look");
    world.resume().unwrap();
    world.rest();
    assert!(world.at(0).is_on_its_way());
}

#[test]
fn a_way_back_asks_nobody_and_a_restore_asks_again() {
    let mut world = asking();
    assert_eq!(open(&world.record).len(), 1);
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(open(&world.record), []);
    world.until_phase("aborted");
    let world = asking();
    let next = restored(&world.record, order(), world.head.restored(1).unwrap(), world.now);
    assert_eq!(next.inquiries, []);
}
