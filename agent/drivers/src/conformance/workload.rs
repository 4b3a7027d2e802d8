//! The suite of workload drivers. It knows the contract; a bed knows the driver.

use futures::future::BoxFuture;
use meridian_core::observation::{SlotSeen, SlotState};
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};

use super::eventually;
use crate::error::code;
use crate::workload::WorkloadDriver;

/// The releases that a bed provides.
#[derive(Clone, Debug)]
pub struct BedReleases {
    /// Becomes ready.
    pub first: ReleaseRef,
    /// Becomes ready too.
    pub second: ReleaseRef,
    /// Its artifact holds other bytes.
    pub tampered: ReleaseRef,
    /// It has no artifact.
    pub missing: ReleaseRef,
}

/// A driver and how to reach what it drives.
pub trait WorkloadBed: Send + Sync {
    /// Opens the driver, the first time or again.
    fn open(&self) -> BoxFuture<'_, Box<dyn WorkloadDriver>>;
    /// What it provides.
    fn releases(&self) -> BedReleases;
    /// Tells processes apart; `None` when none is alive in the slot.
    fn process(&self, slot: Slot) -> Option<String>;
    /// Ends the process in a slot, as an accident would.
    fn kill(&self, slot: Slot);
}

/// Everything that a workload driver promises. Ends with both slots empty.
///
/// # Panics
/// At the first promise that is broken.
pub async fn suite(bed: &dyn WorkloadBed) {
    let releases = bed.releases();
    let driver = bed.open().await;
    begins_empty(&*driver).await;
    starts_once(bed, &*driver, &releases).await;
    refuses_bytes(&*driver, &releases).await;
    drop(driver);
    let driver = is_adopted(bed, &releases).await;
    comes_back(bed, &*driver, &releases).await;
    stops(bed, &*driver, &releases).await;
}

async fn begins_empty(driver: &dyn WorkloadDriver) {
    assert_eq!(driver.look().await, Ok(Slots { blue: None, green: None }));
    driver.stop(Slot::Blue).await.expect("an empty slot can be stopped");
    assert_eq!(driver.address(Slot::Blue), None);
}

async fn starts_once(bed: &dyn WorkloadBed, driver: &dyn WorkloadDriver, releases: &BedReleases) {
    driver.start(Slot::Blue, &releases.first, &Values::new()).await.expect("it starts");
    is_ready(driver, Slot::Blue, &releases.first).await;
    let process = bed.process(Slot::Blue);
    assert!(process.is_some());
    driver.start(Slot::Blue, &releases.first, &Values::new()).await.expect("starting again is fine");
    assert_eq!(bed.process(Slot::Blue), process, "the same process");
    let error = driver.start(Slot::Blue, &releases.second, &Values::new()).await.expect_err("blue is occupied");
    assert_eq!(error.code(), code::SLOT_OCCUPIED, "{error}");
    assert_eq!(bed.process(Slot::Blue), process, "what is up stays up");
}

async fn refuses_bytes(driver: &dyn WorkloadDriver, releases: &BedReleases) {
    let error = driver.start(Slot::Green, &releases.tampered, &Values::new()).await.expect_err("other bytes");
    assert_eq!((error.code(), error.is_permanent()), (code::DIGEST_MISMATCH, true), "{error}");
    let error = driver.start(Slot::Green, &releases.missing, &Values::new()).await.expect_err("no artifact");
    assert_eq!((error.code(), error.is_permanent()), (code::ARTIFACT_MISSING, false), "{error}");
    assert_eq!(driver.look().await.map(|slots| slots.green), Ok(None), "nothing was started");
    driver.start(Slot::Green, &releases.second, &Values::new()).await.expect("it starts");
    is_ready(driver, Slot::Green, &releases.second).await;
    assert_ne!(driver.address(Slot::Blue), driver.address(Slot::Green));
}

/// An agent ends and another one comes.
async fn is_adopted(bed: &dyn WorkloadBed, releases: &BedReleases) -> Box<dyn WorkloadDriver> {
    let processes = Slot::BOTH.map(|slot| bed.process(slot));
    assert!(processes.iter().all(Option::is_some), "dropping a driver stops nothing");
    let driver = bed.open().await;
    let up = |release: &ReleaseRef| Some(SlotSeen { digest: release.digest, state: SlotState::Ready });
    let expected = Slots { blue: up(&releases.first), green: up(&releases.second) };
    assert_eq!(driver.look().await, Ok(expected), "what runs is found again");
    driver.start(Slot::Blue, &releases.first, &Values::new()).await.expect("starting again is fine");
    assert_eq!(Slot::BOTH.map(|slot| bed.process(slot)), processes, "the same processes");
    driver
}

async fn comes_back(bed: &dyn WorkloadBed, driver: &dyn WorkloadDriver, releases: &BedReleases) {
    let (process, address) = (bed.process(Slot::Blue), driver.address(Slot::Blue));
    bed.kill(Slot::Blue);
    let failed = SlotSeen { digest: releases.first.digest, state: SlotState::Failed };
    eventually("the end is seen", async || {
        let seen = driver.look().await.expect("slots can be read");
        (seen.blue == Some(failed)).then_some(())
    })
    .await;
    eventually("it starts again after the backoff", async || {
        match driver.start(Slot::Blue, &releases.first, &Values::new()).await {
            Ok(()) => Some(()),
            Err(error) => {
                assert_eq!((error.code(), error.is_permanent()), (code::SLOT_BACKOFF, false), "{error}");
                None
            }
        }
    })
    .await;
    is_ready(driver, Slot::Blue, &releases.first).await;
    assert_ne!(bed.process(Slot::Blue), process, "a new process");
    assert_eq!(driver.address(Slot::Blue), address, "at the same address");
}

async fn stops(bed: &dyn WorkloadBed, driver: &dyn WorkloadDriver, releases: &BedReleases) {
    driver.stop(Slot::Green).await.expect("it stops");
    assert_eq!(bed.process(Slot::Green), None);
    driver.stop(Slot::Green).await.expect("stopping again is fine");
    let seen = driver.look().await.expect("slots can be read");
    assert_eq!((seen.green, seen.blue.is_some()), (None, true), "only green was stopped");
    driver.start(Slot::Green, &releases.first, &Values::new()).await.expect("an empty slot takes any release");
    is_ready(driver, Slot::Green, &releases.first).await;
    for slot in Slot::BOTH {
        driver.stop(slot).await.expect("it stops");
        assert_eq!(bed.process(slot), None);
    }
    assert_eq!(driver.look().await, Ok(Slots { blue: None, green: None }));
}

async fn is_ready(driver: &dyn WorkloadDriver, slot: Slot, release: &ReleaseRef) {
    let ready = Some(SlotSeen { digest: release.digest, state: SlotState::Ready });
    eventually("it becomes ready", async || {
        let seen = *driver.look().await.expect("slots can be read").get(slot);
        assert!(seen.is_some_and(|seen| seen.state != SlotState::Failed), "{slot}: {seen:?}");
        (seen == ready).then_some(())
    })
    .await;
}
