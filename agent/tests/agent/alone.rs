//! The agent on its own: back when nobody can be asked and the goal gives leave, and never on its own account
//! otherwise. And what it does when somebody changes its region behind its back.

use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, Measure, StepRef};
use meridian_core::goal::{Goal, Measurement};
use meridian_core::observation::SlotState;
use meridian_core::plan::Mandate;
use meridian_core::playbook::{DeadManPolicy, DriftPolicy, SafetyPolicy};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::{Split, Weight};
use meridian_drivers::Route;
use tokio::time::{Instant, sleep};

use crate::bench::{Bench, canary, epoch, release, shop};
use crate::server::{FakeServer, Session};

/// How long an agent must be alone, and how long its release must fail.
const ALONE: Duration = Duration::from_millis(1500);
const BREACH: Duration = Duration::from_millis(500);

fn share(percent: u64) -> Split {
    Split::toward(Slot::Green, Weight::from_basis_points(percent * 100).unwrap())
}

fn under(safety: SafetyPolicy, goal: Goal) -> Goal {
    Goal { mandate: Some(Mandate::seal(Digest::of(b"the rest of the plan"), safety)), ..goal }
}

fn leave() -> SafetyPolicy {
    let millis = |duration: Duration| Span::from_millis(u64::try_from(duration.as_millis()).unwrap());
    let dead_man = DeadManPolicy { alone_after: millis(ALONE), breach_for: millis(BREACH) };
    SafetyPolicy { dead_man: Some(dead_man), ..SafetyPolicy::default() }
}

/// A tenth on a release of which at most a twentieth may fail.
fn measured(counter: u64) -> Goal {
    let max = Weight::from_basis_points(500).unwrap();
    let check = Check { name: "errors".to_owned(), measure: Measure::ErrorRatio { max }, sample_min: 50 };
    let policy = EvidencePolicy { checks: vec![check], window: Span::from_secs(60), extend_max: Span::from_secs(3600) };
    let (slot, digest) = (Slot::Green, release("2.0.0").digest);
    let measurement = Measurement { slot, step: StepRef { wave: 0, step: 0 }, digest, policy, load: None };
    Goal { measurement: Some(measurement), ..canary(counter, 10) }
}

async fn at(server: &mut FakeServer, goal: &Goal) -> Session {
    let mut session = server.session().await;
    session.send(std::slice::from_ref(goal)).await;
    session.done(goal).await;
    session
}

/// The release fails, and goes on failing: a window holds what was counted in it.
async fn fail(bench: &Bench, session: &mut Session) {
    session.until("evidence", |seen| seen.evidence.is_some()).await;
    bench.world.count(Slot::Green, 1000, 900);
    session.until("the breach", |seen| seen.evidence.as_ref().is_some_and(|it| it.errors > 0)).await;
}

/// As a data plane that came back from an old state file.
fn reroute(bench: &Bench) {
    let now = bench.world.route().unwrap();
    bench.world.drift(Some(Route { epoch: epoch(2), split: share(70), ..now }));
}

fn split(bench: &Bench) -> Split {
    bench.world.route().unwrap().split
}

#[tokio::test]
async fn an_agent_that_can_ask_nobody_goes_back_and_says_so_first() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let goal = under(leave(), measured(3));
    let mut session = at(&mut server, &goal).await;
    fail(&bench, &mut session).await;
    let (address, lost) = (server.address, Instant::now());
    drop(session);
    server.stop().await;
    bench.until("it went back", |bench| split(bench) == Split::all(Slot::Blue)).await;
    assert!(lost.elapsed() >= ALONE, "not before its time: {:?}", lost.elapsed());
    let line = "meridian_agent_went_back_alone_total{service=\"shop\"} 1";
    assert!(agent.metrics().text().unwrap().contains(line));
    assert_eq!(bench.world.route().unwrap().epoch, epoch(3), "never an epoch of its own");
    assert!(bench.world.process(Slot::Green).is_some(), "what failed is left for people to look at");
    // What it did holds over the end of the process, without any server.
    agent.stop().await;
    let agent = bench.agent(address).await;

    let mut server = FakeServer::start_at(address, None).await;
    let mut session = server.session().await;
    let told = session.hello.lanes[&shop()].clone();
    let alone = told.alone.expect("it is the first thing that is said");
    assert_eq!((alone.epoch, alone.rollout, told.accepted), (epoch(3), goal.rollout.clone(), epoch(3)));
    assert_eq!(told.done, None, "what was ordered is not done any more");
    // The goal that it turned back moves nothing, however often it comes; the next decision does.
    session.send(std::slice::from_ref(&goal)).await;
    session.until("back is confirmed", |seen| seen.alone.as_ref().is_some_and(|alone| alone.confirmed)).await;
    assert_eq!(split(&bench), Split::all(Slot::Blue));
    let next = under(leave(), canary(4, 0));
    session.send(std::slice::from_ref(&next)).await;
    assert_eq!(session.done(&next).await.alone, None);
    agent.stop().await;
}

