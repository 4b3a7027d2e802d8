//! What a real Prometheus answers, as evidence: numbers where there are numbers, and a name for everything else.

use meridian_core::evidence::{
    Amount, AskFailure, Asks, Bound, Check, EvidencePolicy, Measure, Outcome, Query, Reach, Source, StepRef,
    judge_check,
};
use meridian_core::goal::{Goal, Measurement};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_harness::{Exporter, Prometheus};

use crate::bench::{Bench, canary, release};
use crate::server::FakeServer;

const BEFORE: &str = "orders{slot=\"green\"} 40\norders{slot=\"blue\"} 90\nodd NaN\nfailed_total 5\nasked_total 1000\n";
const AFTER: &str = "orders{slot=\"green\"} 40\norders{slot=\"blue\"} 90\nodd NaN\nfailed_total 15\nasked_total 1100\n";

fn value(name: &str, of: &str) -> (String, Asks) {
    (name.to_owned(), Asks::Value { of: of.to_owned(), bound: Bound::Least(Amount::from_millionths(50_000_000)) })
}

fn policy(url: &str) -> EvidencePolicy {
    let (errors, total) = ("sum(failed_total)".to_owned(), "sum(asked_total)".to_owned());
    let max = Weight::from_basis_points(500).unwrap();
    let asked = [
        value("orders", "orders{slot=\"{{slot}}\"}"),
        value("scalar", "scalar(sum(orders))"),
        value("none", "nothing_of_the_kind"),
        value("two", "orders"),
        value("nan", "odd"),
        value("range", "orders[1m]"),
        value("wrong", "sum("),
        ("counts".to_owned(), Asks::Counts { errors, total, max }),
    ];
    let check = |(name, asks)| {
        let query = Query { source: Source::Prometheus, url: url.to_owned(), asks, reach: Reach::Region };
        Check { name, measure: Measure::Query(query), sample_min: 1 }
    };
    let checks = asked.into_iter().map(check).collect();
    EvidencePolicy { checks, window: Span::from_secs(60), extend_max: Span::from_secs(60) }
}

#[tokio::test]
async fn a_real_prometheus_is_asked_and_believed_only_where_it_has_a_number() {
    let exporter = Exporter::start(BEFORE).await.unwrap();
    let prometheus = Prometheus::start(&exporter).await.unwrap();
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let policy = policy(&prometheus.url());
    let (slot, step, digest) = (Slot::Green, StepRef { wave: 0, step: 0 }, release("2.0.0").digest);
    let measurement = Measurement { slot, step, digest, policy: policy.clone(), load: None };
    let goal = Goal { measurement: Some(measurement), ..canary(1, 10) };
    session.send(std::slice::from_ref(&goal)).await;
    session.done(&goal).await;
    let all = policy.checks.len();
    let seen =
        session.until("first answers", |seen| seen.evidence.as_ref().is_some_and(|it| it.asked.len() == all)).await;
    let first = seen.evidence.unwrap();
    let failed = |name: &str| first.asked[name].failed;
    assert_eq!((failed("orders"), failed("scalar"), failed("counts")), (None, None, None));
    assert_eq!(failed("none"), Some(AskFailure::NoData));
    assert_eq!(failed("two"), Some(AskFailure::NotOne));
    assert_eq!(failed("nan"), Some(AskFailure::NotFinite));
    assert_eq!(failed("range"), Some(AskFailure::NotANumber));
    assert_eq!(failed("wrong"), Some(AskFailure::QueryFailed));

    exporter.say(AFTER);
    let seen = session
        .until("growth", |seen| seen.evidence.as_ref().is_some_and(|it| it.asked["counts"].grown.requests == 100))
        .await;
    let evidence = seen.evidence.unwrap();
    let outcome = |name: &str| {
        let check = policy.checks.iter().find(|check| check.name == name).unwrap();
        judge_check(check, &evidence).outcome
    };
    assert_eq!(evidence.asked["orders"].mean, Amount::from_millionths(40_000_000));
    assert_eq!(
        (outcome("orders"), outcome("scalar"), outcome("counts")),
        (Outcome::Fail, Outcome::Pass, Outcome::Fail)
    );
    for silent in ["none", "two", "nan", "range", "wrong"] {
        assert_eq!(outcome(silent), Outcome::Inconclusive, "{silent}");
    }
    agent.stop().await;
}
