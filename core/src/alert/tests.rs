//! Routes: what takes them, what is said, and which can't be.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::route::{PAGER_DUTY, validate};
use super::*;
use crate::digest::Digest;
use crate::id::{RouteId, SecretId};

fn saying(kind: Kind, region: Option<&str>) -> Saying {
    let release = ReleaseRef { version: Version::new(1, 2, 3), digest: Digest::of(b"x") };
    let topic = Topic { kind, region: region.map(|name| RegionId::new(name).unwrap()) };
    let (service, rollout) = (ServiceId::new("shop").unwrap(), RolloutId::new("r-1").unwrap());
    let (summary, since) = ("it {{is}} so".to_owned(), Timestamp::from_millis(7));
    Saying { turn: Turn::Raised, alert: Alert { service, rollout, release, topic, summary, since } }
}

fn secret(name: &str) -> SecretId {
    SecretId::new(name).unwrap()
}

fn route(matches: Match) -> Route {
    let target = Target::Alertmanager { url: "http://alerts.example:9093".to_owned() };
    let receivers = vec![Receiver { name: "all".to_owned(), target }];
    Route { id: RouteId::new("on-call").unwrap(), matches, template: String::new(), receivers }
}

#[test]
fn an_alert_takes_the_routes_that_fit_it() {
    let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned()), ("team".to_owned(), "pay".to_owned())]);
    let services = |name: &str| BTreeSet::from([ServiceId::new(name).unwrap()]);
    let regions = |name: &str| BTreeSet::from([RegionId::new(name).unwrap()]);
    let label = |value: &str| BTreeMap::from([("tier".to_owned(), value.to_owned())]);
    let none = Match::default;
    let (failed, back) = (saying(Kind::VerdictFailed, Some("eu")), saying(Kind::RollingBack, None));
    let table = [
        (none(), true, true),
        (Match { severity: Some(Severity::Warning), ..none() }, true, true),
        (Match { severity: Some(Severity::Critical), ..none() }, false, true),
        (Match { services: services("shop"), ..none() }, true, true),
        (Match { services: services("pay"), ..none() }, false, false),
        (Match { regions: regions("eu"), ..none() }, true, true),
        // What concerns the whole rollout concerns every region.
        (Match { regions: regions("us"), ..none() }, false, true),
        (Match { labels: label("gold"), ..none() }, true, true),
        (Match { labels: label("tin"), ..none() }, false, false),
        (Match { services: services("shop"), regions: regions("us"), ..none() }, false, true),
    ];
    for (matches, takes_failed, takes_back) in table {
        let route = route(matches);
        let taken = (route.takes(&failed.alert, &labels), route.takes(&back.alert, &labels));
        assert_eq!(taken, (takes_failed, takes_back), "{:?}", route.matches);
    }
}

#[test]
fn words_are_filled_in_once() {
    let mut route = route(Match::default());
    let saying = saying(Kind::VerdictFailed, Some("eu"));
    assert_eq!(route.words(&saying), "[warning] shop 1.2.3 verdict-failed raised: it {{is}} so");
    route.template = "{{rollout}}@{{region}}".to_owned();
    assert_eq!(route.words(&saying), "r-1@eu");
    assert_eq!(saying.alert.key(), "meridian/shop/r-1/verdict-failed/eu");
}

#[test]
fn what_differs_is_said_and_the_rest_is_not() {
    let alert = |kind| saying(kind, None).alert;
    let standing = |alerts: &[&Alert]| -> Standing {
        alerts.iter().map(|alert| (alert.topic.clone(), (*alert).clone())).collect()
    };
    let (held, back) = (alert(Kind::Held), alert(Kind::RollingBack));
    let reworded = Alert { summary: "another cause".to_owned(), ..held.clone() };
    let said = |before: &[&Alert], after: &[&Alert]| {
        let turned = turned(&standing(before), &standing(after));
        turned.into_iter().map(|saying| (saying.turn, saying.alert)).collect::<Vec<_>>()
    };
    assert_eq!(said(&[], &[&held]), [(Turn::Raised, held.clone())]);
    assert_eq!(said(&[&held], &[&held]), []);
    assert_eq!(said(&[&held], &[]), [(Turn::Resolved, held.clone())]);
    assert_eq!(said(&[&held], &[&reworded]), [(Turn::Raised, reworded)]);
    assert_eq!(said(&[&held], &[&back]), [(Turn::Resolved, held), (Turn::Raised, back)]);
}

#[test]
fn routes_that_can_tell_nobody_are_refused() {
    let good = || route(Match::default());
    assert_eq!(validate(&good()), Ok(()));
    let with = |target| Route { receivers: vec![Receiver { name: "x".to_owned(), target }], ..good() };
    let hook = |url: &str| Target::Webhook { url: url.to_owned(), secret: secret("key") };
    let twice = good().receivers[0].clone();
    let name = |name: &str| Receiver { name: name.to_owned(), ..twice.clone() };
    let many = (0..65).map(|n| (format!("l{n}"), String::new())).collect();
    let table = [
        (Route { receivers: Vec::new(), ..good() }, "RECEIVERS_OUT_OF_RANGE", "receivers"),
        (Route { receivers: vec![twice.clone(), twice.clone()], ..good() }, "RECEIVER_TWICE", "receivers[1].name"),
        (Route { receivers: vec![name("A b")], ..good() }, "NAME_INVALID", "receivers[0].name"),
        (Route { template: "{{zone}}".to_owned(), ..good() }, "PLACEHOLDER_UNKNOWN", "template"),
        (Route { template: "{{".to_owned(), ..good() }, "PLACEHOLDER_UNKNOWN", "template"),
        (Route { template: "x".repeat(1025), ..good() }, "TEXT_TOO_LONG", "template"),
        (Route { matches: Match { labels: many, ..Match::default() }, ..good() }, "TOO_MANY_MATCHES", "match.labels"),
        (with(hook("ftp://x")), "URL_INVALID", "receivers[0].webhook.url"),
        (with(hook("https://me:secret@x")), "URL_INVALID", "receivers[0].webhook.url"),
        (with(Target::Alertmanager { url: "http://x?y".to_owned() }), "URL_INVALID", "receivers[0].alertmanager.url"),
    ];
    for (route, code, field) in table {
        let found = validate(&route).unwrap_err();
        assert!(found.iter().all(|violation| !violation.fix.is_empty()));
        let found: Vec<_> = found.iter().map(|violation| (violation.code, violation.field.as_str())).collect();
        assert_eq!(found, [(code, field)]);
    }
    let pager = Target::PagerDuty { url: PAGER_DUTY.to_owned(), secret: secret("pager-key") };
    for target in [hook("https://x/y?z=1"), pager, Target::Slack { secret: secret("chat") }] {
        assert_eq!(validate(&with(target)), Ok(()));
    }
}
