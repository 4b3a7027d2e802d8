//! The launch of the example for real: its manifests, servers, agents and traffic, with its days shortened by one setting.
//! Everybody who has a say says it by the program that people use; nothing here reaches into a server.

mod crowd;
mod people;
mod phone;
mod reviews;

use std::time::{Duration, SystemTime};

use anyhow::Context;
use meridian_client::{Client, Intent, RequestId, RolloutView};
use meridian_core::calendar::timetable::{Entry, Timetable, When, Zone};
use meridian_core::id::{PlaybookId, ServiceId};
use meridian_core::playbook::shortened;
use meridian_harness::fleet::SERVICE;
use meridian_harness::{Artifact, Fleet, FleetOptions, Links, StoreKind, TrafficKind, wait_until};

use crate::shell::{Shell, heading};
use crowd::Crowd;
use people::People;
use phone::Phone;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/skyoptima");
const PLAYBOOK: &str = "launch";
/// The freeze that the launch runs into.
const FREEZE: Duration = Duration::from_secs(30);
/// How long anything of it may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// The exit code of a watch that ended in a rollback.
const ROLLED_BACK: i32 = 10;

/// What people have decided and what came of it.
#[derive(Default)]
struct Told {
    signed: usize,
    approvals: usize,
    answers: usize,
    reviews: usize,
}

/// Tells it, and prints the last line.
pub async fn tell(pace: u32) -> anyhow::Result<()> {
    let regions = ["lab", "eu-west", "us-east", "ap-south"].map(str::to_owned).to_vec();
    println!("starting one server, the agents of a staging environment and of three regions, and their traffic …");
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let told = chapters(&fleet, pace).await.with_context(|| fleet.logs());
    let left = fleet.stop();
    println!("\nended {left} processes that outlive their agents by design; nothing is left running");
    println!("{}", told?);
    Ok(())
}

async fn chapters(fleet: &Fleet, pace: u32) -> anyhow::Result<String> {
    let shell = Shell::new(fleet.server_url())?;
    let client = fleet.client().await?;
    let people = People::new(&shell, &client);
    let mut told = Told::default();
    let phone = strategy(fleet, &shell).await?;

    heading("1.0.0 serves everywhere");
    start(&shell, "1.0.0", "install", &["--watch", "--until", "stable"]).await?;
    let crowd = Crowd::gather(fleet)?;
    let measuring = tokio::spawn(reviews::measure_on(fleet.client().await?));

    heading(&format!("The same playbook with every day {pace} times as short, and a freeze that begins now"));
    shorten(&client, pace).await?;
    shell.run(&["plan", SERVICE, "1.1.0", "--playbook", PLAYBOOK], 0).await?;

    heading("1.1.0 is proposed: nothing moves before the checklist is signed and the freeze is over");
    start(&shell, "1.1.0", PLAYBOOK, &["--actor", "release-train"]).await?;
    told.signed += people.sign_everything().await?;
    waits_for(&client, "FREEZE").await?;
    shell.run(&["explain", SERVICE], 0).await?;

    heading("Staging, then the pilot: only for those whom the product owner lets in");
    waits_for(&client, "APPROVALS").await?;
    told.approvals += people.approve("product-owner", &["paula"]).await?;
    crowd.until_served("eu-west", "1.1.0").await?;
    shell.run(&["analysis", "report", SERVICE], 0).await?;
    told.answers +=
        people.say("1.1.0", &[("noor", 2, "the price of my flight is that of another")], &["--blocker"]).await?;

    hotfix(fleet, &shell, &people, &mut told).await?;
    crowd.until_served("eu-west", "1.1.1").await?;
    told.answers += people.praise("1.1.1", 20).await?;

    heading("Production: canary, then one region, then the rest");
    waits_for(&client, "APPROVALS").await?;
    told.approvals += people.approve("release-manager", &["rosa"]).await?;
    told.approvals += people.approve("sre", &["sam", "sofia"]).await?;
    reached(&client, "stable").await?;
    shell.run(&["rollout", "status", SERVICE], 0).await?;
    crowd.print();

    heading("After the launch: a review a day for a week, then one a week, and on day 30 the evaluation");
    told.reviews = reviews::hold(&shell, &client).await?;

    heading("1.2.0 is broken: staging finds it, and nobody has to do anything");
    bad_release(&shell, &client, &people, &mut told).await?;

    report(fleet, &shell).await?;
    measuring.abort();
    // Cut off on purpose; what broke it before that would show in the reviews.
    let _cut_off = measuring.await;
    let traffic = crowd.leave().await;
    let calls = phone.hang_up().await;
    anyhow::ensure!(traffic.failed_by_switch == 0, "{} requests failed by a switch", traffic.failed_by_switch);
    anyhow::ensure!(calls > 0, "nobody was called when 1.2.0 was taken back");
    let Told { signed, approvals, answers, reviews } = told;
    Ok(format!(
        "demo-playbook ok gates={} signed={signed} approvals={approvals} answers={answers} reviews={reviews} hotfixes=1 \
         freezes=1 rollbacks=1 calls={calls} requests={} failed_by_switch={}",
        signed + approvals + 2,
        traffic.answered,
        traffic.failed_by_switch
    ))
}

