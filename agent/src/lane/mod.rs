//! One service in this region: from a goal to its confirmation.
//!
//! The order is the product's: remember, act, read back, remember, report. `core` decides what comes next; here it is
//! brought about. It does not know servers: without one it holds its region as the last goal says.
//!
//! Reading order: [`shell`] (the loop), [`inbox`] (how goals arrive), `work` (what takes long), [`trouble`].

mod act;
mod alone;
pub mod inbox;
mod pace;
mod refused;
pub mod shell;
pub mod trouble;
mod work;
mod world;

use std::sync::Arc;

use meridian_core::agent::LaneMemory;
use meridian_core::id::{Lane, ServiceId};
use meridian_drivers::{Sticky, TrafficDriver, WorkloadDriver};
use tokio::sync::watch;

use crate::board::Board;
use crate::contact::ContactClock;
use crate::journal::{Journal, JournalError};
use crate::measure::{Breach, Order};
use crate::metrics::Metrics;
use inbox::Arriving;

/// How a service is run here.
#[derive(Clone)]
pub struct LaneDrivers {
    /// Which service.
    pub service: ServiceId,
    /// How its releases run.
    pub workload: Arc<dyn WorkloadDriver>,
    /// How its traffic is split.
    pub traffic: Arc<dyn TrafficDriver>,
    /// Keeps clients on the slot they were first given.
    pub sticky: Option<Sticky>,
}

/// What a lane needs of the agent around it.
pub struct LaneParts {
    /// Whose lane.
    pub lane: Lane,
    /// Its drivers.
    pub drivers: LaneDrivers,
    /// Where its goals arrive, and what its service has vetoed.
    pub arriving: Arriving,
    /// Where its memory is kept.
    pub journal: Journal,
    /// Where it tells what it sees.
    pub board: Arc<Board>,
    /// Where it says what to measure.
    pub orders: watch::Sender<Option<Order>>,
    /// Whether a server hears us.
    pub contact: ContactClock,
    /// What its own measurements say, if they fail.
    pub breaches: watch::Receiver<Option<Breach>>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// Runs a lane for ever; to be dropped at any moment, which is what a crash looks like.
pub async fn run(parts: LaneParts, recalled: Result<LaneMemory, JournalError>) {
    match recalled {
        Ok(memory) => shell::Shell::new(parts, memory).run().await,
        Err(error) => refused::run(parts, &error).await,
    }
}
