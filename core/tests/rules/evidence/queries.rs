//! Questions to somebody else's metrics: which can be asked, and what their answers come to, in a region and in a pool.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{
    Amount, Answers, AskFailure, Asked, Asks, Bound, Check, Evidence, EvidencePolicy, Histogram, Measure, Outcome, Pin,
    Query, Reach, Source, StepRef, Tally, judge_check, judge_pool,
};
use meridian_core::id::RolloutId;
use meridian_core::playbook::validate;
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::world::design::{Design, percent};

const URL: &str = "http://metrics.example:9090";

fn value(bound: Bound) -> Asks {
    Asks::Value { of: "/x".to_owned(), bound }
}

fn counts(max: Weight) -> Asks {
    Asks::Counts { errors: "/errors".to_owned(), total: "/total".to_owned(), max }
}

fn check(asks: Asks, reach: Reach) -> Check {
    let query = Query { source: Source::Prometheus, url: URL.to_owned(), asks, reach };
    Check { name: "kpi".to_owned(), measure: Measure::Query(query), sample_min: 3 }
}

fn whole(number: u64) -> Amount {
    Amount::from_millionths(number * 1_000_000)
}

fn told(answers: u64, mean: u64) -> Asked {
    Asked { answers, mean: whole(mean), ..Asked::default() }
}

fn grown(errors: u64, requests: u64) -> Asked {
    Asked { grown: Answers { requests, errors }, ..Asked::default() }
}

fn evidence(asked: Option<Asked>) -> Evidence {
    let step = StepRef { wave: 0, step: 0 };
    let pin = Pin { rollout: RolloutId::new("r").unwrap(), step, digest: Digest::of(b"x"), epoch: Epoch::new(1, 1) };
    Evidence {
        pin,
        from: Span::ZERO,
        to: Span::from_secs(60),
        requests: 10_000,
        errors: 0,
        latency: Histogram::default(),
        probes: BTreeMap::new(),
        other: Tally::default(),
        whole: Answers::default(),
        asked: asked.map(|asked| ("kpi".to_owned(), asked)).into_iter().collect(),
        load: None,
    }
}

#[test]
fn answers_are_judged_on_the_side_of_their_limit() {
    let (most, least) = (Bound::Most(whole(10)), Bound::Least(whole(10)));
    let table = [
        (value(most), told(3, 10), Outcome::Pass),
        (value(most), told(3, 11), Outcome::Fail),
        (value(most), told(2, 11), Outcome::Inconclusive),
        (value(least), told(3, 10), Outcome::Pass),
        (value(least), told(3, 9), Outcome::Fail),
        (value(least), told(3, 0), Outcome::Fail),
        (value(least), told(2, 0), Outcome::Inconclusive),
        (counts(percent(1)), grown(1, 100), Outcome::Pass),
        (counts(percent(1)), grown(2, 100), Outcome::Fail),
        (counts(percent(1)), grown(2, 2), Outcome::Inconclusive),
        (counts(percent(1)), grown(9, 0), Outcome::Fail),
    ];
    for (asks, asked, expect) in table {
        let check = check(asks, Reach::Region);
        let verdict = judge_check(&check, &evidence(Some(asked)));
        assert_eq!(verdict.outcome, expect, "{check:?} {asked:?}: {verdict}");
        // Whatever was answered before, a last ask without a number says nothing.
        let silent = Asked { failed: Some(AskFailure::NoData), ..asked };
        assert_eq!(judge_check(&check, &evidence(Some(silent))).outcome, Outcome::Inconclusive);
        assert_eq!(judge_check(&check, &evidence(None)).outcome, Outcome::Inconclusive, "never asked");
    }
    let verdict = judge_check(&check(value(least), Reach::Region), &evidence(Some(told(3, 9))));
    assert_eq!((verdict.measured, verdict.limit), (9_000_000, 10_000_000));
}

