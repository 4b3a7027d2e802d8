//! What an outage costs: a rollback ordered while all is well, in the moment a node of etcd dies, and in the moment the
//! owning server dies (R1); and how soon another server goes on (takeover). Three servers on three nodes of etcd, one
//! region with a real agent.

use std::time::{Duration, Instant};

use anyhow::Context;
use etcd_client::{Client as Etcd, ConnectOptions};
use futures::future::select_ok;
use meridian_client::{LanePosition, LaneView, ReleaseName, RolloutName, RolloutView};
use meridian_harness::fleet::{FleetOptions, Links, SERVICE, StoreKind, TrafficKind};
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, Launcher, wait_until};

use crate::cas::Cas;
use crate::figures::{median, quantile};
use crate::row::Row;

const REGION: &str = "eu";
const SERVERS: usize = 3;
/// Rollbacks while all is well, in outages of etcd and of owners, and takeovers.
const HEALTHY: usize = 25;
const OUTAGES: usize = 6;
/// The raw commits that are the floor of a healthy rollback.
const COMMITS: usize = 400;
/// A raw write that has no answer by then is tried anew.
const TRY_MAX: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(10);
/// By then every server has seen what was committed before.
const SEEN_BY: Duration = Duration::from_millis(500);
/// How long anything may take in an outage until the row is given up.
const OUTAGE_MAX: Duration = Duration::from_secs(30);
/// The lease of an owner, and what its takeover may take beyond it.
const TTL_MS: f64 = 5000.0;
const BEYOND_MS: f64 = 1000.0;

/// Measures and prints.
pub async fn measure() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    scene.healthy().await?;
    scene.etcd_dies().await?;
    scene.owner_dies().await?;
    scene.takeover().await
}

