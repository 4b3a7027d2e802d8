//! Reading Envoy back through its admin socket: the routes it has, and its counters. It knows Envoy's JSON; it changes
//! nothing there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use meridian_core::evidence::Histogram;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::{Split, Weight};
use serde_json::Value;

use super::routes::{COHORT_RULE, METADATA, METADATA_ROUTE, SPLIT_RULE};
use crate::error::{DriverError, code};
use crate::http_call;
use crate::proxy::convert;
use crate::traffic::{Route, RouteSeen, SlotCounters};

/// The admin thread answers between configuration updates.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const ROUTES_PATH: &str = "/config_dump?resource=dynamic_route_configs";
const PROBES_PATH: &str =
    "/stats?format=json&filter=%5Elistener%5C.probe%5C.worker_%5B0-9%5D%2B%5C.downstream_cx_active%24";
const STATS_PATH: &str = "/stats?format=json&histogram_buckets=disjoint&filter=\
    %5Ecluster%5C.(blue%7Cgreen)%5C.upstream_rq_(completed%7C5xx%7Cactive%7Cpending_active%7Ctime)%24";

/// The route in effect; `None` while there is none.
pub(super) async fn route(admin: &Path) -> Result<Option<RouteSeen>, DriverError> {
    read_route(&get(admin, ROUTES_PATH).await?).map_err(unreadable)
}

/// The counters of both slots.
pub(super) async fn counters(admin: &Path) -> Result<Slots<SlotCounters>, DriverError> {
    read_counters(&get(admin, STATS_PATH).await?).map_err(unreadable)
}

/// How many connections each worker has on the listener of [`super::workers`]; none before that listener is there.
pub(super) async fn probe_connections(admin: &Path) -> Result<Vec<u64>, DriverError> {
    let answer = get(admin, PROBES_PATH).await?;
    let listed = answer.get("stats").and_then(Value::as_array).into_iter().flatten();
    Ok(listed.filter_map(|entry| entry.get("value")?.as_u64()).collect())
}

async fn get(admin: &Path, path: &str) -> Result<Value, DriverError> {
    let unreachable = |message| DriverError::passing(code::TRAFFIC_UNREACHABLE, message);
    let answer = http_call::get_unix(admin, path, ANSWER_WITHIN).await;
    let (status, body) = answer.map_err(|error| unreachable(format!("Envoy's admin socket: {error}")))?;
    if !status.is_success() {
        return Err(unreachable(format!("Envoy's admin socket answers {status}")));
    }
    serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
}

fn unreadable(what: String) -> DriverError {
    DriverError::permanent(code::TRAFFIC_UNREADABLE, format!("Envoy's answer: {what}"))
}

fn read_route(dump: &Value) -> Result<Option<RouteSeen>, String> {
    let Some(configuration) = dump.pointer("/configs/0/route_config") else {
        return Ok(None);
    };
    let told = configuration.pointer(&format!("/metadata/filter_metadata/{METADATA}/{METADATA_ROUTE}"));
    // Ours before any route was told.
    let Some(told) = told.and_then(Value::as_str) else {
        return Ok(None);
    };
    let routing = serde_json::from_str(told).map_err(|error| error.to_string())?;
    let route: Route = convert::route(&routing)?;
    let rules = configuration.pointer("/virtual_hosts/0/routes").and_then(Value::as_array);
    let rule =
        |name: &str| rules.into_iter().flatten().find(|rule| rule.get("name").and_then(Value::as_str) == Some(name));
    // What Envoy obeys are its rules: the route carried along says what they were made from, they say what holds.
    let split = rule(SPLIT_RULE).and_then(read_split).ok_or("there is no rule for the split")?;
    let has_cohort = rule(COHORT_RULE).is_some();
    if split != route.split || has_cohort != route.cohort.is_some() {
        return Err(format!("its rules ({split}, cohort {has_cohort}) are not those of {}", route.epoch));
    }
    Ok(Some(RouteSeen::of(&route)))
}

fn read_split(rule: &Value) -> Option<Split> {
    let clusters = rule.pointer("/route/weighted_clusters/clusters")?.as_array()?;
    let weight = |slot: Slot| {
        let named = |cluster: &&Value| cluster.get("name").and_then(Value::as_str) == Some(slot.as_str());
        let cluster = clusters.iter().find(named)?;
        // Left out when zero.
        let weight = cluster.get("weight").map_or(Some(0), Value::as_u64)?;
        Weight::from_basis_points(weight).ok()
    };
    let (blue, green) = (weight(Slot::Blue)?, weight(Slot::Green)?);
    (blue.rest() == green).then_some(Split::toward(Slot::Blue, blue))
}

fn read_counters(answer: &Value) -> Result<Slots<SlotCounters>, String> {
    let entries = answer.get("stats").and_then(Value::as_array).ok_or("there are no stats")?;
    let mut slots = Slots::<SlotCounters>::default();
    for slot in Slot::BOTH {
        let value = |name: &str| {
            let full = format!("cluster.{slot}.{name}");
            let entry = entries.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(&full));
            // Envoy makes some counters only when they first count.
            entry.and_then(|entry| entry.get("value")).and_then(Value::as_u64).unwrap_or(0)
        };
        *slots.get_mut(slot) = SlotCounters {
            requests: value("upstream_rq_completed"),
            errors: value("upstream_rq_5xx"),
            latency: histogram(entries, slot),
            in_flight: value("upstream_rq_active") + value("upstream_rq_pending_active"),
        };
    }
    Ok(slots)
}

/// Envoy counts in milliseconds and lists no bucket without an upper bound: slower ones are in none.
fn histogram(entries: &[Value], slot: Slot) -> Histogram {
    let full = format!("cluster.{slot}.upstream_rq_time");
    let groups = entries.iter().filter_map(|entry| entry.get("histograms")?.as_array());
    let mut all = groups.flatten();
    let ours = all.find(|histogram| histogram.get("name").and_then(Value::as_str) == Some(&full));
    let listed = ours.and_then(|histogram| histogram.get("buckets")?.as_array());
    let bucket = |bucket: &Value| {
        let bound_ms = bucket.get("upper_bound")?.as_f64()?;
        Some((micros(bound_ms), bucket.get("cumulative")?.as_u64()?))
    };
    let mut buckets: BTreeMap<u64, u64> = listed.into_iter().flatten().filter_map(bucket).collect();
    if !buckets.is_empty() {
        buckets.entry(u64::MAX).or_insert(0);
    }
    Histogram { buckets }
}

fn micros(millis: f64) -> u64 {
    // Our own bounds, all whole and far below the limit of exact whole numbers.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let micros = (millis * 1000.0).round() as u64;
    micros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_missing_ones_are_zero() {
        let text = r#"{"stats":[{"name":"cluster.blue.upstream_rq_completed","value":7},
            {"name":"cluster.blue.upstream_rq_5xx","value":2},{"name":"cluster.blue.upstream_rq_active","value":1},
            {"histograms":[{"name":"cluster.blue.upstream_rq_time","buckets":[
                {"upper_bound":1,"interval":0,"cumulative":4},{"upper_bound":2.5,"interval":0,"cumulative":3}]}]}]}"#;
        let slots = read_counters(&serde_json::from_str(text).unwrap()).unwrap();
        let buckets = [(1000, 4), (2500, 3), (u64::MAX, 0)].into();
        let blue = SlotCounters { requests: 7, errors: 2, latency: Histogram { buckets }, in_flight: 1 };
        assert_eq!(slots, Slots { blue, green: SlotCounters::default() });
        assert!(read_counters(&Value::Null).is_err());
    }
}
