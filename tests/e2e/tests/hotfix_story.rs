//! A hotfix, end to end: a real server, real agents, real traffic, and the program as people run it. A pilot of a cohort is
//! superseded while it bakes; its region goes back first, then the hotfix goes through, and no request fails by any of it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use meridian_client::{LanePosition, RolloutName};
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::id::{ItemId, RoleId, RolloutId};
use meridian_core::playbook::{ApprovalRule, ChecklistItem, Earns, HotfixPolicy, ItemKind, Playbook, StageKind, Step};
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_harness::fleet::SERVICE;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, program, wait_until};
use meridian_load::{Load, Options};

const PATIENCE: Duration = Duration::from_secs(60);

/// One run of the program: its exit, and all that it says.
async fn meridian(fleet: &Fleet, actor: &str, words: &[&str]) -> anyhow::Result<(i32, String)> {
    let mut command = tokio::process::Command::new(program("meridian")?);
    command.args(words).env("MERIDIAN_SERVER", fleet.server_url()).env("USER", actor).kill_on_drop(true);
    said(command).await
}

async fn said(mut command: tokio::process::Command) -> anyhow::Result<(i32, String)> {
    let output = command.output().await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8(said).unwrap()))
}

/// A run that has to end well.
async fn done(fleet: &Fleet, actor: &str, words: &[&str]) -> anyhow::Result<String> {
    let (code, said) = meridian(fleet, actor, words).await?;
    anyhow::ensure!(code == 0, "{words:?}: {code} {said}");
    Ok(said)
}

/// A pilot for a cohort in one region that bakes for an hour, then everybody; a hotfix bakes for a thousandth of that, and
/// leaves the acceptance of users for later.
fn piloted() -> Playbook {
    let mut playbook = playbook("piloted", &[&["eu"], &["eu"]], &[100], 100);
    let mut production = playbook.stages[0].clone();
    production.waves.remove(0);
    let pilot = &mut playbook.stages[0];
    pilot.kind = StageKind::Pilot;
    pilot.waves.truncate(1);
    let cohort = CohortRule::Equals(RequestKey::Header("x-pilot".to_owned()), "yes".to_owned());
    let step = Step { weight: Weight::NONE, cohort: Some(cohort), bake: Span::from_secs(3600), requests: 0 };
    pilot.waves[0].steps = vec![step];
    playbook.stages.push(production);
    let uat = ItemId::new("uat").unwrap();
    let item = |kind: ItemKind, owner: &str| ChecklistItem {
        id: ItemId::new(kind.as_str()).unwrap(),
        kind,
        owner: owner.to_owned(),
        valid_for: ChecklistItem::VALID_FOR,
    };
    playbook.checklist = vec![item(ItemKind::Tests, "ci"), item(ItemKind::Uat, "bob")];
    playbook.hotfix = Some(HotfixPolicy {
        bake: Weight::from_basis_points(10).unwrap(),
        approvals: vec![ApprovalRule {
            role: RoleId::new("sre").unwrap(),
            count: 1,
            valid_for: ApprovalRule::VALID_FOR,
        }],
        earns: Earns::Patch,
        waives: vec![uat],
    });
    playbook
}

async fn sign(fleet: &Fleet, owner: &str, item: &str) -> anyhow::Result<()> {
    let digest = format!("sha256:{}", "a".repeat(64));
    let evidence = ["--evidence", "https://reports.example/1", "--digest", &digest];
    done(fleet, owner, &[&["checklist", "sign", SERVICE, "--item", item], &evidence[..]].concat()).await?;
    Ok(())
}

/// Only the cohort: the share of everybody else stays where it was.
fn pilots(fleet: &Fleet) -> Load {
    let mut options = Options::new(fleet.front("eu"));
    options.path = "/flights/1".to_owned();
    options.rate_per_second = 50.0;
    options.headers.push(("x-pilot".to_owned(), "yes".to_owned()));
    Load::start(options).unwrap()
}

async fn serves(load: &Load, version: &str) -> anyhow::Result<()> {
    let before = load.snapshot().version(version);
    load.wait_until(|seen| seen.version(version) > before + 20, Duration::from_secs(20)).await?;
    Ok(())
}

