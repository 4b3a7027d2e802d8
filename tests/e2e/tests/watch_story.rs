//! What comes after a launch, end to end: a real server, real agents, and the program as people run it. The watch is of
//! seconds instead of days; nothing is waited for but what has to come.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use meridian_core::playbook::{Playbook, StageKind};
use meridian_core::time::Span;
use meridian_core::watch::{Cadence, Decimal, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};
use meridian_harness::fleet::SERVICE;
use meridian_harness::launch::playbook;
use meridian_harness::{Artifact, Fleet, FleetOptions, Launcher, Links, StoreKind, TrafficKind, program, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// One run of the program.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

async fn meridian(fleet: &Fleet, words: &[&str]) -> anyhow::Result<Ran> {
    let mut command = tokio::process::Command::new(program("meridian")?);
    command.args(words).env("MERIDIAN_SERVER", fleet.server_url()).env("USER", "ann").kill_on_drop(true);
    let output = command.output().await?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Ok(Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// A run that has to end well.
async fn done(fleet: &Fleet, words: &[&str]) -> anyhow::Result<String> {
    let ran = meridian(fleet, words).await?;
    anyhow::ensure!(ran.code == 0, "{words:?}: {} {} {}", ran.code, ran.stdout, ran.stderr);
    Ok(ran.stdout)
}

/// A pilot in one region that waits for an answer, then the other; reviewed after four and eight seconds, evaluated after
/// twelve.
fn watched() -> Playbook {
    let mut playbook = playbook("watched", &[&["eu"], &["us"]], &[100], 0);
    let mut production = playbook.stages[0].clone();
    production.waves.remove(0);
    playbook.stages[0].kind = StageKind::Pilot;
    playbook.stages[0].waves.truncate(1);
    playbook.stages.push(production);
    let secs = Span::from_secs;
    let number = |text: &str| Decimal::parse(text).unwrap();
    let target = KpiTarget {
        kpi: meridian_core::id::KpiId::new("conversion").unwrap(),
        direction: Direction::AtLeast,
        target: number("2.5"),
    };
    playbook.watch = WatchPolicy {
        reviews: vec![Cadence { every: secs(4), until: secs(8) }],
        evaluation: secs(12),
        grace: secs(1),
        targets: vec![target],
        feedback: Some(FeedbackPolicy { score_min: number("4"), answers_min: 1, blockers_max: 0, pilot_waits: true }),
    };
    playbook
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_is_reviewed_acted_upon_and_evaluated() -> anyhow::Result<()> {
    let regions = vec!["eu".to_owned(), "us".to_owned()];
    let (store, traffic, links) = (StoreKind::Embedded, TrafficKind::Proxy, Links::Plaintext);
    let mut fleet = Fleet::start(FleetOptions { store, servers: 1, traffic, regions, links }).await?;
    let launcher = Launcher::new(&fleet).await?;
    launcher.apply(&watched()).await?;
    let release = launcher.release(&fleet, &Artifact::good("1.0.0")).await?;
    let rollout = launcher.start(&release, "watched").await?;
    let asked = || async {
        let explained = done(&fleet, &["explain", SERVICE]).await.ok()?;
        explained.contains("1 of 1 answers are missing").then_some(explained)
    };
    let explained = wait_until("the pilot waits for people", PATIENCE, asked).await?;
    assert!(explained.contains("meridian feedback give"), "{explained}");
    let milestones = done(&fleet, &["milestone", "list", SERVICE]).await?;
    assert!(milestones.contains("too little feedback is in"), "{milestones}");
    let released = format!("{SERVICE}/1.0.0");
    done(&fleet, &["feedback", "give", &released, "--score", "5", "--cohort", "partners", "--text", "quick"]).await?;
    let feedback = done(&fleet, &["feedback", "list", &released]).await?;
    assert!(feedback.contains("ann (unverified)") && feedback.contains("partners"), "{feedback}");
    launcher.until(&rollout, &["stable"]).await?;

    done(&fleet, &["kpi", "record", SERVICE, "conversion", "2.75"]).await?;
    assert!(done(&fleet, &["kpi", "list", SERVICE]).await?.contains("2.75"));

    let overdue = || async {
        let reviews = done(&fleet, &["review", "list", SERVICE]).await.ok()?;
        (reviews.matches("overdue").count() == 3).then_some(reviews)
    };
    let reviews = wait_until("every review is overdue", PATIENCE, overdue).await?;
    assert!(reviews.contains("evaluation") && reviews.contains("every 4s"), "{reviews}");
    let early = meridian(&fleet, &["evaluation", "sign", SERVICE]).await?;
    assert!(early.code == 5 && early.stderr.contains("review 1 is not signed"), "{} {}", early.code, early.stderr);

    done(&fleet, &["review", "hold", SERVICE, "1", "--text", "we met"]).await?;
    for review in ["1", "2"] {
        let signed = done(&fleet, &["review", "sign", SERVICE, review, "--text", "as hoped"]).await?;
        assert!(signed.contains("by ann"), "{signed}");
    }
    let add = ["action", "add", SERVICE, "show the new screen", "--owner", "bob", "--due", "7d", "--kind", "training"];
    assert!(done(&fleet, &add).await?.contains("open"));
    let open = meridian(&fleet, &["evaluation", "sign", SERVICE]).await?;
    assert!(open.code == 5 && open.stderr.contains("action 1 is open"), "{} {}", open.code, open.stderr);
    assert!(done(&fleet, &["action", "close", SERVICE, "1", "--reason", "shown"]).await?.contains("closed"));
    done(&fleet, &["retrospective", "add", SERVICE, "ask partners earlier"]).await?;
    let evaluation = done(&fleet, &["evaluation", "sign", SERVICE, "--text", "well done"]).await?;
    assert!(evaluation.contains("closed") && evaluation.contains("well done"), "{evaluation}");
    let milestones = done(&fleet, &["milestone", "list", SERVICE]).await?;
    assert_eq!(milestones.matches("reached").count(), 3, "{milestones}");
    let history = done(&fleet, &["review", "history", SERVICE]).await?;
    let told = ["open", "due", "overdue", "hold", "sign", "add-action", "close-action", "reflect", "evaluate"];
    assert!(told.iter().all(|kind| history.contains(kind)), "{history}");
    fleet.stop();
    Ok(())
}
