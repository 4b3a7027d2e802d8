//! Between our words and the proxy's. Fields are taken apart one by one, so that a new one cannot be forgotten.

use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::Histogram;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::{Split, Weight};
use meridian_proxy::control;

use crate::traffic::{Origin, Route, SlotCounters, Sticky, TrafficCounters};

/// A route as the proxy is told it.
pub(crate) fn routing(route: &Route) -> control::Routing {
    let Route { epoch, origin, hash, split, cohort, sticky, targets } = route;
    let target = |slot: control::Slot| {
        let address = (*targets.get(ours(slot)))?.to_string();
        Some(control::SlotTarget { address, protocol: control::Protocol::Http1 })
    };
    control::Routing {
        epoch: control::Epoch { generation: epoch.generation(), counter: epoch.counter() },
        alone: *origin == Origin::Alone,
        hash: hash.to_string(),
        slots: control::Slots::from_fn(target),
        split: control::Split {
            blue: split.of(Slot::Blue).basis_points(),
            green: split.of(Slot::Green).basis_points(),
        },
        cohort: cohort.as_ref().map(told_cohort),
        sticky: sticky
            .as_ref()
            .map(|sticky| control::Sticky { cookie: sticky.cookie.clone(), max_age_s: sticky.max_age_s }),
    }
}

/// A route as it was told. What is wrong with it is a sentence for `TRAFFIC_UNREADABLE`.
pub(crate) fn route(routing: &control::Routing) -> Result<Route, String> {
    let control::Routing { epoch, alone, hash, slots, split, cohort, sticky } = routing;
    let hash = Digest::parse(hash).map_err(|error| format!("hash {hash}: {error}"))?;
    let weight = |share: u16| Weight::from_basis_points(share.into()).map_err(|error| error.to_string());
    let (blue, green) = (weight(split.blue)?, weight(split.green)?);
    if blue.rest() != green {
        return Err(format!("blue {blue} and green {green} are not the whole"));
    }
    let address = |target: &control::SlotTarget| {
        target.address.parse().map_err(|_| format!("{} is not an address", target.address))
    };
    Ok(Route {
        epoch: Epoch::new(epoch.generation, epoch.counter),
        origin: if *alone { Origin::Alone } else { Origin::Goal },
        hash,
        split: Split::toward(Slot::Blue, blue),
        cohort: cohort.as_ref().map(seen_cohort).transpose()?,
        sticky: sticky.as_ref().map(|sticky| Sticky { cookie: sticky.cookie.clone(), max_age_s: sticky.max_age_s }),
        targets: Slots {
            blue: slots.blue.as_ref().map(address).transpose()?,
            green: slots.green.as_ref().map(address).transpose()?,
        },
    })
}

/// The proxy's counters in our words.
pub(crate) fn counters(stats: control::Stats) -> TrafficCounters {
    let slots = Slots { blue: slot_counters(&stats.slots.blue), green: slot_counters(&stats.slots.green) };
    TrafficCounters { start_id: stats.start_id, slots }
}

fn slot_counters(stats: &control::SlotStats) -> SlotCounters {
    SlotCounters {
        requests: stats.requests,
        errors: stats.failed(),
        latency: histogram(&stats.latency),
        in_flight: stats.in_flight,
    }
}

/// The proxy counts what took at most a bound; we count what lies between two.
fn histogram(latency: &control::Latency) -> Histogram {
    let mut below = 0;
    let mut buckets = std::collections::BTreeMap::new();
    for (bound, cumulative) in latency.bounds_us.iter().zip(&latency.cumulative) {
        buckets.insert(*bound, cumulative.saturating_sub(below));
        below = *cumulative;
    }
    *buckets.entry(u64::MAX).or_insert(0) += latency.count.saturating_sub(below);
    Histogram { buckets }
}

fn told_cohort(cohort: &Cohort) -> control::Cohort {
    let rule = match cohort.rule.clone() {
        CohortRule::Equals(RequestKey::Header(name), value) => control::CohortRule::Header { name, value },
        CohortRule::Equals(RequestKey::Cookie(name), value) => control::CohortRule::Cookie { name, value },
        CohortRule::Share(key, share) => {
            control::CohortRule::Percentage { basis_points: share.basis_points(), key: told_key(key) }
        }
    };
    control::Cohort { rule, slot: theirs(cohort.slot) }
}

fn seen_cohort(cohort: &control::Cohort) -> Result<Cohort, String> {
    let rule = match cohort.rule.clone() {
        control::CohortRule::Header { name, value } => CohortRule::Equals(RequestKey::Header(name), value),
        control::CohortRule::Cookie { name, value } => CohortRule::Equals(RequestKey::Cookie(name), value),
        control::CohortRule::Percentage { basis_points, key } => {
            let share = Weight::from_basis_points(basis_points.into()).map_err(|error| error.to_string())?;
            CohortRule::Share(seen_key(key), share)
        }
    };
    Ok(Cohort { rule, slot: ours(cohort.slot) })
}

fn told_key(key: RequestKey) -> control::RequestKey {
    match key {
        RequestKey::Header(name) => control::RequestKey::Header(name),
        RequestKey::Cookie(name) => control::RequestKey::Cookie(name),
    }
}

fn seen_key(key: control::RequestKey) -> RequestKey {
    match key {
        control::RequestKey::Header(name) => RequestKey::Header(name),
        control::RequestKey::Cookie(name) => RequestKey::Cookie(name),
    }
}

const fn theirs(slot: Slot) -> control::Slot {
    match slot {
        Slot::Blue => control::Slot::Blue,
        Slot::Green => control::Slot::Green,
    }
}

const fn ours(slot: control::Slot) -> Slot {
    match slot {
        control::Slot::Blue => Slot::Blue,
        control::Slot::Green => Slot::Green,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_come_back_as_they_were_told() {
        let share = Weight::from_basis_points(1250).unwrap();
        let rules = [
            CohortRule::Equals(RequestKey::Header("x-team".to_owned()), "a".to_owned()),
            CohortRule::Equals(RequestKey::Cookie("team".to_owned()), "a".to_owned()),
            CohortRule::Share(RequestKey::Header("x-user".to_owned()), share),
            CohortRule::Share(RequestKey::Cookie("user".to_owned()), share),
        ];
        let cohorts = rules.map(|rule| Some(Cohort { rule, slot: Slot::Green }));
        for cohort in cohorts.into_iter().chain([None]) {
            let told = Route {
                epoch: Epoch::new(1, 7),
                origin: if share == Weight::NONE { Origin::Alone } else { Origin::Goal },
                hash: Digest::of(b"goal"),
                split: Split::toward(Slot::Green, share),
                cohort,
                sticky: Some(Sticky { cookie: "side".to_owned(), max_age_s: 60 }),
                targets: Slots { blue: Some(([127, 0, 0, 1], 9).into()), green: None },
            };
            assert_eq!(route(&routing(&told)), Ok(told));
        }
    }

    #[test]
    fn cumulative_buckets_become_single_ones() {
        let latency = control::Latency { bounds_us: vec![10, 20, 40], cumulative: vec![3, 3, 5], count: 6, sum_us: 0 };
        let expected = [(10, 3), (20, 0), (40, 2), (u64::MAX, 1)];
        assert_eq!(histogram(&latency).buckets, expected.into_iter().collect());
    }
}
