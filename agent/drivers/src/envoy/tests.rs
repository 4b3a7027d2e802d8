//! The Envoy driver against a real Envoy. Without one (`cargo xtask tools envoy` gets it) these tests fail and say so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::weight::Split;

use super::*;
use crate::conformance::backend::Backend;
use crate::conformance::clients::{Answer, EntranceClient};
use crate::conformance::traffic::{TrafficBed, suite};
use crate::conformance::{Sweep, eventually, free_address, kill_hard, marked_process};
use crate::traffic::Origin;

struct Bed {
    // Before the folder: it reads the marks there.
    _sweep: Sweep,
    folder: tempfile::TempDir,
    entrance: SocketAddr,
    client: EntranceClient,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entrance = free_address();
        let sweep = Sweep(vec![folder.path().join("process.json")]);
        Self { folder, entrance, client: EntranceClient::new(entrance), _sweep: sweep }
    }

    fn config(&self) -> EnvoyConfig {
        let mut config = EnvoyConfig::new(self.folder.path(), "flights/eu-west", self.entrance);
        config.binary = Some(binary());
        config
    }

    async fn envoy(&self) -> EnvoyTraffic {
        EnvoyTraffic::open(self.config()).await.unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("envoy.log")).unwrap_or_default()
    }
}

fn binary() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let tools = root.join(".tools/bin/envoy");
    if tools.is_file() {
        return tools;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file());
    found.expect("no Envoy: cargo xtask tools envoy")
}

impl TrafficBed for Bed {
    fn open(&self) -> BoxFuture<'_, Box<dyn TrafficDriver>> {
        Box::pin(async { Box::new(self.envoy().await) as Box<dyn TrafficDriver> })
    }

    fn process(&self) -> Option<Identity> {
        marked_process(&self.folder.path().join("process.json"))
    }

    fn ask<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> BoxFuture<'a, Option<Answer>> {
        Box::pin(async { Some(self.client.ask(headers).await.unwrap()) })
    }

    fn ask_plain(&self) -> BoxFuture<'_, Slot> {
        Box::pin(async {
            let answer = self.client.ask(&[]).await.unwrap();
            answer.slot.unwrap_or_else(|| panic!("made on the way: {answer:?}\n{}", self.log()))
        })
    }

    fn takes_new_targets(&self) -> bool {
        true
    }

    fn slack(&self) -> Duration {
        Duration::ZERO
    }
}

fn route(counter: u64, slot: Slot, targets: Slots<Option<SocketAddr>>) -> Route {
    Route {
        epoch: Epoch::new(1, counter),
        origin: Origin::Goal,
        hash: Digest::of(&counter.to_le_bytes()),
        split: Split::all(slot),
        cohort: None,
        sticky: None,
        targets,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_a_traffic_driver() {
    suite(&Bed::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envoy_that_ends_comes_back_with_the_last_route() {
    let (bed, blue) = (Bed::new(), Backend::start(Slot::Blue).await);
    let driver = bed.envoy().await;
    let targets = Slots { blue: Some(blue.address), green: None };
    driver.route(&route(1, Slot::Blue, targets)).await.unwrap();
    let (process, counters) = (bed.process().unwrap(), driver.counters().await.unwrap());
    kill_hard(&process);
    eventually("Envoy serves again", async || bed.client.ask(&[]).await.ok()?.slot).await;
    assert_ne!(bed.process(), Some(process));
    assert_eq!(driver.look().await.unwrap(), Some(RouteSeen::of(&route(1, Slot::Blue, targets))));
    assert_ne!(driver.counters().await.unwrap().start_id, counters.start_id);
    driver.route(&route(2, Slot::Blue, targets)).await.unwrap();
    driver.retire().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_envoy_is_a_passing_trouble() {
    let bed = Bed::new();
    let mut config = bed.config();
    // Alive, but it connects to nobody.
    let silent = bed.folder.path().join("silent");
    std::fs::write(&silent, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&silent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    config.binary = Some(silent);
    config.ack_timeout_ms = 50;
    let driver = EnvoyTraffic::open(config).await.unwrap();
    let targets = Slots { blue: Some(bed.entrance), green: None };
    let error = driver.route(&route(1, Slot::Blue, targets)).await.unwrap_err();
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_TIMEOUT, false), "{error}");
    assert_eq!(driver.look().await.unwrap_err().code(), code::TRAFFIC_UNREACHABLE);
    driver.retire().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_worker_is_asked_and_no_request_meets_an_older_route() {
    const WORKERS: u32 = 3;
    let (bed, blue, green) = (Bed::new(), Backend::start(Slot::Blue).await, Backend::start(Slot::Green).await);
    let mut config = bed.config();
    config.concurrency = WORKERS;
    let driver = EnvoyTraffic::open(config).await.unwrap();
    let targets = Slots { blue: Some(blue.address), green: Some(green.address) };
    for counter in 1..=20 {
        let slot = if counter % 2 == 0 { Slot::Blue } else { Slot::Green };
        driver.route(&route(counter, slot, targets)).await.unwrap();
        // New connections, so that more than one worker answers.
        for _ in 0..4 {
            assert_eq!(EntranceClient::new(bed.entrance).ask(&[]).await.unwrap().slot, Some(slot));
        }
    }
    let admin = bed.folder.path().join("admin.sock");
    assert_eq!(admin::probe_connections(&admin).await.unwrap(), [1; WORKERS as usize]);
    driver.retire().await.unwrap();
}
