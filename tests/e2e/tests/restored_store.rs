//! A store is lost while real agents serve: an older backup takes its place, and agents that are ahead of it follow.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use meridian_client::{RolloutName, RolloutView};
use meridian_core::epoch::Epoch;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, program};
use meridian_load::{Load, Options};

const REGIONS: [&str; 2] = ["eu", "us"];
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Backs the stopped server's store up, or restores it.
fn command(fleet: &Fleet, word: &str, flag: &str) -> anyhow::Result<()> {
    let (data, file) = (fleet.path().join("server"), fleet.path().join("backup"));
    let output = Command::new(program("meridian-server")?)
        .args([word, "--store", "embedded", "--data"])
        .arg(data)
        .arg(flag)
        .arg(file)
        .output()?;
    anyhow::ensure!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn until(launcher: &Launcher, rollout: &RolloutName, look: fn(&RolloutView) -> bool) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, launcher.until_view(rollout, look)).await??;
    Ok(())
}

/// Every region bakes its first step, and half of its traffic goes to the new release.
fn halfway(view: &RolloutView) -> bool {
    view.lanes.iter().all(|lane| {
        lane.position.as_str() == "baking" && lane.weight_observed().is_some_and(|weight| weight.basis_points() == 5000)
    })
}

/// The epochs of its decisions, and what each says.
async fn decisions(launcher: &Launcher, rollout: &RolloutName) -> anyhow::Result<BTreeMap<Epoch, String>> {
    let decisions = launcher.client().decisions_of_rollout(rollout).await?;
    Ok(decisions.into_iter().map(|decision| (decision.name.epoch, decision.digest)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_ahead_of_a_restored_store_follow_it_and_go_back() -> anyhow::Result<()> {
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let regions = REGIONS.map(str::to_owned).to_vec();
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&REGIONS], &[100], 0)).await?;
    launcher.apply(&playbook("slow", &[&REGIONS], &[50, 100], 3_600_000)).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    launcher.until(&launcher.start(&first, "install").await?, &["stable"]).await?;
    let mut options = Options::new(fleet.front("eu"));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 50.0;
    let load = Load::start(options)?;
    let second = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let rollout = launcher.start(&second, "slow").await?;
    until(&launcher, &rollout, halfway).await?;
    fleet.servers_mut().end(0);
    command(&fleet, "backup", "--out")?;

    // This is lost, but not by the agents.
    fleet.servers_mut().start(0)?;
    fleet.connected().await?;
    launcher.roll_back(&rollout).await?;
    launcher.until(&rollout, &["rolled-back"]).await?;
    let before = decisions(&launcher, &rollout).await?;
    fleet.servers_mut().kill(0);
    std::fs::rename(fleet.path().join("server"), fleet.path().join("lost"))?;
    command(&fleet, "restore", "--from")?;
    fleet.servers_mut().start(0)?;
    fleet.connected().await?;

    let held = launcher.until(&rollout, &["held"]).await?;
    assert!(format!("{:?}", held.cause).contains("restored from the backup of"), "{:?}", held.cause);
    until(&launcher, &rollout, halfway).await.map_err(|error| error.context(fleet.logs()))?;
    launcher.roll_back(&rollout).await?;
    launcher.until(&rollout, &["rolled-back"]).await?;
    let after = decisions(&launcher, &rollout).await?;
    let (kept, issued): (Vec<_>, Vec<_>) = after.iter().partition(|(epoch, _)| before.contains_key(epoch));
    assert!(kept.iter().all(|(epoch, decision)| before[*epoch] == **decision), "issued again with other content");
    let last = before.keys().next_back().unwrap();
    assert!(kept.len() < before.len() && issued.iter().all(|(epoch, _)| *epoch > last), "{before:?}\n{after:?}");
    assert!(issued.len() >= 3, "restored, taken back, and at its end: {issued:?}");
    let report = load.stop().await;
    assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    fleet.stop();
    Ok(())
}
