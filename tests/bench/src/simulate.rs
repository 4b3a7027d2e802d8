//! How long `meridian simulate` takes for fifty regions to day 30: the shipped program, from its start to the end of its
//! output. The floor is the same program saying its version.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use meridian_harness::{ground, program};

use crate::row::Row;

const REGIONS: usize = 50;
const ROUNDS: usize = 11;
/// Clocks on both sides of the world.
const ZONES: [&str; 5] = ["Asia/Tokyo", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "America/Los_Angeles"];

/// Measures and prints the row.
pub async fn measure() -> anyhow::Result<()> {
    let folder = ground::folder()?;
    let manifests = folder.path().join("launch.yaml");
    std::fs::write(&manifests, launch()?).context("the manifests")?;
    let path = manifests.to_str().context("a folder of ours has a plain name")?.to_owned();
    // Nothing else of this process runs meanwhile, so that a thread may wait.
    let measured = tokio::task::spawn_blocking(move || {
        let program = program("meridian")?;
        let simulate = ["simulate", "-f", &path, "--from", "2026-11-30T03:00", "--fail", "r07@2", "-o", "json"];
        anyhow::Ok((median(&program, &["version"])?, median(&program, &simulate)?))
    });
    let (floor, ours) = measured.await??;
    let what = format!("simulate, {REGIONS} regions to day 30 and one failure, -o json; floor: the program's version");
    let seconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (floor, ours) = (seconds(floor), seconds(ours));
    Row { id: "P13", floor, ours, unit: "ms", target: "1s".to_owned(), what }.print();
    Ok(())
}

fn median(program: &Path, arguments: &[&str]) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let ran = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        times.push(began.elapsed());
        ensure!(ran.status.success() && !ran.stdout.is_empty(), "`meridian {}` came to {}", arguments[0], ran.status);
    }
    times.sort();
    Ok(times[ROUNDS / 2])
}

/// A canary of three steps in growing waves, in every region's own office hours, with reviews to day 30.
fn launch() -> anyhow::Result<String> {
    let mut text = String::from(
        "apiVersion: meridian.dev/v1
kind: Playbook
metadata: {name: sunwards}
spec:
  stages:
    - kind: production
      waves:
        - name: all
          regions: rest
          spread: {first: 1, factor: 2, order: low-traffic}
          maxParallel: 10
          steps: [{weight: 5%, bake: 30m}, {weight: 25%, bake: 30m}, {weight: 100%, bake: 30m}]
          soak: 1h
  windows:
    - {name: office, cron: 0 9 * * MON-FRI, duration: 8h}
  evidence:
    checks: [{name: errors, errorRatio: {max: 1%}, sampleMin: 100}]
",
    );
    for (version, digit) in [("1.0.0", "1"), ("1.1.0", "2")] {
        let digest = digit.repeat(64);
        write!(
            text,
            "---\napiVersion: meridian.dev/v1\nkind: Release\nspec: {{service: checkout, version: {version}, digest: 'sha256:{digest}'}}\n"
        )?;
    }
    for number in 0..REGIONS {
        let (zone, share) = (ZONES[number % ZONES.len()], number + 1);
        write!(
            text,
            "---\napiVersion: meridian.dev/v1\nkind: Region\nmetadata: {{name: r{number:02}, labels: {{time-zone: {zone}}}}}\nspec: {{trafficShare: {share}}}\n"
        )?;
    }
    Ok(text)
}
