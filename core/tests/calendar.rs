//! Windows, freezes and trains: they hold starts, and never a way back. Every decision on the way is held against every invariant
//! too.
#![allow(clippy::unwrap_used)]

#[path = "world/mod.rs"]
mod world;

use meridian_core::calendar::{Departure, Entry, Freeze, Interval, Openings, Splits, Timetable, Train, When, Zone};
use meridian_core::invariants::{self, Taken};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Transition};
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::step::{Moment, step};
use meridian_core::time::{Span, Timestamp};
use proptest::prelude::*;

use world::World;
use world::design::{Design, region};
use world::site::Mood;

/// Seconds after the start of every world.
fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000).after(Span::from_secs(secs))
}

fn during(from: u64, to: u64) -> Interval {
    Interval { from: at(from), to: at(to) }
}

fn freeze(from: u64, to: u64) -> Freeze {
    Freeze { name: "year-end".to_owned(), during: during(from, to) }
}

/// Two regions, one after the other, that need twenty seconds each.
fn world(splits: Splits, openings: Openings) -> World {
    let when = When::Cron { expression: "0 9 * * *".to_owned(), lasts: Span::from_secs(60) };
    let entry = |name: &str| Entry { name: name.to_owned(), zone: Zone::Named("UTC".to_owned()), when: when.clone() };
    let mut design = Design::of(&[&[0], &[1]]);
    design.timetable =
        Timetable { windows: vec![entry("office")], freezes: vec![entry("year-end")], splits, ..Timetable::default() };
    let mut world = World::new(&design);
    world.openings = openings;
    world
}

fn waits(answer: &Transition) -> Vec<&'static str> {
    answer.waits.iter().map(Wait::code).collect()
}

#[test]
fn a_region_starts_when_its_window_opens_and_says_until_when_it_waits() {
    let openings = Openings { windows: vec![during(100, 130), during(500, 600)], ..Openings::default() };
    let mut world = world(Splits::None, openings);
    let early = world.pass(10);
    assert_eq!(early.waits, [Wait::Window { region: region(0), opens: Some(at(100)) }]);
    assert_eq!(early.wake, Some(at(100)));
    assert_eq!(world.word(0), "waiting");
    world.now = at(100);
    world.rest();
    assert_eq!(world.word(0), "baking");
    for _ in 0..4 {
        world.pass(5);
    }
    assert_eq!(world.word(0), "settled");
    // Ten seconds are left, and the second region needs twenty.
    let late = world.pass(0);
    assert_eq!(late.waits, [Wait::Window { region: region(1), opens: Some(at(500)) }]);
    world.now = at(500);
    world.until_phase("switched");
}

#[test]
fn what_would_run_into_a_freeze_does_not_start_unless_it_may_rest_on_the_way() {
    let openings =
        || Openings { windows: vec![during(0, 1000)], freezes: vec![freeze(15, 300)], ..Openings::default() };
    let mut whole = world(Splits::None, openings());
    let wait = Wait::Freeze { region: region(0), name: "year-end".to_owned(), until: at(300) };
    assert_eq!(whole.rest().waits, std::slice::from_ref(&wait));
    assert_eq!(whole.word(0), "waiting");
    let mut split = world(Splits::EachStep, openings());
    split.rest();
    assert_eq!(split.word(0), "baking");
    // The first step ends before the freeze, the second would not: the region rests at its first weight.
    assert_eq!(split.pass(10).waits, [wait]);
    assert_eq!(split.at(0).step().unwrap().step, 0);
    split.now = at(300);
    split.until_phase("switched");
}

#[test]
fn nothing_known_of_a_window_is_no_window() {
    let mut world = world(Splits::None, Openings::default());
    assert_eq!(world.pass(100).waits, [Wait::Window { region: region(0), opens: None }]);
}

#[test]
fn a_way_back_waits_for_nothing() {
    for fails in [true, false] {
        let openings =
            Openings { windows: vec![during(0, 25)], freezes: vec![freeze(25, 1_000_000)], ..Openings::default() };
        let mut world = world(Splits::EachStep, openings);
        world.rest();
        assert_eq!(world.word(0), "baking");
        world.now = at(30);
        if fails {
            world.mood(Mood::Bad);
        } else {
            world.rollback(Scope::Fleet).unwrap();
        }
        world.until_phase("rolled-back");
    }
}

#[test]
fn a_start_out_of_its_time_is_caught() {
    let open = Openings { windows: vec![during(0, 1000)], ..Openings::default() };
    let mut honest = world(Splits::None, open);
    honest.work();
    let moment = Moment { now: honest.now, head: honest.head };
    let answer = step(&honest.record, Event::Look(honest.sight.clone()), moment).unwrap();
    assert!(answer.next.is_some(), "something starts");
    let windows = |from, to| Openings { windows: vec![during(from, to)], ..Openings::default() };
    let frozen =
        |from, to| Openings { windows: vec![during(0, 1000)], freezes: vec![freeze(from, to)], ..Openings::default() };
    let table = [
        (windows(0, 1000), false),
        (windows(0, 20), false),
        (windows(0, 19), true),
        (windows(1, 1000), true),
        (Openings::default(), true),
        (frozen(0, 10), true),
        (frozen(19, 30), true),
        (frozen(20, 30), false),
    ];
    for (openings, broken) in table {
        let mut sight = honest.sight.clone();
        sight.values_mut().for_each(|seen| seen.openings = openings.clone());
        let event = Event::Look(sight);
        let taken = Taken { before: &honest.record, event: &event, moment, answer: &answer };
        let found = invariants::transition(taken).iter().any(|broken| broken.id == "C15");
        assert_eq!(found, broken, "{openings:?}");
    }
}

