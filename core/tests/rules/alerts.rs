//! Alerts: which stand in every phase, what each decision says of them, and what is said of waiting that does not end.

use meridian_core::alert::{
    Kind, SAYINGS_MAX, SUMMARY_BYTES_MAX, Saying, Severity, Topic, Turn, patience, said, standing, topic_of, turned,
    waited,
};
use meridian_core::evidence::StepRef;
use meridian_core::playbook::{Scope, VotePolicy};
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Ballot, Cause, Phase, Vote};
use meridian_core::time::Span;

use super::world::World;
use super::world::design::{Design, region};
use super::world::site::Mood;

fn kinds(world: &World) -> Vec<(Kind, Option<usize>)> {
    let number = |topic: &Topic| (0..9).find(|number| topic.region.as_ref() == Some(&region(*number)));
    standing(&world.record).keys().map(|topic| (topic.kind, number(topic))).collect()
}

fn baking(design: &Design) -> World {
    let mut world = World::new(design);
    world.until("it bakes", |world| world.word(0) == "baking");
    world
}

#[test]
fn a_story_without_trouble_says_nothing() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    let opened = world.record.clone();
    assert_eq!(said(None, &opened), []);
    world.until("stable", |world| {
        assert_eq!(kinds(world), []);
        world.phase().as_str() == "stable"
    });
}

#[test]
fn each_phase_that_asks_for_somebody_stands_until_it_is_left() {
    let design = Design::of(&[&[0, 1], &[2]]);
    let mut held = baking(&design);
    let before = held.record.clone();
    held.pause().unwrap();
    assert_eq!(kinds(&held), [(Kind::Held, None)]);
    let [Saying { turn: Turn::Raised, alert }] = &said(Some(&before), &held.record)[..] else { panic!("one alert") };
    assert_eq!((alert.topic.kind.severity(), alert.since), (Severity::Warning, held.now));
    let before = held.record.clone();
    held.resume().unwrap();
    let resolved = said(Some(&before), &held.record);
    assert_eq!(resolved.iter().map(|saying| saying.turn).collect::<Vec<_>>(), [Turn::Resolved]);

    let mut back = baking(&design);
    back.rollback(Scope::Fleet).unwrap();
    assert_eq!(kinds(&back), [(Kind::RollingBack, None)]);
    let mut rolled = back.clone();
    rolled.rest();
    assert_eq!((rolled.phase().as_str(), kinds(&rolled)), ("rolled-back", vec![]));

    // A way back that fails freezes, pages, and stays said when it is given up.
    back.site(0).trouble = Some(("BROKEN", true));
    back.rest();
    assert_eq!(kinds(&back).first(), Some(&(Kind::Frozen, None)), "{:?}", back.phase());
    back.abandon().unwrap();
    assert_eq!(kinds(&back), [(Kind::Failed, None)]);
}

#[test]
fn a_verdict_that_turns_is_said_with_the_decision_that_makes_it_durable() {
    let mut design = Design::of(&[&[0, 1, 2]]);
    design.votes = VotePolicy::Count(2);
    let mut world = World::new(&design);
    world.until("all bake", |world| world.record.lanes.values().all(|lane| lane.at.as_str() == "baking"));
    let before = world.record.clone();
    world.site(0).mood = Mood::Bad;
    world.pass(1);
    assert_eq!(kinds(&world), [(Kind::VerdictFailed, Some(0))]);
    let [Saying { turn: Turn::Raised, alert }] = &said(Some(&before), &world.record)[..] else { panic!("one alert") };
    assert!(alert.summary.contains("votes fail") && alert.key().ends_with("/verdict-failed/r0"), "{alert:?}");
    world.site(1).mood = Mood::Bad;
    world.until_phase("rolled-back");
    assert_eq!(kinds(&world), [], "what is back is over");
}

#[test]
fn what_a_decision_says_is_bounded_whatever_fails() {
    let regions: Vec<usize> = (0..300).collect();
    let mut world = World::new(&Design::of(&[&regions]));
    let quiet = world.record.clone();
    let text = "\u{e4}".repeat(3000);
    for lane in world.record.lanes.values_mut() {
        let ballot = Ballot::Driver { code: "BROKEN".to_owned(), message: text.clone() };
        let step = StepRef { wave: 0, step: 0 };
        lane.vote = Some(Vote { step, epoch: quiet.epoch, at: quiet.opened, ballot });
    }
    let cause = Cause::PartBack { scope: Scope::Fleet };
    world.record.phase = Phase::RollingBack { cause, since: quiet.opened };
    let sayings = said(Some(&quiet), &world.record);
    assert_eq!((sayings.len(), sayings[0].alert.topic.kind), (SAYINGS_MAX, Kind::RollingBack));
    assert!(sayings.iter().all(|saying| saying.alert.summary.len() <= SUMMARY_BYTES_MAX));
}

#[test]
fn waiting_that_does_not_end_is_said_after_a_while_and_taken_back() {
    let world = baking(&Design::of(&[&[0]]));
    let contact = Wait::Contact { region: region(0), since: None };
    let distrust = Wait::Quarantine { region: region(0), since: world.now };
    let people = Wait::Held(Cause::PartBack { scope: Scope::Wave });
    let bake = Wait::Bake { region: region(0), until: world.now };
    let began = world.now;
    let after = |wait: &Wait, waited_for: Span| {
        waited(&world.record, std::slice::from_ref(wait), |_| began, began.after(waited_for))
    };
    let table = [
        (&contact, Some(Kind::RegionUnknown), Span::from_secs(60)),
        (&distrust, Some(Kind::RegionQuarantined), Span::ZERO),
        (&people, Some(Kind::WaitsForPeople), Span::from_secs(1800)),
        (&bake, None, Span::from_secs(100_000)),
    ];
    for (wait, kind, patient) in table {
        assert_eq!(topic_of(wait).map(|topic| topic.kind), kind);
        let Some(kind) = kind else {
            assert!(after(wait, patient).is_empty());
            continue;
        };
        assert_eq!(patience(kind), patient);
        let stands = after(wait, patient);
        assert_eq!(stands.keys().map(|topic| topic.kind).collect::<Vec<_>>(), [kind]);
        let over = turned(&stands, &waited(&world.record, &[], |_| began, began));
        assert_eq!(over.iter().map(|saying| saying.turn).collect::<Vec<_>>(), [Turn::Resolved]);
        if patient > Span::ZERO {
            assert!(after(wait, Span::from_millis(patient.millis() - 1)).is_empty(), "{wait:?}");
        }
    }
}
