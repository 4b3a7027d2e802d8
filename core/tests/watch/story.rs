//! A launch from its switch to the signature under its evaluation, and those that do not get so far.

use meridian_core::time::Span;
use meridian_core::watch::{
    Direction, Event, KpiTarget, Outcome, Phase, ReviewState, Standing, WatchPolicy, open, standing,
};

use super::site::{DAY, Site, days, kpi, number, said, switched};

#[test]
fn a_launch_is_reviewed_daily_for_a_week_weekly_to_day_thirty_and_evaluated() {
    let mut site = Site::standard();
    let dues: Vec<u64> =
        site.watch.reviews.iter().map(|review| review.due.since(site.watch.switched).millis() / DAY.millis()).collect();
    assert_eq!(dues, [1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 30]);
    assert_eq!(Site::codes(&site.look()), ["REVIEW_SCHEDULED"]);
    for (place, day) in dues.into_iter().enumerate() {
        let review = u32::try_from(place).unwrap() + 1;
        site.now = site.watch.switched.after(days(day)).before(Span::from_millis(1));
        assert!(site.look().next.is_none(), "day {day} is not over");
        let step = site.at(days(day));
        assert_eq!((step.kind, site.review(review).word()), ("due", "due"));
        assert_eq!(Site::codes(&step)[0], "REVIEW_UNSIGNED");
        if day < 30 {
            site.sign(review).unwrap();
        }
    }
    let step = site.evaluate(None).unwrap();
    assert_eq!((step.kind, step.message.as_str(), step.actor.as_str()), ("evaluate", "as hoped", "anna"));
    assert!(matches!(site.watch.phase, Phase::Closed { .. }) && step.waits.is_empty());
    assert!(site.at(days(400)).next.is_none(), "what is closed stays closed");
    assert_eq!(site.watch.next_due(), None);
}

#[test]
fn what_nobody_signs_is_said_once_and_stays() {
    let mut site = Site::standard();
    site.at(days(1));
    assert_eq!(site.words()[..2], ["due", "scheduled"]);
    let step = site.at(days(2));
    assert_eq!((step.kind, step.message.as_str()), ("overdue", "due: [2], overdue: [1]"));
    assert_eq!(site.words()[..3], ["overdue", "due", "scheduled"]);
    // Held, it is still not signed.
    site.decide(Event::Hold(2, said("we met"))).unwrap();
    site.at(days(3));
    assert_eq!(site.words()[..4], ["overdue", "overdue", "due", "scheduled"]);
    site.sign(1).unwrap();
    site.sign(2).unwrap();
    assert_eq!(site.words()[..3], ["signed", "signed", "due"]);
    assert!(site.review(1).overdue.is_some(), "that it was late is not forgotten");
}

#[test]
fn a_server_that_was_away_for_a_month_misses_no_review() {
    let mut site = Site::standard();
    let step = site.at(days(45));
    assert_eq!(step.message, "due: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], overdue: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]");
    assert_eq!(site.kinds, ["overdue"], "in one decision");
}

#[test]
fn a_review_holds_its_time_against_as_long_a_time_before_the_launch() {
    let target = KpiTarget { kpi: kpi("conversion"), direction: Direction::AtLeast, target: number("2.5") };
    let late = KpiTarget { kpi: kpi("p95-ms"), direction: Direction::AtMost, target: number("300") };
    let mut site = Site::new(WatchPolicy { targets: vec![target, late], ..WatchPolicy::default() });
    for (hours, value) in [(-25, "99"), (-24, "2.1"), (-1, "2.3"), (0, "2.4"), (23, "2.8"), (24, "99")] {
        site.measure("conversion", hours, value);
    }
    site.measure("orders", 2, "17");
    site.at(days(1));
    let figures = site.review(1).filled().unwrap().figures.clone();
    let told: Vec<_> = figures
        .iter()
        .map(|figure| {
            let text = |mean: Option<meridian_core::watch::Mean>| {
                mean.map(|mean| format!("{} of {}", mean.value, mean.samples))
            };
            (figure.kpi.as_str(), text(figure.value), text(figure.before), figure.target.map(|(_, outcome)| outcome))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("conversion", some("2.6 of 2"), some("2.2 of 2"), Some(Outcome::Met)),
            ("orders", some("17 of 1"), None, None),
            ("p95-ms", None, None, Some(Outcome::NoData)),
        ]
    );
    // What comes in late counts once people have it before them, and not behind the back of who signs.
    site.measure("p95-ms", 5, "320");
    let before = site.review(1).filled().cloned();
    let mut unheld = site.clone();
    unheld.sign(1).unwrap();
    assert_eq!(unheld.review(1).filled().cloned(), before);
    site.decide(Event::Hold(1, said("p95 is up"))).unwrap();
    assert_eq!(site.review(1).filled().unwrap().figures[2].target, Some((number("300"), Outcome::Missed)));
    site.sign(1).unwrap();
    let ReviewState::Signed { held: Some(held), .. } = &site.review(1).state else { panic!("not held") };
    assert_eq!(held.text, "p95 is up");
}

#[test]
fn a_rollback_ends_the_watch_with_that_fact_and_its_actions_go_on() {
    let mut world = switched();
    let watch = open(&world.record, WatchPolicy::default(), world.now).unwrap();
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    let mut site = Site::standard();
    assert_eq!(watch.reviews.len(), site.watch.reviews.len());
    site.at(days(1));
    site.add("bob", Some(1)).unwrap();
    site.facts.standing = standing(&world.record.phase);
    let step = site.at(days(2));
    assert_eq!((step.kind, step.message.as_str()), ("taken-back", "the rollout is rolling-back"));
    assert!(matches!(site.watch.phase, Phase::TakenBack { rollout: "rolling-back", .. }));
    assert_eq!(Site::codes(&site.at(days(9))), ["ACTION_LATE"], "no review becomes due any more");
    site.decide(Event::Reflect(said("test with real carts"))).unwrap();
    site.decide(Event::Close(1, said("written"))).unwrap();
    assert!(site.look().waits.is_empty());
    world.until_phase("rolled-back");
    assert_eq!(standing(&world.record.phase), Standing::TakenBack("rolled-back"));
}

#[test]
fn a_pause_after_the_switch_ends_no_watch() {
    let mut world = switched();
    world.pause().unwrap();
    assert_eq!((world.phase().as_str(), standing(world.phase())), ("held", Standing::Switched));
    world.resume().unwrap();
    world.until_phase("stable");
    assert_eq!(standing(world.phase()), Standing::Stable);
}

#[test]
fn only_what_is_switched_is_watched_and_not_after_the_fact() {
    let mut world = super::world::World::new(&super::world::design::Design::of(&[&[0, 1]]));
    let policy = WatchPolicy::default();
    assert_eq!(open(&world.record, policy.clone(), world.now), None);
    world.until_phase("switched");
    let early = open(&world.record, policy.clone(), world.now).unwrap();
    world.until_phase("stable");
    // Nobody looked in between: the last region's arrival is what the record still says.
    let late = open(&world.record, policy.clone(), world.now.after(days(3))).unwrap();
    assert!(late.switched <= early.switched && late.launched == early.launched);
    assert_eq!(late.reviews.len(), early.reviews.len());
    assert_eq!(open(&world.record, policy.clone(), world.now.after(days(31))), None);
    world.reopen(&super::world::design::Design::of(&[&[0, 1]]), "3.0.0");
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    assert_eq!(open(&world.record, policy, world.now), None);
}