struct Scene {
    fleet: Fleet,
    next: ReleaseName,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let fleet = Fleet::start(FleetOptions {
            store: StoreKind::EtcdCluster,
            servers: SERVERS,
            traffic: TrafficKind::Proxy,
            regions: vec![REGION.to_owned()],
            links: Links::MutualTls,
        })
        .await?;
        let launcher = Launcher::new(&fleet).await?;
        let many: Vec<u64> = (1..=100).collect();
        launcher.apply(&playbook("install", &[&[REGION]], &[100], 0)).await?;
        launcher.apply(&playbook("half", &[&[REGION]], &[50, 100], 3_600_000)).await?;
        launcher.apply(&playbook("many", &[&[REGION]], &many, 250)).await?;
        let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
        let rollout = launcher.start(&first, "install").await?;
        launcher.until(&rollout, &["stable"]).await?;
        let next = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
        Ok(Self { fleet, next })
    }

    /// Starts a rollout and waits until it bakes.
    async fn bake(&self) -> anyhow::Result<RolloutName> {
        let launcher = Launcher::new(&self.fleet).await?;
        let rollout = launcher.start(&self.next, "half").await?;
        let bakes = |lane: &LaneView| lane.position == LanePosition::Baking;
        launcher.until_view(&rollout, |view| view.lanes.iter().all(bakes)).await?;
        Ok(rollout)
    }

    /// Orders a rollback until a server says that it is committed; milliseconds.
    async fn roll_back(&self, by: &Launcher, rollout: &RolloutName) -> anyhow::Result<f64> {
        let began = Instant::now();
        wait_until("a rollback to be committed", OUTAGE_MAX, || async { by.roll_back(rollout).await.ok() }).await?;
        Ok(millis(began))
    }

    /// Everything is back, and may be started again.
    async fn come_to_rest(&self, rollout: &RolloutName) -> anyhow::Result<()> {
        let launcher = Launcher::new(&self.fleet).await?;
        launcher.until(rollout, &["rolled-back"]).await?;
        let pardoned = || async { launcher.pardon(&self.next).await.ok() };
        wait_until("the release to be pardoned", OUTAGE_MAX, pardoned).await
    }

    async fn healthy(&mut self) -> anyhow::Result<()> {
        let raw = Cas::connect(&self.fleet.etcd_endpoints()).await?.times(COMMITS).await?;
        let launcher = Launcher::new(&self.fleet).await?;
        let mut times = Vec::new();
        for _ in 0..HEALTHY {
            let rollout = self.bake().await?;
            times.push(self.roll_back(&launcher, &rollout).await?);
            self.come_to_rest(&rollout).await?;
        }
        let what = format!(
            "a rollback, from the order to the answer that it is committed, p99 of {HEALTHY} (p50 {:.1}ms); floor: p99 of \
             a raw CAS on the same three nodes",
            median(&times)
        );
        let (floor, ours) = (quantile(&raw, 0.99), quantile(&times, 0.99));
        Row { id: "R1", floor, ours, unit: "ms", target: "50ms".to_owned(), what }.print();
        Ok(())
    }

    async fn etcd_dies(&mut self) -> anyhow::Result<()> {
        let (mut gaps, mut times) = (Vec::new(), Vec::new());
        let launcher = Launcher::new(&self.fleet).await?;
        for _ in 0..OUTAGES {
            let rollout = self.bake().await?;
            let endpoints = self.fleet.etcd_endpoints();
            let leader = leader(&endpoints).await?;
            self.fleet.etcd_mut()[leader].kill()?;
            let alive =
                endpoints.iter().enumerate().filter(|(index, _)| *index != leader).map(|(_, endpoint)| endpoint);
            let (gap, time) = tokio::join!(first_write(alive.cloned().collect()), self.roll_back(&launcher, &rollout));
            gaps.push(gap?);
            times.push(time?);
            self.fleet.etcd_mut()[leader].restart().await?;
            self.come_to_rest(&rollout).await?;
        }
        let what = format!(
            "a rollback ordered in the moment the leader of etcd is killed, the longest of {OUTAGES} (p50 {:.0}ms); floor: \
             the longest until a raw write succeeds",
            median(&times)
        );
        let (floor, ours) = (quantile(&gaps, 1.0), quantile(&times, 1.0));
        Row { id: "R1", floor, ours, unit: "ms", target: "3500ms".to_owned(), what }.print();
        Ok(())
    }

    async fn owner_dies(&mut self) -> anyhow::Result<()> {
        let mut times = Vec::new();
        for _ in 0..OUTAGES {
            let rollout = self.bake().await?;
            let owner = self.owner().await?;
            let other = Launcher::with_client(self.fleet.client_of((owner + 1) % SERVERS).await?).await?;
            self.fleet.servers_mut().kill(owner);
            times.push(self.roll_back(&other, &rollout).await?);
            self.revive(owner).await?;
            self.come_to_rest(&rollout).await?;
        }
        let raw = Cas::connect(&self.fleet.etcd_endpoints()).await?.times(COMMITS).await?;
        let what = format!(
            "a rollback ordered at another server in the moment the owner is killed, the longest of {OUTAGES} (p50 \
             {:.1}ms); floor: p99 of a raw CAS",
            median(&times)
        );
        let (floor, ours) = (quantile(&raw, 0.99), quantile(&times, 1.0));
        Row { id: "R1", floor, ours, unit: "ms", target: "500ms".to_owned(), what }.print();
        Ok(())
    }

    /// In the midst of many steps the owner is killed; the next step that is decided is another server's.
    async fn takeover(&mut self) -> anyhow::Result<()> {
        let mut times = Vec::new();
        for _ in 0..OUTAGES {
            let rollout = Launcher::new(&self.fleet).await?.start(&self.next, "many").await?;
            self.decided_after(&rollout, None).await?;
            let owner = self.owner().await?;
            let other = Launcher::with_client(self.fleet.client_of((owner + 1) % SERVERS).await?).await?;
            self.fleet.servers_mut().kill(owner);
            let killed = Instant::now();
            // What it had committed before it died may be seen after; its lease lasts much longer than this.
            tokio::time::sleep(SEEN_BY).await; // tidy: paced
            let last = other.client().rollout(&rollout).await?;
            self.decided_after(&rollout, Some(&last)).await?;
            times.push(millis(killed));
            self.revive(owner).await?;
            self.roll_back(&other, &rollout).await?;
            self.come_to_rest(&rollout).await?;
        }
        let what = format!(
            "the owner is killed: until another server decides the next step, the longest of {OUTAGES} (p50 {:.0}ms); \
             floor: its lease",
            median(&times)
        );
        let (ours, target) = (quantile(&times, 1.0), format!("{:.0}ms", TTL_MS + BEYOND_MS));
        Row { id: "takeover", floor: TTL_MS, ours, unit: "ms", target, what }.print();
        Ok(())
    }

    async fn owner(&self) -> anyhow::Result<usize> {
        wait_until("an owner", OUTAGE_MAX, || async { self.fleet.owner_of(SERVICE).await.ok().flatten() }).await
    }

    async fn revive(&mut self, server: usize) -> anyhow::Result<()> {
        self.fleet.servers_mut().start(server)?;
        self.fleet.ready(server).await
    }

    /// Waits for a step that was decided after a view, or for the first.
    async fn decided_after(&self, rollout: &RolloutName, view: Option<&RolloutView>) -> anyhow::Result<()> {
        let launcher = Launcher::new(&self.fleet).await?;
        let before = view.map(|view| view.epoch);
        let moves = |view: &RolloutView| match before {
            None => view.lanes.iter().any(|lane| lane.position == LanePosition::Baking),
            Some(before) => view.epoch > before,
        };
        let decided = tokio::time::timeout(OUTAGE_MAX, launcher.until_view(rollout, moves)).await;
        decided.context("nobody goes on")??;
        Ok(())
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The index of the node that leads.
async fn leader(endpoints: &[String]) -> anyhow::Result<usize> {
    for (index, endpoint) in endpoints.iter().enumerate() {
        let status = Etcd::connect([endpoint], None).await?.maintenance_client().status().await?;
        let itself = status.header().context("etcd tells who it is")?.member_id();
        if status.leader() == itself {
            return Ok(index);
        }
    }
    anyhow::bail!("no node of etcd leads")
}

/// Writes at every node at once until one write succeeds; milliseconds.
async fn first_write(endpoints: Vec<String>) -> anyhow::Result<f64> {
    let began = Instant::now();
    let writes = endpoints.into_iter().map(|endpoint| Box::pin(write_at(endpoint)));
    tokio::time::timeout(OUTAGE_MAX, select_ok(writes)).await.context("no write succeeds")??;
    Ok(millis(began))
}

async fn write_at(endpoint: String) -> anyhow::Result<()> {
    let options = ConnectOptions::new().with_connect_timeout(TRY_MAX).with_timeout(TRY_MAX);
    let mut kv = Etcd::connect([endpoint], Some(options)).await?.kv_client();
    while kv.put("/bench/outage", "1", None).await.is_err() {
        tokio::time::sleep(PAUSE).await; // tidy: paced
    }
    Ok(())
}
