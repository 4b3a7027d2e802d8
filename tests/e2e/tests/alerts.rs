//! A real Alertmanager hears of a rollout that goes back, although the server was killed before anybody could be told.
#![allow(clippy::unwrap_used, missing_docs)]

use meridian_client::{Intent, RequestId};
use meridian_core::alert::{Match, Receiver, Route, Target};
use meridian_core::id::RouteId;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{
    Alertmanager, Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, ground, wait_until,
};
use meridian_load::{Load, Options};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_could_not_say_is_said_by_the_next() -> anyhow::Result<()> {
    let regions = vec!["eu".to_owned()];
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&["eu"]], &[100], 0)).await?;
    launcher.apply(&judged(playbook("bold", &[&["eu"]], &[50, 100], 60_000), 5, 20)).await?;
    // Nobody listens there yet.
    let address = ground::free_address()?;
    let target = Target::Alertmanager { url: format!("http://{address}") };
    let receivers = vec![Receiver { name: "alertmanager".to_owned(), target }];
    let route = Route { id: RouteId::new("on-call")?, matches: Match::default(), template: String::new(), receivers };
    launcher.client().apply_route(&route, None, Intent::Commit, &RequestId::random()).await?;

    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let rollout = launcher.start(&first, "install").await?;
    launcher.until(&rollout, &["stable"]).await?;
    let mut options = Options::new(fleet.front("eu"));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 100.0;
    let load = Load::start(options)?;
    let bad = launcher.release(&fleet, &Artifact::failing("1.1.0", 0.5)).await?;
    let rollout = launcher.start(&bad, "bold").await?;
    launcher.until(&rollout, &["rolled-back"]).await?;
    let pending = launcher.client().alerts().await?.pending;
    assert!(!pending.is_empty(), "nobody can have been told");

    fleet.servers_mut().kill(0);
    let alertmanager = Alertmanager::start(address).await?;
    fleet.servers_mut().start(0)?;
    fleet.ready(0).await?;
    let told = wait_until("the outbox to be empty", PATIENCE, || async {
        let alerts = launcher.client().alerts().await.ok()?;
        alerts.pending.is_empty().then_some(())
    });
    told.await.map_err(|error| anyhow::anyhow!("{error}: {}", fleet.logs()))?;
    // Over by now, so Alertmanager has it among those that are resolved.
    let seen = wait_until("Alertmanager to know", PATIENCE, || async {
        let seen = alertmanager.received().await?;
        (seen >= 2).then_some(seen)
    });
    seen.await?;

    // What stands is shown as it is: a hold, until it is lifted.
    launcher.pardon(&bad).await?;
    let good = launcher.release(&fleet, &Artifact::good("1.2.0")).await?;
    let rollout = launcher.start(&good, "bold").await?;
    let order = meridian_client::OperatorOrder { actor: "ann".to_owned(), reason: "lunch".to_owned(), etag: None };
    launcher.client().pause_rollout(&rollout, &order, &RequestId::random()).await?;
    let held = wait_until("Alertmanager to show it", PATIENCE, || async {
        let alerts = alertmanager.alerts().await?;
        alerts.contains("\"alertname\":\"meridian-held\"").then_some(alerts)
    });
    let held = held.await?;
    assert!(held.contains("\"severity\":\"warning\"") && held.contains("ann: lunch"), "{held}");
    launcher.client().resume_rollout(&rollout, &order, &RequestId::random()).await?;
    let over = wait_until("it to be over", PATIENCE, || async {
        let alerts = alertmanager.alerts().await?;
        (!alerts.contains("meridian-held")).then_some(())
    });
    over.await?;
    load.stop().await;
    fleet.stop();
    Ok(())
}
