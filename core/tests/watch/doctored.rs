//! The invariants of watches: what was doctored must be caught, with the right id.

use std::collections::BTreeSet;

use meridian_core::invariants::{Broken, CATALOGUE, watch, watched};
use meridian_core::time::Timestamp;
use meridian_core::watch::{ActionKind, Direction, Event, KpiTarget, Outcome, Phase, ReviewState, Watch, WatchPolicy};

use super::site::{Site, days, kpi, number, said};

/// The second day: a review signed, one due, an action closed, a lesson learnt.
fn site() -> Site {
    let target = KpiTarget { kpi: kpi("conversion"), direction: Direction::AtLeast, target: number("1") };
    let mut site = Site::new(WatchPolicy { targets: vec![target], ..WatchPolicy::default() });
    site.at(days(1));
    site.sign(1).unwrap();
    site.add("bob", None).unwrap();
    site.decide(Event::Close(1, said("done"))).unwrap();
    site.decide(Event::Reflect(said("learnt"))).unwrap();
    site.at(days(2));
    site
}

fn ids(broken: Vec<Broken>) -> BTreeSet<&'static str> {
    broken.into_iter().map(|broken| broken.id).collect()
}

fn doctored(before: &Watch, change: impl FnOnce(&mut Watch)) -> Watch {
    let mut after = before.clone();
    after.epoch = before.epoch.next().unwrap();
    change(&mut after);
    after
}

#[test]
fn every_invariant_catches_what_it_is_for() {
    let before = site().watch;
    let mut closed = site();
    closed.evaluate(Some("enough seen")).unwrap();
    let closed = closed.watch;
    let early = Timestamp::from_millis(1);
    let filled = before.reviews[1].filled().cloned().unwrap();
    let table: Vec<(&str, BTreeSet<&str>)> = [
        ("W1", watched(&before, &doctored(&before, |watch| drop(watch.reviews.remove(3))))),
        ("W1", watched(&before, &doctored(&before, |watch| watch.reviews.insert(4, watch.reviews[3].clone())))),
        ("W1", watched(&before, &doctored(&before, |watch| watch.reviews[3].due = early))),
        ("W1", watch(&doctored(&before, |watch| watch.switched = early))),
        ("W2", watched(&before, &before)),
        ("W3", watched(&before, &doctored(&before, |watch| watch.reviews[1].overdue = Some(early)))),
        ("W3", watched(&before, &doctored(&before, |watch| watch.reviews[3].state = ReviewState::Due(filled.clone())))),
        (
            "W4",
            watched(
                &before,
                &doctored(&before, |watch| {
                    let ReviewState::Due(filled) = &mut watch.reviews[1].state else { panic!("not due") };
                    filled.figures[0].target = Some((number("1"), Outcome::Met));
                }),
            ),
        ),
        ("W5", watched(&before, &doctored(&before, |watch| watch.phase = Phase::Closed { since: early }))),
        (
            "W5",
            watch(&doctored(&closed, |watch| {
                let Some(ReviewState::Signed { waived, .. }) = watch.reviews.last_mut().map(|last| &mut last.state)
                else {
                    panic!("not signed")
                };
                *waived = None;
            })),
        ),
        (
            "W5",
            watch(&doctored(&closed, |watch| {
                watch.actions[0].kind = ActionKind::Debt;
                watch.actions[0].closed = None;
            })),
        ),
        ("W6", watched(&before, &doctored(&before, |watch| watch.reviews[0].state = ReviewState::Due(filled.clone())))),
        ("W6", watched(&before, &doctored(&before, |watch| watch.launched = early))),
        ("W6", watched(&closed, &doctored(&closed, |watch| watch.phase = Phase::Watching))),
        ("W6", watched(&closed, &doctored(&closed, |watch| watch.reviews[1].overdue = Some(watch.reviews[4].due)))),
        ("W7", watched(&before, &doctored(&before, |watch| watch.actions.clear()))),
        ("W7", watched(&before, &doctored(&before, |watch| watch.actions[0].closed = None))),
        ("W7", watched(&before, &doctored(&before, |watch| watch.actions[0].owner = "carla".to_owned()))),
        ("W7", watched(&before, &doctored(&before, |watch| watch.retrospectives.clear()))),
    ]
    .map(|(id, broken)| (id, ids(broken)))
    .into();
    for (id, caught) in &table {
        assert!(caught.contains(id), "{id} was not caught: {caught:?}");
    }
    assert_eq!(ids(watched(&before, &doctored(&before, |_| {}))), BTreeSet::new());
    let caught: BTreeSet<_> = table.into_iter().map(|(id, _)| id).collect();
    let known: BTreeSet<_> = CATALOGUE.iter().map(|(id, _)| *id).filter(|id| id.starts_with('W')).collect();
    assert_eq!(caught, known);
}
