//! The main job, end to end: a good release goes through the fleet, a bad one comes back by itself, on every pair of
//! store and data plane, and no request fails by the switch.
#![allow(clippy::unwrap_used, missing_docs)]

use meridian_client::RolloutName;
use meridian_core::evidence::Outcome;
use meridian_core::rollout::state::Ballot;
use meridian_core::time::Timestamp;
use meridian_core::weight::Weight;
use meridian_harness::fleet::SERVICE;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind};
use meridian_load::{Load, Options};
use meridian_simulate::{Assumptions, Ended, simulate};

const REGIONS: [&str; 2] = ["eu", "us"];

async fn story(store: StoreKind, traffic: TrafficKind, links: Links) -> anyhow::Result<()> {
    let regions = REGIONS.map(str::to_owned).to_vec();
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    let both: &[&str] = &REGIONS;
    launcher.apply(&playbook("install", &[both], &[100], 0)).await?;
    launcher.apply(&judged(playbook("careful", &[&["eu"], &["us"]], &[30, 100], 300), 5, 10)).await?;
    launcher.apply(&judged(playbook("bold", &[both], &[50, 100], 5_000), 5, 20)).await?;

    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let rollout = launcher.start(&first, "install").await?;
    launcher.until(&rollout, &["stable"]).await?;

    let loads: Vec<Load> = REGIONS.iter().map(|region| load(&fleet, region)).collect();
    let good = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let rollout = launcher.start(&good, "careful").await?;
    launcher.until(&rollout, &["stable"]).await?;
    for load in &loads {
        load.wait_until(|seen| seen.version("1.1.0") > 20, std::time::Duration::from_secs(20)).await?;
    }

    let bad = launcher.release(&fleet, &Artifact::failing("1.2.0", 0.4)).await?;
    let rollout = launcher.start(&bad, "bold").await?;
    let ended = launcher.until(&rollout, &["rolled-back"]).await?;
    assert_eq!(ended.cause.unwrap().code, "VOTES");
    let decisions = launcher.client().decisions_of_rollout(&rollout).await?;
    for pair in decisions.windows(2) {
        assert_eq!(pair[1].previous, pair[0].digest, "the audit chain holds");
    }
    assert!(decisions.iter().any(|decision| decision.kind == "rollback"));
    proves_itself(&launcher, &rollout).await?;

    // What was taken back stays out, and nothing else starts, until a person says so.
    let again = launcher.start(&bad, "bold").await.unwrap_err();
    assert!(format!("{again:#}").contains("is vetoed since rollout"), "{again:#}");
    launcher.pardon(&bad).await?;

    for load in loads {
        let before = load.snapshot().version("1.1.0");
        load.wait_until(|seen| seen.version("1.1.0") > before + 20, std::time::Duration::from_secs(20)).await?;
        let report = load.stop().await;
        assert!(report.totals.version("1.2.0") > 0, "the bad release had its share: {}", report.totals);
        assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    }
    let again = launcher.start(&good, "careful").await;
    assert!(again.is_err(), "what is stable everywhere is nothing to roll out in {SERVICE}");
    fleet.stop();
    Ok(())
}

/// What the server exports of a rollout holds without it, to the last record, and shows the vote that took it back.
async fn proves_itself(launcher: &Launcher, rollout: &RolloutName) -> anyhow::Result<()> {
    let view = launcher.client().export_rollout(rollout).await?.read()?;
    let proof = view.bundle(view.hash, view.head().unwrap()).verify()?;
    assert_eq!((proof.rebuilt, proof.own), (view.entries.len(), view.entries.len()), "nobody else decided meanwhile");
    let lanes =
        view.entries.iter().filter_map(|entry| entry.changed.as_ref()).flat_map(|changed| changed.lanes.values());
    let mut votes = lanes.filter_map(|lane| lane.vote.as_ref());
    assert!(votes.any(|vote| matches!(&vote.ballot, Ballot::Evidence(verdict) if verdict.outcome == Outcome::Fail)));
    // The same plan, played in virtual time with errors like these, ends as it did here.
    let mut assumed = Assumptions::default();
    assumed.measured.new.errors = Weight::from_basis_points(4_000)?;
    let course = simulate(&view.plan.clone().into(), &assumed, Timestamp::from_millis(0))?;
    assert!(matches!(course.end.how, Ended::Over { phase: "rolled-back", .. }), "{:?}", course.end);
    assert!(course.decisions.iter().any(|decided| decided.kind == "rollback"), "{:?}", course.decisions);
    Ok(())
}

fn load(fleet: &Fleet, region: &str) -> Load {
    let mut options = Options::new(fleet.front(region));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 100.0;
    Load::start(options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_and_proxy_with_mutual_tls() -> anyhow::Result<()> {
    story(StoreKind::Embedded, TrafficKind::Proxy, Links::MutualTls).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_and_envoy() -> anyhow::Result<()> {
    story(StoreKind::Etcd, TrafficKind::Envoy, Links::Plaintext).await
}
