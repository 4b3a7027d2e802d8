//! Vetoes at the agent: kept on its disk, obeyed on the way forward and nowhere else.

use meridian_core::goal::SlotGoal;
use meridian_core::observation::{Observed, SlotState};
use meridian_core::slot::Slot;
use meridian_drivers::fake::{Call, Fault};

use crate::bench::{Bench, base, canary, epoch, goal, run};
use crate::server::FakeServer;

/// Whether the agent says that it is kept from the start of what the goal of this epoch asks for.
fn is_kept(counter: u64) -> impl FnMut(&Observed) -> bool {
    move |seen| {
        let vetoed = seen.trouble.as_ref().filter(|trouble| trouble.code == "DIGEST_VETOED" && !trouble.permanent);
        vetoed.is_some_and(|trouble| trouble.epoch == epoch(counter))
    }
}

fn starts(bench: &Bench) -> usize {
    bench.calls().iter().filter(|call| call.starts_with("start green")).count()
}

#[tokio::test]
async fn what_is_vetoed_is_not_started_over_every_restart_until_it_is_lifted() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    session.veto(5, &["2.0.0"]).await;
    session.send(&[canary(6, 0)]).await;
    session.until("it says so", is_kept(6)).await;
    agent.stop().await;
    session.ended().await;

    // The next process knows it from its disk: this server tells it nothing.
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.until("it says so again", is_kept(6)).await;
    // What is late changes nothing.
    session.veto(4, &[]).await;
    session.send(&[canary(7, 0)]).await;
    session.until("it still says so", is_kept(7)).await;
    assert_eq!(starts(&bench), 0, "{:?}", bench.calls());
    session.veto(8, &[]).await;
    assert_eq!(session.done(&canary(7, 0)).await.trouble, None);
    agent.stop().await;
}

#[tokio::test]
async fn what_runs_goes_on_and_a_way_back_is_never_refused() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[canary(1, 0)]).await;
    session.done(&canary(1, 0)).await;
    session.veto(2, &["1.0.0", "2.0.0"]).await;
    session.send(&[canary(3, 50)]).await;
    session.done(&canary(3, 50)).await;
    bench.world.set_state(Slot::Blue, SlotState::Failed);
    let back = goal(4, run("1.0.0"), SlotGoal::Keep, 0);
    session.send(std::slice::from_ref(&back)).await;
    session.done(&back).await;
    assert_eq!(bench.world.process(Slot::Blue).unwrap().state, SlotState::Ready);
    assert_eq!((starts(&bench), bench.world.process(Slot::Green).is_some()), (1, true));
    agent.stop().await;
}

#[tokio::test]
async fn a_start_that_is_under_way_is_broken_off() {
    let (bench, mut server) = (Bench::new(), FakeServer::start().await);
    let agent = bench.agent(server.address).await;
    let mut session = server.session().await;
    session.send(&[base(1)]).await;
    session.done(&base(1)).await;
    bench.world.fail_next(Call::Start, Fault::Hang);
    session.send(&[canary(2, 0)]).await;
    bench.until("it has begun", |bench| starts(bench) == 1).await;
    session.veto(3, &["2.0.0"]).await;
    session.until("it says so", is_kept(2)).await;
    session.veto(4, &[]).await;
    session.done(&canary(2, 0)).await;
    assert_eq!(starts(&bench), 2, "begun anew, and once: {:?}", bench.calls());
    agent.stop().await;
}
