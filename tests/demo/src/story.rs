//! The story: install 1.0.0, roll 1.1.0 out wave by wave, ship 1.2.0 which fails, and watch it being taken back.

use std::time::{Duration, Instant};

use anyhow::Context;
use meridian_client::RolloutView;
use meridian_core::id::ServiceId;
use meridian_harness::fleet::SERVICE;
use meridian_harness::{Artifact, Fleet, FleetOptions, Links, wait_until};

use crate::options::Options;
use crate::shell::{Shell, heading};
use crate::traffic::Traffic;

/// The exit code of a watch that ended in a rollback.
const ROLLED_BACK: i32 = 10;

/// Tells it, and prints the last line.
pub async fn tell(options: &Options) -> anyhow::Result<()> {
    let (store, store_kind) = options.store.named();
    let (traffic, traffic_kind) = options.traffic.named();
    let regions = ["eu-west", "us-east", "ap-south"].map(str::to_owned).to_vec();
    println!("starting one server ({store}), three agents ({traffic}) and a load of {}/s per region …", options.rate);
    let links = Links::Plaintext;
    let options_of_fleet =
        FleetOptions { store: store_kind, servers: 1, traffic: traffic_kind, regions: regions.clone(), links };
    let mut fleet = Fleet::start(options_of_fleet).await?;
    let told = chapters(&fleet, options).await;
    let told = told.with_context(|| fleet.logs());
    let left = fleet.stop();
    println!("\nended {left} processes that outlive their agents by design; nothing is left running");
    let Told { forward_s, breach_to_blue_ms, requests, failed_by_switch } = told?;
    anyhow::ensure!(failed_by_switch == 0, "{failed_by_switch} requests failed by the switch");
    println!(
        "demo ok store={store} traffic={traffic} regions={} forward_s={forward_s:.1} \
         breach_to_blue_ms={breach_to_blue_ms} requests={requests} failed_by_switch={failed_by_switch}",
        regions.len()
    );
    Ok(())
}

struct Told {
    forward_s: f64,
    breach_to_blue_ms: u64,
    requests: u64,
    failed_by_switch: u64,
}

async fn chapters(fleet: &Fleet, options: &Options) -> anyhow::Result<Told> {
    let shell = Shell::new(fleet.server_url())?;
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    heading("The playbooks, the service and its regions");
    shell.run(&["apply", "-f", manifests], 0).await?;
    shell.run(&["region", "list"], 0).await?;

    heading("1.0.0, the first release: every region at once");
    release(fleet, &shell, &Artifact::good("1.0.0")).await?;
    roll_out(&shell, "1.0.0", "install", 0).await?;
    ended(fleet, "stable").await?;
    let traffic = Traffic::start(fleet, options.rate)?;

    heading("1.1.0, a good release: wave by wave, under load");
    release(fleet, &shell, &Artifact::good("1.1.0")).await?;
    shell.run(&["plan", SERVICE, "1.1.0", "--playbook", "wave-by-wave"], 0).await?;
    let began = Instant::now();
    roll_out(&shell, "1.1.0", "wave-by-wave", 0).await?;
    let forward_s = began.elapsed().as_secs_f64();
    traffic.print();
    ended(fleet, "stable").await?;

    heading("1.2.0 fails a fifth of its requests: nobody touches anything");
    release(fleet, &shell, &Artifact::failing("1.2.0", 0.2)).await?;
    roll_out(&shell, "1.2.0", "in-a-hurry", ROLLED_BACK).await?;
    let rollout = ended(fleet, "rolled-back").await?;
    let breach_to_blue_ms = breach_to_blue(fleet, &rollout).await?;
    shell.run(&["rollout", "history", SERVICE], 0).await?;
    traffic.print();
    let totals = traffic.stop().await;
    Ok(Told { forward_s, breach_to_blue_ms, requests: totals.answered, failed_by_switch: totals.failed_by_switch })
}

async fn release(fleet: &Fleet, shell: &Shell, artifact: &Artifact) -> anyhow::Result<()> {
    let digest = fleet.artifacts().add(artifact)?.to_string();
    let words = ["release", "create", "--service", SERVICE, "--version", &artifact.version, "--digest", &digest];
    shell.run(&words, 0).await
}

async fn roll_out(shell: &Shell, version: &str, playbook: &str, code: i32) -> anyhow::Result<()> {
    let words = ["rollout", "start", SERVICE, "--release", version, "--playbook", playbook, "--watch"];
    shell.run(&words, code).await
}

/// Waits until the newest rollout has reached its end.
async fn ended(fleet: &Fleet, word: &str) -> anyhow::Result<RolloutView> {
    let client = fleet.client().await?;
    let service = ServiceId::new(SERVICE)?;
    wait_until(word, Duration::from_secs(30), || async {
        let rollouts = client.rollouts(Some(&service)).await.ok()?;
        let newest = rollouts.into_iter().max_by_key(|rollout| rollout.epoch)?;
        (newest.state.as_str() == word).then_some(newest)
    })
    .await
}

/// From the decision to go back, made on the look that saw the breach, to the last region's confirmed way back.
async fn breach_to_blue(fleet: &Fleet, rollout: &RolloutView) -> anyhow::Result<u64> {
    let decisions = fleet.client().await?.decisions_of_rollout(&rollout.name).await?;
    let at = |kind: &str| decisions.iter().rfind(|decision| decision.kind == kind).map(|decision| decision.time);
    let decided = at("rollback").context("a rollback was decided")?;
    let back = at("finish").context("the rollback has finished")?;
    Ok(back.since(decided).millis())
}
