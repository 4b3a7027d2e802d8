//! The contract of traffic drivers: they split requests over the two slots of one lane. It does not know which proxy
//! does it.

use std::net::SocketAddr;

use futures::future::BoxFuture;
use meridian_core::cohort::{Cohort, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::Histogram;
use meridian_core::observation::TrafficSeen;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;

use crate::error::{DriverError, code};

/// What a data plane can do; a plan that asks for more is refused before it starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrafficCapabilities {
    /// Any split, not just all or nothing.
    pub weights: bool,
    /// Cohort rules.
    pub cohorts: bool,
    /// Keeping a client on the slot it was first given.
    pub sticky: bool,
}

/// Keeps a client on the slot it was first given, while the split is mixed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sticky {
    /// The cookie's name; its value is the slot.
    pub cookie: String,
    /// How long a client keeps it, in seconds.
    pub max_age_s: u32,
}

/// Who decided on a route: of one epoch, what an agent did alone comes after what it was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Origin {
    /// The goal of that epoch says so.
    Goal,
    /// The agent took that goal back, when it could reach nobody.
    Alone,
}

/// Everything a data plane routes by, ordered by epoch and origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// The decision it follows from; a lower one than that in effect is refused.
    pub epoch: Epoch,
    /// Whether it is that decision, or what the agent made of it.
    pub origin: Origin,
    /// The hash of the goal behind it; tells a repetition from a conflict.
    pub hash: Digest,
    /// Who gets how much of the requests that no other rule decides.
    pub split: Split,
    /// The exception, asked first.
    pub cohort: Option<Cohort>,
    /// The memory of clients, asked second.
    pub sticky: Option<Sticky>,
    /// Where the slots are; only a slot without traffic may have none.
    pub targets: Slots<Option<SocketAddr>>,
}

impl Route {
    /// What orders it among all routes of its lane.
    #[must_use]
    pub const fn rank(&self) -> (Epoch, Origin) {
        (self.epoch, self.origin)
    }

    /// Whether the slot gets any request.
    #[must_use]
    pub fn serves(&self, slot: Slot) -> bool {
        self.split.serves(slot) || self.cohort.as_ref().is_some_and(|cohort| cohort.slot == slot)
    }

    /// Checks what every driver asks of a route, before it is told to anybody.
    ///
    /// # Errors
    /// `TRAFFIC_NO_TARGET` if a slot that gets requests has no address; `TRAFFIC_REFUSED` for names that no header or
    /// cookie can have.
    pub fn check(&self) -> Result<(), DriverError> {
        for slot in Slot::BOTH {
            if self.serves(slot) && self.targets.get(slot).is_none() {
                let message = format!("{slot} gets traffic but has no address: start it first");
                return Err(DriverError::passing(code::TRAFFIC_NO_TARGET, message));
            }
        }
        let cookie = self.sticky.as_ref().map(|sticky| sticky.cookie.as_str());
        if let Some(name) = cookie.filter(|name| !RequestKey::is_valid_name(name)) {
            let message = format!("{name:?} cannot be the name of a cookie");
            return Err(DriverError::permanent(code::TRAFFIC_REFUSED, message));
        }
        Ok(())
    }
}

/// What is in effect, as the data plane itself says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteSeen {
    /// The epoch that the data plane carries.
    pub epoch: Epoch,
    /// The origin that it carries.
    pub origin: Origin,
    /// The hash that it carries.
    pub hash: Digest,
    /// The split and the cohort rule.
    pub traffic: TrafficSeen,
}

impl RouteSeen {
    /// What is seen once a route is in effect.
    #[must_use]
    pub fn of(route: &Route) -> Self {
        let traffic = TrafficSeen { split: route.split, cohort: route.cohort.clone() };
        Self { epoch: route.epoch, origin: route.origin, hash: route.hash, traffic }
    }
}

/// The numbers of one slot since the start of the data plane.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SlotCounters {
    /// Requests that came to an end there, well or badly.
    pub requests: u64,
    /// Of these, answers with 5xx, and requests that the slot did not answer.
    pub errors: u64,
    /// Latencies of the requests that the slot answered, as the data plane measured them.
    pub latency: Histogram,
    /// Requests and tunnels under way now.
    pub in_flight: u64,
}

/// Cumulative counters; a reader takes the difference of two readings with one `start_id`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrafficCounters {
    /// Another one means that the data plane was started anew and every counter began at zero.
    pub start_id: String,
    /// Per slot.
    pub slots: Slots<SlotCounters>,
}

/// Splits the traffic of one lane.
///
/// All methods may be called again at any time. Calls to [`route`](Self::route) take turns; a dropped future leaves a
/// state that the next call continues from.
pub trait TrafficDriver: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> TrafficCapabilities;

    /// Where clients connect.
    fn entrance(&self) -> SocketAddr;

    /// Brings a route about. Returns only when the data plane has acknowledged it: from then on no request starts on a
    /// slot that the route does not serve, while requests under way end where they began. No request fails because of
    /// a change. The same epoch and hash again is fine; with other targets too (a slot that came back elsewhere), if the
    /// data plane can take them at the epoch in effect.
    ///
    /// # Errors
    /// `TRAFFIC_FENCED` and `TRAFFIC_CONFLICT` by epoch, `TRAFFIC_NO_TARGET`, `TRAFFIC_REFUSED` with the data plane's own
    /// words (it goes on with the route before), `TRAFFIC_TIMEOUT` and `TRAFFIC_UNREACHABLE` when it says nothing.
    fn route<'a>(&'a self, route: &'a Route) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Reads the route in effect back from the data plane; `None` while nothing is routed.
    ///
    /// # Errors
    /// `TRAFFIC_UNREACHABLE`, `TRAFFIC_UNREADABLE`.
    fn look(&self) -> BoxFuture<'_, Result<Option<RouteSeen>, DriverError>>;

    /// Reads the data plane's counters.
    ///
    /// # Errors
    /// `TRAFFIC_UNREACHABLE`, `TRAFFIC_UNREADABLE`.
    fn counters(&self) -> BoxFuture<'_, Result<TrafficCounters, DriverError>>;

    /// Takes the data plane itself down, after which nobody serves this lane: for leaving a region, never for a
    /// rollout. Dropping the driver leaves the data plane as it is.
    ///
    /// # Errors
    /// `SLOT_NOT_STOPPED` when the system keeps the process.
    fn retire(&self) -> BoxFuture<'_, Result<(), DriverError>>;
}
