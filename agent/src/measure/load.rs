//! The load that a region is put under while it bakes: driven against its own data plane, as clients see it, for as long as
//! the order for it stands. It counts and does not judge.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::evidence::{Histogram, LoadTally};
use meridian_core::goal::LoadOrder;
use meridian_core::playbook::{Load, LoadRequest, Method};
use meridian_load::{FailureReason, MadeBySlot, Options, Request, Snapshot, StartError};
use tracing::info;

/// Due requests that may wait for a connection: more than any that is still in time when it gets one.
const WAITING_MAX: usize = 1 << 16;

/// A load on a thread of its own. Dropping it ends the load at once, and waits for its thread.
#[derive(Debug)]
pub(super) struct Driven(meridian_load::Load);

impl Driven {
    /// Begins to drive a load against an entrance, in the name of a cohort if there is one.
    pub fn start(order: &LoadOrder, cohort: Option<&Cohort>, entrance: SocketAddr) -> Result<Self, StartError> {
        let options = options(order, cohort, entrance);
        info!(rate = order.load.rate, %entrance, lasts = ?options.lasts, "the region is put under load");
        meridian_load::Load::start(options).map(Self)
    }

    /// What has become of its requests by now.
    pub fn tally(&self) -> LoadTally {
        tally(&self.0.snapshot())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        let Snapshot { due, sent, .. } = self.0.snapshot();
        info!(due, sent, "the load ends");
    }
}

fn options(order: &LoadOrder, cohort: Option<&Cohort>, entrance: SocketAddr) -> Options {
    let LoadOrder { load: Load { rate, ramp, requests, connections, timeout }, lasts } = order;
    Options {
        mix: requests.iter().map(request).collect(),
        rate_per_second: f64::from(*rate),
        ramp: Duration::from_millis(ramp.millis()),
        lasts: Some(Duration::from_millis(lasts.millis())),
        waiting: WAITING_MAX,
        connections: *connections as usize,
        timeout: Duration::from_millis(timeout.millis()),
        headers: cohort.and_then(|cohort| ticket(&cohort.rule)).into_iter().collect(),
        // Whoever answers badly in the place of a slot is counted by what they answer.
        made_by_slot: MadeBySlot::Anybody,
        ..Options::new(reachable(entrance))
    }
}

/// What a request carries that belongs to a cohort. Of a share of all values nobody can name one that is in it.
fn ticket(rule: &CohortRule) -> Option<(String, String)> {
    match rule {
        CohortRule::Equals(RequestKey::Header(name), value) => Some((name.clone(), value.clone())),
        CohortRule::Equals(RequestKey::Cookie(name), value) => Some(("cookie".to_owned(), format!("{name}={value}"))),
        CohortRule::Share(..) => None,
    }
}

/// Where an entrance on every address of this machine is reached from it.
fn reachable(entrance: SocketAddr) -> SocketAddr {
    let ip = match entrance.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, entrance.port())
}

fn request(request: &LoadRequest) -> Request {
    let LoadRequest { method, path, headers, body, weight } = request;
    Request {
        method: match method {
            Method::Get => meridian_load::Method::Get,
            Method::Head => meridian_load::Method::Head,
            Method::Post => meridian_load::Method::Post,
            Method::Put => meridian_load::Method::Put,
            Method::Delete => meridian_load::Method::Delete,
        },
        path: path.clone(),
        headers: headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: body.clone().into_bytes(),
        weight: *weight,
    }
}

fn tally(seen: &Snapshot) -> LoadTally {
    let failed = |reason| seen.failed(reason);
    LoadTally {
        due: seen.due,
        sent: seen.sent,
        not_sent: failed(FailureReason::NotSent),
        answered: seen.answered,
        errors: seen.class(5),
        refused: failed(FailureReason::Refused),
        broken: failed(FailureReason::Closed) + failed(FailureReason::Reset),
        timed_out: failed(FailureReason::TimedOut),
        malformed: failed(FailureReason::Malformed),
        latency: Histogram { buckets: seen.waited.buckets().collect() },
        slowest: u64::try_from(seen.waited.max().as_micros()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use meridian_core::slot::Slot;
    use meridian_core::time::Span;

    use super::*;

    fn order() -> LoadOrder {
        let request = LoadRequest {
            method: Method::Post,
            path: "/orders".to_owned(),
            headers: BTreeMap::from([("x-load".to_owned(), "yes".to_owned())]),
            body: "a=1".to_owned(),
            weight: 3,
        };
        let (ramp, timeout) = (Span::from_secs(10), Span::from_millis(500));
        let load = Load { rate: 200, ramp, requests: vec![request], connections: 4, timeout };
        LoadOrder { load, lasts: Span::from_secs(60) }
    }

    #[test]
    fn a_load_is_driven_as_it_was_ordered() {
        let rule = CohortRule::Equals(RequestKey::Cookie("pilot".to_owned()), "yes".to_owned());
        let cohort = Cohort { rule, slot: Slot::Green };
        let options = options(&order(), Some(&cohort), "0.0.0.0:8080".parse().unwrap());
        assert_eq!(options.target, "127.0.0.1:8080".parse().unwrap());
        assert_eq!((options.rate_per_second, options.connections), (200.0, 4));
        assert_eq!((options.ramp, options.timeout), (Duration::from_secs(10), Duration::from_millis(500)));
        assert_eq!(options.lasts, Some(Duration::from_secs(60)));
        assert_eq!(options.headers, [("cookie".to_owned(), "pilot=yes".to_owned())]);
        let Request { method, path, headers, body, weight } = &options.mix[0];
        assert_eq!(
            (*method, path.as_str(), body.as_slice(), *weight),
            (meridian_load::Method::Post, "/orders", &b"a=1"[..], 3)
        );
        assert_eq!(headers, &[("x-load".to_owned(), "yes".to_owned())]);
    }

    #[tokio::test]
    async fn what_nobody_accepts_is_counted_as_refused() {
        // A port that was free a moment ago: nobody listens there.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let load = Load { ramp: Span::ZERO, ..order().load };
        let driven = Driven::start(&LoadOrder { load, ..order() }, None, nobody).unwrap();
        let patience = Duration::from_secs(20);
        let wanted = |seen: &Snapshot| seen.failed(FailureReason::Refused) >= 5;
        driven.0.wait_until(wanted, patience).await.unwrap();
        let tally = driven.tally();
        assert_eq!((tally.answered, tally.sent, tally.failed()), (0, 0, tally.refused));
        assert!(tally.refused >= 5 && tally.due >= tally.refused, "{tally:?}");
    }
}
