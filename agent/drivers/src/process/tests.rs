//! The process driver with the sample service and with scripts that misbehave.

use std::path::PathBuf;

use meridian_core::digest::Digest;
use meridian_core::observation::SlotState;
use semver::Version;

use super::*;
use crate::conformance::workload::{BedReleases, WorkloadBed, suite};
use crate::conformance::{Sweep, eventually, kill_hard, marked_process, program};
use crate::error::code;

struct Bed {
    // Before the folder: it reads the records there.
    _sweep: Sweep,
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("artifacts")).unwrap();
        let sweep = Sweep(Slot::BOTH.map(|slot| record_file(folder.path(), slot)).to_vec());
        Self { folder, _sweep: sweep }
    }

    /// Writes an artifact under the digest of other bytes, if they are other.
    fn artifact(&self, version: u64, text: &str, digest_of: &str) -> ReleaseRef {
        let digest = Digest::of(digest_of.as_bytes());
        std::fs::write(self.folder.path().join("artifacts").join(digest.hex()), text).unwrap();
        ReleaseRef { version: Version::new(1, version, 0), digest }
    }

    fn config(&self, command: &[&str]) -> ProcessConfig {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let mut config =
            ProcessConfig::new(self.folder.path().join("slots"), self.folder.path().join("artifacts"), command);
        config.restart_backoff_ms = 100;
        config
    }

    fn sample_config(&self) -> ProcessConfig {
        let sample = program("skyoptima");
        self.config(&[sample.to_str().unwrap(), "--listen", "{address}", "--artifact", "{artifact}"])
    }

    fn sample(&self, version: u64, start_ms: u64) -> ReleaseRef {
        let text = format!(
            r#"{{"name":"skyoptima","version":"1.{version}.0","error_ratio":0,"latency_ms":0,"start_ms":{start_ms},"unready_after_ms":null}}"#
        );
        self.artifact(version, &text, &text)
    }

    fn identity(&self, slot: Slot) -> Option<crate::detached::Identity> {
        marked_process(&record_file(self.folder.path(), slot)).filter(crate::detached::Identity::is_alive)
    }
}

fn record_file(folder: &std::path::Path, slot: Slot) -> PathBuf {
    folder.join("slots").join(slot.as_str()).join("slot.json")
}

impl WorkloadBed for Bed {
    fn open(&self) -> BoxFuture<'_, Box<dyn WorkloadDriver>> {
        Box::pin(async {
            let driver = ProcessWorkload::open(self.sample_config()).await.unwrap();
            Box::new(driver) as Box<dyn WorkloadDriver>
        })
    }

    fn releases(&self) -> BedReleases {
        BedReleases {
            first: self.sample(0, 30),
            second: self.sample(1, 0),
            tampered: self.artifact(2, "tampered", "original"),
            missing: ReleaseRef { version: Version::new(1, 3, 0), digest: Digest::of(b"missing") },
        }
    }

    fn process(&self, slot: Slot) -> Option<String> {
        self.identity(slot).map(|process| process.start_id())
    }

    fn kill(&self, slot: Slot) {
        kill_hard(&self.identity(slot).unwrap());
    }
}

