//! A stage under load: a good release is put under it, taken down to the old release and up again, and only then reaches
//! production; one that fails under it never does. What the load came to stays with the rollout.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;

use meridian_client::RolloutName;
use meridian_client::analysis::StepLoadView;
use meridian_core::evidence::{Check, LoadMeasure, Measure, Outcome};
use meridian_core::plan::Leg;
use meridian_core::playbook::{Load, LoadRequest, Method, Playbook, StageKind, Staging};
use meridian_core::rollout::state::LaneAt;
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind};

const RATE: u32 = 200;

fn request(method: Method, path: &str, weight: u32) -> LoadRequest {
    LoadRequest { method, path: path.to_owned(), headers: BTreeMap::new(), body: String::new(), weight }
}

/// A wave under load in `eu`, then one of production in `us`.
fn staged() -> Playbook {
    let mut playbook = playbook("staged", &[&["eu"], &["us"]], &[50, 100], 700);
    let production = playbook.stages[0].waves.split_off(1);
    let requests = vec![request(Method::Get, "/flights/7", 3), request(Method::Head, "/", 1)];
    let (ramp, timeout) = (Span::from_millis(200), Span::from_secs(5));
    let load = Load { rate: RATE, ramp, requests, connections: 8, timeout };
    let stage = &mut playbook.stages[0];
    (stage.kind, stage.staging) = (StageKind::Staging, Some(Staging { load, rehearsal: true }));
    let stage = meridian_core::playbook::Stage { kind: StageKind::Production, staging: None, waves: production };
    playbook.stages.push(stage);
    let share = |percent: u64| Weight::from_basis_points(percent * 100).unwrap();
    let check = |name: &str, measure| Check { name: name.to_owned(), measure: Measure::Load(measure), sample_min: 50 };
    playbook.evidence.checks = vec![
        check("load-errors", LoadMeasure::Errors { max: share(5) }),
        check("load-rate", LoadMeasure::Rate { min: share(50) }),
        check("load-latency", LoadMeasure::Latency { quantile: share(50), max: Span::from_secs(5) }),
    ];
    playbook
}

async fn loads(launcher: &Launcher, rollout: &RolloutName) -> anyhow::Result<Vec<StepLoadView>> {
    Ok(launcher.client().loads(rollout).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_begins_behind_a_rehearsal_under_load() -> anyhow::Result<()> {
    let regions = ["eu", "us"].map(str::to_owned).to_vec();
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&["eu", "us"]], &[100], 0)).await?;
    launcher.apply(&staged()).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let rollout = launcher.start(&first, "install").await?;
    launcher.until(&rollout, &["stable"]).await?;
    assert!(loads(&launcher, &rollout).await?.is_empty(), "nothing was under load");

    let good = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let rollout = launcher.start(&good, "staged").await?;
    launcher.until(&rollout, &["stable"]).await?;
    let came = loads(&launcher, &rollout).await?;
    let legs: Vec<_> = came.iter().map(|load| (load.region.as_str(), load.report.step.step, load.leg)).collect();
    assert_eq!(legs, [("eu", 0, None), ("eu", 1, None), ("eu", 2, Some(Leg::Down)), ("eu", 3, Some(Leg::Up))]);
    for StepLoadView { report, .. } in &came {
        let figures = &report.figures;
        assert_eq!((report.verdict.outcome, figures.failed), (Outcome::Pass, 0), "{report:?}");
        assert!(figures.achieved >= 50 && figures.p50 > 0 && figures.p50 <= figures.max, "{report:?}");
    }
    // The audit keeps it: who exports the rollout has it without a server.
    let export = launcher.client().export_rollout(&rollout).await?.read()?;
    let changes = export.entries.iter().filter_map(|entry| entry.changed.as_ref());
    let kept = changes.flat_map(|changed| changed.lanes.values()).map(|lane| lane.loads.len()).max();
    assert_eq!(kept, Some(came.len()));

    // Half of what it answers is wrong: it shows under load, and production never hears of it.
    let bad = launcher.release(&fleet, &Artifact::failing("1.2.0", 0.5)).await?;
    let rollout = launcher.start(&bad, "staged").await?;
    let ended = launcher.until(&rollout, &["rolled-back"]).await?;
    assert_eq!(ended.cause.unwrap().code, "VOTES");
    let came = loads(&launcher, &rollout).await?;
    let [StepLoadView { region, report, .. }] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!((region.as_str(), report.verdict.outcome), ("eu", Outcome::Fail));
    assert_eq!(report.verdict.check, "load-errors");
    assert!(report.figures.failed > 0, "{report:?}");
    let export = launcher.client().export_rollout(&rollout).await?.read()?;
    let changes = export.entries.iter().filter_map(|entry| entry.changed.as_ref());
    let mut production = changes.flat_map(|changed| &changed.lanes).filter(|(region, _)| region.as_str() == "us");
    assert!(production.all(|(_, lane)| lane.at == LaneAt::Waiting), "production waited until the end");
    fleet.stop();
    Ok(())
}
