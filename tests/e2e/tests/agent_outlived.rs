//! The data plane outlives the agent: killed, slots and proxy keep serving the last split; started again, it finds the
//! same processes.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::time::Duration;

use meridian_harness::launch::playbook;
use meridian_harness::process::pids_in;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind};
use meridian_load::{Load, Options};

async fn outlives(traffic: TrafficKind) -> anyhow::Result<()> {
    let options = FleetOptions {
        store: StoreKind::Embedded,
        servers: 1,
        traffic,
        regions: vec!["eu".to_owned()],
        links: Links::Plaintext,
    };
    let mut fleet = Fleet::start(options).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&["eu"]], &[100], 0)).await?;
    let mut canary = playbook("canary", &[&["eu"]], &[30, 100], 600_000);
    canary.rollback.retention = meridian_core::time::Span::from_secs(600);
    launcher.apply(&canary).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    launcher.until(&launcher.start(&first, "install").await?, &["stable"]).await?;
    let second = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let rollout = launcher.start(&second, "canary").await?;
    let baking = |view: &meridian_client::RolloutView| view.lanes[0].position.as_str() == "baking";
    tokio::time::timeout(Duration::from_secs(60), launcher.until_view(&rollout, baking)).await??;

    let mut options = Options::new(fleet.front("eu"));
    options.rate_per_second = 200.0;
    options.path = "/flights/1".to_owned();
    let load = Load::start(options)?;
    let agent = fleet.agent_pid("eu");
    let lane_processes = |fleet: &Fleet, agent: Option<u32>| -> BTreeSet<i32> {
        let own = agent.and_then(|pid| i32::try_from(pid).ok());
        let pids = pids_in(&fleet.path().join("eu")).into_iter().map(|pid| pid.as_raw());
        pids.filter(|pid| Some(*pid) != own).collect()
    };
    let before = lane_processes(&fleet, agent);
    assert!(before.len() >= 3, "two slots and a data plane run: {before:?}");

    fleet.kill_agent("eu");
    let sent = load.snapshot().answered;
    load.wait_until(|seen| seen.answered > sent + 200, Duration::from_secs(20)).await?;
    assert_eq!(lane_processes(&fleet, None), before, "nothing but the agent has ended");
    fleet.start_agent("eu")?;
    fleet.connected().await?;
    let observed = |view: &meridian_client::RolloutView| view.lanes[0].weight_observed().is_some();
    tokio::time::timeout(Duration::from_secs(60), launcher.until_view(&rollout, observed)).await??;
    assert_eq!(lane_processes(&fleet, fleet.agent_pid("eu")), before, "the same processes are found again");

    let report = load.stop().await;
    assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    assert_split(report.totals.version("1.0.0"), report.totals.version("1.1.0"));
    launcher.roll_back(&rollout).await?;
    launcher.until(&rollout, &["rolled-back"]).await?;
    fleet.stop();
    Ok(())
}

/// 30 % of the requests went to the new release. Envoy draws a slot for each request, so what is asked of the count is
/// that of a binomial: off by more than six standard deviations (`36 n p q`) in one run of 500 million.
fn assert_split(old: u64, new: u64) {
    let all = old + new;
    assert!(all >= 200, "{all} requests tell too little");
    let (expected, variance) = (all * 30 / 100, all * 30 * 70 / 10_000);
    let off = new.abs_diff(expected);
    assert!(off * off <= 36 * variance, "{new} of {all} went to the new release, about {expected} should");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_and_slots_outlive_the_agent() -> anyhow::Result<()> {
    outlives(TrafficKind::Proxy).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_and_slots_outlive_the_agent() -> anyhow::Result<()> {
    outlives(TrafficKind::Envoy).await
}
