//! The route that Envoy should have, on disk before it is sent: when agent and Envoy come back, in any order, nothing
//! changes. It knows files; it does not know whether Envoy agrees.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use meridian_proxy::control::Routing;
use meridian_proxy::twin_file::{TwinFile, TwinFileError};
use serde::{Deserialize, Serialize};

use crate::durable::blocking;
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
pub(super) struct SavedFile(Arc<Mutex<TwinFile>>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    wanted: Option<Routing>,
    confirmed: Option<Routing>,
}

impl SavedFile {
    /// Opens the file and reads what was kept.
    pub(super) async fn open(path: &Path) -> Result<(Self, Saved), DriverError> {
        let place = path.to_owned();
        let opened = blocking(move || Ok(TwinFile::open(&place))).await;
        let opened = opened.map_err(|error| DriverError::state("open", path, &error))?;
        let (file, bytes) = opened.map_err(|error| trouble(&error))?;
        let file = Self(Arc::new(Mutex::new(file)));
        let unreadable = |what: String| {
            DriverError::permanent(code::DRIVER_STATE, format!("cannot read {}: {what}", path.display()))
        };
        let Some(bytes) = bytes else {
            return Ok((file, Saved::default()));
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let route = |routing: Option<Routing>| routing.as_ref().map(convert::route).transpose();
        let wanted = route(written.wanted).map_err(unreadable)?;
        Ok((file, Saved { wanted, confirmed: route(written.confirmed).map_err(unreadable)? }))
    }

    /// Keeps a value; it is on disk when this returns.
    pub(super) async fn write(&mut self, saved: &Saved) -> Result<(), DriverError> {
        let routing = |route: &Option<Route>| route.as_ref().map(convert::routing);
        let written = Written { wanted: routing(&saved.wanted), confirmed: routing(&saved.confirmed) };
        let unwritable = |error: serde_json::Error| DriverError::permanent(code::DRIVER_STATE, error.to_string());
        let (file, bytes) = (Arc::clone(&self.0), serde_json::to_vec(&written).map_err(unwritable)?);
        // A page counts only when it was written whole, so a panic in the middle of a write does no harm.
        let write = move || Ok(file.lock().unwrap_or_else(PoisonError::into_inner).write(&bytes));
        let written = blocking(write).await;
        let written = written.map_err(|error| DriverError::passing(code::DRIVER_STATE, error.to_string()))?;
        written.map_err(|error| trouble(&error))
    }
}

fn trouble(error: &TwinFileError) -> DriverError {
    match error {
        // A disk that is full, perhaps.
        TwinFileError::Open { .. } | TwinFileError::Write { .. } => {
            DriverError::passing(code::DRIVER_STATE, error.to_string())
        }
        TwinFileError::Corrupt { .. } => DriverError::permanent(code::DRIVER_STATE, error.to_string()),
    }
}

impl Saved {
    /// Whether a route may follow.
    ///
    /// # Errors
    /// `TRAFFIC_FENCED`, `TRAFFIC_CONFLICT`.
    pub(super) fn fence(&self, route: &Route) -> Result<(), DriverError> {
        let Some(wanted) = &self.wanted else { return Ok(()) };
        if route.rank() < wanted.rank() {
            let message = format!("epoch {} is below {}, which was taken", route.epoch, wanted.epoch);
            return Err(DriverError::permanent(code::TRAFFIC_FENCED, message));
        }
        // Only the targets may differ: a slot that came back elsewhere.
        let is_same = Route { targets: wanted.targets, ..route.clone() } == *wanted;
        if route.rank() == wanted.rank() && !is_same {
            let message = format!("epoch {} was taken with another content ({})", wanted.epoch, wanted.hash.short());
            return Err(DriverError::permanent(code::TRAFFIC_CONFLICT, message));
        }
        Ok(())
    }
}
