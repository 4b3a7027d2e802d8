//! Three minutes of faults on the shipped programs, as `make robustness` does them; and what a run leaves when it is killed.
//! Needs root and network namespaces: elsewhere it says so and proves nothing.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;

use meridian_robustness::ground::{Ground, missing, sweep};

/// Whether there is anything to be proved here; says so if not.
fn possible() -> bool {
    if let Some(why) = missing() {
        eprintln!("SKIPPED: {why}");
        return false;
    }
    true
}

#[test]
fn three_minutes_of_faults_break_no_promise() {
    if !possible() {
        return;
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_meridian-robustness")).args(["storm", "--minutes", "3"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    let good = last.starts_with("robustness minutes=3 ") && last.ends_with(" violations=0 stuck=0 live_slot_gaps=0");
    assert!(output.status.success() && good, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("never done:"), "an empty cell: {said}");
}

#[test]
fn what_a_killed_run_leaves_is_cleared() {
    if !possible() {
        return;
    }
    // A keeper that is no more: its child's pid was given to nobody since.
    let mut gone = Command::new("true").spawn().unwrap();
    let run = format!("mer-rob-{}", gone.id());
    gone.wait().unwrap();
    let ground = Ground::lay(&run).unwrap();
    let node = ground.node("a1", 31).unwrap();
    let folder = Path::new("/tmp").join(&run);
    std::fs::create_dir_all(&folder).unwrap();
    let mut left = node.command(Path::new("sleep")).unwrap().arg("600").spawn().unwrap();
    let mut outlived = Command::new("sleep").arg("600").current_dir(&folder).spawn().unwrap();
    let pids = (left.id(), outlived.id());
    sweep();
    assert!(!left.wait().unwrap().success() && !outlived.wait().unwrap().success(), "{pids:?} were ended");
    assert!(!folder.exists());
    let names = std::fs::read_dir("/run/netns").unwrap().flatten();
    assert!(!names.into_iter().any(|name| name.file_name().to_string_lossy().starts_with(&run)));
}