async fn state(driver: &ProcessWorkload, slot: Slot) -> Option<SlotState> {
    driver.look().await.unwrap().get(slot).map(|seen| seen.state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_a_workload_driver() {
    suite(&Bed::new()).await;
}

#[tokio::test]
async fn a_release_that_never_answers_is_starting_and_then_failed() {
    let bed = Bed::new();
    let release = bed.artifact(0, "x", "x");
    let mut config = bed.config(&["sleep", "60"]);
    let driver = ProcessWorkload::open(config.clone()).await.unwrap();
    driver.start(Slot::Blue, &release, &Values::new()).await.unwrap();
    assert_eq!(state(&driver, Slot::Blue).await, Some(SlotState::Starting));
    config.ready_timeout_ms = 0;
    let driver = ProcessWorkload::open(config).await.unwrap();
    assert_eq!(state(&driver, Slot::Blue).await, Some(SlotState::Failed));
    driver.stop(Slot::Blue).await.unwrap();
    assert_eq!(bed.identity(Slot::Blue), None);
}

#[tokio::test]
async fn a_release_is_started_with_its_parameters_and_no_others() {
    let bed = Bed::new();
    let release = bed.artifact(0, "x", "x");
    let config = bed.config(&["sh", "-c", "env > seen.new && mv seen.new seen && exec sleep 60"]);
    let driver = ProcessWorkload::open(config.clone()).await.unwrap();
    let values = |value: &str| Values::from([("DB_HOST".to_owned(), value.to_owned())]);
    driver.start(Slot::Blue, &release, &values("db.eu")).await.unwrap();
    let seen = bed.folder.path().join("slots/blue/seen");
    let text = eventually("its environment is told", async || std::fs::read_to_string(&seen).ok()).await;
    assert!(text.lines().any(|line| line == "DB_HOST=db.eu"), "{text}");
    assert_eq!(driver.started_with(Slot::Blue), Some(values("db.eu")));
    // The next agent knows it too, and does not take it for something else.
    let next = ProcessWorkload::open(config).await.unwrap();
    assert_eq!((next.started_with(Slot::Blue), next.started_with(Slot::Green)), (Some(values("db.eu")), None));
    next.start(Slot::Blue, &release, &values("db.eu")).await.unwrap();
    let error = next.start(Slot::Blue, &release, &values("db.us")).await.unwrap_err();
    assert_eq!(error.code(), code::SLOT_OCCUPIED);
    next.stop(Slot::Blue).await.unwrap();
}

#[tokio::test]
async fn a_release_that_was_ready_and_is_not_any_more_is_unready_for_the_next_agent_too() {
    let bed = Bed::new();
    let text =
        r#"{"name":"skyoptima","version":"1.0.0","error_ratio":0,"latency_ms":0,"start_ms":0,"unready_after_ms":300}"#;
    let release = bed.artifact(0, text, text);
    let driver = ProcessWorkload::open(bed.sample_config()).await.unwrap();
    driver.start(Slot::Green, &release, &Values::new()).await.unwrap();
    for wanted in [SlotState::Ready, SlotState::Unready] {
        eventually("the state follows the check", async || {
            (state(&driver, Slot::Green).await == Some(wanted)).then_some(())
        })
        .await;
    }
    let next = ProcessWorkload::open(bed.sample_config()).await.unwrap();
    assert_eq!(state(&next, Slot::Green).await, Some(SlotState::Unready));
    next.stop(Slot::Green).await.unwrap();
}

#[tokio::test]
async fn a_release_that_ends_at_once_is_started_again_with_growing_waits() {
    let bed = Bed::new();
    let release = bed.artifact(0, "x", "x");
    let driver = ProcessWorkload::open(bed.config(&["false"])).await.unwrap();
    driver.start(Slot::Blue, &release, &Values::new()).await.unwrap();
    eventually("the end is seen", async || (state(&driver, Slot::Blue).await == Some(SlotState::Failed)).then_some(()))
        .await;
    let error = driver.start(Slot::Blue, &release, &Values::new()).await.unwrap_err();
    assert_eq!((error.code(), error.is_permanent()), (code::SLOT_BACKOFF, false));
    assert!(error.message().contains("ended 1 times"), "{error}");
    eventually("the second start", async || driver.start(Slot::Blue, &release, &Values::new()).await.ok()).await;
    eventually("the second wait", async || {
        let error = driver.start(Slot::Blue, &release, &Values::new()).await.err()?;
        error.message().contains("ended 2 times").then_some(())
    })
    .await;
    // Another release need not wait for the faults of the first.
    driver.start(Slot::Blue, &bed.artifact(1, "y", "y"), &Values::new()).await.unwrap();
    driver.stop(Slot::Blue).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_permanent_trouble() {
    let bed = Bed::new();
    let release = bed.artifact(0, "x", "x");
    let driver = ProcessWorkload::open(bed.config(&["/nowhere/at/all"])).await.unwrap();
    let error = driver.start(Slot::Blue, &release, &Values::new()).await.unwrap_err();
    assert_eq!((error.code(), error.is_permanent()), (code::SLOT_NOT_STARTED, true), "{error}");
    assert_eq!(state(&driver, Slot::Blue).await, None);
    let unknown = ProcessWorkload::open(bed.config(&["x", "{prot}"])).await.unwrap_err();
    assert_eq!(unknown.code(), code::DRIVER_CONFIG);
}

#[tokio::test]
async fn a_fixed_port_that_somebody_has_is_not_started_into() {
    let bed = Bed::new();
    let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = bed.config(&["sleep", "60"]);
    config.ports.blue = somebody.local_addr().unwrap().port();
    let driver = ProcessWorkload::open(config).await.unwrap();
    let error = driver.start(Slot::Blue, &bed.artifact(0, "x", "x"), &Values::new()).await.unwrap_err();
    assert_eq!((error.code(), error.is_permanent()), (code::PORT_TAKEN, false), "{error}");
}

#[tokio::test]
async fn a_stop_that_was_cut_short_is_finished_by_the_next_start() {
    let bed = Bed::new();
    let mut config = bed.config(&["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]);
    config.stop_grace_ms = 300;
    let (first, second) = (bed.artifact(0, "x", "x"), bed.artifact(1, "y", "y"));
    let driver = ProcessWorkload::open(config.clone()).await.unwrap();
    driver.start(Slot::Blue, &first, &Values::new()).await.unwrap();
    let process = bed.identity(Slot::Blue).unwrap();
    {
        let mut stopping = driver.stop(Slot::Blue);
        eventually("it is told to stop", async || {
            let _pending = futures::poll!(&mut stopping);
            (state(&driver, Slot::Blue).await == Some(SlotState::Stopping)).then_some(())
        })
        .await;
    }
    drop(driver);
    let next = ProcessWorkload::open(config).await.unwrap();
    next.start(Slot::Blue, &second, &Values::new()).await.unwrap();
    assert!(!process.is_alive());
    assert_eq!(next.look().await.unwrap().blue.map(|seen| seen.digest), Some(second.digest));
    next.stop(Slot::Blue).await.unwrap();
}