/// Two trains, of which rollouts take the first; it departs twice, the second time behind a freeze.
fn station() -> World {
    let train = |name: &str| Train {
        name: name.to_owned(),
        zone: "UTC".to_owned(),
        departs: "0 9 * * TUE".to_owned(),
        boarding: Span::from_secs(30),
        from: None,
        every: 1,
    };
    let mut design = Design::of(&[&[0], &[1]]);
    let trains = vec![train("weekly"), train("night")];
    design.timetable = Timetable { trains, train: Some("weekly".to_owned()), ..Timetable::default() };
    let departs = |train: &str, from, increment: Option<&str>| Departure {
        train: train.to_owned(),
        increment: increment.map(str::to_owned),
        during: during(from, from + 30),
    };
    let departures =
        vec![departs("weekly", 100, Some("pi-1")), departs("night", 200, None), departs("weekly", 500, None)];
    let mut world = World::new(&design);
    world.openings = Openings { departures, freezes: vec![freeze(490, 510)], ..Openings::default() };
    world
}

fn train(train: &str, departs: Option<u64>, increment: Option<&str>) -> [Wait; 1] {
    let increment = increment.map(str::to_owned);
    [Wait::Train { train: train.to_owned(), departs: departs.map(at), increment }]
}

#[test]
fn a_rollout_begins_with_its_train_and_goes_on_without_one() {
    let mut world = station();
    let early = world.pass(10);
    assert_eq!(
        (early.waits.as_slice(), early.wake),
        (train("weekly", Some(100), Some("pi-1")).as_slice(), Some(at(100)))
    );
    world.now = at(129);
    world.rest();
    assert!(world.at(0).is_on_its_way());
    assert_eq!(world.board(None).unwrap_err().code(), "TRAIN_DEPARTED");
    // The second region begins long after boarding has ended.
    world.until_phase("switched");
    assert!(world.now > at(130) && world.now < at(500));
}

#[test]
fn a_train_that_was_missed_is_followed_by_the_next_one() {
    let mut world = station();
    world.now = at(130);
    assert_eq!(world.pass(0).waits, train("weekly", Some(510), None), "a freeze shortens boarding");
    assert_eq!(world.board(Some("express")).unwrap_err().code(), "UNKNOWN_TRAIN");
    assert_eq!(world.board(Some("night")).unwrap().kind, "board");
    assert_eq!(world.pass(0).waits, train("night", Some(200), None));
    world.now = at(230);
    assert_eq!(world.pass(0).waits, train("night", None, None), "none that is known");
    assert_eq!(world.board(None).unwrap().kind, "leave");
    world.rest();
    assert!(world.at(0).is_on_its_way());
}

#[test]
fn a_way_back_waits_for_no_train() {
    let mut world = station();
    world.rest();
    world.rollback(Scope::Fleet).unwrap();
    world.until_phase("aborted");
    let mut world = station();
    world.now = at(100);
    world.until("it bakes", |world| world.word(0) == "baking");
    world.now = at(140);
    world.mood(Mood::Bad);
    world.until_phase("rolled-back");
    assert_eq!(world.board(None).unwrap_err().code(), "ROLLOUT_ENDED");
}

fn intervals() -> impl Strategy<Value = Vec<Interval>> {
    let gaps = prop::collection::vec((1_u64..60, 1_u64..90), 0..4);
    gaps.prop_map(|gaps| {
        let mut clock = 0;
        let mut found = Vec::new();
        for (apart, long) in gaps {
            found.push(during(clock + apart, clock + apart + long));
            clock += apart + long;
        }
        found
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the calendar says, each start keeps to it and a way back ends.
    #[test]
    fn any_calendar_is_kept_and_holds_no_way_back(
        windows in intervals(),
        freezes in intervals(),
        splits in prop_oneof![Just(Splits::None), Just(Splits::EachStep)],
        looks in prop::collection::vec(1_u64..20, 1..30),
        fails in any::<bool>(),
    ) {
        let freezes = freezes.into_iter().map(|during| Freeze { name: "year-end".to_owned(), during }).collect();
        let mut world = world(splits, Openings { windows, freezes, ..Openings::default() });
        for secs in looks {
            let answer = world.pass(secs);
            let ahead = |wait: &Wait| wait.until().is_none_or(|until| until > world.now);
            prop_assert!(answer.waits.iter().all(ahead), "{:?} at {:?}", waits(&answer), world.now);
        }
        if fails && world.record.lanes.values().any(|lane| lane.at.is_on_its_way()) {
            world.mood(Mood::Bad);
        }
        if !world.record.phase.is_terminal() {
            // A fail may have taken it back already.
            let _taken = world.rollback(Scope::Fleet);
            world.until("ended", |world| world.record.phase.is_terminal());
        }
        prop_assert!(["rolled-back", "aborted", "stable"].contains(&world.record.phase.as_str()));
    }
}