#[test]
fn a_pool_adds_up_regions_and_counts_the_fleet_once() {
    let silent = Asked { failed: Some(AskFailure::Unreachable), ..Asked::default() };
    let most = || value(Bound::Most(whole(10)));
    // The pool asks for 500 requests; of answers it asks no more than a region does.
    let table = [
        (most(), Reach::Region, vec![told(1, 9), told(2, 11)], Outcome::Fail, 3),
        (most(), Reach::Region, vec![told(2, 9), told(1, 11)], Outcome::Pass, 3),
        (most(), Reach::Region, vec![told(1, 12), told(1, 12)], Outcome::Inconclusive, 2),
        (most(), Reach::Region, vec![told(3, 12), silent], Outcome::Fail, 3),
        (most(), Reach::Region, vec![silent, silent], Outcome::Inconclusive, 0),
        (most(), Reach::Fleet, vec![told(2, 12), told(2, 12)], Outcome::Inconclusive, 2),
        (most(), Reach::Fleet, vec![told(2, 12), told(3, 12), silent], Outcome::Fail, 3),
        (counts(percent(1)), Reach::Region, vec![grown(3, 250), grown(3, 250)], Outcome::Fail, 500),
        (counts(percent(1)), Reach::Fleet, vec![grown(3, 250), grown(3, 250)], Outcome::Inconclusive, 250),
        (counts(percent(1)), Reach::Fleet, vec![grown(6, 500), grown(6, 500), silent], Outcome::Fail, 500),
    ];
    for (asks, reach, told, expect, samples) in table {
        let checks = vec![check(asks, reach)];
        let policy = EvidencePolicy { checks, window: Span::ZERO, extend_max: Span::ZERO };
        let each: Vec<Evidence> = told.iter().map(|asked| evidence(Some(*asked))).collect();
        let verdict = judge_pool(&policy, 500, &each.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((verdict.outcome, verdict.samples), (expect, samples), "{reach:?} {told:?}: {verdict}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_before_anybody_asks() {
    let good =
        Query { source: Source::WebhookGet, url: URL.to_owned(), asks: counts(percent(1)), reach: Reach::Region };
    let codes = |query: Query| {
        let mut playbook = Design::of(&[&[0]]).playbook();
        playbook.evidence.checks =
            vec![Check { name: "kpi".to_owned(), measure: Measure::Query(query), sample_min: 1 }];
        let found = validate(playbook).map_or_else(|found| found, |_| Vec::new());
        found.into_iter().map(|violation| (violation.code, violation.field)).collect::<Vec<_>>()
    };
    assert_eq!(codes(good.clone()), []);
    let webhook = |field: &str| format!("evidence.checks[0].webhook.{field}");
    for url in [
        "",
        "metrics.example",
        "ftp://host",
        "http://",
        "http://:80",
        "http:///x",
        "http://me:secret@host",
        "http://host/a b",
        "http://host/#x",
        "http://h/\u{e4}",
    ] {
        assert_eq!(codes(Query { url: url.to_owned(), ..good.clone() }), [("URL_INVALID", webhook("url"))], "{url}");
    }
    for url in ["https://host", "http://[::1]:9/x?a={{version}}", "http://{{region}}.host/{{service}}/{{slot}}"] {
        assert_eq!(codes(Query { url: url.to_owned(), ..good.clone() }), [], "{url}");
    }
    let long = format!("http://{}", "x".repeat(2048));
    assert_eq!(codes(Query { url: long, ..good.clone() }), [("URL_INVALID", webhook("url"))]);
    for pointer in ["x", "/a~", "/a~2", "#/a"] {
        let asks = Asks::Value { of: pointer.to_owned(), bound: Bound::Most(whole(1)) };
        assert_eq!(codes(Query { asks, ..good.clone() }), [("POINTER_INVALID", webhook("pointer"))], "{pointer}");
    }
    for pointer in ["", "/", "/a~0~1b/0", "/{{region}}"] {
        let asks = Asks::Value { of: pointer.to_owned(), bound: Bound::Most(whole(1)) };
        assert_eq!(codes(Query { asks, ..good.clone() }), [], "{pointer}");
    }
    let of = |text: &str| Asks::Value { of: text.to_owned(), bound: Bound::Most(whole(1)) };
    let prometheus = Query { source: Source::Prometheus, asks: of("up"), ..good.clone() };
    let at = |field: &str| format!("evidence.checks[0].prometheus.{field}");
    let table = [
        (Query { asks: of(""), ..prometheus.clone() }, "QUERY_INVALID", at("query")),
        (Query { asks: of(&"x".repeat(4097)), ..prometheus.clone() }, "QUERY_INVALID", at("query")),
        (Query { asks: of("up{a=\"{{zone}}\"}"), ..prometheus.clone() }, "PLACEHOLDER_UNKNOWN", at("query")),
        (Query { asks: of("up{{"), ..prometheus.clone() }, "PLACEHOLDER_UNKNOWN", at("query")),
        (Query { url: "http://{{host}}".to_owned(), ..prometheus.clone() }, "PLACEHOLDER_UNKNOWN", at("url")),
        (Query { url: "http://host?a=b".to_owned(), ..prometheus.clone() }, "URL_INVALID", at("url")),
        (Query { asks: value(Bound::Least(Amount::ZERO)), ..good.clone() }, "MIN_ZERO", webhook("min")),
        (
            Query { asks: value(Bound::Most(Amount::from_millionths(u64::MAX))), ..good.clone() },
            "AMOUNT_TOO_LARGE",
            webhook("max"),
        ),
        (
            Query { url: "http://{{region}}".to_owned(), reach: Reach::Fleet, ..prometheus },
            "FLEET_QUERY_LOCAL",
            at("over"),
        ),
    ];
    for (query, code, field) in table {
        assert_eq!(codes(query.clone()), [(code, field)], "{query:?}");
    }
}
