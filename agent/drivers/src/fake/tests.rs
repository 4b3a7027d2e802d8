//! The fake keeps the promises of the real ones, and breaks them on demand.

use std::time::Duration;

use futures::future::BoxFuture;
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use semver::Version;

use super::*;
use crate::conformance::clients::Answer;
use crate::conformance::traffic::TrafficBed;
use crate::conformance::workload::{BedReleases, WorkloadBed};
use crate::conformance::{traffic, workload};
use crate::detached::Identity;
use crate::error::code;
use crate::{TrafficDriver, WorkloadDriver};

struct Bed(FakeWorld);

impl TrafficBed for Bed {
    fn open(&self) -> BoxFuture<'_, Box<dyn TrafficDriver>> {
        Box::pin(async { Box::new(self.0.traffic()) as Box<dyn TrafficDriver> })
    }

    fn process(&self) -> Option<Identity> {
        None
    }

    fn ask<'a>(&'a self, _headers: &'a [(&'a str, &'a str)]) -> BoxFuture<'a, Option<Answer>> {
        Box::pin(async { None })
    }

    fn ask_plain(&self) -> BoxFuture<'_, Slot> {
        Box::pin(async { self.0.serve().unwrap() })
    }

    fn takes_new_targets(&self) -> bool {
        true
    }

    fn slack(&self) -> Duration {
        Duration::ZERO
    }
}

impl WorkloadBed for Bed {
    fn open(&self) -> BoxFuture<'_, Box<dyn WorkloadDriver>> {
        Box::pin(async { Box::new(self.0.workload()) as Box<dyn WorkloadDriver> })
    }

    fn releases(&self) -> BedReleases {
        let release = |name: &str| ReleaseRef { version: Version::new(1, 0, 0), digest: Digest::of(name.as_bytes()) };
        let releases = BedReleases {
            first: release("first"),
            second: release("second"),
            tampered: release("tampered"),
            missing: release("missing"),
        };
        self.0.provide(releases.first.digest);
        self.0.provide(releases.second.digest);
        self.0.provide_tampered(releases.tampered.digest);
        releases
    }

    fn process(&self, slot: Slot) -> Option<String> {
        self.0.process(slot).map(|process| process.number.to_string())
    }

    fn kill(&self, slot: Slot) {
        self.0.set_state(slot, SlotState::Failed);
    }
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_traffic_driver() {
    traffic::suite(&Bed(FakeWorld::new())).await;
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_workload_driver() {
    workload::suite(&Bed(FakeWorld::new())).await;
}

#[tokio::test]
async fn faults_come_in_order_and_end() {
    let world = FakeWorld::new();
    let (driver, release) = (world.workload(), Bed(FakeWorld::new()).releases().first);
    let error = DriverError::passing(code::SLOT_NOT_STARTED, "no");
    world.fail_next(Call::Start, Fault::Fail(error.clone()));
    world.fail_next(Call::Start, Fault::LoseAnswer(error.clone()));
    assert_eq!(driver.start(Slot::Blue, &release, &Values::new()).await, Err(error.clone()));
    assert_eq!(world.process(Slot::Blue), None);
    assert_eq!(driver.start(Slot::Blue, &release, &Values::new()).await, Err(error));
    assert!(world.process(Slot::Blue).is_some(), "done, but the answer was lost");
    assert_eq!(driver.start(Slot::Blue, &release, &Values::new()).await, Ok(()));
    world.fail_next(Call::LookAtSlots, Fault::Hang);
    let hanging = tokio::time::timeout(Duration::from_millis(1), driver.look()).await;
    assert!(hanging.is_err());
    assert!(driver.look().await.is_ok());
}

#[tokio::test]
async fn a_restarted_data_plane_counts_from_zero() {
    let world = FakeWorld::new();
    let driver = world.traffic();
    world.count(Slot::Blue, 5, 1);
    let before = driver.counters().await.unwrap();
    assert_eq!((before.slots.blue.requests, before.slots.blue.errors), (5, 1));
    world.restart_data_plane();
    let after = driver.counters().await.unwrap();
    assert_ne!(after.start_id, before.start_id);
    assert_eq!(after.slots.blue.requests, 0);
}
