//! What is to be said and what stands, as the outbox keeps them, and routes.

use meridian_core::alert::{Alert, Route, Saying, Standing};
use meridian_core::id::ServiceId;
use meridian_core::time::Timestamp;

use crate::convert::field::{list, list_with, named, present};
use crate::convert::invalid::{At, Invalid};
use crate::convert::record::{check_schema, schema};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;
use crate::r#gen::v1;

/// The most sayings of one entry: every region of a plan, and the rollout itself, each resolved and raised.
const SAYINGS_MAX: usize = 4096;

/// What one decision, or one look, has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    /// Of which service.
    pub service: ServiceId,
    /// What, in order.
    pub sayings: Vec<Saying>,
}

/// The alerts of a rollout that stand because it waits.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stands {
    /// Those that were said.
    pub standing: Standing,
    /// How often something was said.
    pub said: u64,
}

/// A route with the times it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredRoute {
    /// The route.
    pub route: Route,
    /// First written.
    pub created: Timestamp,
    /// Last written.
    pub updated: Timestamp,
}

impl TryFrom<records::OutgoingRecord> for Outgoing {
    type Error = Invalid;

    fn try_from(wire: records::OutgoingRecord) -> Result<Self, Invalid> {
        let records::OutgoingRecord { schema, service, sayings } = wire;
        check_schema(schema)?;
        Ok(Self {
            service: named("service", service, ServiceId::new)?,
            sayings: list("sayings", sayings, SAYINGS_MAX)?,
        })
    }
}

impl From<&Outgoing> for records::OutgoingRecord {
    fn from(outgoing: &Outgoing) -> Self {
        let Outgoing { service, sayings } = outgoing;
        Self { schema: schema(), service: service.to_string(), sayings: sayings.iter().map(Into::into).collect() }
    }
}

impl TryFrom<records::StandingRecord> for Stands {
    type Error = Invalid;

    fn try_from(wire: records::StandingRecord) -> Result<Self, Invalid> {
        let records::StandingRecord { schema, standing, said } = wire;
        check_schema(schema)?;
        let alerts = list_with("standing", standing, SAYINGS_MAX, Alert::try_from)?;
        Ok(Self { standing: alerts.into_iter().map(|alert| (alert.topic.clone(), alert)).collect(), said })
    }
}

impl From<&Stands> for records::StandingRecord {
    fn from(stands: &Stands) -> Self {
        let Stands { standing, said } = stands;
        Self { schema: schema(), standing: standing.values().map(Into::into).collect(), said: *said }
    }
}

impl TryFrom<records::RouteRecord> for StoredRoute {
    type Error = Invalid;

    fn try_from(wire: records::RouteRecord) -> Result<Self, Invalid> {
        let records::RouteRecord { schema, route } = wire;
        check_schema(schema)?;
        let mut route = present("route", route)?;
        let created = moment("create_time", route.create_time.take()).at("route")?;
        let updated = moment("update_time", route.update_time.take()).at("route")?;
        Ok(Self { route: Route::try_from(route).at("route")?, created, updated })
    }
}

impl From<&StoredRoute> for records::RouteRecord {
    fn from(stored: &StoredRoute) -> Self {
        let StoredRoute { route, created, updated } = stored;
        let (create_time, update_time) = (Some(timestamp_to_wire(*created)), Some(timestamp_to_wire(*updated)));
        let route = v1::NotificationRoute { create_time, update_time, ..route.into() };
        Self { schema: schema(), route: Some(route) }
    }
}
