//! Every metric of this crate, described once. One registry serves all of them, the store's included. It does not know
//! who reads them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What every name begins with.
const PREFIX: &str = "meridian_server";

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: Arc<str>,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: Arc<str>,
    code: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct CutLabels {
    code: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct TellLabels {
    target: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct MoveLabels {
    moved: &'static str,
}

/// All metrics of a server. Cheap to clone; clones count into the same place.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    /// Of decisions.
    pub engine: EngineMetrics,
    /// Of what this replica owns.
    pub ownership: OwnershipMetrics,
    /// Of calls.
    pub calls: CallMetrics,
    /// Of agents and watchers.
    pub links: LinkMetrics,
    /// Of watches after launches.
    pub watching: WatchMetrics,
    /// Of queues.
    pub queues: QueueMetrics,
    /// Of alerts.
    pub alerts: AlertMetrics,
}

/// What is counted of watches after launches.
#[derive(Clone, Debug, Default)]
pub struct WatchMetrics {
    /// Reviews that are overdue now, of all services.
    pub overdue: Gauge,
    decisions: Family<KindLabels, Counter>,
}

/// What is counted of queues.
#[derive(Clone, Debug, Default)]
pub struct QueueMetrics {
    /// Requests that wait now, of all services.
    pub waiting: Gauge,
    events: Family<KindLabels, Counter>,
}

/// What the engine counts.
#[derive(Clone, Debug)]
pub struct EngineMetrics {
    /// Rollouts that this server runs now.
    pub rollouts_active: Gauge,
    /// Decisions that had to be made again because somebody else changed the same records.
    pub conflicts: Counter,
    /// Rollbacks decided.
    pub rollbacks: Counter,
    decisions: Family<KindLabels, Counter>,
    commit_seconds: Histogram,
}

/// What is counted of ownership.
#[derive(Clone, Debug, Default)]
pub struct OwnershipMetrics {
    /// Shards that this replica owns now.
    pub shards: Gauge,
    /// Keepalives that were not answered.
    pub keepalives_failed: Counter,
    /// Forward decisions refused by the store because their owner was not the owner any more.
    pub refused: Counter,
    moves: Family<MoveLabels, Counter>,
}

/// What the front counts.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<MethodLabels, Histogram, fn() -> Histogram>,
    /// Connections open now.
    pub connections: Gauge,
    /// Handshakes that came to nothing.
    pub handshakes_failed: Counter,
}

/// What is counted of streams that stay open.
#[derive(Clone, Debug)]
pub struct LinkMetrics {
    /// Agents connected now.
    pub sessions: Gauge,
    /// Reports taken.
    pub reports: Counter,
    /// Hellos that came too soon after others of their region, and had to wait.
    pub hellos_paced: Counter,
    /// Lanes in reports that could not be read.
    pub lanes_invalid: Counter,
    /// Lanes in reports that claim an epoch nobody issued.
    pub lanes_lying: Counter,
    /// Watches open now.
    pub watches: Gauge,
    cut: Family<CutLabels, Counter>,
}

impl Metrics {
    /// Registers everything of this crate; `also` registers what others count.
    pub fn new<T>(also: impl FnOnce(&mut Registry) -> T) -> (Self, T) {
        let mut registry = Registry::default();
        let theirs = also(&mut registry);
        let ours = registry.sub_registry_with_prefix(PREFIX);
        let engine = EngineMetrics::register(ours);
        let ownership = OwnershipMetrics::register(ours);
        let calls = CallMetrics::register(ours);
        let links = LinkMetrics::register(ours);
        let watching = WatchMetrics::register(ours);
        let queues = QueueMetrics::register(ours);
        let alerts = AlertMetrics::register(ours);
        let registry = Arc::new(Mutex::new(registry));
        (Self { registry, engine, ownership, calls, links, watching, queues, alerts }, theirs)
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// If a value can't be written as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().expect("no holder of this lock panics");
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// From 100 µs, below a decision on a local store, in doublings up to 13 s, above every timeout.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(100e-6, 2.0, 18))
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self {
            rollouts_active: Gauge::default(),
            conflicts: Counter::default(),
            rollbacks: Counter::default(),
            decisions: Family::default(),
            commit_seconds: seconds(),
        }
    }
}

impl EngineMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("rollouts_active", "Rollouts that this server runs now", metrics.rollouts_active.clone());
        registry.register(
            "decision_conflicts",
            "Decisions made again because the same records were changed by others",
            metrics.conflicts.clone(),
        );
        registry.register("rollbacks", "Rollbacks decided", metrics.rollbacks.clone());
        registry.register("decisions", "Decisions committed by kind", metrics.decisions.clone());
        registry.register_with_unit(
            "decision_commit",
            "Time the commit of a decision took",
            Unit::Seconds,
            metrics.commit_seconds.clone(),
        );
        metrics
    }

    /// Counts a committed decision.
    pub fn committed(&self, kind: &'static str, took: Duration) {
        self.decisions.get_or_create(&KindLabels { kind }).inc();
        self.commit_seconds.observe(took.as_secs_f64());
    }
}