/// What was left out is owed, and no waiver covers it.
async fn owes(fleet: &Fleet) -> anyhow::Result<()> {
    let owed = || async {
        let actions = done(fleet, "ann", &["action", "list", SERVICE]).await.ok()?;
        (actions.contains("debt") && actions.contains("bob")).then_some(actions)
    };
    wait_until("the debt is written down", PATIENCE, owed).await?;
    let (code, said) = meridian(fleet, "ann", &["evaluation", "sign", SERVICE, "--waive", "in a hurry"]).await?;
    assert!(code == 5 && said.contains("it can't be waived"), "{code} {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotfix_supersedes_a_pilot_goes_back_first_and_goes_through() -> anyhow::Result<()> {
    let regions = vec!["eu".to_owned()];
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&playbook("install", &[&["eu"]], &[100], 0)).await?;
    launcher.apply(&piloted()).await?;
    let first = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    launcher.until(&launcher.start(&first, "install").await?, &["stable"]).await?;

    let second = launcher.release(&fleet, &Artifact::good("1.1.0")).await?;
    let old = launcher.start(&second, "piloted").await?;
    sign(&fleet, "ci", "tests").await?;
    sign(&fleet, "bob", "uat").await?;
    let load = pilots(&fleet);
    serves(&load, "1.1.0").await?;

    // Whoever waits for it learns what has become of it.
    let short = format!("{SERVICE}/{}", old.rollout);
    let mut watch = tokio::process::Command::new(program("meridian")?);
    watch.args(["rollout", "watch", &short]).env("MERIDIAN_SERVER", fleet.server_url()).kill_on_drop(true);
    let watching = tokio::spawn(said(watch));
    launcher.release(&fleet, &Artifact::good("1.1.1")).await?;
    let release = ["--release", "1.1.1", "--playbook", "piloted"];
    let (code, said) = meridian(&fleet, "ann", &[&["rollout", "start", SERVICE], &release[..]].concat()).await?;
    assert!(code == 5 && said.contains("supersede"), "{code} {said}");
    let hotfix = ["--hotfix", "--reason", "bookings are lost"];
    let plan = ["plan", SERVICE, "1.1.1", "--playbook", "piloted", "--validate-only"];
    let planned = done(&fleet, "ann", &[&plan[..], &hotfix].concat()).await?;
    for told in ["as its hotfix: bookings are lost", "earned in the pilot", "owes uat (bob)", "1.0.0"] {
        assert!(planned.contains(told), "{told}: {planned}");
    }
    done(&fleet, "ann", &[&["rollout", "start", SERVICE, "--id", "mended"], &release[..], &hotfix].concat()).await?;
    let (code, said) = watching.await??;
    assert_eq!(code, 12, "{said}");
    let said = done(&fleet, "ann", &["rollout", "status", &short]).await?;
    assert!(said.contains("superseded by mended"), "{said}");

    // It is asked for consent, and meanwhile everybody is served by the last stable release.
    let new = RolloutName { service: old.service.clone(), rollout: RolloutId::new("mended")? };
    let back = || async {
        let view = launcher.client().rollout(&new).await.ok()?;
        (view.lanes[0].position == LanePosition::Reverted).then_some(view)
    };
    let view = wait_until("the region is back", PATIENCE, back).await?;
    assert_eq!(view.lanes[0].base.as_ref().unwrap().release.version.to_string(), "1.0.0");
    serves(&load, "1.0.0").await?;
    let said = done(&fleet, "ann", &["explain", SERVICE]).await?;
    assert!(said.contains("APPROVALS") && said.contains("as its hotfix"), "{said}");
    sign(&fleet, "ci", "tests").await?;
    done(&fleet, "carl", &["rollout", "approve", SERVICE, "--role", "sre", "--reason", "it is that bad"]).await?;
    serves(&load, "1.1.1").await?;
    launcher.until(&new, &["stable"]).await?;

    owes(&fleet).await?;
    for rollout in [&old, &new] {
        let view = launcher.client().export_rollout(rollout).await?.read()?;
        let proof = view.bundle(view.hash, view.head().unwrap()).verify()?;
        assert!(proof.rebuilt > 0, "{rollout}");
    }
    let report = load.stop().await;
    assert_eq!(report.totals.failed_by_switch, 0, "{}", report.totals);
    fleet.stop();
    Ok(())
}
