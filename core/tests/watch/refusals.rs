//! Every refusal of an order, by its code; a refused order changes nothing.

use meridian_core::epoch::Epoch;
use meridian_core::time::Span;
use meridian_core::watch::state::{ACTIONS_MAX, RETROSPECTIVES_MAX};
use meridian_core::watch::{ActionKind, Event, Phase, Refused, ReviewState, Standing};

use super::site::{Site, days, said};

type Order = fn(&mut Site) -> Result<(), Refused>;

/// In the second day: one review signed, the second not due.
fn second_day() -> Site {
    let mut site = Site::standard();
    site.at(days(1));
    site.sign(1).unwrap();
    site
}

/// Everything signed but the evaluation.
fn evaluable() -> Site {
    let mut site = Site::standard();
    site.at(days(30));
    for review in 1..=10 {
        site.sign(review).unwrap();
    }
    site
}

/// The same, and something that a hotfix left out is not done.
fn owing() -> Site {
    let mut site = evaluable();
    site.add("bob", None).unwrap();
    site.watch.actions[0].kind = ActionKind::Debt;
    site
}

fn closed() -> Site {
    let mut site = evaluable();
    site.evaluate(None).unwrap();
    site
}

fn unit<T>(result: Result<T, Refused>) -> Result<(), Refused> {
    result.map(|_| ())
}

#[test]
fn every_order_that_does_not_fit_is_refused() {
    let taken_back = || {
        let mut site = second_day();
        site.facts.standing = Standing::TakenBack("rolled-back");
        site.look();
        site
    };
    let unseen = || {
        let mut site = evaluable();
        site.facts.standing = Standing::TakenBack("rolled-back");
        site
    };
    let retaining = || {
        let mut site = evaluable();
        site.facts.standing = Standing::Switched;
        site
    };
    let exhausted = || {
        let mut site = second_day();
        site.watch.epoch = Epoch::new(0, u64::MAX - 1);
        site
    };
    let full = || {
        let mut site = second_day();
        for _ in 0..ACTIONS_MAX {
            site.add("bob", None).unwrap();
        }
        for _ in 0..RETROSPECTIVES_MAX {
            site.decide(Event::Reflect(said("learnt"))).unwrap();
        }
        site.decide(Event::Close(1, said("done"))).unwrap();
        site
    };
    let table: Vec<(&str, Site, Order)> = vec![
        ("UNKNOWN_REVIEW", second_day(), |site| unit(site.sign(0))),
        ("UNKNOWN_REVIEW", second_day(), |site| unit(site.sign(12))),
        ("UNKNOWN_REVIEW", second_day(), |site| unit(site.add("bob", Some(12)))),
        ("REVIEW_NOT_DUE", second_day(), |site| unit(site.sign(2))),
        ("REVIEW_NOT_DUE", second_day(), |site| unit(site.decide(Event::Hold(2, said(""))))),
        ("REVIEW_SIGNED", second_day(), |site| unit(site.sign(1))),
        ("REVIEW_SIGNED", second_day(), |site| unit(site.decide(Event::Hold(1, said(""))))),
        ("REVIEW_IS_EVALUATION", evaluable(), |site| unit(site.sign(11))),
        ("UNKNOWN_ACTION", second_day(), |site| unit(site.decide(Event::Close(1, said("done"))))),
        ("UNKNOWN_ACTION", second_day(), |site| unit(site.decide(Event::Close(0, said("done"))))),
        ("ACTION_CLOSED", full(), |site| unit(site.decide(Event::Close(1, said("again"))))),
        ("TOO_MANY_ACTIONS", full(), |site| unit(site.add("bob", None))),
        ("TOO_MANY_RETROSPECTIVES", full(), |site| unit(site.decide(Event::Reflect(said("more"))))),
        ("ROLLOUT_NOT_STABLE", retaining(), |site| unit(site.evaluate(None))),
        ("ROLLOUT_NOT_STABLE", retaining(), |site| unit(site.evaluate(Some("in a hurry")))),
        ("EVALUATION_NOT_READY", second_day(), |site| unit(site.evaluate(None))),
        ("DEBT_OPEN", owing(), |site| unit(site.evaluate(None))),
        ("DEBT_OPEN", owing(), |site| unit(site.evaluate(Some("in a hurry")))),
        ("NOTHING_TO_WAIVE", evaluable(), |site| unit(site.evaluate(Some("just so")))),
        ("WATCH_ENDED", closed(), |site| unit(site.evaluate(Some("again")))),
        ("WATCH_ENDED", closed(), |site| unit(site.sign(1))),
        ("WATCH_ENDED", taken_back(), |site| unit(site.sign(2))),
        ("WATCH_ENDED", taken_back(), |site| unit(site.decide(Event::Hold(2, said(""))))),
        ("WATCH_ENDED", unseen(), |site| unit(site.evaluate(None))),
        ("EPOCH_EXHAUSTED", exhausted(), |site| unit(site.add("bob", None))),
    ];
    for (code, mut site, order) in table {
        let before = site.watch.clone();
        let refused = order(&mut site).expect_err(code);
        assert_eq!(refused.code(), code, "{refused}");
        assert_eq!(site.watch, before, "{code}: a refused order changes nothing");
    }
}

#[test]
fn the_evaluation_waits_for_time_reviews_and_actions_and_says_for_which() {
    let mut site = second_day();
    site.add("bob", Some(1)).unwrap();
    site.at(days(28));
    for review in 2..=8 {
        site.sign(review).unwrap();
    }
    let refused = site.evaluate(None).unwrap_err().to_string();
    let expected = "it is not due yet, review 9 is not signed, review 10 is not signed, action 1 is open";
    assert!(refused.contains(expected), "{refused}");
    site.at(days(30));
    site.sign(9).unwrap();
    site.sign(10).unwrap();
    let refused = site.evaluate(None).unwrap_err().to_string();
    assert!(refused.contains("signed: action 1 is open;"), "{refused}");
    site.decide(Event::Close(1, said("written"))).unwrap();
    site.evaluate(None).unwrap();
}

#[test]
fn what_is_missing_is_waived_with_a_reason_that_is_kept_and_said() {
    let mut site = second_day();
    site.add("bob", None).unwrap();
    let step = site.evaluate(Some("1.2.4 has replaced it")).unwrap();
    let expected = "waived (1.2.4 has replaced it): it is not due yet, review 2 is not signed";
    assert!(
        step.message.starts_with(expected) && step.message.ends_with("action 1 is open: as hoped"),
        "{}",
        step.message
    );
    let ReviewState::Signed { waived, .. } = &site.watch.evaluation().state else { panic!("not signed") };
    assert_eq!(waived.as_deref(), Some("1.2.4 has replaced it"));
    assert!(matches!(site.watch.phase, Phase::Closed { .. }));
    // Tracked to its closure, whatever has become of the watch.
    site.now = site.now.after(Span::from_secs(1));
    assert_eq!(Site::codes(&site.look()), ["ACTION_OPEN"]);
    site.decide(Event::Close(1, said("written"))).unwrap();
}
