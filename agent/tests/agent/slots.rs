//! Slots: ready before traffic, never stopped under traffic, started again when they come down; troubles told and over.

use std::time::{Duration, Instant};

use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::SlotState;
use meridian_core::plan::parameters::Values;
use meridian_core::slot::{Slot, Slots};
use meridian_drivers::fake::{Call, Fault};
use meridian_drivers::{DriverError, code};

use crate::bench::{Bench, base, canary, epoch, goal, release, run, switched};
use crate::server::FakeServer;

#[tokio::test]
async fn a_slot_that_is_not_ready_gets_no_traffic() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    bench.world.start_ready(false);
    session.send(&[canary(2, 50)]).await;
    let starting = |state| {
        move |seen: &meridian_core::observation::Observed| seen.slots.green.is_some_and(|slot| slot.state == state)
    };
    let seen = session.until("starting", starting(SlotState::Starting)).await;
    assert_eq!((seen.accepted, seen.done), (epoch(2), None));
    bench.world.set_state(Slot::Green, SlotState::Unready);
    session.until("unready", starting(SlotState::Unready)).await;
    assert_eq!(bench.world.route().unwrap().epoch, epoch(1));
    bench.world.set_state(Slot::Green, SlotState::Ready);
    session.done(&canary(2, 50)).await;
    agent.stop().await;
}

#[tokio::test]
async fn the_old_slot_is_stopped_after_the_switch_was_read_back() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    // The switch is done, but the data plane's answer is lost and so is the first look at it.
    let lost = DriverError::passing(code::TRAFFIC_TIMEOUT, "lost");
    bench.world.fail_next(Call::Route, Fault::LoseAnswer(lost.clone()));
    session.send(&[switched(2)]).await;
    session.done(&switched(2)).await;
    let calls = bench.calls();
    let at = |start: &str| calls.iter().position(|call| call.starts_with(start)).unwrap();
    assert!(at("route 1.2") < at("stop blue"), "{calls:?}");
    agent.stop().await;
}

#[tokio::test]
async fn nothing_is_stopped_while_it_is_unknown_where_traffic_goes() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    let silent = DriverError::passing(code::TRAFFIC_UNREACHABLE, "no answer");
    for _ in 0..4 {
        bench.world.fail_next(Call::LookAtTraffic, Fault::Fail(silent.clone()));
    }
    bench.world.set_state(Slot::Blue, SlotState::Failed);
    session.send(&[base(2)]).await;
    let trouble = session.until("trouble", |seen| seen.trouble.is_some()).await.trouble.unwrap();
    assert_eq!((trouble.code.as_str(), trouble.epoch), (code::TRAFFIC_UNREACHABLE, epoch(2)));
    assert!(!bench.calls().iter().any(|call| call.starts_with("stop")), "{:?}", bench.calls());
    let seen = session.done(&base(2)).await;
    assert_eq!(seen.trouble, None);
    assert_eq!(bench.world.process(Slot::Blue).unwrap().state, SlotState::Ready, "it was started all the same");
    agent.stop().await;
}

#[tokio::test]
async fn a_stop_under_way_gives_way_to_a_rollback() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 50)]).await;
    session.done(&canary(1, 50)).await;
    let warm = bench.world.process(Slot::Blue).unwrap().number;
    bench.world.fail_next(Call::Stop, Fault::Hang);
    session.send(&[switched(2)]).await;
    bench.until("stopping blue", |bench| bench.calls().contains(&"stop blue".to_owned())).await;
    let back = goal(3, run("1.0.0"), SlotGoal::Keep, 0);
    session.send(std::slice::from_ref(&back)).await;
    session.done(&back).await;
    assert_eq!(bench.world.process(Slot::Blue).unwrap().number, warm, "the warm slot took the traffic back");
    agent.stop().await;
}

#[tokio::test]
async fn a_slot_is_replaced_only_without_traffic() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    let next = goal(2, run("1.0.0"), run("3.0.0"), 20);
    session.send(std::slice::from_ref(&next)).await;
    session.done(&next).await;
    assert_eq!(bench.world.process(Slot::Green).unwrap().digest, release("3.0.0").digest);
    let replaced = goal(3, run("4.0.0"), run("3.0.0"), 20);
    session.send(std::slice::from_ref(&replaced)).await;
    let seen = session.until("trouble", |seen| seen.trouble.is_some()).await;
    assert_eq!(seen.trouble.unwrap().code, "SLOT_SERVES");
    session.send(&[goal(4, run("1.0.0"), run("3.0.0"), 20)]).await;
    let seen = session.until("taken", |seen| seen.done.is_some_and(|done| done.epoch == epoch(4))).await;
    assert_eq!(seen.trouble, None);
    agent.stop().await;
}

