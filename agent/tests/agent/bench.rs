//! A region in memory with an agent on it. Every call of a driver is watched: what must never happen is noted when it
//! happens, and fails the test at its end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_agent::app::{Agent, AgentParts, Memory, StartError};
use meridian_agent::config::Security;
use meridian_agent::journal::JournalError;
use meridian_agent::lane::LaneDrivers;
use meridian_agent::link;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::id::{Lane, RegionId, RolloutId, ServiceId};
use meridian_core::observation::{SlotSeen, SlotState};
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::{Split, Weight};
use meridian_drivers::fake::FakeWorld;
use meridian_drivers::{
    DriverError, Route, RouteSeen, TrafficCapabilities, TrafficCounters, TrafficDriver, WorkloadCapabilities,
    WorkloadDriver,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A region, its disk, and what its drivers were asked.
pub struct Bench {
    pub world: FakeWorld,
    pub folder: TempDir,
    watched: Watched,
}

/// What drivers were asked, in order, and what they should never have been asked.
#[derive(Clone, Default)]
struct Watched {
    calls: Arc<Mutex<Vec<String>>>,
    violations: Arc<Mutex<Vec<String>>>,
    freeze_after_route: Arc<AtomicBool>,
    frozen: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { world: FakeWorld::new(), folder, watched: Watched::default() }
    }

    pub async fn try_agent(&self, servers: &[SocketAddr]) -> Result<Agent, StartError> {
        let lane = LaneDrivers {
            service: shop(),
            workload: Arc::new(WatchedWorkload { bench: self.watched.clone(), world: self.world.clone() }),
            traffic: Arc::new(WatchedTraffic { bench: self.watched.clone(), world: self.world.clone() }),
            sticky: None,
        };
        let parts = AgentParts {
            region: region(),
            servers: servers.iter().map(ToString::to_string).collect(),
            security: Security::Plaintext,
            dial: link::sockets(),
            memory: Memory::Folder(self.folder.path().join("state")),
            metrics: None,
            ask_ca: None,
            lanes: vec![lane],
        };
        Agent::start(parts).await
    }

    /// An agent, after any that was dropped: its journal may be closed a moment later.
    pub async fn agent(&self, server: SocketAddr) -> Agent {
        self.watched.frozen.store(false, Ordering::SeqCst);
        let started = async {
            loop {
                match self.try_agent(&[server]).await {
                    Ok(agent) => return agent,
                    Err(StartError::Journal(JournalError::InUse { .. })) => {
                        sleep(Duration::from_millis(5)).await; // tidy: paced
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(PATIENCE, started).await.expect("the journal is never closed")
    }

    /// An agent that reaches nobody.
    pub async fn agent_alone(&self) -> Agent {
        self.agent(SocketAddr::from(([127, 0, 0, 1], 1))).await
    }

    /// After the next route that takes effect, the data plane cannot be read until the next agent starts.
    pub fn freeze_after_route(&self) {
        self.watched.freeze_after_route.store(true, Ordering::SeqCst);
    }

    /// Whether that route has come.
    pub fn is_frozen(&self) -> bool {
        self.watched.frozen.load(Ordering::SeqCst)
    }

    pub fn calls(&self) -> Vec<String> {
        self.watched.calls.lock().unwrap().clone()
    }

    /// How often the slots were looked at.
    pub fn looks(&self) -> usize {
        self.watched.looks.load(Ordering::SeqCst)
    }

    pub async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                sleep(Duration::from_millis(2)).await; // tidy: paced
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("never: {what}; calls: {:?}; route: {:?}", self.calls(), self.world.route());
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let violations = self.watched.violations.lock().unwrap();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "{violations:?}");
        }
    }
}

impl Watched {
    fn called(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn violated(&self, what: String) {
        self.violations.lock().unwrap().push(what);
    }
}

struct WatchedWorkload {
    bench: Watched,
    world: FakeWorld,
}

impl WorkloadDriver for WatchedWorkload {
    fn capabilities(&self) -> WorkloadCapabilities {
        self.world.workload().capabilities()
    }

    fn start<'a>(
        &'a self,
        slot: Slot,
        release: &'a ReleaseRef,
        parameters: &'a Values,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        self.bench.called(format!("start {slot} {release}"));
        Box::pin(async move { self.world.workload().start(slot, release, parameters).await })
    }

    fn stop(&self, slot: Slot) -> BoxFuture<'_, Result<(), DriverError>> {
        self.bench.called(format!("stop {slot}"));
        if self.world.route().is_some_and(|route| route.serves(slot)) {
            self.bench.violated(format!("{slot} was stopped under traffic"));
        }
        Box::pin(async move { self.world.workload().stop(slot).await })
    }

    fn look(&self) -> BoxFuture<'_, Result<Slots<Option<SlotSeen>>, DriverError>> {
        self.bench.looks.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { self.world.workload().look().await })
    }

    fn started_with(&self, slot: Slot) -> Option<Values> {
        self.world.workload().started_with(slot)
    }

    fn address(&self, slot: Slot) -> Option<SocketAddr> {
        self.world.workload().address(slot)
    }
}

