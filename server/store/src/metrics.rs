//! The metrics of this crate, each described once. Knows nothing about who serves them.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Calls by store, operation and outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    store: &'static str,
    op: &'static str,
    outcome: &'static str,
}

/// Things counted per store alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    store: &'static str,
}

/// The ends of watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    store: &'static str,
    reason: &'static str,
}

/// The counters and histograms of all stores of a process. Cheap to clone; clones count into the same place.
#[derive(Debug, Clone)]
pub struct StoreMetrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<CallLabels, Histogram, fn() -> Histogram>,
    changes: Family<StoreLabels, Counter>,
    watches: Family<StoreLabels, Gauge>,
    watch_ends: Family<EndLabels, Counter>,
}

/// From 50 µs, below a commit to a local file, in doublings up to 3.3 s, above every timeout.
fn call_seconds() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 17))
}

impl StoreMetrics {
    /// Registers all of them under the prefix `meridian_store_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(call_seconds as fn() -> Histogram),
            changes: Family::default(),
            watches: Family::default(),
            watch_ends: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("meridian_store");
        registry.register("calls", "Calls to the store by operation and outcome", metrics.calls.clone());
        registry.register_with_unit(
            "call_duration",
            "Time a call to the store took by operation and outcome",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("watch_changes", "Changes yielded by watches", metrics.changes.clone());
        registry.register("watches", "Watches open now", metrics.watches.clone());
        registry.register("watch_ends", "Watches ended by the store, by reason", metrics.watch_ends.clone());
        metrics
    }

    pub(crate) fn called(&self, store: &'static str, op: &'static str, outcome: &'static str, took: Duration) {
        let labels = CallLabels { store, op, outcome };
        self.calls.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn changed(&self, store: &'static str, changes: usize) {
        self.changes.get_or_create(&StoreLabels { store }).inc_by(changes as u64);
    }

    pub(crate) fn open_watches(&self, store: &'static str) -> Gauge {
        self.watches.get_or_create_owned(&StoreLabels { store })
    }

    pub(crate) fn watch_ended(&self, store: &'static str, reason: &'static str) {
        self.watch_ends.get_or_create(&EndLabels { store, reason }).inc();
    }
}
