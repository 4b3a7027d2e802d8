//! Kill -9 of the server, and of an agent, after every single decision of a rollout, under load: started again, the
//! rollout finishes, and no request fails by the switch.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use meridian_client::WatchItem;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind};
use meridian_load::{Load, Options};

const REGIONS: [&str; 2] = ["eu", "us"];
/// More decisions than the rollout of this story ever takes; the test proves it by running out of them.
const DECISIONS_MAX: usize = 40;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Server,
    Agent,
}

struct Scene {
    fleet: Fleet,
    loads: Vec<Load>,
    patch: u64,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let regions = REGIONS.map(str::to_owned).to_vec();
        let options = FleetOptions {
            store: StoreKind::Embedded,
            servers: 1,
            traffic: TrafficKind::Proxy,
            regions,
            links: Links::Plaintext,
        };
        let fleet = Fleet::start(options).await?;
        let launcher = Launcher::new(&fleet).await?;
        let both: &[&str] = &REGIONS;
        launcher.apply(&playbook("install", &[both], &[100], 0)).await?;
        launcher.apply(&judged(playbook("steps", &[&["eu"], &["us"]], &[40, 100], 50), 50, 3)).await?;
        let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
        let rollout = launcher.start(&first, "install").await?;
        launcher.until(&rollout, &["stable"]).await?;
        let load = |region: &&str| {
            let mut options = Options::new(fleet.front(region));
            options.path = "/flights/1".to_owned();
            options.rate_per_second = 80.0;
            Load::start(options)
        };
        let loads = REGIONS.iter().map(load).collect::<Result<Vec<Load>, _>>()?;
        Ok(Self { fleet, loads, patch: 0 })
    }

    /// Rolls a new release out and kills `victim` once `after` decisions have been seen. Says whether it came to that.
    async fn rollout_with_kill(&mut self, victim: Victim, after: usize) -> anyhow::Result<bool> {
        self.patch += 1;
        let launcher = Launcher::new(&self.fleet).await?;
        let version = format!("1.1.{}", self.patch);
        let release = launcher.release(&self.fleet, &Artifact::good(&version)).await?;
        let rollout = launcher.start(&release, "steps").await?;
        let mut watch = launcher.watch(&rollout);
        let mut epochs = std::collections::BTreeSet::new();
        let mut killed = false;
        while epochs.len() < after {
            let next = tokio::time::timeout(Duration::from_secs(60), watch.next()).await??;
            let (WatchItem::Snapshot(view) | WatchItem::Delta(view)) = next else {
                continue;
            };
            epochs.insert(view.epoch);
            if ["stable", "rolled-back"].contains(&view.state.as_str()) {
                break;
            }
            killed = epochs.len() >= after;
        }
        if killed {
            self.kill(victim).await?;
        }
        let launcher = Launcher::new(&self.fleet).await?;
        let ended = launcher.until(&rollout, &["stable", "rolled-back", "frozen", "held"]).await?;
        assert_eq!(ended.state.as_str(), "stable", "{victim:?} after {after}: {} {:?}", ended.summary, ended.cause);
        for load in &self.loads {
            load.wait_until(|seen| seen.version(&version) > 3, Duration::from_secs(20)).await?;
            let seen = load.snapshot();
            assert_eq!(seen.failed_by_switch, 0, "{victim:?} killed after {after} decisions: {seen}");
        }
        Ok(killed)
    }

    async fn kill(&mut self, victim: Victim) -> anyhow::Result<()> {
        match victim {
            Victim::Server => {
                self.fleet.servers_mut().kill(0);
                self.fleet.servers_mut().start(0)?;
                self.fleet.ready(0).await?;
            }
            Victim::Agent => {
                // The region of the first wave half of the time, of the second the other half.
                let region = REGIONS[usize::try_from(self.patch)? % REGIONS.len()];
                self.fleet.kill_agent(region);
                self.fleet.start_agent(region)?;
            }
        }
        self.fleet.connected().await
    }
}

async fn every_step(victim: Victim) -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    for after in 1..DECISIONS_MAX {
        if !scene.rollout_with_kill(victim, after).await? {
            assert!(after > 6, "a rollout over two regions takes more than {after} decisions");
            for load in scene.loads {
                let report = load.stop().await;
                assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
            }
            scene.fleet.stop();
            return Ok(());
        }
    }
    anyhow::bail!("the rollout never ended within {DECISIONS_MAX} decisions")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_after_each_decision_loses_nothing() -> anyhow::Result<()> {
    every_step(Victim::Server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_agent_after_each_decision_loses_nothing() -> anyhow::Result<()> {
    every_step(Victim::Agent).await
}
