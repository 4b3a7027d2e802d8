//! What a new process finds: the fence, the unfinished goal, the region as it was. No server is needed for any of it.

use std::path::Path;

use meridian_core::slot::Slot;
use meridian_drivers::fake::{Call, Fault};
use redb::{Database, TableDefinition};

use crate::bench::{Bench, base, canary, epoch, shop, switched};
use crate::server::FakeServer;

#[tokio::test]
async fn an_older_epoch_is_refused_after_a_restart() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(5, 40)]).await;
    session.done(&canary(5, 40)).await;
    agent.stop().await;
    session.ended().await;

    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    let told = &session.hello.lanes[&shop()];
    assert_eq!((told.accepted, told.done.unwrap().hash), (epoch(5), canary(5, 40).hash()));
    assert!(told.slots.green.is_some() && told.traffic.is_some(), "the region is looked at before the first hello");
    session.send(&[canary(4, 90)]).await;
    let line = "meridian_agent_goals_refused_total{service=\"shop\",reason=\"stale\"} 1";
    bench.until(line, |_| agent.metrics().text().unwrap().contains(line)).await;
    session.send(&[canary(6, 40)]).await;
    session.done(&canary(6, 40)).await;
    assert!(!bench.calls().iter().any(|call| call.starts_with("route 1.4")), "{:?}", bench.calls());
    agent.stop().await;
}

#[tokio::test]
async fn an_unfinished_goal_is_taken_up_again_without_a_server() {
    for call in [Call::Start, Call::Route] {
        let (bench, mut server) = (Bench::new(), FakeServer::start().await);
        let agent = bench.agent(server.address).await;
        let mut session = server.session().await;
        session.send(&[base(1)]).await;
        session.done(&base(1)).await;
        // The crash comes after the goal is on disk and before its first effect.
        bench.world.fail_next(call, Fault::Hang);
        let asked = bench.calls().len();
        session.send(&[canary(2, 30)]).await;
        let expected = if call == Call::Start { "start green" } else { "route 1.2" };
        bench.until("the crash", |bench| bench.calls()[asked..].iter().any(|call| call.starts_with(expected))).await;
        drop(agent);
        session.ended().await;
        server.stop().await;

        let agent = bench.agent_alone().await;
        bench.until("redone", |bench| bench.world.route().is_some_and(|route| route.epoch == epoch(2))).await;
        assert!(bench.world.process(Slot::Green).is_some());
        agent.stop().await;

        let mut server = FakeServer::start().await;
        let agent = bench.agent(server.address).await;
        let mut session = server.session().await;
        session.done(&canary(2, 30)).await;
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_lost_confirmation_is_found_by_looking() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    // The switch is in effect when the agent dies, and neither its disk nor anybody else knows.
    bench.freeze_after_route();
    session.send(&[canary(2, 60)]).await;
    bench.until("the switch", Bench::is_frozen).await;
    drop(agent);
    session.ended().await;
    assert_eq!(bench.world.route().unwrap().epoch, epoch(2));
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.done(&canary(2, 60)).await;
    session.send(&[switched(3)]).await;
    session.done(&switched(3)).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_lane_without_memory_takes_no_goal_and_says_so() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(5, 40)]).await;
    session.done(&canary(5, 40)).await;
    agent.stop().await;
    session.ended().await;
    scribble(&bench.folder.path().join("state/journal.redb"));

    let calls = bench.calls();
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[switched(6)]).await;
    let told = |seen: &meridian_core::observation::Observed| {
        seen.trouble.as_ref().is_some_and(|trouble| trouble.epoch == epoch(6))
    };
    let seen = session.until("unreadable", told).await;
    let trouble = seen.trouble.unwrap();
    assert_eq!((trouble.code.as_str(), trouble.permanent), ("JOURNAL_UNREADABLE", true));
    assert!(trouble.message.contains("shop"), "{}", trouble.message);
    assert_eq!((seen.accepted.counter(), seen.done), (0, None));
    assert!(seen.slots.green.is_some(), "what is there is told all the same");
    assert_eq!(bench.calls(), calls, "nothing was touched");
    agent.stop().await;
}

/// Overwrites the lane's entry with one of a later schema.
fn scribble(path: &Path) {
    let lanes: TableDefinition<&str, &[u8]> = TableDefinition::new("lanes");
    let database = Database::open(path).unwrap();
    let writing = database.begin_write().unwrap();
    let newer: &[u8] = &[0x0a, 0x02, 0x08, 0x63];
    writing.open_table(lanes).unwrap().insert("/agent/lanes/shop", newer).unwrap();
    writing.commit().unwrap();
}