impl OwnershipMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("shards_owned", "Shards that this server owns now", metrics.shards.clone());
        registry.register("keepalives_failed", "Keepalives not answered", metrics.keepalives_failed.clone());
        registry.register(
            "owner_refused",
            "Forward decisions refused because another server owned the shard",
            metrics.refused.clone(),
        );
        registry.register("shards_moved", "Shards taken and given up", metrics.moves.clone());
        metrics
    }

    /// Counts shards that were taken or given up.
    pub fn moved(&self, moved: &'static str, shards: usize) {
        self.moves.get_or_create(&MoveLabels { moved }).inc_by(u64::try_from(shards).unwrap_or(u64::MAX));
    }
}

impl CallMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            connections: Gauge::default(),
            handshakes_failed: Counter::default(),
        };
        registry.register("calls", "Calls by method and status code", metrics.calls.clone());
        registry.register_with_unit(
            "call_duration",
            "Time a call took until its answer began, by method",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("connections", "Connections open now", metrics.connections.clone());
        registry.register("handshakes_failed", "Handshakes that failed", metrics.handshakes_failed.clone());
        metrics
    }

    /// Counts a call whose answer has begun.
    pub fn called(&self, method: &Arc<str>, code: &'static str, took: Duration) {
        self.calls.get_or_create(&CallLabels { method: method.clone(), code }).inc();
        self.seconds.get_or_create(&MethodLabels { method: method.clone() }).observe(took.as_secs_f64());
    }
}

impl WatchMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "reviews_overdue",
            "Reviews after launches that nobody has signed in time",
            metrics.overdue.clone(),
        );
        registry.register("watch_decisions", "Decisions about watches by kind", metrics.decisions.clone());
        metrics
    }

    /// Counts a committed decision about a watch.
    pub fn decided(&self, kind: &'static str) {
        self.decisions.get_or_create(&KindLabels { kind }).inc();
    }
}

impl QueueMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("queue_waiting", "Requests that wait for lanes, of all services", metrics.waiting.clone());
        let help = "What became of requests that wait: asked, started, removed, dismissed";
        registry.register("queue_requests", help, metrics.events.clone());
        metrics
    }

    /// Counts what became of a request.
    pub fn happened(&self, kind: &'static str) {
        self.events.get_or_create(&KindLabels { kind }).inc();
    }
}

/// What is counted of alerts.
#[derive(Clone, Debug, Default)]
pub struct AlertMetrics {
    tells: Family<TellLabels, Counter>,
}

impl AlertMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Tries to tell a receiver, by its format and what came of it: told, failed, given-up";
        registry.register("alert_tells", help, metrics.tells.clone());
        metrics
    }

    /// Counts a try.
    pub fn tried(&self, target: &'static str, told: bool) {
        self.count(target, if told { "told" } else { "failed" });
    }

    /// Counts a receiver that was not told in the end.
    pub fn given_up(&self, target: &'static str) {
        self.count(target, "given-up");
    }

    fn count(&self, target: &'static str, outcome: &'static str) {
        self.tells.get_or_create(&TellLabels { target, outcome }).inc();
    }
}

impl LinkMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            sessions: Gauge::default(),
            reports: Counter::default(),
            hellos_paced: Counter::default(),
            lanes_invalid: Counter::default(),
            lanes_lying: Counter::default(),
            watches: Gauge::default(),
            cut: Family::default(),
        };
        registry.register("agent_sessions", "Agents connected now", metrics.sessions.clone());
        registry.register("agent_reports", "Reports taken from agents", metrics.reports.clone());
        registry.register(
            "agent_hellos_paced",
            "Hellos that had to wait because their region begins sessions too often",
            metrics.hellos_paced.clone(),
        );
        registry.register(
            "agent_lanes_invalid",
            "Lanes in reports that could not be read",
            metrics.lanes_invalid.clone(),
        );
        registry.register(
            "agent_lanes_lying",
            "Lanes in reports that claim an epoch nobody issued",
            metrics.lanes_lying.clone(),
        );
        registry.register("watches", "Watches of rollouts open now", metrics.watches.clone());
        registry.register("streams_cut", "Streams ended by the server, by status code", metrics.cut.clone());
        metrics
    }

    /// Counts a stream that the server ended.
    pub fn cut(&self, code: &'static str) {
        self.cut.get_or_create(&CutLabels { code }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_under_one_prefix() {
        let (metrics, ()) = Metrics::new(|_| ());
        metrics.engine.committed("start", Duration::from_millis(1));
        metrics.calls.called(&"/a.B/C".into(), "OK", Duration::from_millis(1));
        metrics.links.cut("RESOURCE_EXHAUSTED");
        let text = metrics.text().unwrap();
        for line in [
            "meridian_server_decisions_total{kind=\"start\"} 1",
            "meridian_server_calls_total{method=\"/a.B/C\",code=\"OK\"} 1",
            "meridian_server_streams_cut_total{code=\"RESOURCE_EXHAUSTED\"} 1",
            "meridian_server_decision_commit_seconds_count 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
