//! A region that comes after a launch and goes again, end to end: a real server, real agents, real traffic, and the program
//! as people run it. Nobody starts its rollout, nothing disturbs the region that was there, and what goes serves on.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use meridian_client::{Client, RegionView, RequestId};
use meridian_core::id::RegionId;
use meridian_core::playbook::RegionSelector;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, program, wait_until};
use meridian_load::{Load, Options};

const PATIENCE: Duration = Duration::from_secs(60);

/// One run of the program: its exit, and all that it says.
async fn meridian(fleet: &Fleet, words: &[&str]) -> anyhow::Result<(i32, String)> {
    let mut command = tokio::process::Command::new(program("meridian")?);
    command.args(words).env("MERIDIAN_SERVER", fleet.server_url()).env("USER", "ann").kill_on_drop(true);
    let output = command.output().await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8(said)?))
}

async fn until_region(
    client: &Client,
    id: &RegionId,
    look: impl Fn(&RegionView) -> bool,
) -> anyhow::Result<RegionView> {
    let seen = || async { client.region(id).await.ok().filter(|view| look(view)) };
    wait_until("the region to be so", PATIENCE, seen).await
}

async fn serves(load: &Load, version: &str) -> anyhow::Result<()> {
    let before = load.snapshot().version(version);
    load.wait_until(|seen| seen.version(version) > before + 20, Duration::from_secs(20)).await?;
    Ok(())
}

fn load(fleet: &Fleet, region: &str) -> Load {
    let mut options = Options::new(fleet.front(region));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 50.0;
    Load::start(options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_region_joins_by_itself_and_is_drained_again() -> anyhow::Result<()> {
    let (regions, late) = (["eu", "us"].map(str::to_owned).to_vec(), RegionId::new("us")?);
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    let client = launcher.client();
    // It is as if it had never been there.
    fleet.kill_agent("us");
    client.delete_region(&late, &RequestId::random()).await?;
    let mut everybody = playbook("everybody", &[&["eu"]], &[50, 100], 100);
    everybody.stages[0].waves[0].regions = RegionSelector::Rest;
    launcher.apply(&everybody).await?;
    let release = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let launch = launcher.start(&release, "everybody").await?;
    launcher.until(&launch, &["stable"]).await?;
    let there = load(&fleet, "eu");
    serves(&there, "1.0.0").await?;

    fleet.start_agent("us")?;
    let stable = |view: &RegionView| view.lanes.iter().any(|lane| lane.stable.is_some() && lane.rollout.is_none());
    until_region(client, &late, stable).await?;
    let joined = load(&fleet, "us");
    serves(&joined, "1.0.0").await?;
    let (_, told) = meridian(&fleet, &["get", "rollouts"]).await?;
    assert!(told.contains("join-") && told.contains("meridian"), "nobody else has started it: {told}");

    let (code, said) = meridian(&fleet, &["delete", "region/us", "--yes"]).await?;
    assert!(code == 5 && said.contains("meridian region drain us"), "{code} {said}");
    let (code, said) = meridian(&fleet, &["region", "drain", "us", "--reason", "the site is given up"]).await?;
    assert!(code == 0 && said.contains("is drained") && said.contains("goes on serving"), "{code} {said}");
    let next = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let next = launcher.start(&next, "everybody").await?;
    assert_eq!(launcher.until(&next, &["stable"]).await?.lanes.len(), 1, "who goes is not taken along");
    serves(&joined, "1.0.0").await?;
    fleet.kill_agent("us");
    let (code, said) = meridian(&fleet, &["delete", "region/us", "--yes"]).await?;
    assert_eq!(code, 0, "{said}");
    for load in [there, joined] {
        let report = load.stop().await;
        assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    }
    fleet.stop();
    Ok(())
}
