//! Strategies for alerts, routes and what is kept of them.

use std::collections::BTreeSet;

use meridian_core::alert::{Alert, Kind, Match, Receiver, Route, Saying, Severity, Target, Topic, Turn};
use meridian_core::id::{RouteId, SecretId};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{NAME, NAMED, labels, moment, region, release_ref, rollout_id, service, text};
use crate::convert::record::{Outgoing, Stands, StoredRoute};

fn alert() -> impl Strategy<Value = Alert> {
    let topic = (select(Kind::ALL.to_vec()), option::of(region())).prop_map(|(kind, region)| Topic { kind, region });
    let parts = (service(), rollout_id(), release_ref(), topic, text(), moment());
    parts.prop_map(|(service, rollout, release, topic, summary, since)| Alert {
        service,
        rollout,
        release,
        topic,
        summary,
        since,
    })
}

/// What is to be said.
pub fn outgoing() -> impl Strategy<Value = Outgoing> {
    let turn = select(vec![Turn::Raised, Turn::Resolved]);
    let saying = (turn, alert()).prop_map(|(turn, alert)| Saying { turn, alert });
    (service(), vec(saying, 0..4)).prop_map(|(service, sayings)| Outgoing { service, sayings })
}

/// What stands.
pub fn stands() -> impl Strategy<Value = Stands> {
    (vec(alert(), 0..4), any::<u64>()).prop_map(|(alerts, said)| Stands {
        standing: alerts.into_iter().map(|alert| (alert.topic.clone(), alert)).collect(),
        said,
    })
}

fn matching() -> impl Strategy<Value = Match> {
    let severity = option::of(select(vec![Severity::Warning, Severity::Critical]));
    let names = (btree_set(service(), 0..3), btree_set(region(), 0..3));
    (severity, names, labels()).prop_map(|(severity, (services, regions), labels)| Match {
        severity,
        services: BTreeSet::from_iter(services),
        regions,
        labels,
    })
}

fn receiver() -> impl Strategy<Value = Receiver> {
    let secret = || NAME.prop_map(|name| SecretId::new(name).expect(NAMED));
    let target = prop_oneof![
        text().prop_map(|url| Target::Alertmanager { url }),
        (text(), secret()).prop_map(|(url, secret)| Target::Webhook { url, secret }),
        (text(), secret()).prop_map(|(url, secret)| Target::PagerDuty { url, secret }),
        secret().prop_map(|secret| Target::Slack { secret }),
    ];
    (text(), target).prop_map(|(name, target)| Receiver { name, target })
}

/// A route with its times.
pub fn stored_route() -> impl Strategy<Value = StoredRoute> {
    let id = NAME.prop_map(|name| RouteId::new(name).expect(NAMED));
    let route = (id, matching(), text(), vec(receiver(), 0..4));
    let route = route.prop_map(|(id, matches, template, receivers)| Route { id, matches, template, receivers });
    (route, moment(), moment()).prop_map(|(route, created, updated)| StoredRoute { route, created, updated })
}