struct WatchedTraffic {
    bench: Watched,
    world: FakeWorld,
}

impl TrafficDriver for WatchedTraffic {
    fn capabilities(&self) -> TrafficCapabilities {
        self.world.traffic().capabilities()
    }

    fn entrance(&self) -> SocketAddr {
        self.world.traffic().entrance()
    }

    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>> {
        self.bench.called(format!("route {} {}", route.epoch, route.split));
        let before = self.world.route();
        for slot in Slot::BOTH.into_iter().filter(|slot| route.serves(*slot)) {
            let served = before.as_ref().is_some_and(|before| before.serves(slot));
            let ready = self.world.process(slot).is_some_and(|process| process.state == SlotState::Ready);
            if !served && !ready {
                self.bench.violated(format!("traffic moved to {slot}, which is not ready"));
            }
        }
        if before.is_some_and(|before| route.epoch < before.epoch) {
            self.bench.violated(format!("a route of epoch {} after a higher one", route.epoch));
        }
        Box::pin(async move {
            let outcome = self.world.traffic().route(route).await;
            let freezes = outcome.is_ok() && self.bench.freeze_after_route.swap(false, Ordering::SeqCst);
            self.bench.frozen.fetch_or(freezes, Ordering::SeqCst);
            outcome
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>> {
        Box::pin(async {
            if self.bench.frozen.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            self.world.traffic().look().await
        })
    }

    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>> {
        Box::pin(async { self.world.traffic().counters().await })
    }

    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async { self.world.traffic().retire().await })
    }
}

pub fn shop() -> ServiceId {
    ServiceId::new("shop").unwrap()
}

pub fn region() -> RegionId {
    RegionId::new("eu-west-1").unwrap()
}

pub fn release(version: &str) -> ReleaseRef {
    ReleaseRef { version: version.parse().unwrap(), digest: Digest::of(version.as_bytes()) }
}

pub fn run(version: &str) -> SlotGoal {
    SlotGoal::Run(release(version))
}

pub fn epoch(counter: u64) -> Epoch {
    Epoch::new(1, counter)
}

/// `percent` of the traffic to green, the rest to blue.
pub fn goal(counter: u64, blue: SlotGoal, green: SlotGoal, percent: u64) -> Goal {
    Goal {
        parameters: Slots::default(),
        lane: Lane { service: shop(), region: region() },
        epoch: epoch(counter),
        rollout: RolloutId::new("shop-2").unwrap(),
        slots: Slots { blue, green },
        split: Some(Split::toward(Slot::Green, Weight::from_basis_points(percent * 100).unwrap())),
        cohort: None,
        measurement: None,
        mandate: None,
    }
}

/// The first release in blue, with all traffic.
pub fn base(counter: u64) -> Goal {
    goal(counter, run("1.0.0"), SlotGoal::Empty, 0)
}

/// The second beside it, with some traffic.
pub fn canary(counter: u64, percent: u64) -> Goal {
    goal(counter, run("1.0.0"), run("2.0.0"), percent)
}

/// The second alone.
pub fn switched(counter: u64) -> Goal {
    goal(counter, SlotGoal::Empty, run("2.0.0"), 100)
}
