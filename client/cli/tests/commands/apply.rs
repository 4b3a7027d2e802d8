//! `apply`, `diff`, `lint`, `release create`: manifests on their way to the server.

use meridian_client::RefusalKind;
use meridian_client::fake::FakeServer;
use meridian_core::digest::Digest;

use crate::run::{Reader, meridian, with};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/skyoptima/manifests");

const SERVICE: &str =
    "apiVersion: meridian.dev/v1\nkind: Service\nmetadata: {name: a}\nspec: {description: one, owner: shop}\n";

#[tokio::test]
async fn what_is_applied_is_created_then_unchanged_then_changed() {
    let server = FakeServer::start().await;
    let first = meridian(&server, &["apply", "-f", EXAMPLES]).await;
    assert_eq!(first.exit, 0, "{first:?}");
    let lines: Vec<_> = first.stdout.lines().collect();
    assert_eq!(lines[0], "service/skyoptima created");
    assert!(lines.contains(&"region/eu-west created") && lines.contains(&"release/skyoptima/1.0.0 created"));
    let ids: std::collections::BTreeSet<_> = server.seen().into_iter().map(|call| call.request_id).collect();
    // One for each change, and the empty one of reads.
    assert_eq!(ids.len(), lines.len() + 1);
    let again = meridian(&server, &["apply", "-f", EXAMPLES]).await;
    assert!(again.stdout.lines().all(|line| line.ends_with(" unchanged")), "{again:?}");
    let changed = with(&server.address(), &["apply", "-f", "-"], SERVICE, Reader::Program).await;
    assert_eq!(changed.stdout, "service/a created\n");
    let manifest = SERVICE.replace("one", "two");
    let changed = with(&server.address(), &["apply", "-f", "-", "-o", "jsonl"], &manifest, Reader::Program).await;
    assert_eq!(changed.stdout, "{\"effect\":\"changed\",\"name\":\"service/a\"}\n");
}

#[tokio::test]
async fn dry_runs_change_nothing() {
    let server = FakeServer::start().await;
    let here = with("http://127.0.0.1:9", &["apply", "-f", "-", "--dry-run=client"], SERVICE, Reader::Program).await;
    assert_eq!((here.exit, here.stdout.as_str()), (0, "service/a valid (dry run)\n"));
    let there = with(&server.address(), &["apply", "-f", "-", "--dry-run=server"], SERVICE, Reader::Program).await;
    assert_eq!(there.stdout, "service/a created (dry run on the server)\n");
    assert_eq!(meridian(&server, &["get", "service/a"]).await.exit, 3);
}

#[tokio::test]
async fn refused_manifests_end_with_six_here_and_there() {
    let server = FakeServer::start().await;
    let bad = SERVICE.replace("owner", "ownr");
    for command in ["apply", "lint"] {
        let ran = with(&server.address(), &[command, "-f", "-"], &bad, Reader::Program).await;
        assert_eq!(ran.exit, 6, "{ran:?}");
        assert!(ran.stderr.starts_with("<stdin>:4:"), "{ran:?}");
    }
    assert_eq!(server.seen(), []);
    let json = with(&server.address(), &["lint", "-f", "-", "-o", "json"], &bad, Reader::Program).await;
    let errors: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.exit, errors[0]["line"].as_u64()), (6, Some(4)));
    server.refuse_next([(RefusalKind::NotFound, "NOT_FOUND"), (RefusalKind::Invalid, "INVALID_MANIFEST")]);
    let ran = with(&server.address(), &["apply", "-f", "-"], SERVICE, Reader::Program).await;
    assert_eq!(ran.exit, 6);
    assert!(ran.stderr.contains("<stdin>:1") && ran.stderr.contains("stages[0]: has no waves"), "{ran:?}");
}

#[tokio::test]
async fn diff_tells_same_from_different_from_broken() {
    let server = FakeServer::start().await;
    with(&server.address(), &["apply", "-f", "-"], SERVICE, Reader::Program).await;
    let same = with(&server.address(), &["diff", "-f", "-"], SERVICE, Reader::Program).await;
    assert_eq!((same.exit, same.stdout.as_str()), (0, ""));
    let manifest = SERVICE.replace("one", "two");
    let other = with(&server.address(), &["diff", "-f", "-"], &manifest, Reader::Program).await;
    assert_eq!(other.exit, 1);
    assert!(other.stdout.contains("-  description: one\n+  description: two\n"), "{other:?}");
    let broken = with(&server.address(), &["diff", "-f", "-"], "kind: No", Reader::Program).await;
    assert_eq!(broken.exit, 2);
    let lost = with("http://127.0.0.1:9", &["diff", "-f", "-", "--timeout", "1s"], SERVICE, Reader::Program).await;
    assert_eq!(lost.exit, 2);
}

#[tokio::test]
async fn releases_are_pinned_by_what_is_in_them() {
    let server = FakeServer::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "artifact").unwrap();
    let digest = Digest::of(b"artifact").to_string();
    let path = file.path().to_str().unwrap();
    let create = |version: &'static str| ["release", "create", "--service", "a", "--version", version];
    let hashed = [&create("1.0.0")[..], &["--artifact", path]].concat();
    let ran = meridian(&server, &hashed).await;
    assert_eq!(ran.stdout, format!("release/a/1.0.0 created ({digest})\n"));
    let again = [&create("1.0.0")[..], &["--digest", &digest]].concat();
    assert_eq!(meridian(&server, &again).await.exit, 0);
    let other = Digest::of(b"other").to_string();
    let ran = meridian(&server, &[&create("1.0.0")[..], &["--digest", &other]].concat()).await;
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert!(ran.stderr.contains("RELEASE_IMMUTABLE"));
    for wrong in [
        [&create("1.0")[..], &["--digest", &digest]].concat(),
        [&create("1.0.1")[..], &["--digest", "latest"]].concat(),
        create("1.0.1").to_vec(),
    ] {
        assert_eq!(meridian(&server, &wrong).await.exit, 2, "{wrong:?}");
    }
    let list = meridian(&server, &["get", "releases", "--service", "a", "-o", "name"]).await;
    assert_eq!(list.stdout, "services/a/releases/1.0.0\n");
}
