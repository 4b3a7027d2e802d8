//! The five minutes by hand of the README, as they are written there: each of its commands is run, in its order, in network
//! and process namespaces of their own, because it has ports of its own. Where none can be made it says so and proves
//! nothing.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use meridian_harness::process::program;

/// New namespaces, with a loopback; whoever is in them ends with the first process.
const APART: [&str; 7] = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "bash"];

/// What is no command of the tour but waits for what a person would see, or for the end of it.
const PRELUDE: &str = "set -eu
ip link set lo up
export USER=anna
until_so() { for _ in $(seq 150); do if eval \"$1\" > seen.txt 2>&1; then return 0; fi; sleep 0.2; done; cat seen.txt *.log; echo \"never: $1\"; exit 1; }
ends() { code=0; timeout 600 meridian rollout status skyoptima --wait \"${@:2}\" > seen.txt 2>&1 || code=$?; [ $code = $1 ] || { cat seen.txt; echo \"ended with $code, not $1\"; exit 1; }; }
";

/// The commands of the tour, in their order.
fn commands(readme: &str) -> Vec<&str> {
    let (_, tour) = readme.split_once("## Five minutes by hand").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    tour.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// The tour as one script: what a person gives a terminal of its own goes on beside the rest.
fn script(commands: &[&str]) -> String {
    let mut script = PRELUDE.to_owned();
    for (index, command) in commands.iter().enumerate() {
        let mut say = |line: &str| writeln!(script, "{line}").unwrap();
        if command.starts_with("cargo build") {
            continue;
        }
        say(&format!("echo \"${{SECONDS}} s\" {}", quoted(&format!("$ {command}"))));
        let has_its_own =
            ["meridian-server ", "meridian-agent ", "while "].iter().any(|word| command.starts_with(word));
        let is_followed = command.contains("--playbook wave-by-wave --watch");
        if has_its_own || is_followed {
            say(&format!("( {command} ) > {index}.log 2>&1 &"));
        } else {
            say(command);
        }
        if command.starts_with("meridian-server ") {
            say("until_so 'meridian get services'");
        } else if command.contains("agent-ap-south") {
            say("until_so '[ $(meridian get regions -o name | wc -l) = 3 ]'");
        } else if is_followed {
            // Started, and then switched everywhere under the traffic of the tour.
            say("until_so 'meridian rollout list skyoptima | grep 1.1.0'");
            say("ends 0 --until switched");
        } else if command.contains("rollout rollback") {
            say("ends 10");
        }
    }
    // What the tour says of the third release.
    script += "meridian rollout start skyoptima --release 1.2.0 --playbook wave-by-wave\nends 10\ngrep -q VOTES seen.txt\necho toured\n";
    script
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn the_readmes_tour_is_as_it_says() {
    let apart = Command::new("unshare").args(APART).args(["-c", "ip link set lo up && curl --version"]).output();
    if !apart.is_ok_and(|tried| tried.status.success()) {
        eprintln!("SKIPPED: `unshare`, `ip`, `curl` and root are needed for the tour");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let commands = commands(&readme);
    assert!(commands.len() > 10, "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("deploy"), folder.path().join("deploy")).unwrap();
    let programs = program("meridian").unwrap();
    let path = format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    let mut toured = Command::new("unshare");
    toured.args(APART).args(["-c", &script(&commands)]).current_dir(folder.path()).env("PATH", path);
    let toured = toured.stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&toured.stdout), String::from_utf8_lossy(&toured.stderr));
    println!("{said}");
    assert!(toured.status.success() && said.contains("toured"), "{said}");
}
