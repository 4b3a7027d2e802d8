//! `make chaos-demo`: three servers, three etcd nodes, five regions under load. The owner is killed in mid-wave, a bad release
//! is shipped and a region cut off; the live view shows what is known and what is not, until everything is healed.

mod moments;
mod shell;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use meridian_client::{Client, Intent, RequestId, RolloutView, ServiceChange};
use meridian_core::id::ServiceId;
use meridian_core::plan::parameters::Parameters;
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, wait_until};

use crate::ground::{Ground, Wall, WallKind};
use crate::options::DemoOptions;
use crate::record::Recorder;
use crate::site::{RegionProbe, SERVICE, Site, Size};
use shell::Shell;

/// Three of each that matters, five regions.
const SIZE: Size = Size { etcds: 3, servers: 3, regions: 5 };
/// How long anything that is waited for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The exit code of a watch that ended in a rollback.
const ROLLED_BACK: i32 = 10;
/// The region that is cut off.
const FAR: &str = "r5";

/// Tells it, and prints the last line.
///
/// # Errors
/// If the story goes otherwise.
pub async fn tell(ground: &Ground, folder: &Path, options: &DemoOptions) -> anyhow::Result<ExitCode> {
    println!("starting 3 etcd nodes, 3 servers and 5 regions, each in a network namespace of its own …");
    let site = Site::start(ground, folder, SIZE).await?;
    let told = chapters(&site, options).await;
    let Told { owner_killed_to_forward_s, breach_to_blue_ms, heal_to_rolled_back_ms, requests, failed_by_switch } =
        told.with_context(|| site.logs())?;
    anyhow::ensure!(failed_by_switch == 0, "{failed_by_switch} requests failed by the switch");
    println!(
        "chaos-demo ok servers=3 etcd=3 regions=5 owner_killed_to_forward_s={owner_killed_to_forward_s:.1} \
         breach_to_blue_ms={breach_to_blue_ms} heal_to_rolled_back_ms={heal_to_rolled_back_ms} requests={requests} \
         failed_by_switch={failed_by_switch}"
    );
    Ok(ExitCode::SUCCESS)
}

struct Told {
    owner_killed_to_forward_s: f64,
    breach_to_blue_ms: u64,
    heal_to_rolled_back_ms: u64,
    requests: u64,
    failed_by_switch: u64,
}

async fn chapters(site: &Site, options: &DemoOptions) -> anyhow::Result<Told> {
    let recorder = Recorder::start(site.store().await?, site.base);
    let client = site.client(None).await?;
    let shell = Shell::new(site)?;
    heading("The service, its playbooks and regions");
    prepare(&client).await?;
    shell.run(&["region", "list"], 0).await?;

    heading("1.0.0, the first release: every region at once");
    release(site, &shell, &Artifact::good("1.0.0")).await?;
    shell.launch("1.0.0", "install")?.ends(0).await?;
    newest(&client, "stable").await?;
    let mut probes = BTreeMap::new();
    for region in site.agents.keys() {
        probes.insert(region.clone(), RegionProbe::start(site, region, options.rate)?);
    }

    heading("1.1.0, a good release; its owner is killed in mid-wave");
    release(site, &shell, &Artifact::good("1.1.0")).await?;
    let watching = shell.launch("1.1.0", "wave-by-wave")?;
    moments::in_mid_wave(&recorder, PATIENCE).await?;
    let owner = site.owner().await?;
    println!("\n    kill -9 {} (the owner)\n", owner.name);
    owner.kill();
    let owner_killed_to_forward_s = moments::forward_again(&recorder, site.now(), PATIENCE).await?;
    watching.ends(0).await?;
    newest(&client, "stable").await?;
    owner.start()?;

    heading("1.2.0 fails two fifths of its requests; one region is cut off before anybody knows");
    release(site, &shell, &Artifact::failing("1.2.0", 0.4)).await?;
    let watching = shell.launch("1.2.0", "in-a-hurry")?;
    moments::all_baking(&recorder, PATIENCE).await?;
    println!("\n    {FAR} is cut off\n");
    let wall = Wall::build(&site.agents[FAR].node, WallKind::Whole, None)?;
    let breach_to_blue_ms = moments::back_but(&recorder, FAR, PATIENCE).await?;
    unknown(&client).await?;
    println!("\n    {FAR} is connected again\n");
    let healed = site.now();
    wall.tear_down()?;
    watching.ends(ROLLED_BACK).await?;
    newest(&client, "rolled-back").await?;
    let heal_to_rolled_back_ms = moments::ended(&recorder, healed)?;
    shell.run(&["rollout", "history", SERVICE], 0).await?;
    let (mut requests, mut failed_by_switch) = (0, 0);
    for (_, probe) in probes {
        let (answered, failed) = probe.counts();
        (requests, failed_by_switch) = (requests + answered, failed_by_switch + failed);
        probe.stop().await;
    }
    Ok(Told { owner_killed_to_forward_s, breach_to_blue_ms, heal_to_rolled_back_ms, requests, failed_by_switch })
}

async fn prepare(client: &Client) -> anyhow::Result<()> {
    let (id, description, owner) = (ServiceId::new(SERVICE)?, String::new(), String::new());
    let change = ServiceChange {
        id,
        description,
        owner,
        labels: BTreeMap::new(),
        parameters: Parameters::default(),
        etag: None,
    };
    client.apply_service(&change, Intent::Commit, &RequestId::random()).await?;
    let all: &[&str] = &["r1", "r2", "r3", "r4", "r5"];
    let playbooks = [
        playbook("install", &[all], &[100], 0),
        judged(playbook("wave-by-wave", &[&["r1", "r2"], &["r3", "r4", "r5"]], &[20, 50, 100], 1_500), 5, 10),
        // Enough requests that there is time to cut a region off before the first vote.
        judged(playbook("in-a-hurry", &[all], &[50, 100], 20_000), 5, 400),
    ];
    for playbook in playbooks {
        client.apply_playbook(&playbook, None, Intent::Commit, &RequestId::random()).await?;
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n━━ {text}");
}

async fn release(site: &Site, shell: &Shell, artifact: &Artifact) -> anyhow::Result<()> {
    let digest = site.artifacts.add(artifact)?.to_string();
    let words = ["release", "create", "--service", SERVICE, "--version", &artifact.version, "--digest", &digest];
    shell.run(&words, 0).await
}

/// Waits until the newest rollout is at a word.
async fn newest(client: &Client, word: &str) -> anyhow::Result<RolloutView> {
    let service = ServiceId::new(SERVICE)?;
    wait_until(word, PATIENCE, || async {
        let rollouts = client.rollouts(Some(&service)).await.ok()?;
        let newest = rollouts.into_iter().max_by_key(|rollout| rollout.epoch)?;
        (newest.state.as_str() == word).then_some(newest)
    })
    .await
}

/// Waits until the fleet is back but for the region that nobody can vouch for.
async fn unknown(client: &Client) -> anyhow::Result<()> {
    let service = ServiceId::new(SERVICE)?;
    let summary = wait_until("4 back, 1 unknown", PATIENCE, || async {
        let rollouts = client.rollouts(Some(&service)).await.ok()?;
        let newest = rollouts.into_iter().max_by_key(|rollout| rollout.epoch)?;
        (newest.summary.contains("4 back") && newest.summary.contains("1 unknown")).then_some(newest.summary)
    })
    .await?;
    println!("    {summary}");
    Ok(())
}
