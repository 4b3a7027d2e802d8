//! Drivers in memory, for tests: a world of two slots and a data plane, with faults on demand. The world outlives its
//! drivers, as a real one does. It knows no time: nothing becomes ready or fails unless the test says so.

mod traffic;
mod workload;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meridian_core::digest::Digest;
use meridian_core::observation::SlotState;
use meridian_core::plan::parameters::Values;
use meridian_core::slot::{Slot, Slots};

pub use traffic::FakeTraffic;
pub use workload::FakeWorkload;

use crate::error::DriverError;
use crate::traffic::{Route, SlotCounters};

/// What can be made to fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Call {
    /// [`crate::WorkloadDriver::start`].
    Start,
    /// [`crate::WorkloadDriver::stop`].
    Stop,
    /// [`crate::WorkloadDriver::look`].
    LookAtSlots,
    /// [`crate::TrafficDriver::route`].
    Route,
    /// [`crate::TrafficDriver::look`].
    LookAtTraffic,
    /// [`crate::TrafficDriver::counters`].
    Counters,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// With this error, nothing changed.
    Fail(DriverError),
    /// The work is done, but the answer is lost: this error comes instead.
    LoseAnswer(DriverError),
    /// Never: the caller's deadline has to pass. Nothing changes.
    Hang,
}

/// What runs in a slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FakeProcess {
    /// Counts starts in this world: another number is another process.
    pub number: u64,
    /// What it was started from.
    pub digest: Digest,
    /// With which parameters.
    pub parameters: Values,
    /// What a look says.
    pub state: SlotState,
}

#[derive(Debug, Default)]
struct World {
    faults: BTreeMap<Call, VecDeque<Fault>>,
    /// Digests of artifacts that can be started; `None`: every one.
    artifacts: Option<BTreeMap<Digest, Artifact>>,
    starts_ready: bool,
    started: u64,
    slots: Slots<Option<FakeProcess>>,
    route: Option<Route>,
    data_plane: u64,
    counters: Slots<SlotCounters>,
    /// Where clients would connect, if there is such a place.
    entrance: Option<SocketAddr>,
    served: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Artifact {
    Good,
    Tampered,
}

/// The world that fake drivers act on. Clones are the same world.
#[derive(Clone, Debug)]
pub struct FakeWorld(Arc<Mutex<World>>);

impl Default for FakeWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeWorld {
    /// Two empty slots, no route; what is started is ready at once.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(World { starts_ready: true, ..World::default() })))
    }

    /// A workload driver on this world.
    #[must_use]
    pub fn workload(&self) -> FakeWorkload {
        FakeWorkload(self.clone())
    }

    /// A traffic driver on this world.
    #[must_use]
    pub fn traffic(&self) -> FakeTraffic {
        FakeTraffic(self.clone())
    }

    /// Makes the next call of this sort fail; several are taken in order.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        self.lock().faults.entry(call).or_default().push_back(fault);
    }

    /// Whether what is started is ready at once (the beginning) or stays on its way up.
    pub fn start_ready(&self, at_once: bool) {
        self.lock().starts_ready = at_once;
    }

    /// From now on only artifacts that are provided can be started.
    pub fn provide(&self, digest: Digest) {
        self.lock().artifacts.get_or_insert_default().insert(digest, Artifact::Good);
    }

    /// Provides an artifact whose bytes are not those of its digest.
    pub fn provide_tampered(&self, digest: Digest) {
        self.lock().artifacts.get_or_insert_default().insert(digest, Artifact::Tampered);
    }

    /// What runs in a slot.
    #[must_use]
    pub fn process(&self, slot: Slot) -> Option<FakeProcess> {
        self.lock().slots.get(slot).clone()
    }

    /// Changes how a slot looks: `Failed` is what the end of its process looks like.
    pub fn set_state(&self, slot: Slot, state: SlotState) {
        if let Some(process) = self.lock().slots.get_mut(slot) {
            process.state = state;
        }
    }

    /// The route in effect.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        self.lock().route.clone()
    }

    /// Says that clients connect there.
    pub fn enter_at(&self, entrance: SocketAddr) {
        self.lock().entrance = Some(entrance);
    }

    /// Changes the route behind the agent's back: drift.
    pub fn drift(&self, route: Option<Route>) {
        self.lock().route = route;
    }

    /// One request arrives; which slot answered, by the split alone. Exact over every 10 000 requests.
    pub fn serve(&self) -> Option<Slot> {
        let mut world = self.lock();
        let split = world.route.as_ref()?.split;
        // 3 889 has no factor in common with 10 000, so every place is met once.
        let place = world.served.wrapping_mul(3889) % 10_000;
        world.served += 1;
        let blue = u64::from(split.of(Slot::Blue).basis_points());
        let slot = if place < blue { Slot::Blue } else { Slot::Green };
        let counters = world.counters.get_mut(slot);
        counters.requests += 1;
        *counters.latency.buckets.entry(1000).or_insert(0) += 1;
        Some(slot)
    }

    /// Adds to what the data plane has counted.
    pub fn count(&self, slot: Slot, requests: u64, errors: u64) {
        let mut world = self.lock();
        let counters = world.counters.get_mut(slot);
        counters.requests += requests;
        counters.errors += errors;
        *counters.latency.buckets.entry(1000).or_insert(0) += requests;
    }

    /// The data plane ends and comes back: it serves the same route and counts from zero.
    pub fn restart_data_plane(&self) {
        let mut world = self.lock();
        world.data_plane += 1;
        world.counters = Slots::default();
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A test that panics has failed already; the others should say what they see.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the work of a call with the fault that is due, if one is.
    async fn call<T>(
        &self,
        call: Call,
        work: impl FnOnce(&mut World) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let fault = self.lock().faults.get_mut(&call).and_then(VecDeque::pop_front);
        match fault {
            None => work(&mut self.lock()),
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::LoseAnswer(error)) => {
                work(&mut self.lock())?;
                Err(error)
            }
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

/// Where a slot would be: a documentation address, so that nobody is met there by accident.
fn address(slot: Slot) -> SocketAddr {
    let port = match slot {
        Slot::Blue => 1001,
        Slot::Green => 1002,
    };
    SocketAddr::from(([192, 0, 2, 1], port))
}

#[cfg(test)]
mod tests;
