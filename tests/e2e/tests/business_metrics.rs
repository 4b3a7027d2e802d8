//! A release that answers every request and still harms the business: a real Prometheus says so, and the rollout goes back.
//! When nobody answers, nothing goes on and nothing goes back.
#![allow(clippy::unwrap_used, missing_docs)]

use meridian_core::evidence::{Amount, Asks, Bound, Check, Measure, Outcome, Query, Reach, Source};
use meridian_core::rollout::state::Ballot;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Exporter, Fleet, FleetOptions, Launcher, Links, Prometheus, StoreKind, TrafficKind};

const REGIONS: [&str; 2] = ["eu", "us"];

fn checks(url: &str) -> Vec<Check> {
    let check = |name: &str, asks, reach| {
        let query = Query { source: Source::Prometheus, url: url.to_owned(), asks, reach };
        Check { name: name.to_owned(), measure: Measure::Query(query), sample_min: 1 }
    };
    let least = Bound::Least(Amount::from_millionths(50_000_000));
    let orders = Asks::Value { of: r#"orders_per_minute{region="{{region}}"}"#.to_owned(), bound: least };
    let most = Bound::Most(Amount::from_millionths(500_000));
    let refunds = Asks::Value { of: "sum(refund_share)".to_owned(), bound: most };
    vec![check("orders", orders, Reach::Region), check("refunds", refunds, Reach::Fleet)]
}

fn orders(eu: u32, us: u32) -> String {
    format!("orders_per_minute{{region=\"eu\"}} {eu}\norders_per_minute{{region=\"us\"}} {us}\nrefund_share 0.1\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_fall_take_a_release_back() -> anyhow::Result<()> {
    let exporter = Exporter::start(&orders(60, 70)).await?;
    let mut prometheus = Prometheus::start(&exporter).await?;
    let regions = REGIONS.map(str::to_owned).to_vec();
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    let both: &[&str] = &REGIONS;
    launcher.apply(&playbook("install", &[both], &[100], 0)).await?;
    let mut watched = playbook("watched", &[both], &[100], 300);
    watched.evidence.checks = checks(&prometheus.url());
    launcher.apply(&watched).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let rollout = launcher.start(&first, "install").await?;
    launcher.until(&rollout, &["stable"]).await?;

    let good = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let rollout = launcher.start(&good, "watched").await?;
    launcher.until(&rollout, &["stable"]).await?;

    exporter.say(&orders(60, 3));
    let bad = launcher.release(&fleet, &Artifact::good("1.2.0")).await?;
    let rollout = launcher.start(&bad, "watched").await?;
    let ended = launcher.until(&rollout, &["rolled-back"]).await?;
    assert_eq!(ended.cause.unwrap().code, "VOTES");
    let export = launcher.client().export_rollout(&rollout).await?.read()?;
    let lanes = export.entries.iter().filter_map(|entry| entry.changed.as_ref()).flat_map(|changed| &changed.lanes);
    let fails = lanes.filter_map(|(region, lane)| match &lane.vote.as_ref()?.ballot {
        Ballot::Evidence(verdict) if verdict.outcome == Outcome::Fail => Some((region.to_string(), verdict.clone())),
        Ballot::Evidence(_) | Ballot::Driver { .. } | Ballot::Deadline { .. } => None,
    });
    let fails: Vec<_> = fails.collect();
    let (region, verdict) = fails.first().expect("a region votes against it");
    assert_eq!((region.as_str(), verdict.check.as_str(), verdict.limit), ("us", "orders", 50_000_000));
    assert!(verdict.measured < 50_000_000, "{verdict}");
    launcher.pardon(&bad).await?;

    // Silence is no success, and no failure either.
    prometheus.kill();
    exporter.say(&orders(60, 70));
    let unseen = launcher.release(&fleet, &Artifact::good("1.3.0")).await?;
    let rollout = launcher.start(&unseen, "watched").await?;
    let asked = async {
        loop {
            let findings = launcher.client().analysis(&rollout).await?;
            if let Some(finding) = findings.into_iter().find(|finding| finding.why.contains("UNREACHABLE")) {
                return anyhow::Ok(finding);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // tidy: paced
        }
    };
    let finding = tokio::time::timeout(meridian_harness::launch::ROLLOUT_MAX, asked).await??;
    assert_eq!(finding.verdict.unwrap().outcome, Outcome::Inconclusive);
    let view = launcher.until(&rollout, &["running"]).await?;
    assert!(view.waits.iter().any(|wait| wait.code == "INCONCLUSIVE"), "{:?}", view.waits);
    launcher.roll_back(&rollout).await?;
    launcher.until(&rollout, &["rolled-back"]).await?;
    fleet.stop();
    Ok(())
}
