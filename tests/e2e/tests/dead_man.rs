//! Every server is gone and the new release fails in one region: its agent takes that region back alone, the other stays,
//! and when servers return they take back the rest.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use meridian_client::{LanePosition, LaneView};
use meridian_core::playbook::DeadManPolicy;
use meridian_core::time::Span;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, wait_until};
use meridian_load::{Load, Options};

const REGIONS: [&str; 2] = ["eu", "us"];
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests of which half would be the new release's: so many in a row without it are no chance.
const ENOUGH: u64 = 100;

fn load(fleet: &Fleet, region: &str) -> anyhow::Result<Load> {
    let mut options = Options::new(fleet.front(region));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 100.0;
    Ok(Load::start(options)?)
}

/// Whether the next requests are all answered by the old release.
async fn is_back(load: &Load) -> Option<()> {
    let before = load.snapshot();
    let more = load.wait_until(|seen| seen.answered > before.answered + ENOUGH, PATIENCE).await;
    more.ok()?;
    (load.snapshot().version("1.1.0") == before.version("1.1.0")).then_some(())
}

/// Half on a release that fails, which nobody has noticed for want of requests; then all servers are gone.
async fn alone() -> anyhow::Result<(Fleet, meridian_client::RolloutName)> {
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let regions = REGIONS.map(str::to_owned).to_vec();
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&REGIONS], &[100], 0)).await?;
    let mut half = judged(playbook("half", &[&REGIONS], &[50, 100], 600_000), 10, 50);
    let (alone_after, breach_for) = (Span::from_secs(3), Span::from_secs(2));
    half.safety.dead_man = Some(DeadManPolicy { alone_after, breach_for });
    launcher.apply(&half).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    launcher.until(&launcher.start(&first, "install").await?, &["stable"]).await?;
    let bad = launcher.release(&fleet, &Artifact::failing("1.1.0", 0.5)).await?;
    let rollout = launcher.start(&bad, "half").await?;
    let bakes = |lane: &LaneView| lane.position == LanePosition::Baking;
    launcher.until_view(&rollout, |view| view.lanes.iter().all(bakes)).await?;
    fleet.servers_mut().kill(0);
    Ok((fleet, rollout))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_without_servers_goes_back_and_the_fleet_follows_when_they_return() -> anyhow::Result<()> {
    let (mut fleet, rollout) = alone().await?;
    let failing = load(&fleet, "eu")?;
    failing.wait_until(|seen| seen.version("1.1.0") > 0, PATIENCE).await?;
    wait_until("eu to go back alone", PATIENCE, || is_back(&failing)).await?;
    // Too few requests to fail: nothing moves there on its neighbour's account.
    let quiet = load(&fleet, "us")?;
    quiet.wait_until(|seen| seen.answered > 10, PATIENCE).await?;
    let quiet = quiet.stop().await;
    assert!(quiet.totals.version("1.1.0") > 0, "us went back for no reason of its own: {}", quiet.totals);

    fleet.servers_mut().start(0)?;
    fleet.ready(0).await?;
    let launcher = Launcher::new(&fleet).await?;
    let ended = launcher.until(&rollout, &["rolled-back", "frozen", "held", "stable"]).await?;
    assert_eq!(ended.state.as_str(), "rolled-back", "{} {:?}\n{}", ended.summary, ended.cause, fleet.logs());
    assert_eq!(ended.cause.unwrap().code, "DEAD_MAN");
    let back = load(&fleet, "us")?;
    wait_until("us to follow", PATIENCE, || is_back(&back)).await?;
    for load in [failing, back] {
        let report = load.stop().await;
        assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    }
    fleet.stop();
    Ok(())
}
