//! Evidence: pinned, never from before the effect, told at once when it turns.

use std::time::Instant;

use meridian_core::evidence::{Check, EvidencePolicy, Measure, StepRef, judge};
use meridian_core::goal::{Goal, Measurement};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::bench::{Bench, canary, epoch, release};
use crate::server::FakeServer;

fn policy() -> EvidencePolicy {
    let max = Weight::from_basis_points(500).unwrap();
    let check = |name: &str, measure, sample_min| Check { name: name.to_owned(), measure, sample_min };
    EvidencePolicy {
        checks: vec![
            check("errors", Measure::ErrorRatio { max }, 50),
            check("alive", Measure::Probe { path: "/healthz".to_owned(), max: Weight::WHOLE }, 1),
        ],
        window: Span::from_secs(60),
        extend_max: Span::from_secs(3600),
    }
}

fn measured(goal: Goal, step: usize) -> Goal {
    let (slot, digest) = (Slot::Green, release("2.0.0").digest);
    let measurement = Measurement { slot, step: StepRef { wave: 0, step }, digest, policy: policy(), load: None };
    Goal { measurement: Some(measurement), ..goal }
}

#[tokio::test]
async fn evidence_is_pinned_and_begins_with_the_step() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    let seen = session.done(&canary(1, 0)).await;
    assert_eq!(seen.evidence, None);
    // Trouble of before the step is nobody's evidence.
    bench.world.count(Slot::Green, 1000, 1000);

    let first = measured(canary(2, 10), 0);
    session.send(std::slice::from_ref(&first)).await;
    session.done(&first).await;
    let seen = session.until("evidence", |seen| seen.evidence.is_some()).await;
    let evidence = seen.evidence.unwrap();
    assert_eq!(evidence.pin, first.pin().unwrap());
    assert_eq!((evidence.requests, evidence.errors), (0, 0));
    assert!(evidence.from < evidence.to && evidence.from < Span::from_secs(1));

    bench.world.count(Slot::Green, 100, 1);
    bench.world.count(Slot::Blue, 5000, 5000);
    let seen = session
        .until("a hundred requests", |seen| seen.evidence.as_ref().is_some_and(|evidence| evidence.requests == 100))
        .await;
    assert_eq!(seen.evidence.unwrap().errors, 1, "the other slot is not measured");
    // The slot's address leads nowhere, so its probes fail; each is counted once.
    let seen = session
        .until("a probe", |seen| seen.evidence.as_ref().is_some_and(|evidence| evidence.probes.contains_key("alive")))
        .await;
    let probes = seen.evidence.unwrap().probes["alive"];
    assert_eq!(probes.sent, probes.failed);

    let second = measured(canary(3, 50), 1);
    session.send(std::slice::from_ref(&second)).await;
    let seen = session.done(&second).await;
    assert!(seen.evidence.is_none_or(|evidence| evidence.pin.epoch == epoch(3)), "evidence of a step ends with it");
    let seen = session.until("new evidence", |seen| seen.evidence.is_some()).await;
    let evidence = seen.evidence.unwrap();
    assert_eq!((evidence.pin, evidence.requests), (second.pin().unwrap(), 0));
    agent.stop().await;
}

#[tokio::test]
async fn a_breach_is_told_at_once() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let goal = measured(canary(1, 10), 0);
    session.send(std::slice::from_ref(&goal)).await;
    session.done(&goal).await;
    session.until("evidence", |seen| seen.evidence.is_some()).await;
    let begun = Instant::now();
    bench.world.count(Slot::Green, 100, 20);
    let seen = session.until("the breach", |seen| seen.evidence.as_ref().is_some_and(|it| it.errors > 0)).await;
    println!("breach told after {:?}", begun.elapsed());
    let verdict = judge(&policy(), &seen.evidence.unwrap());
    assert_eq!(verdict.outcome, meridian_core::evidence::Outcome::Fail, "{verdict}");
    agent.stop().await;
}
