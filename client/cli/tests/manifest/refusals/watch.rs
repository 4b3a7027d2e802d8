//! The `watch:` of a playbook.

use meridian_cli::manifest::{Manifest, parse};
use meridian_core::time::Span;

use super::{assert_refused, playbook};

fn watch(text: &str) -> String {
    playbook("  evidence:", &format!("  watch: {text}\n  evidence:"))
}

#[test]
fn watches_are_refused_where_they_are_wrong() {
    let kpi = |text: &str| watch(&format!("{{kpis: [{{name: a, {text}}}]}}"));
    assert_refused(vec![
        ("unknown", watch("{review: 1d}"), "UNKNOWN_FIELD", "spec.watch.review"),
        ("no until", watch("{reviews: [{every: 1d}]}"), "FIELD_MISSING", "spec.watch.reviews[0].until"),
        ("no step", watch("{reviews: [{every: 0s, until: 7d}]}"), "REVIEW_SPAN_ZERO", "spec.watch.reviews[0].every"),
        ("too far", watch("{reviews: [{every: 1d, until: 31d}]}"), "REVIEWS_UNORDERED", "spec.watch.reviews[0].until"),
        ("too many", watch("{reviews: [{every: 1h, until: 7d}]}"), "TOO_MANY_REVIEWS", "spec.watch.reviews"),
        ("no grace", watch("{grace: 0s}"), "WATCH_SPAN_INVALID", "spec.watch.grace"),
        ("no side", kpi(""), "FIELDS_CONFLICT", "spec.watch.kpis[0]"),
        ("two sides", kpi("atLeast: 1, atMost: 2"), "FIELDS_CONFLICT", "spec.watch.kpis[0]"),
        ("no number", kpi("atLeast: 1e3"), "NUMBER_INVALID", "spec.watch.kpis[0].atLeast"),
        ("seven digits", kpi("atMost: 0.0000001"), "NUMBER_INVALID", "spec.watch.kpis[0].atMost"),
        (
            "twice",
            watch("{kpis: [{name: a, atLeast: 1}, {name: a, atMost: 2}]}"),
            "KPI_TWICE",
            "spec.watch.kpis[1].name",
        ),
        (
            "no score",
            watch("{feedback: {scoreMin: 5.5, answersMin: 3}}"),
            "SCORE_INVALID",
            "spec.watch.feedback.scoreMin",
        ),
        (
            "a pilot that is not there",
            watch("{feedback: {scoreMin: 4, answersMin: 3, pilotWaits: true}}").replace("kind: pilot", "kind: staging"),
            "NO_PILOT",
            "spec.watch.feedback.pilotWaits",
        ),
        (
            "no answers",
            watch("{feedback: {scoreMin: 4, answersMin: 0}}"),
            "ANSWERS_ZERO",
            "spec.watch.feedback.answersMin",
        ),
    ]);
}

#[test]
fn an_earlier_evaluation_ends_the_standard_reviews_too() {
    let until = |evaluation: &str| {
        let documents = parse("good.yaml", watch(&format!("{{evaluation: {evaluation}}}")).as_bytes()).unwrap();
        let Manifest::Playbook(playbook) = &documents[0].manifest else { panic!("{documents:?}") };
        playbook.watch.reviews.iter().map(|cadence| cadence.until).collect::<Vec<_>>()
    };
    let days = |days: u64| Span::from_secs(days * 24 * 3600);
    assert_eq!(until("10d"), [days(7), days(10)]);
    assert_eq!(until("5d"), [days(5)]);
    assert_eq!(until("60d"), [days(7), days(30)]);
}
