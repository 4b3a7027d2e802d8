//! From a [`Route`] to Envoy's route configuration: cohort first, then sticky cookies, then weights. It knows how Envoy
//! matches requests; it does not know how the configuration gets there.
//!
//! Each rule becomes two Envoy routes with the same targets: one for methods that may be sent twice, which also retries
//! when a kept connection breaks before an answer, and one for all others, which retries only what was never sent.

use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::slot::Slot;
use meridian_core::weight::{Split, Weight};

use super::feed::Publication;
use super::pb::route::route::Action;
use super::pb::route::route_action::hash_policy::{Cookie, Header, PolicySpecifier};
use super::pb::route::route_action::{ClusterSpecifier, HashPolicy};
use super::pb::route::route_match::PathSpecifier;
use super::pb::route::weighted_cluster::{ClusterWeight, RandomValueSpecifier};
use super::pb::route::{
    DirectResponseAction, HeaderMatcher, RetryPolicy, Route as EnvoyRoute, RouteAction, RouteConfiguration, RouteMatch,
    VirtualHost, WeightedCluster,
};
use super::pb::{self, pack_any};
use super::resources::{PROXY_ERROR_HEADER, ROUTES};
use crate::proxy::convert;
use crate::traffic::{Route, Sticky};

/// Where Envoy carries the route that a configuration was made from.
pub(super) const METADATA: &str = "meridian";
/// Under which name.
pub(super) const METADATA_ROUTE: &str = "route";
/// Where each of its rules carries the route's [`mark`].
pub(super) const METADATA_MARK: &str = "mark";
/// The name of the Envoy routes that obey the weights.
pub(super) const SPLIT_RULE: &str = "split";
/// The name of the Envoy routes of the cohort.
pub(super) const COHORT_RULE: &str = "cohort";

/// Which slot answered.
const SLOT_HEADER: &str = "x-meridian-slot";
/// Methods that may be sent twice without harm.
const REPEATABLE: &str = "GET|HEAD|OPTIONS|TRACE";
/// What was never sent may always be sent again.
const RETRY_UNSENT: &str = "connect-failure,refused-stream,reset-before-request";
/// What broke without an answer too.
const RETRY_UNANSWERED: &str = "connect-failure,refused-stream,reset-before-request,reset";
/// A stale connection, and another one; a slot that breaks three in a row is not stale but broken.
const RETRIES: u32 = 2;

/// The configuration for a route; without one, every request is refused.
pub(super) fn routes(route: Option<&Route>, idle_timeout_ms: u64) -> Publication {
    let (version, hosts, metadata) = match route {
        None => ("none".to_owned(), refuse_all(), None),
        Some(route) => {
            let metadata = pb::metadata(METADATA, METADATA_ROUTE, told(route));
            (format!("{}-{}", route.epoch, route.hash.short()), rules(route, idle_timeout_ms), Some(metadata))
        }
    };
    let host =
        VirtualHost { name: ROUTES.to_owned(), domains: vec!["*".to_owned()], routes: hosts, ..Default::default() };
    let configuration =
        RouteConfiguration { name: ROUTES.to_owned(), virtual_hosts: vec![host], metadata, ..Default::default() };
    Publication { version, resources: vec![pack_any(configuration)] }
}

/// What tells a route from every other, those with the same epoch included.
pub(super) fn mark(route: &Route) -> String {
    Digest::of(told(route).as_bytes()).short()
}

fn told(route: &Route) -> String {
    // Plain data without maps always has a text.
    serde_json::to_string(&convert::routing(route)).unwrap_or_default()
}

fn refuse_all() -> Vec<EnvoyRoute> {
    vec![EnvoyRoute {
        r#match: Some(all()),
        action: Some(Action::DirectResponse(DirectResponseAction { status: 503, ..Default::default() })),
        response_headers_to_add: vec![pb::header(PROXY_ERROR_HEADER, "no_route")],
        ..Default::default()
    }]
}

fn rules(route: &Route, idle_timeout_ms: u64) -> Vec<EnvoyRoute> {
    let mut rules = Vec::new();
    if let Some(cohort) = &route.cohort {
        rules.push(Rule::cohort(cohort, route.split));
    }
    let is_mixed = Slot::BOTH.iter().all(|slot| route.split.serves(*slot));
    let sticky = route.sticky.as_ref().filter(|_| is_mixed);
    if let Some(sticky) = sticky {
        rules.extend(Slot::BOTH.map(|slot| Rule::sticky(sticky, slot)));
    }
    rules.push(Rule::split(route.split, sticky));
    let metadata = pb::metadata(METADATA, METADATA_MARK, mark(route));
    let marked = |route| EnvoyRoute { metadata: Some(metadata.clone()), ..route };
    rules.into_iter().flat_map(|rule| rule.envoy_routes(idle_timeout_ms)).map(marked).collect()
}

/// Who is matched, and where they go.
struct Rule {
    name: &'static str,
    matcher: RouteMatch,
    weights: WeightedCluster,
    hash_policy: Vec<HashPolicy>,
}

