//! The counters of the data plane since the start of the process. It knows slots and reasons, not requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

use crate::control::{Epoch, ProxyErrors, Slot, SlotStats, Slots, Stats};
use crate::histogram::Histogram;

/// Why the proxy answered itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// No connection to the slot.
    Connect,
    /// The connection broke before the response head.
    Reset,
    /// No connection or no response head in time.
    Timeout,
    /// No routing, or no address for the slot.
    NoTarget,
}

impl Reason {
    /// As in the response header and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::NoTarget => "no_target",
        }
    }

    /// The status of the answer.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Connect | Self::Reset => StatusCode::BAD_GATEWAY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::NoTarget => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Debug)]
struct SlotCounters {
    requests: AtomicU64,
    errors: AtomicU64,
    connect: AtomicU64,
    reset: AtomicU64,
    timeout: AtomicU64,
    no_target: AtomicU64,
    in_flight: AtomicU64,
    latency: Histogram,
}

/// All counters of the process.
#[derive(Debug)]
pub(crate) struct Counters {
    start_id: String,
    slots: Slots<SlotCounters>,
    no_target: AtomicU64,
}

/// A request or tunnel on its way; counted as in flight until dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    counters: Arc<Counters>,
    slot: Slot,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.counters.slots.get(self.slot).in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SlotCounters {
    const fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            connect: AtomicU64::new(0),
            reset: AtomicU64::new(0),
            timeout: AtomicU64::new(0),
            no_target: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            latency: Histogram::new(),
        }
    }

    fn read(&self) -> SlotStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let proxy_errors = ProxyErrors {
            connect: load(&self.connect),
            reset: load(&self.reset),
            timeout: load(&self.timeout),
            no_target: load(&self.no_target),
        };
        SlotStats {
            errors: load(&self.errors),
            proxy_errors,
            in_flight: load(&self.in_flight),
            latency: self.latency.read(),
            // Read last: a request in between can make failures look fewer, never more than there were requests.
            requests: load(&self.requests),
        }
    }
}

impl Counters {
    /// All zero, with a new random id of this start.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start_id: Uuid::new_v4().to_string(),
            slots: Slots::from_fn(|_| SlotCounters::new()),
            no_target: AtomicU64::new(0),
        })
    }

    /// Random per process.
    pub(crate) fn start_id(&self) -> &str {
        &self.start_id
    }

    /// A request sets off to a slot.
    pub(crate) fn set_off(self: &Arc<Self>, slot: Slot) -> Flight {
        self.slots.get(slot).in_flight.fetch_add(1, Ordering::Relaxed);
        Flight { counters: Arc::clone(self), slot }
    }

    /// A slot answered.
    pub(crate) fn answered(&self, slot: Slot, status: StatusCode, took: Duration) {
        let counters = self.slots.get(slot);
        counters.requests.fetch_add(1, Ordering::Relaxed);
        counters.latency.observe(took);
        if status.is_server_error() {
            counters.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The proxy answered for a slot, or for none when there is no routing.
    pub(crate) fn failed(&self, slot: Option<Slot>, reason: Reason) {
        let Some(slot) = slot else {
            self.no_target.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let counters = self.slots.get(slot);
        counters.requests.fetch_add(1, Ordering::Relaxed);
        let by_reason = match reason {
            Reason::Connect => &counters.connect,
            Reason::Reset => &counters.reset,
            Reason::Timeout => &counters.timeout,
            Reason::NoTarget => &counters.no_target,
        };
        by_reason.fetch_add(1, Ordering::Relaxed);
    }

    /// All numbers, with the epoch in effect.
    pub(crate) fn read(&self, epoch: Option<Epoch>) -> Stats {
        Stats {
            start_id: self.start_id.clone(),
            epoch,
            slots: Slots::from_fn(|slot| self.slots.get(slot).read()),
            no_target: self.no_target.load(Ordering::Relaxed),
        }
    }
}