/// The manifests, and what they would come to in real time.
async fn strategy(fleet: &Fleet, shell: &Shell) -> anyhow::Result<Phone> {
    heading("The launch strategy, as manifests");
    for artifact in ["1.0.0", "1.1.0", "1.2.0"] {
        let bytes = std::fs::read(format!("{EXAMPLE}/artifacts/skyoptima-{artifact}.json"))?;
        fleet.artifacts().add_bytes(&bytes)?;
    }
    for file in ["1-inventory", "2-playbook", "3-releases"] {
        shell.run(&["apply", "-f", &format!("{EXAMPLE}/launch/{file}.yaml")], 0).await?;
    }
    // The example's own route names receivers that are not on this machine.
    let phone = Phone::connect(fleet.path()).await?;
    shell.run(&["apply", "-f", &phone.route], 0).await?;
    heading("What it would come to in real time, from a Monday on");
    let (folder, evidence) = (format!("{EXAMPLE}/launch"), format!("{EXAMPLE}/evidence.yaml"));
    let words = ["simulate", "-f", &folder, "--playbook", PLAYBOOK, "--evidence", &evidence, "--approve-after", "4h"];
    shell.run(&[&words[..], &["--from", "2026-11-30T09:00"]].concat(), 0).await?;
    Ok(phone)
}

async fn start(shell: &Shell, version: &str, playbook: &str, more: &[&str]) -> anyhow::Result<()> {
    let words = ["rollout", "start", SERVICE, "--release", version, "--playbook", playbook];
    shell.run(&[&words[..], more].concat(), 0).await
}

/// The one setting: the registered playbook again, as the same playbook's next revision, with its days shortened. Windows of
/// working weeks and trains would depend on the day on which this runs; a freeze of a few seconds takes their place.
async fn shorten(client: &Client, pace: u32) -> anyhow::Result<()> {
    let registered = client.playbook(&PlaybookId::new(PLAYBOOK)?, None).await?;
    let mut short = shortened(&registered.playbook, pace);
    short.timetable = Timetable { freezes: vec![freeze()], ..Timetable::default() };
    let applied = client.apply_playbook(&short, Some(&registered.etag), Intent::Commit, &RequestId::random()).await?;
    println!(
        "playbook {PLAYBOOK}, revision {}: the pilot of 48h takes {}",
        applied.revision, short.stages[1].waves[0].steps[0].bake
    );
    Ok(())
}

