//! What can be read about traffic: counters since the start of the process. It knows numbers, not how they are counted.

use serde::{Deserialize, Serialize};

use super::routing::{Epoch, Slots};

/// Cumulative since the start of the process that says [`Stats::start_id`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Random per process: another id means that every counter began again at zero.
    pub start_id: String,
    /// The epoch in effect while reading, if there is any routing.
    pub epoch: Option<Epoch>,
    /// Per slot.
    pub slots: Slots<SlotStats>,
    /// Requests answered 503 because there was no routing to choose a slot by.
    pub no_target: u64,
}

/// The numbers of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStats {
    /// Requests that came to a result: the slot's response head, or a failure in `proxy_errors`. A request whose
    /// client went away first is in none of these numbers.
    pub requests: u64,
    /// Requests the slot answered with a status of 500 and above.
    pub errors: u64,
    /// Requests the slot did not answer.
    pub proxy_errors: ProxyErrors,
    /// Requests and tunnels between their start and their last byte, now.
    pub in_flight: u64,
    /// From the request's head to the response's head, of the requests the slot answered.
    pub latency: Latency,
}

impl SlotStats {
    /// Requests that ended badly, whoever is to blame.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.errors.saturating_add(self.proxy_errors.total())
    }
}

/// Requests a slot did not answer, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyErrors {
    /// No connection (502).
    pub connect: u64,
    /// The connection broke before the response head (502).
    pub reset: u64,
    /// No connection or no response head in time (504).
    pub timeout: u64,
    /// The routing named the slot but no address (503).
    pub no_target: u64,
}

impl ProxyErrors {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.connect.saturating_add(self.reset).saturating_add(self.timeout).saturating_add(self.no_target)
    }
}

/// A histogram with fixed bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Upper bounds in microseconds, inclusive, growing by the square root of two.
    pub bounds_us: Vec<u64>,
    /// How many took at most the bound at the same place: never falls from left to right.
    pub cumulative: Vec<u64>,
    /// How many there were, slower than the last bound included.
    pub count: u64,
    /// The sum of all in microseconds.
    pub sum_us: u64,
}

/// The answer of the health path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Random per process.
    pub start_id: String,
    /// The program's version.
    pub version: String,
    /// Whether there is a routing to serve.
    pub routing: bool,
    /// Whether the process has been told to stop.
    pub draining: bool,
}
