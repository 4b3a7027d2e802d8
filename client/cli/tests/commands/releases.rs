//! Releases: notes from the commits of a real repository, and what became of a release.

use std::path::Path;
use std::process::Command;

use meridian_client::fake::{FakeServer, sample};
use meridian_core::release::{Note, NoteKind, Notes, Release, Reversibility};

use crate::run::{Ran, meridian};

/// A repository with these commits, the first of them tagged `v1.0.0`.
fn repository(messages: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder.path()).args(arguments).env("GIT_CONFIG_GLOBAL", "").env("GIT_CONFIG_SYSTEM", "");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "ann").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    git(&["init", "-q"]);
    for (index, message) in messages.iter().enumerate() {
        git(&["commit", "-q", "--allow-empty", "-m", message]);
        if index == 0 {
            git(&["tag", "v1.0.0"]);
        }
    }
    folder
}

async fn notes(server: &FakeServer, repo: &Path, range: &str, more: &[&str]) -> Ran {
    let from = format!("--from={range}");
    let first = ["release", "notes", "--repo", repo.to_str().unwrap(), &from];
    meridian(server, &[&first[..], more].concat()).await
}

#[tokio::test]
async fn notes_are_made_of_conventional_commits() {
    let server = FakeServer::start().await;
    let commits = [
        "feat: before the range",
        "fix(cart): keep the order",
        "chore: tidy up",
        "feat: pay by card\n\nBREAKING CHANGE: cash is gone",
        "a word by the way",
        "perf: half the memory",
    ];
    let repo = repository(&commits);
    let ran = notes(&server, repo.path(), "v1.0.0..HEAD", &[]).await;
    let expected = "notes:\n  - kind: performance\n    text: \"half the memory\"\n  - kind: feature\n    breaking: true\n    \
                    text: \"pay by card; cash is gone\"\n  - kind: fix\n    text: \"cart: keep the order\"\n";
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, expected), "{ran:?}");
    assert!(ran.stderr.contains("left out: 1 of housekeeping, 1 that are not conventional"), "{ran:?}");
    let json = notes(&server, repo.path(), "v1.0.0..HEAD", &["-o", "json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json[1]["kind"], &json[1]["breaking"]), (&"feature".into(), &true.into()));
    for range in ["v9.0.0..HEAD", "--output=x", "--all"] {
        let ran = notes(&server, repo.path(), range, &[]).await;
        assert_eq!((ran.exit, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains("git log"), "{ran:?}");
    }
    assert!(server.seen().is_empty(), "no server is asked");
}

#[tokio::test]
async fn a_release_is_made_with_the_notes_of_its_commits() {
    let server = FakeServer::start().await;
    let repo = repository(&["chore: begin", "feat: pay by card"]);
    let digest = sample::rollout().release.digest.to_string();
    let repo = repo.path().to_str().unwrap();
    let create = ["release", "create", "--service", "checkout", "--version", "1.1.0", "--digest", &digest];
    let ran = meridian(&server, &[&create[..], &["--notes-from", "v1.0.0..HEAD", "--repo", repo]].concat()).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let shown = meridian(&server, &["release", "show", "checkout", "1.1.0"]).await;
    assert!(shown.stdout.contains("feature: pay by card"), "{shown:?}");
    let both = meridian(&server, &[&create[..], &["--notes-from", "HEAD", "--notes", "x"]].concat()).await;
    assert_eq!(both.exit, 2, "{both:?}");
}

#[tokio::test]
async fn a_release_shows_which_rollouts_took_it_where_and_how_they_ended() {
    let server = FakeServer::start().await;
    let rollout = sample::rollout();
    let release = Release {
        service: sample::service(),
        version: rollout.release.version.clone(),
        digest: rollout.release.digest,
        notes: Notes::of(vec![Note { kind: NoteKind::Fix, breaking: true, text: "keep the order".to_owned() }]),
        reversibility: Reversibility::Free,
        prepares: None,
    };
    server.put_release(&release);
    let mut other = rollout.clone();
    other.name.rollout = meridian_core::id::RolloutId::new("r-other").unwrap();
    other.release.version = "0.0.1".parse().unwrap();
    server.put_rollout(&rollout);
    server.put_rollout(&other);
    let version = release.version.to_string();
    let shown = meridian(&server, &["release", "show", "checkout", &version]).await;
    assert_eq!(shown.exit, 0, "{shown:?}");
    let line = shown.stdout.lines().find(|line| line.contains("r-1 ")).unwrap_or_else(|| panic!("{shown:?}"));
    assert!(line.contains(rollout.state.as_str()) && line.contains(rollout.lanes[0].region.as_str()), "{line}");
    assert!(!shown.stdout.contains("r-other") && shown.stdout.contains("fix, breaking: keep the order"), "{shown:?}");
    let json = meridian(&server, &["release", "show", "checkout", &version, "-o", "json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["status"]["rollouts"][0]["state"], rollout.state.as_str());
    assert_eq!(json["status"]["rollouts"].as_array().unwrap().len(), 1);
}