#[tokio::test]
async fn what_was_started_with_other_parameters_is_started_anew() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let with = |counter: u64, value: &str| {
        let values = Values::from([("DB".to_owned(), value.to_owned())]);
        Goal { parameters: Slots { blue: Values::new(), green: values }, ..canary(counter, 0) }
    };
    session.send(&[with(1, "eu")]).await;
    session.done(&with(1, "eu")).await;
    let first = bench.world.process(Slot::Green).unwrap();
    assert_eq!(first.parameters, with(1, "eu").parameters.green);
    session.send(&[with(2, "us")]).await;
    session.done(&with(2, "us")).await;
    let second = bench.world.process(Slot::Green).unwrap();
    assert_eq!((second.digest, second.parameters), (first.digest, with(2, "us").parameters.green));
    assert_ne!(second.number, first.number, "it is another process");
    agent.stop().await;
}

#[tokio::test]
async fn trouble_is_told_with_its_code_and_over_when_it_is_over() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    bench.world.provide(release("1.0.0").digest);
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;

    session.send(&[canary(2, 50)]).await;
    let seen = session.until("missing", |seen| seen.trouble.is_some()).await;
    let trouble = seen.trouble.unwrap();
    assert_eq!((trouble.code.as_str(), trouble.permanent), (code::ARTIFACT_MISSING, false));
    assert_eq!(trouble.epoch, epoch(2));
    bench.world.provide(release("2.0.0").digest);
    let seen = session.done(&canary(2, 50)).await;
    assert_eq!(seen.trouble, None);

    bench.world.provide_tampered(release("3.0.0").digest);
    let tampered = goal(3, run("1.0.0"), run("3.0.0"), 0);
    session.send(&[base(3)]).await;
    session.done(&base(3)).await;
    session.send(&[meridian_core::goal::Goal { epoch: epoch(4), ..tampered }]).await;
    let seen = session.until("tampered", |seen| seen.trouble.as_ref().is_some_and(|trouble| trouble.permanent)).await;
    assert_eq!(seen.trouble.unwrap().code, code::DIGEST_MISMATCH);

    let refused = DriverError::permanent(code::TRAFFIC_REFUSED, "no such cluster");
    bench.world.fail_next(Call::Route, Fault::Fail(refused));
    session.send(&[canary(5, 30)]).await;
    let seen = session.until("refused", |seen| seen.trouble.as_ref().is_some_and(|it| it.epoch == epoch(5))).await;
    assert_eq!(seen.trouble.unwrap().code, code::TRAFFIC_REFUSED);
    let seen = session.done(&canary(5, 30)).await;
    assert_eq!(seen.trouble, None);
    agent.stop().await;
}

#[tokio::test]
async fn a_release_that_comes_down_is_started_again_and_drift_is_undone() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 30)]).await;
    session.done(&canary(1, 30)).await;
    drop(session);
    server.stop().await;

    for _ in 0..3 {
        let before = bench.world.process(Slot::Green).unwrap().number;
        bench.world.set_state(Slot::Green, SlotState::Failed);
        bench
            .until("started again", |bench| {
                let now = bench.world.process(Slot::Green).unwrap();
                now.number > before && now.state == SlotState::Ready
            })
            .await;
    }
    bench.world.drift(None);
    bench.until("routed again", |bench| bench.world.route().is_some_and(|route| route.epoch == epoch(1))).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_stop_that_somebody_else_began_is_ended() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 50)]).await;
    session.done(&canary(1, 50)).await;
    bench.world.fail_next(Call::Stop, Fault::Hang);
    session.send(&[switched(2)]).await;
    let stops = |bench: &Bench| bench.calls().iter().filter(|call| *call == "stop blue").count();
    bench.until("stopping blue", |bench| stops(bench) == 1).await;
    bench.world.set_state(Slot::Blue, SlotState::Stopping);
    drop(agent);
    session.ended().await;

    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.done(&switched(2)).await;
    assert_eq!(stops(&bench), 2);
    // And when a rollback wants it back, it goes down wholly before it is started again.
    session.send(&[canary(3, 100)]).await;
    session.done(&canary(3, 100)).await;
    bench.world.set_state(Slot::Blue, SlotState::Stopping);
    let before = bench.world.process(Slot::Blue).unwrap().number;
    session.send(&[base(4)]).await;
    session.done(&base(4)).await;
    assert!(bench.world.process(Slot::Blue).unwrap().number > before);
    agent.stop().await;
}

/// What a rollback is for: the new release hangs, and with it every look at its slot.
#[tokio::test]
async fn a_slot_that_hangs_does_not_hold_up_the_way_back() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 50)]).await;
    session.done(&canary(1, 50)).await;
    for _ in 0..2 {
        bench.world.fail_next(Call::LookAtSlots, Fault::Hang);
    }
    let looks = bench.looks();
    bench.until("a look that hangs", |bench| bench.looks() > looks).await;
    let back = goal(2, run("1.0.0"), SlotGoal::Keep, 0);
    let begun = Instant::now();
    session.send(std::slice::from_ref(&back)).await;
    bench.until("the way back", |bench| bench.world.route().is_some_and(|route| route.epoch == epoch(2))).await;
    // A look that hangs is given up after five seconds: who waits for it can't be faster.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    session.done(&back).await;
    agent.stop().await;
}
