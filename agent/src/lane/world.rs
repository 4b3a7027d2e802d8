//! Reading a lane's region back through its drivers. It does not know what the goal is.

use std::time::Duration;

use meridian_core::agent::LocalWorld;
use meridian_core::observation::SlotSeen;
use meridian_core::slot::Slots;
use meridian_drivers::{DriverError, RouteSeen, TrafficDriver, WorkloadDriver};
use tokio::time::timeout;

use super::trouble::{Complaint, code};

/// Longer than any probe of a driver; one that takes longer hangs.
const LOOK_MAX: Duration = Duration::from_secs(5);

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
    /// The route in effect.
    pub route: Option<RouteSeen>,
}

impl Known {
    /// As core looks at it.
    #[must_use]
    pub fn world(&self) -> LocalWorld {
        LocalWorld {
            slots: self.slots,
            traffic: self.route.as_ref().map(|route| route.traffic.clone()),
        }
    }
}

/// Reads both back at once.
pub async fn look(workload: &dyn WorkloadDriver, traffic: &dyn TrafficDriver) -> Seen {
    let (slots, route) = tokio::join!(in_time("workload", workload.look()), look_at_route(traffic));
    Seen { slots, route }
}

/// Reads the route alone back.
pub async fn look_at_route(traffic: &dyn TrafficDriver) -> Result<Option<RouteSeen>, Complaint> {
    in_time("traffic", traffic.look()).await
}

async fn in_time<T>(
    who: &str,
    reading: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, Complaint> {
    match timeout(LOOK_MAX, reading).await {
        Ok(read) => read.map_err(|error| Complaint::from(&error)),
        Err(_) => {
            let message = format!("the {who} driver could not be read within {LOOK_MAX:?}");
            Err(Complaint::passing(code::DRIVER_TIMEOUT, message))
        }
    }
}