/// From now on, in UTC.
fn freeze() -> Entry {
    let local = |moment: SystemTime| {
        let moment = jiff::Timestamp::try_from(moment).expect("the clock is of this age");
        moment.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let now = SystemTime::now();
    let when = When::Range { from: local(now), to: local(now + FREEZE) };
    Entry { name: "stakeholder-day".to_owned(), zone: Zone::Named("UTC".to_owned()), when }
}

/// Somebody can't use the pilot: the mended release takes its place.
async fn hotfix(fleet: &Fleet, shell: &Shell, people: &People<'_>, told: &mut Told) -> anyhow::Result<()> {
    heading("A blocker in the pilot: 1.1.1 mends it and takes the place of 1.1.0");
    let digest = fleet.artifacts().add(&Artifact::good("1.1.1"))?.to_string();
    let notes = "Shows everybody the price of their own flight.";
    let release =
        ["release", "create", "--service", SERVICE, "--version", "1.1.1", "--digest", &digest, "--notes", notes];
    shell.run(&release, 0).await?;
    start(shell, "1.1.1", PLAYBOOK, &["--hotfix", "--reason", "prices are mixed up", "--actor", "release-train"])
        .await?;
    told.signed += people.sign_everything().await?;
    told.approvals += people.approve("sre", &["sam"]).await?;
    told.approvals += people.approve("product-owner", &["paula"]).await?;
    shell.run(&["explain", SERVICE], 0).await
}

async fn bad_release(shell: &Shell, client: &Client, people: &People<'_>, told: &mut Told) -> anyhow::Result<()> {
    let artifact = format!("{EXAMPLE}/artifacts/skyoptima-1.2.0.json");
    let release = ["release", "create", "--service", SERVICE, "--version", "1.2.0", "--artifact", &artifact];
    shell.run(&release, 0).await?;
    start(shell, "1.2.0", PLAYBOOK, &["--actor", "release-train"]).await?;
    told.signed += people.sign_everything().await?;
    shell.run(&["rollout", "watch", SERVICE], ROLLED_BACK).await?;
    reached(client, "rolled-back").await?;
    Ok(())
}

/// What a person would read at the end.
async fn report(fleet: &Fleet, shell: &Shell) -> anyhow::Result<()> {
    heading("The report");
    let launched = launched(&fleet.client().await?).await?;
    let launched = format!("{SERVICE}/{}", launched.name.rollout);
    shell.run(&["milestone", "list", &launched], 0).await?;
    shell.run(&["review", "list", &launched], 0).await?;
    shell.run(&["evaluation", "show", &launched], 0).await?;
    shell.run(&["action", "list", &launched], 0).await?;
    shell.run(&["rollout", "history", &launched], 0).await?;
    let bundle = fleet.path().join("launch.jsonl").display().to_string();
    shell.run(&["rollout", "export", &launched, "--to", &bundle], 0).await?;
    shell.run(&["audit", "verify", &bundle], 0).await?;
    shell.run(&["analysis", "explain", SERVICE], 0).await?;
    shell.run(&["release", "list", SERVICE], 0).await
}

/// The rollout that went all the way.
async fn launched(client: &Client) -> anyhow::Result<RolloutView> {
    let rollouts = client.rollouts(Some(&ServiceId::new(SERVICE)?)).await?;
    let launched = rollouts.into_iter().find(|it| it.release.version.to_string() == "1.1.1");
    launched.context("1.1.1 was launched")
}

/// The newest rollout.
async fn newest(client: &Client) -> Option<RolloutView> {
    let service = ServiceId::new(SERVICE).expect("a valid name");
    client.rollouts(Some(&service)).await.ok()?.into_iter().max_by_key(|rollout| rollout.created)
}

/// Waits until the newest rollout waits for something of this code.
async fn waits_for(client: &Client, code: &str) -> anyhow::Result<RolloutView> {
    let look = || async { newest(client).await.filter(|it| it.waits.iter().any(|wait| wait.code == code)) };
    wait_until(code, PATIENCE, look).await
}

/// Waits until the newest rollout does what this word says.
async fn reached(client: &Client, word: &str) -> anyhow::Result<RolloutView> {
    wait_until(word, PATIENCE, || async { newest(client).await.filter(|it| it.state.as_str() == word) }).await
}
