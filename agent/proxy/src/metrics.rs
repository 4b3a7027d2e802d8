//! The counters as Prometheus text: every metric name of the proxy is here. It reads the numbers of the control API, so
//! that both ways of asking agree.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::control::{Routing, Slot, SlotStats, Stats};

/// Counter: requests that came to a result, by slot.
const REQUESTS: &str = "meridian_proxy_requests";
/// Counter: requests answered with 500 and above by their slot.
const ERRORS: &str = "meridian_proxy_errors";
/// Counter: requests the proxy answered itself, by slot (`none` without a routing) and reason.
const PROXY_ERRORS: &str = "meridian_proxy_proxy_errors";
/// Gauge: requests and tunnels on their way, by slot.
const IN_FLIGHT: &str = "meridian_proxy_in_flight";
/// Histogram: from request head to response head, by slot.
const LATENCY: &str = "meridian_proxy_latency_seconds";
/// Gauge: the weight in effect, by slot.
const WEIGHT: &str = "meridian_proxy_weight_basis_points";
/// Gauge: the epoch in effect, by part.
const EPOCH: &str = "meridian_proxy_epoch";

/// One reading, to be written down.
#[derive(Debug)]
struct Reading {
    stats: Stats,
    routing: Option<Routing>,
}

/// A reading as OpenMetrics text.
///
/// # Errors
/// Never in practice: writing to a string does not fail.
pub(crate) fn text(stats: Stats, routing: Option<Routing>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reading { stats, routing }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

impl Reading {
    fn slots(&self) -> impl Iterator<Item = (&'static str, &SlotStats)> {
        Slot::BOTH.into_iter().map(|slot| (slot.as_str(), self.stats.slots.get(slot)))
    }

    fn per_slot(&self, mut encoder: MetricEncoder<'_>, value: impl Fn(&SlotStats) -> Number) -> Result<(), fmt::Error> {
        for (slot, stats) in self.slots() {
            value(stats).encode(encoder.encode_family(&[("slot", slot)])?)?;
        }
        Ok(())
    }

    fn proxy_errors(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (slot, stats) in self.slots() {
            let errors = stats.proxy_errors;
            let by_reason = [
                ("connect", errors.connect),
                ("reset", errors.reset),
                ("timeout", errors.timeout),
                ("no_target", errors.no_target),
            ];
            for (reason, count) in by_reason {
                let labels = [("slot", slot), ("reason", reason)];
                ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
            }
        }
        let labels = [("slot", "none"), ("reason", "no_target")];
        ConstCounter::new(self.stats.no_target).encode(encoder.encode_family(&labels)?)
    }

    fn latency(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (slot, stats) in self.slots() {
            let latency = &stats.latency;
            let mut before = 0;
            let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(latency.bounds_us.len() + 1);
            for (bound, cumulative) in latency.bounds_us.iter().zip(&latency.cumulative) {
                buckets.push((seconds(*bound), cumulative - before));
                before = *cumulative;
            }
            buckets.push((f64::INFINITY, latency.count - before));
            let labels = [("slot", slot)];
            let mut family = encoder.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(seconds(latency.sum_us), latency.count, &buckets, None)?;
        }
        Ok(())
    }

    fn routing(&self, encoder: &mut DescriptorEncoder<'_>, routing: &Routing) -> Result<(), fmt::Error> {
        let help = "Weight in effect in basis points";
        let mut weights = encoder.encode_descriptor(WEIGHT, help, None, MetricType::Gauge)?;
        for slot in Slot::BOTH {
            let labels = [("slot", slot.as_str())];
            let weight = i64::from(routing.split.of(slot));
            ConstGauge::new(weight).encode(weights.encode_family(&labels)?)?;
        }
        let mut epoch = encoder.encode_descriptor(EPOCH, "Epoch in effect", None, MetricType::Gauge)?;
        for (part, value) in [("generation", routing.epoch.generation), ("counter", routing.epoch.counter)] {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            ConstGauge::new(value).encode(epoch.encode_family(&[("part", part)])?)?;
        }
        Ok(())
    }
}

enum Number {
    Counter(u64),
    Gauge(u64),
}

impl Number {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Counter(value) => ConstCounter::new(*value).encode(encoder),
            Self::Gauge(value) => ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX)).encode(encoder),
        }
    }
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Requests that came to a result";
        let requests = encoder.encode_descriptor(REQUESTS, help, None, MetricType::Counter)?;
        self.per_slot(requests, |slot| Number::Counter(slot.requests))?;
        let help = "Requests the slot answered with a status of 500 and above";
        let errors = encoder.encode_descriptor(ERRORS, help, None, MetricType::Counter)?;
        self.per_slot(errors, |slot| Number::Counter(slot.errors))?;
        let help = "Requests the proxy answered itself";
        let proxy_errors = encoder.encode_descriptor(PROXY_ERRORS, help, None, MetricType::Counter)?;
        self.proxy_errors(proxy_errors)?;
        let help = "Requests and tunnels on their way";
        let in_flight = encoder.encode_descriptor(IN_FLIGHT, help, None, MetricType::Gauge)?;
        self.per_slot(in_flight, |slot| Number::Gauge(slot.in_flight))?;
        let help = "From the request's head to the response's head";
        let latency = encoder.encode_descriptor(LATENCY, help, None, MetricType::Histogram)?;
        self.latency(latency)?;
        match &self.routing {
            Some(routing) => self.routing(&mut encoder, routing),
            None => Ok(()),
        }
    }
}

/// Exact below 2^53 microseconds, which is 285 years.
#[allow(clippy::cast_precision_loss)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1_000_000.0
}
