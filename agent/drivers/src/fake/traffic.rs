//! The fake traffic driver. It knows the world and nothing real.

use std::net::SocketAddr;

use futures::future::BoxFuture;
use meridian_core::cohort::{CohortRule, RequestKey};

use super::{Call, FakeWorld, World};
use crate::error::{DriverError, code};
use crate::traffic::{Route, RouteSeen, TrafficCapabilities, TrafficCounters, TrafficDriver};

/// Routes in the world.
#[derive(Clone, Debug)]
pub struct FakeTraffic(pub(super) FakeWorld);

impl TrafficDriver for FakeTraffic {
    fn capabilities(&self) -> TrafficCapabilities {
        TrafficCapabilities { weights: true, cohorts: true, sticky: true }
    }

    fn entrance(&self) -> SocketAddr {
        self.0.lock().entrance.unwrap_or(SocketAddr::from(([192, 0, 2, 1], 1000)))
    }

    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.0.call(Call::Route, move |world| take(world, route)))
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>> {
        Box::pin(self.0.call(Call::LookAtTraffic, |world| Ok(world.route.as_ref().map(RouteSeen::of))))
    }

    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>> {
        Box::pin(self.0.call(Call::Counters, |world| {
            Ok(TrafficCounters { start_id: world.data_plane.to_string(), slots: world.counters.clone() })
        }))
    }

    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async {
            self.0.lock().route = None;
            Ok(())
        })
    }
}

fn take(world: &mut World, route: &Route) -> Result<(), DriverError> {
    route.check()?;
    if let Some(current) = &world.route {
        if route.rank() < current.rank() {
            let message = format!("epoch {} is below {}", route.epoch, current.epoch);
            return Err(DriverError::permanent(code::TRAFFIC_FENCED, message));
        }
        let is_same = Route { targets: current.targets, ..route.clone() } == *current;
        if route.rank() == current.rank() && !is_same {
            let message = format!("epoch {} has another content", current.epoch);
            return Err(DriverError::permanent(code::TRAFFIC_CONFLICT, message));
        }
    }
    if let Some(CohortRule::Equals(RequestKey::Header(name) | RequestKey::Cookie(name), _)) =
        route.cohort.as_ref().map(|cohort| &cohort.rule)
        && !RequestKey::is_valid_name(name)
    {
        let message = format!("{name:?} is not a name");
        return Err(DriverError::permanent(code::TRAFFIC_REFUSED, message));
    }
    world.route = Some(route.clone());
    Ok(())
}
