//! Goals: brought about, confirmed by read-back, reported; and refused when they are not to be obeyed.

use std::time::Instant;

use meridian_core::goal::SlotGoal;
use meridian_core::observation::TrafficSeen;
use meridian_core::slot::Slot;
use meridian_proto::r#gen::agent::v1 as wire;

use crate::bench::{Bench, base, canary, epoch, goal, release, run, shop, switched};
use crate::server::FakeServer;

#[tokio::test]
async fn a_goal_is_brought_about_and_reported() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    assert_eq!(session.hello.region.as_str(), "eu-west-1");
    assert!(session.hello.services.contains(&shop()));
    assert!(session.hello.capabilities.contains("weights") && session.hello.capabilities.contains("cohorts"));
    assert_eq!(session.hello.lanes[&shop()].accepted.counter(), 0);

    for goal in [base(1), canary(2, 0), canary(3, 10), canary(4, 50), switched(5)] {
        session.send(std::slice::from_ref(&goal)).await;
        let seen = session.done(&goal).await;
        assert_eq!(seen.accepted, goal.epoch);
        assert_eq!(seen.traffic, Some(TrafficSeen { split: goal.split.unwrap(), cohort: None }));
        assert_eq!(seen.trouble, None);
    }
    assert!(bench.world.process(Slot::Blue).is_none());
    assert_eq!(bench.world.process(Slot::Green).unwrap().digest, release("2.0.0").digest);
    agent.stop().await;
    session.ended().await;
    assert!(bench.world.process(Slot::Green).is_some(), "the end of an agent ends nothing else");
}

#[tokio::test]
async fn a_lane_without_a_split_is_prepared_only() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let first = meridian_core::goal::Goal { split: None, ..goal(1, run("1.0.0"), SlotGoal::Empty, 0) };
    session.send(std::slice::from_ref(&first)).await;
    let seen = session.done(&first).await;
    assert_eq!((seen.traffic, bench.world.route()), (None, None));
    agent.stop().await;
}

#[tokio::test]
async fn what_is_not_to_be_obeyed_changes_nothing() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[base(7)]).await;
    session.done(&base(7)).await;
    let (before, calls) = (bench.world.route(), bench.calls());

    let mut elsewhere = base(9);
    elsewhere.lane.service = meridian_core::id::ServiceId::new("cart").unwrap();
    let mut torn = wire::Goal::from(&canary(9, 50));
    torn.rollout = "another".to_owned();
    session.send(&[base(6), canary(7, 50), base(7), elsewhere]).await;
    session.send_raw(vec![torn, wire::Goal::default()]).await;
    let refused = [
        "meridian_agent_goals_refused_total{service=\"shop\",reason=\"stale\"} 1",
        "meridian_agent_goals_refused_total{service=\"shop\",reason=\"conflict\"} 1",
        "meridian_agent_goals_refused_total{service=\"other\",reason=\"not-here\"} 1",
        "meridian_agent_goals_refused_total{service=\"other\",reason=\"invalid\"} 2",
    ];
    for line in refused {
        bench.until(line, |_| agent.metrics().text().unwrap().contains(line)).await;
    }
    session.send(&[canary(8, 0)]).await;
    let seen = session.done(&canary(8, 0)).await;
    assert_eq!(seen.accepted, epoch(8));
    assert_eq!(bench.world.route(), before);
    assert_eq!(bench.calls()[calls.len()..], ["start green 2.0.0".to_owned()]);
    agent.stop().await;
}

#[tokio::test]
async fn the_latest_goal_wins_over_one_that_hangs() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    bench.world.fail_next(meridian_drivers::fake::Call::Route, meridian_drivers::fake::Fault::Hang);
    session.send(&[canary(2, 50)]).await;
    bench.until("the route of 2", |bench| bench.calls().iter().any(|call| call.starts_with("route 1.2"))).await;
    session.send(&[canary(3, 0)]).await;
    session.done(&canary(3, 0)).await;
    agent.stop().await;
}

/// No tick, poll or backoff may lie on the way of a goal that needs no slow action.
#[tokio::test]
async fn a_shift_waits_for_nothing_but_the_disk() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    let (looks, begun, mut took) = (bench.looks(), Instant::now(), Vec::new());
    for counter in 2..102 {
        let goal = canary(counter, counter % 100);
        let sent = Instant::now();
        session.send(std::slice::from_ref(&goal)).await;
        session.done(&goal).await;
        took.push(sent.elapsed());
    }
    took.sort();
    println!("goal sent to done heard: p50 {:?} p90 {:?} max {:?}", took[50], took[90], took[99]);
    // Whoever rests on the way looks again after it, so rests show as looks; only ticks come beside them.
    let ticks = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(bench.looks() - looks <= 100 + ticks, "{} looks for 100 goals", bench.looks() - looks);
    let text = agent.metrics().text().unwrap();
    println!(
        "{}",
        text.lines()
            .filter(|line| line.contains("seconds_sum") || line.contains("seconds_count"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    agent.stop().await;
}