impl Rule {
    fn new(name: &'static str, matcher: RouteMatch, clusters: Vec<ClusterWeight>) -> Self {
        let weights = WeightedCluster { clusters, ..Default::default() };
        Self { name, matcher, weights, hash_policy: Vec::new() }
    }

    fn split(split: Split, sticky: Option<&Sticky>) -> Self {
        let clusters = Slot::BOTH.map(|slot| {
            let mut cluster = share(slot, split.of(slot).basis_points().into());
            if let Some(sticky) = sticky {
                let cookie = format!("{}={slot}; Max-Age={}; Path=/", sticky.cookie, sticky.max_age_s);
                cluster.response_headers_to_add.push(pb::header("set-cookie", &cookie));
            }
            cluster
        });
        Self::new(SPLIT_RULE, all(), clusters.to_vec())
    }

    fn sticky(sticky: &Sticky, slot: Slot) -> Self {
        let cookies = vec![pb::cookie_is(&sticky.cookie, pb::exactly(slot.as_str()))];
        Self::new("sticky", RouteMatch { cookies, ..all() }, vec![share(slot, 1)])
    }

    fn cohort(cohort: &Cohort, split: Split) -> Self {
        match &cohort.rule {
            CohortRule::Equals(RequestKey::Header(name), value) => {
                let headers = vec![pb::header_is(name, pb::exactly(value))];
                Self::new(COHORT_RULE, RouteMatch { headers, ..all() }, vec![share(cohort.slot, 1)])
            }
            CohortRule::Equals(RequestKey::Cookie(name), value) => {
                let cookies = vec![pb::cookie_is(name, pb::exactly(value))];
                Self::new(COHORT_RULE, RouteMatch { cookies, ..all() }, vec![share(cohort.slot, 1)])
            }
            CohortRule::Share(key, members) => Self::cohort_share(key, *members, cohort.slot, split),
        }
    }

    /// Requests with the key are placed by its hash: the first part of the range is the cohort, the rest obeys the split.
    /// So a caller stays on one side, and a growing cohort only gains members.
    fn cohort_share(key: &RequestKey, members: Weight, slot: Slot, split: Split) -> Self {
        let (matcher, policy) = match key {
            RequestKey::Header(name) => {
                let headers = vec![pb::header_is(name, pb::regex(".*"))];
                let policy = Header { header_name: name.clone(), ..Default::default() };
                (RouteMatch { headers, ..all() }, PolicySpecifier::Header(policy))
            }
            RequestKey::Cookie(name) => {
                let cookies = vec![pb::cookie_is(name, pb::regex(".*"))];
                let policy = Cookie { name: name.clone(), ..Default::default() };
                (RouteMatch { cookies, ..all() }, PolicySpecifier::Cookie(policy))
            }
        };
        let whole = u32::from(Weight::WHOLE.basis_points());
        let (inside, outside) = (u32::from(members.basis_points()), u32::from(members.rest().basis_points()));
        let of = |slot: Slot| outside * u32::from(split.of(slot).basis_points());
        let clusters = vec![share(slot, inside * whole + of(slot)), share(slot.other(), of(slot.other()))];
        let mut rule = Self::new(COHORT_RULE, matcher, clusters);
        rule.weights.random_value_specifier = pb::yes().map(RandomValueSpecifier::UseHashPolicy);
        rule.hash_policy = vec![HashPolicy { terminal: true, policy_specifier: Some(policy) }];
        rule
    }

    fn envoy_routes(self, idle_timeout_ms: u64) -> [EnvoyRoute; 2] {
        let repeatable = pb::header_is(":method", pb::regex(REPEATABLE));
        [(Some(repeatable), RETRY_UNANSWERED), (None, RETRY_UNSENT)]
            .map(|(method, retry_on)| self.envoy_route(method, retry_on, idle_timeout_ms))
    }

    fn envoy_route(&self, method: Option<HeaderMatcher>, retry_on: &str, idle_timeout_ms: u64) -> EnvoyRoute {
        let mut matcher = self.matcher.clone();
        matcher.headers.extend(method);
        let action = RouteAction {
            cluster_specifier: Some(ClusterSpecifier::WeightedClusters(self.weights.clone())),
            hash_policy: self.hash_policy.clone(),
            // A long answer is not a late one: what stands still for long is ended instead.
            timeout: pb::millis(0),
            idle_timeout: pb::millis(idle_timeout_ms),
            retry_policy: Some(RetryPolicy {
                retry_on: retry_on.to_owned(),
                num_retries: pb::number(RETRIES),
                ..Default::default()
            }),
            ..Default::default()
        };
        EnvoyRoute {
            name: self.name.to_owned(),
            r#match: Some(matcher),
            action: Some(Action::Route(action)),
            ..Default::default()
        }
    }
}

fn all() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }
}

fn share(slot: Slot, weight: u32) -> ClusterWeight {
    ClusterWeight {
        name: slot.as_str().to_owned(),
        weight: pb::number(weight),
        response_headers_to_add: vec![pb::header(SLOT_HEADER, slot.as_str())],
        ..Default::default()
    }
}
