//! The route that Envoy should have, on disk before it is sent: when agent and Envoy come back, in any order, nothing
//! changes. It knows files; it does not know whether Envoy agrees.

use std::path::PathBuf;

use meridian_proxy::control::Routing;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::error::{DriverError, code};
use crate::proxy::convert;
use crate::traffic::Route;

/// What was wanted last, and what Envoy acknowledged last.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    pub(super) wanted: Option<Route>,
    pub(super) confirmed: Option<Route>,
}

/// Keeps [`Saved`].
#[derive(Debug)]
pub(super) struct SavedFile(pub(super) PathBuf);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    wanted: Option<Routing>,
    confirmed: Option<Routing>,
}

impl SavedFile {
    pub(super) async fn read(&self) -> Result<Saved, DriverError> {
        let Some(written) = durable::load::<Written>(&self.0).await? else { return Ok(Saved::default()) };
        let route = |routing: Option<Routing>| routing.as_ref().map(convert::route).transpose();
        let unreadable = |what: String| {
            DriverError::permanent(code::DRIVER_STATE, format!("cannot read {}: {what}", self.0.display()))
        };
        let wanted = route(written.wanted).map_err(unreadable)?;
        Ok(Saved { wanted, confirmed: route(written.confirmed).map_err(unreadable)? })
    }

    pub(super) async fn write(&self, saved: &Saved) -> Result<(), DriverError> {
        let routing = |route: &Option<Route>| route.as_ref().map(convert::routing);
        let written = Written { wanted: routing(&saved.wanted), confirmed: routing(&saved.confirmed) };
        durable::save(&self.0, &written).await
    }
}

impl Saved {
    /// Whether a route may follow.
    ///
    /// # Errors
    /// `TRAFFIC_FENCED`, `TRAFFIC_CONFLICT`.
    pub(super) fn fence(&self, route: &Route) -> Result<(), DriverError> {
        let Some(wanted) = &self.wanted else { return Ok(()) };
        if route.epoch < wanted.epoch {
            let message = format!("epoch {} is below {}, which was taken", route.epoch, wanted.epoch);
            return Err(DriverError::permanent(code::TRAFFIC_FENCED, message));
        }
        // Only the targets may differ: a slot that came back elsewhere.
        let is_same = Route { targets: wanted.targets, ..route.clone() } == *wanted;
        if route.epoch == wanted.epoch && !is_same {
            let message = format!("epoch {} was taken with another content ({})", wanted.epoch, wanted.hash.short());
            return Err(DriverError::permanent(code::TRAFFIC_CONFLICT, message));
        }
        Ok(())
    }
}