/// Each of them lacks one thing; the one that lacks nothing shows when the others would have gone.
#[tokio::test]
async fn without_leave_a_breach_or_silence_traffic_stays() {
    let with_leave = (Bench::new(), under(leave(), measured(3)), true, true);
    let no_leave = (Bench::new(), measured(3), true, true);
    let no_breach = (Bench::new(), under(leave(), measured(3)), false, true);
    let in_contact = (Bench::new(), under(leave(), measured(3)), true, false);
    let mut running = Vec::new();
    for (bench, goal, fails, lost) in [no_leave, no_breach, in_contact, with_leave] {
        let mut server = FakeServer::start().await;
        let agent = bench.agent(server.address).await;
        let mut session = at(&mut server, &goal).await;
        if fails {
            fail(&bench, &mut session).await;
        }
        if lost {
            drop(session);
            server.stop().await;
            running.push((bench, agent, None));
        } else {
            running.push((bench, agent, Some((server, session))));
        }
    }
    let (last, _, _) = running.last().unwrap();
    last.until("the one that may goes back", |bench| split(bench) == Split::all(Slot::Blue)).await;
    // The others have been in their state for longer than that one.
    for (bench, agent, _) in running.into_iter().take(3) {
        assert_eq!(split(&bench), share(10));
        assert!(agent.metrics().text().unwrap().contains("meridian_agent_goals_accepted_total"));
        assert!(!agent.metrics().text().unwrap().contains("went_back_alone_total{"));
        agent.stop().await;
    }
}

#[tokio::test]
async fn drift_is_left_alone_unless_the_policy_says_otherwise() {
    for drift in [DriftPolicy::Hold, DriftPolicy::Adopt, DriftPolicy::Revert] {
        let (bench, mut server) = (Bench::new(), FakeServer::start().await);
        let agent = bench.agent(server.address).await;
        let goal = under(SafetyPolicy { drift, ..SafetyPolicy::default() }, canary(3, 10));
        let mut session = at(&mut server, &goal).await;
        reroute(&bench);
        let line = "meridian_agent_drifted_total{service=\"shop\"} 1";
        bench.until(line, |_| agent.metrics().text().unwrap().contains(line)).await;
        if drift == DriftPolicy::Revert {
            bench.until("it is mended", |bench| split(bench) == share(10)).await;
        } else {
            let seen = session
                .until("it is told", |seen| seen.traffic.as_ref().is_some_and(|traffic| traffic.split == share(70)))
                .await;
            assert_eq!(seen.trouble.map(|trouble| trouble.code), Some("DRIFTED".to_owned()));
            let looks = bench.looks();
            bench.until("it looks again, twice", |bench| bench.looks() > looks + 1).await;
            assert_eq!(split(&bench), share(70), "{drift:?}");
            // What came down by itself is no drift, and is brought up beside it.
            bench.world.set_state(Slot::Green, SlotState::Failed);
            bench
                .until("green is up", |bench| {
                    bench.world.process(Slot::Green).is_some_and(|it| it.state == SlotState::Ready)
                })
                .await;
            // The next decision moves it, whatever was found.
            let next = Goal { epoch: epoch(4), ..goal };
            session.send(std::slice::from_ref(&next)).await;
            session.done(&next).await;
            assert_eq!(split(&bench), share(10));
        }
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_tug_of_war_is_not_fought_at_full_speed() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let safety = SafetyPolicy { drift: DriftPolicy::Revert, ..SafetyPolicy::default() };
    let goal = under(safety, canary(3, 10));
    let _session = at(&mut server, &goal).await;
    let begun = Instant::now();
    let routes = |bench: &Bench| bench.calls().iter().filter(|call| call.starts_with("route")).count();
    let before = routes(&bench);
    while routes(&bench) < before + 4 {
        reroute(&bench);
        sleep(Duration::from_millis(5)).await; // tidy: paced
    }
    // Half of 100, 200 and 400 ms at the least lie between four tries.
    assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
    agent.stop().await;
}
