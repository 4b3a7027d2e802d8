//! Detached processes against the real kernel.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::conformance::eventually;

fn shell(script: &str, folder: &Path) -> Launch {
    Launch {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: inherited(["PATH"]),
        folder: folder.to_owned(),
        log: folder.join("out.log"),
    }
}

#[tokio::test]
async fn a_process_is_found_by_its_token_and_ends_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mut mark = Mark::fresh();
    assert_eq!(mark.find(), None);
    // Deaf to SIGTERM, with a child in the group.
    let launch = shell("trap '' TERM; sleep 60 & echo $!; wait", folder.path());
    let (child, process) = launch.start(&mark.token).unwrap();
    // The kernel shows an environment a moment after it has let the parent go on.
    let found = eventually("found without knowing its pid", async || mark.find()).await;
    assert_eq!(found, process);
    mark.process = Some(process.clone());
    drop(child);
    assert!(process.is_alive(), "dropping the child ends nothing");
    let log = folder.path().join("out.log");
    let inner: i32 = loop {
        let text = std::fs::read_to_string(&log).unwrap();
        if let Some(line) = text.lines().next() {
            break line.parse().unwrap();
        }
        tokio::task::yield_now().await;
    };
    let inner = Identity::of(inner).unwrap();
    assert!(end(&process, Duration::from_millis(50)).await);
    assert!(!process.is_alive() && !inner.is_alive());
    assert_eq!(mark.find(), None);
}

#[tokio::test]
async fn a_polite_process_is_not_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let (mut child, process) = shell(script, folder.path()).start("t").unwrap();
    let log = folder.path().join("out.log");
    while !std::fs::read_to_string(&log).unwrap().contains("up") {
        tokio::task::yield_now().await;
    }
    assert!(end(&process, Duration::from_secs(10)).await);
    assert!(std::fs::read_to_string(&log).unwrap().contains("bye"));
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[test]
fn a_full_log_is_emptied_and_its_end_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("x.log");
    bound_log(&log, 10).unwrap();
    std::fs::write(&log, "0123456789").unwrap();
    bound_log(&log, 10).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "0123456789");
    std::fs::write(&log, "0123456789abc").unwrap();
    bound_log(&log, 10).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
    assert_eq!(std::fs::read_to_string(folder.path().join("x.log.1")).unwrap(), "3456789abc");
}
