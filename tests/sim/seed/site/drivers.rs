//! The drivers of a simulated region: the fakes of the drivers crate, slower, and watched. Every call that changes
//! something is held against the goal that is on the disk at that moment.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_core::agent::Action;
use meridian_core::observation::SlotSeen;
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};
use meridian_drivers::fake::{FakeTraffic, FakeWorkload};
use meridian_drivers::{
    DriverError, Route, RouteSeen, TrafficCapabilities, TrafficCounters, TrafficDriver, WorkloadCapabilities,
    WorkloadDriver, code,
};
use rand::RngExt;
use rand::rngs::StdRng;

use super::Site;

/// How drivers are late, and when they fail.
pub struct Weather {
    rng: Mutex<StdRng>,
}

impl Weather {
    /// Drawn from a seed of its own.
    pub fn new(rng: StdRng) -> Self {
        Self { rng: Mutex::new(rng) }
    }

    async fn wait(&self, from: u64, to: u64) {
        let millis = self.below(to - from + 1) + from;
        tokio::time::sleep(Duration::from_millis(millis)).await; // tidy: paced
    }

    /// A number below a limit.
    pub fn below(&self, limit: u64) -> u64 {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..limit)
    }
}

/// Slots of a site.
pub struct Workload {
    pub site: Site,
    pub fake: FakeWorkload,
}

/// The data plane of a site.
pub struct Traffic {
    pub site: Site,
    pub fake: FakeTraffic,
}

impl WorkloadDriver for Workload {
    fn capabilities(&self) -> WorkloadCapabilities {
        self.fake.capabilities()
    }

    fn start<'a>(
        &'a self,
        slot: Slot,
        release: &'a ReleaseRef,
        parameters: &'a Values,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            self.site.is_done(&Action::Start(slot, release.clone()));
            self.site.weather().wait(2, 40).await;
            if self.site.fails() {
                return Err(DriverError::passing(code::SLOT_NOT_STARTED, "the machine is busy"));
            }
            let started = self.fake.start(slot, release, parameters).await;
            self.site.comes_up(slot);
            started
        })
    }

    fn stop(&self, slot: Slot) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            self.site.is_done(&Action::Stop(slot));
            self.site.weather().wait(5, 120).await;
            self.site.still_may_stop(slot);
            self.fake.stop(slot).await
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Slots<Option<SlotSeen>>, DriverError>> {
        Box::pin(async move {
            self.site.weather().wait(0, 3).await;
            self.fake.look().await
        })
    }

    fn started_with(&self, slot: Slot) -> Option<Values> {
        self.fake.started_with(slot)
    }

    fn address(&self, slot: Slot) -> Option<SocketAddr> {
        self.fake.address(slot)
    }
}

impl TrafficDriver for Traffic {
    fn capabilities(&self) -> TrafficCapabilities {
        self.fake.capabilities()
    }

    fn entrance(&self) -> SocketAddr {
        self.fake.entrance()
    }

    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            self.site.is_routed(route);
            self.site.weather().wait(1, 15).await;
            if self.site.fails() {
                return Err(DriverError::passing(code::TRAFFIC_TIMEOUT, "the data plane is busy"));
            }
            let taken = self.fake.route(route).await;
            self.site.note_route(route, taken.is_ok());
            // The data plane has it, the answer is on its way.
            self.site.weather().wait(0, 10).await;
            taken
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>> {
        Box::pin(async move {
            self.site.weather().wait(0, 3).await;
            self.fake.look().await
        })
    }

    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>> {
        Box::pin(async move {
            if self.site.is_silent() {
                return Err(DriverError::passing(code::TRAFFIC_UNREADABLE, "the counters are silent"));
            }
            self.fake.counters().await
        })
    }

    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        self.fake.retire()
    }
}
