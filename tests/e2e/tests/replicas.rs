//! Three real servers on one real etcd: restarted one after the other, killed, and frozen for longer than their lease, under
//! load. The rollout goes on or back, and no request fails by a switch.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::time::Duration;

use meridian_client::{LanePosition, LaneView, RolloutName, WatchItem};
use meridian_harness::fleet::SERVICE;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, wait_until};
use meridian_load::{Load, Options};
use nix::sys::signal::Signal;

const SERVERS: usize = 3;
const REGIONS: [&str; 2] = ["eu", "us"];
/// Longer than anything takes on a busy machine, lease and all.
const PATIENCE: Duration = Duration::from_secs(60);

struct Scene {
    fleet: Fleet,
    loads: Vec<Load>,
}

impl Scene {
    /// A fleet at release 1.0.0, under load.
    async fn set() -> anyhow::Result<Self> {
        let regions = REGIONS.map(str::to_owned).to_vec();
        let (store, traffic, links) = (StoreKind::Etcd, TrafficKind::Proxy, Links::Plaintext);
        let fleet = Fleet::start(FleetOptions { store, servers: SERVERS, traffic, regions, links }).await?;
        let launcher = Launcher::new(&fleet).await?;
        launcher.apply(&playbook("install", &[&REGIONS], &[100], 0)).await?;
        launcher.apply(&judged(playbook("steps", &[&["eu"], &["us"]], &[20, 60, 100], 300), 50, 3)).await?;
        launcher.apply(&playbook("long", &[&["eu"], &["us"]], &[20, 60, 100], 3000)).await?;
        launcher.apply(&playbook("slow", &[&REGIONS], &[50, 100], 3_600_000)).await?;
        let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
        let rollout = launcher.start(&first, "install").await?;
        launcher.until(&rollout, &["stable"]).await?;
        let load = |region: &&str| {
            let mut options = Options::new(fleet.front(region));
            options.path = "/flights/1".to_owned();
            options.rate_per_second = 50.0;
            Load::start(options)
        };
        let loads = REGIONS.iter().map(load).collect::<Result<Vec<Load>, _>>()?;
        Ok(Self { fleet, loads })
    }

    async fn launch(&self, playbook: &str) -> anyhow::Result<RolloutName> {
        let launcher = Launcher::new(&self.fleet).await?;
        let release = launcher.release(&self.fleet, &Artifact::good("1.1.0")).await?;
        launcher.start(&release, playbook).await
    }

    async fn owner(&self) -> anyhow::Result<usize> {
        let owner = wait_until("the service to have an owner", PATIENCE, || async {
            self.fleet.owner_of(SERVICE).await.ok().flatten()
        });
        owner.await
    }

    /// The rollout ends like this, its decisions are one chain, and nobody was hurt.
    async fn ended(self, rollout: &RolloutName, word: &str) -> anyhow::Result<()> {
        let launcher = Launcher::new(&self.fleet).await?;
        let ended = launcher.until(rollout, &["stable", "rolled-back", "frozen", "held"]).await?;
        assert_eq!(ended.state.as_str(), word, "{} {:?}\n{}", ended.summary, ended.cause, self.fleet.logs());
        let decisions = launcher.client().decisions_of_rollout(rollout).await?;
        let broken = decisions.windows(2).find(|pair| pair[1].name.epoch.counter() != pair[0].name.epoch.counter() + 1);
        assert!(broken.is_none(), "an epoch is missing or doubled: {broken:?}");
        for load in self.loads {
            let report = load.stop().await;
            assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
        }
        Ok(())
    }
}

/// Watches until so many more decisions were made, or the last one was.
async fn decisions(fleet: &Fleet, rollout: &RolloutName, more: usize) -> anyhow::Result<()> {
    let launcher = Launcher::new(fleet).await?;
    let mut watch = launcher.watch(rollout);
    let mut epochs = BTreeSet::new();
    while epochs.len() <= more {
        if let WatchItem::Snapshot(view) | WatchItem::Delta(view) =
            tokio::time::timeout(PATIENCE, watch.next()).await??
        {
            epochs.insert(view.epoch);
            if view.state.as_str() == "stable" {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_every_server_in_mid_rollout_loses_nothing() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let rollout = scene.launch("long").await?;
    for index in 0..SERVERS {
        decisions(&scene.fleet, &rollout, 1).await?;
        scene.fleet.servers_mut().end(index);
        scene.fleet.servers_mut().start(index)?;
        scene.fleet.ready(index).await?;
    }
    scene.ended(&rollout, "stable").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_goes_on_when_the_owner_is_killed() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let rollout = scene.launch("steps").await?;
    decisions(&scene.fleet, &rollout, 2).await?;
    let owner = scene.owner().await?;
    scene.fleet.servers_mut().kill(owner);
    scene.ended(&rollout, "stable").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_through_another_server_needs_no_owner() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let rollout = scene.launch("slow").await?;
    let launcher = Launcher::new(&scene.fleet).await?;
    let bakes = |lane: &LaneView| lane.position == LanePosition::Baking;
    launcher.until_view(&rollout, |view| view.lanes.iter().all(bakes)).await?;
    let owner = scene.owner().await?;
    scene.fleet.servers_mut().kill(owner);
    let other = Launcher::with_client(scene.fleet.client_of((owner + 1) % SERVERS).await?).await?;
    let told = other.roll_back(&rollout).await?;
    assert!(["rolling-back", "rolled-back"].contains(&told.state.as_str()), "{}", told.summary);
    scene.ended(&rollout, "rolled-back").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_frozen_for_longer_than_its_lease_changes_nothing_when_it_wakes() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let rollout = scene.launch("steps").await?;
    decisions(&scene.fleet, &rollout, 1).await?;
    let frozen = scene.owner().await?;
    scene.fleet.servers().signal(frozen, Signal::SIGSTOP)?;
    let fleet = &scene.fleet;
    let taken_over = wait_until("another server to take over", PATIENCE, || async {
        fleet.owner_of(SERVICE).await.ok().flatten().filter(|owner| *owner != frozen)
    });
    taken_over.await?;
    scene.fleet.servers().signal(frozen, Signal::SIGCONT)?;
    scene.ended(&rollout, "stable").await
}
