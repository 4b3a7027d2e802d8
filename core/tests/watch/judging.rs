//! Tables: targets, feedback, histories, and policies that no playbook may have.

use meridian_core::evidence::Outcome as Verdict;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::kpi::SAMPLES_MAX;
use meridian_core::watch::policy::check;
use meridian_core::watch::{
    Cadence, Direction, FeedbackPolicy, History, KpiTarget, Mean, Opinion, Outcome, Score, WatchPolicy,
};

use super::site::{DAY, days, kpi, number};

#[test]
fn a_target_is_met_missed_or_without_data() {
    let target = |direction| KpiTarget { kpi: kpi("conversion"), direction, target: number("2.5") };
    let (least, most) = (target(Direction::AtLeast), target(Direction::AtMost));
    let table = [
        (None, Outcome::NoData, Outcome::NoData),
        (Some("2.5"), Outcome::Met, Outcome::Met),
        (Some("2.499999"), Outcome::Missed, Outcome::Met),
        (Some("2.500001"), Outcome::Met, Outcome::Missed),
        (Some("-3"), Outcome::Missed, Outcome::Met),
    ];
    for (value, at_least, at_most) in table {
        let mean = value.map(|value| Mean { value: number(value), samples: 1 });
        assert_eq!((least.judge(mean), most.judge(mean)), (at_least, at_most), "{value:?}");
    }
}

#[test]
fn feedback_is_judged_on_enough_answers_and_stopped_by_blockers() {
    let policy = FeedbackPolicy { score_min: number("4.2"), answers_min: 5, blockers_max: 1, pilot_waits: false };
    let table = [
        ((0, 0, 0), Verdict::Inconclusive),
        ((4, 20, 1), Verdict::Inconclusive),
        ((5, 21, 0), Verdict::Pass),
        ((5, 20, 0), Verdict::Fail),
        ((5, 25, 1), Verdict::Pass),
        ((5, 25, 2), Verdict::Fail),
        // Too many blockers need no company.
        ((2, 10, 2), Verdict::Fail),
    ];
    for ((answers, scores, blockers), verdict) in table {
        let opinion = Opinion { answers, scores, blockers };
        assert_eq!(opinion.judge(&policy), verdict, "{opinion}");
    }
    assert_eq!(Opinion { answers: 12, scores: 50, blockers: 1 }.to_string(), "4.2 of 5 over 12 answers, 1 blockers");
    for bad in [0, 6, 261, u64::MAX] {
        assert!(Score::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_history_is_bounded_and_its_spans_are_half_open() {
    let at = Timestamp::from_millis;
    let mut history = History::default();
    assert_eq!(history.mean(at(0), at(u64::MAX)), None);
    for millis in [10, 20, 30] {
        history.record(at(millis), number("5"));
    }
    history.record(at(20), number("8"));
    let mean = |from, to| history.mean(at(from), at(to)).map(|mean| (mean.value.to_string(), mean.samples));
    assert_eq!(mean(10, 30), Some(("6.5".to_owned(), 2)));
    assert_eq!(mean(11, 20), None);
    assert_eq!(mean(30, 10), None);
    for millis in 0..SAMPLES_MAX as u64 {
        history.record(at(100 + millis), number("1"));
    }
    assert_eq!(history.samples().len(), SAMPLES_MAX);
    assert_eq!(history.samples().keys().next(), Some(&at(100)), "the oldest goes");
}

#[test]
fn policies_that_make_no_sense_are_told_where() {
    let policy = |change: fn(&mut WatchPolicy)| {
        let mut policy = WatchPolicy::default();
        change(&mut policy);
        check(&policy).into_iter().map(|violation| (violation.code, violation.field)).collect::<Vec<_>>()
    };
    let one = |code: &'static str, field: &str| vec![(code, field.to_owned())];
    assert_eq!(policy(|_| {}), vec![]);
    assert_eq!(policy(|policy| policy.reviews.clear()), vec![], "an evaluation alone is a watch");
    assert_eq!(policy(|policy| policy.grace = Span::ZERO), one("WATCH_SPAN_INVALID", "watch.grace"));
    let never = policy(|policy| policy.evaluation = Span::MAX.plus(DAY));
    assert_eq!(never, one("WATCH_SPAN_INVALID", "watch.evaluation"));
    assert_eq!(
        policy(|policy| policy.reviews[0].every = Span::ZERO),
        one("REVIEW_SPAN_ZERO", "watch.reviews[0].every")
    );
    assert_eq!(policy(|policy| policy.reviews[1].until = days(31)), one("REVIEWS_UNORDERED", "watch.reviews[1].until"));
    assert_eq!(policy(|policy| policy.reviews[1].until = days(7)), one("REVIEWS_UNORDERED", "watch.reviews[1].until"));
    let often = policy(|policy| policy.reviews[0].every = Span::from_secs(60));
    assert_eq!(often, one("TOO_MANY_REVIEWS", "watch.reviews"));
    let twice = policy(|policy| {
        let target = KpiTarget { kpi: kpi("conversion"), direction: Direction::AtLeast, target: number("1") };
        policy.targets = vec![target.clone(), target];
    });
    assert_eq!(twice, one("KPI_TWICE", "watch.kpis[1].name"));
    let feedback = policy(|policy| {
        policy.feedback =
            Some(FeedbackPolicy { score_min: number("0.5"), answers_min: 0, blockers_max: 0, pilot_waits: false });
    });
    let fields: Vec<_> = feedback.iter().map(|(code, _)| *code).collect();
    assert_eq!(fields, ["SCORE_INVALID", "ANSWERS_ZERO"]);
}

#[test]
fn a_review_that_falls_together_with_the_evaluation_is_the_evaluation() {
    let every = |every, until| Cadence { every: days(every), until: days(until) };
    let dues = |reviews: Vec<Cadence>, evaluation| {
        let policy = WatchPolicy { reviews, evaluation: days(evaluation), ..WatchPolicy::default() };
        policy.dues().into_iter().map(|(due, _)| due.millis() / DAY.millis()).collect::<Vec<_>>()
    };
    assert_eq!(dues(vec![every(1, 3)], 3), [1, 2]);
    assert_eq!(dues(vec![every(2, 5), every(3, 10)], 10), [2, 4, 6, 9]);
    assert_eq!(dues(vec![], 10), [0_u64; 0]);
}
