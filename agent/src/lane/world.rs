//! Reading a lane's region back through its drivers. It does not know what the goal is.

use std::time::Duration;

use meridian_core::agent::LocalWorld;
use meridian_core::observation::SlotSeen;
use meridian_core::slot::Slots;
use meridian_drivers::{DriverError, RouteSeen, TrafficDriver, WorkloadDriver};
use tokio::time::{Instant, timeout};

use super::trouble::{Complaint, code};

/// Longer than any probe of a driver; one that takes longer hangs.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// A reading of the slots as old as this still says whether one is ready: a tick, and a probe that took its time.
const RECENT: Duration = Duration::from_secs(3);

/// What was read back, part by part: one may be readable while the other is not.
#[derive(Debug)]
pub struct Seen {
    /// Contents of the slots.
    pub slots: Result<Slots<Option<SlotSeen>>, Complaint>,
    /// The route in effect.
    pub route: Result<Option<RouteSeen>, Complaint>,
}

/// The last readings that went well.
#[derive(Debug, Default)]
pub struct Known {
    /// Contents of the slots.
    pub slots: Slots<Option<SlotSeen>>,
    /// When that was.
    pub slots_at: Option<Instant>,
    /// The route in effect.
    pub route: Option<RouteSeen>,
}

impl Known {
    /// Whether the slots were read a moment ago.
    #[must_use]
    pub fn has_recent_slots(&self) -> bool {
        self.slots_at.is_some_and(|at| at.elapsed() <= RECENT)
    }

    /// As core looks at it.
    #[must_use]
    pub fn world(&self) -> LocalWorld {
        LocalWorld { slots: self.slots, traffic: self.route.as_ref().map(|route| route.traffic.clone()) }
    }
}

/// Reads both back at once.
pub async fn look(workload: &dyn WorkloadDriver, traffic: &dyn TrafficDriver) -> Seen {
    let (slots, route) = tokio::join!(look_at_slots(workload), look_at_route(traffic));
    Seen { slots, route }
}

/// Reads the slots alone back. A slot that hangs makes this as slow as its probe's timeout.
pub async fn look_at_slots(workload: &dyn WorkloadDriver) -> Result<Slots<Option<SlotSeen>>, Complaint> {
    in_time("workload", workload.look()).await
}

/// Reads the route alone back.
pub async fn look_at_route(traffic: &dyn TrafficDriver) -> Result<Option<RouteSeen>, Complaint> {
    in_time("traffic", traffic.look()).await
}

async fn in_time<T>(who: &str, reading: impl Future<Output = Result<T, DriverError>>) -> Result<T, Complaint> {
    match timeout(LOOK_MAX, reading).await {
        Ok(read) => read.map_err(|error| Complaint::from(&error)),
        Err(_) => {
            let message = format!("the {who} driver could not be read within {LOOK_MAX:?}");
            Err(Complaint::passing(code::DRIVER_TIMEOUT, message))
        }
    }
}
