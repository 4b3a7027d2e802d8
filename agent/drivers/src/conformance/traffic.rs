//! The suite of traffic drivers. It knows the contract; a bed knows the driver.

use std::time::Duration;

use futures::future::BoxFuture;
use meridian_core::cohort::{Cohort, CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::{Split, Weight};

use super::backend::Backend;
use super::clients::Answer;
use super::load;
use crate::detached::Identity;
use crate::error::code;
use crate::traffic::{Origin, Route, RouteSeen, Sticky, TrafficDriver};

/// A driver and how to reach what it drives.
pub trait TrafficBed: Send + Sync {
    /// Opens the driver, the first time or again.
    fn open(&self) -> BoxFuture<'_, Box<dyn TrafficDriver>>;
    /// The data plane's process; `None` for a data plane in memory.
    fn process(&self) -> Option<Identity>;
    /// Sends one request through the data plane; `None` if it reads no headers, being in memory.
    fn ask<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> BoxFuture<'a, Option<Answer>>;
    /// The slot that one plain request went to.
    fn ask_plain(&self) -> BoxFuture<'_, Slot>;
    /// Whether the data plane takes other targets at the epoch in effect.
    fn takes_new_targets(&self) -> bool;
    /// How long after an acknowledgement requests may still start on the old slot.
    fn slack(&self) -> Duration;
}

/// Everything that a traffic driver promises. Ends with the data plane retired.
///
/// # Panics
/// At the first promise that is broken.
pub async fn suite(bed: &dyn TrafficBed) {
    let backends = (Backend::start(Slot::Blue).await, Backend::start(Slot::Green).await);
    let targets = Slots { blue: Some(backends.0.address), green: Some(backends.1.address) };
    let driver = bed.open().await;
    let mut told = Told { targets, counter: 0 };
    begins_empty(&*driver, &mut told).await;
    routes_and_reads_back(bed, &*driver, &mut told).await;
    fences(&*driver, &mut told).await;
    obeys_cohorts(bed, &*driver, &mut told).await;
    keeps_clients(bed, &*driver, &mut told).await;
    reports_refusals(bed, &*driver, &mut told).await;
    takes_new_targets(bed, &*driver, &mut told).await;
    counts(bed, &*driver, &mut told).await;
    drop(driver);
    let driver = is_adopted(bed, &mut told).await;
    load::switches_under_load(bed, &*driver, &mut told).await;
    driver.retire().await.expect("it can be retired");
    assert_eq!(bed.process().filter(Identity::is_alive), None, "a retired data plane is gone");
}

/// Makes routes with growing epochs.
pub(super) struct Told {
    targets: Slots<Option<std::net::SocketAddr>>,
    counter: u64,
}

impl Told {
    pub(super) fn next(&mut self, split: Split) -> Route {
        self.counter += 1;
        Route {
            epoch: Epoch::new(1, self.counter),
            origin: Origin::Goal,
            hash: Digest::of(&self.counter.to_le_bytes()),
            split,
            cohort: None,
            sticky: None,
            targets: self.targets,
        }
    }
}

async fn begins_empty(driver: &dyn TrafficDriver, told: &mut Told) {
    let seen = super::eventually("the data plane answers", async || driver.look().await.ok()).await;
    assert_eq!(seen, None, "nothing is routed at first");
    let mut unserved = told.next(Split::all(Slot::Green));
    unserved.targets.green = None;
    let error = driver.route(&unserved).await.expect_err("green has no address");
    assert_eq!(error.code(), code::TRAFFIC_NO_TARGET);
    assert_eq!(driver.look().await, Ok(None), "a refused route changes nothing");
}

async fn routes_and_reads_back(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    for split in [Split::all(Slot::Blue), Split::all(Slot::Green), half(), Split::all(Slot::Blue)] {
        let route = told.next(split);
        driver.route(&route).await.expect("a good route is taken");
        assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&route))), "what is read back is what was told");
        driver.route(&route).await.expect("the same route again is fine");
        assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&route))));
        let mut served = Slots { blue: 0, green: 0 };
        for _ in 0..60 {
            *served.get_mut(bed.ask_plain().await) += 1;
        }
        for slot in Slot::BOTH {
            assert_eq!(*served.get(slot) > 0, split.serves(slot), "{split}: {served:?}");
        }
    }
    let slots = bed.ask(&[]).await;
    assert!(slots.is_none_or(|answer| answer.named == answer.slot), "the data plane names the slot that answered");
}

async fn fences(driver: &dyn TrafficDriver, told: &mut Told) {
    let (older, current) = (told.next(half()), told.next(Split::all(Slot::Blue)));
    driver.route(&current).await.expect("a good route is taken");
    let error = driver.route(&older).await.expect_err("a lower epoch");
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_FENCED, true), "{error}");
    let conflict = Route { hash: Digest::of(b"other"), split: half(), ..current.clone() };
    let error = driver.route(&conflict).await.expect_err("the same epoch with another content");
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_CONFLICT, true), "{error}");
    assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&current))), "what was refused changes nothing");
    let hash = Digest::of(b"taken back");
    let alone = Route { origin: Origin::Alone, hash, split: Split::all(Slot::Green), ..current.clone() };
    driver.route(&alone).await.expect("the way back of an agent that is alone, at the epoch in effect");
    assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&alone))));
    let error = driver.route(&current).await.expect_err("what was taken back, again");
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_FENCED, true), "{error}");
}

async fn obeys_cohorts(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    let header = || RequestKey::Header("x-team".to_owned());
    let cookie = || RequestKey::Cookie("team".to_owned());
    let rules = [
        (CohortRule::Equals(header(), "a".to_owned()), ("x-team", "a"), ("x-team", "ab")),
        (CohortRule::Equals(cookie(), "a".to_owned()), ("cookie", "b=team=a; team=a"), ("cookie", "team=ab; xteam=a")),
        (CohortRule::Share(header(), Weight::WHOLE), ("x-team", "z"), ("x-other", "z")),
        (CohortRule::Share(cookie(), Weight::WHOLE), ("cookie", "team=z"), ("cookie", "other=z")),
    ];
    for (rule, inside, outside) in rules {
        let mut route = told.next(Split::all(Slot::Blue));
        route.cohort = Some(Cohort { rule, slot: Slot::Green });
        driver.route(&route).await.expect("a cohort is taken");
        assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&route))), "a cohort is read back");
        for _ in 0..5 {
            let Some(answer) = bed.ask(&[inside]).await else {
                break;
            };
            assert_eq!(answer.slot, Some(Slot::Green), "{inside:?} is inside {:?}", route.cohort);
        }
        for outside in [&[outside][..], &[]] {
            let Some(answer) = bed.ask(outside).await else {
                break;
            };
            assert_eq!(answer.slot, Some(Slot::Blue), "{outside:?} is outside {:?}", route.cohort);
        }
    }
    shares_are_stable(bed, driver, told).await;
}

async fn shares_are_stable(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    let mut before: Vec<Option<Slot>> = Vec::new();
    for percent in [20_u8, 20, 60] {
        let mut route = told.next(Split::all(Slot::Blue));
        let share = Weight::from_basis_points(u64::from(percent) * 100).expect("below the whole");
        let rule = CohortRule::Share(RequestKey::Header("x-user".to_owned()), share);
        route.cohort = Some(Cohort { rule, slot: Slot::Green });
        driver.route(&route).await.expect("a share is taken");
        let mut slots = Vec::new();
        for user in 0..200 {
            slots.push(bed.ask(&[("x-user", &format!("user-{user}"))]).await.and_then(|answer| answer.slot));
        }
        let members = slots.iter().filter(|slot| **slot == Some(Slot::Green)).count();
        let expected = usize::from(percent) * 2;
        let is_real = slots.iter().any(Option::is_some);
        assert!(!is_real || members.abs_diff(expected) < 40, "{members} members, about {expected} were asked for");
        let left =
            before.iter().zip(&slots).filter(|(old, new)| **old == Some(Slot::Green) && **new == Some(Slot::Blue));
        assert_eq!(left.count(), 0, "nobody leaves a cohort that stays or grows");
        before = slots;
    }
}

async fn keeps_clients(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    let mut route = told.next(half());
    route.sticky = Some(Sticky { cookie: "side".to_owned(), max_age_s: 60 });
    driver.route(&route).await.expect("sticky cookies are taken");
    let Some(first) = bed.ask(&[]).await else { return };
    let cookie = first.cookie.expect("a cookie is set while the split is mixed");
    for _ in 0..20 {
        let again = bed.ask(&[("cookie", &cookie)]).await.expect("not in memory");
        assert_eq!(again.slot, first.slot, "{cookie} keeps its client");
    }
    let other = first.slot.expect("a slot answered").other();
    let mut away = told.next(Split::all(other));
    away.sticky = route.sticky;
    driver.route(&away).await.expect("a good route is taken");
    let moved = bed.ask(&[("cookie", &cookie)]).await.expect("not in memory");
    assert_eq!(moved.slot, Some(other), "a switch moves everybody");
}

async fn reports_refusals(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    let good = told.next(Split::all(Slot::Green));
    driver.route(&good).await.expect("a good route is taken");
    let mut bad = told.next(Split::all(Slot::Blue));
    // No data plane can match a header with such a name.
    let rule = CohortRule::Equals(RequestKey::Header("x\nteam".to_owned()), "a".to_owned());
    bad.cohort = Some(Cohort { rule, slot: Slot::Blue });
    let error = driver.route(&bad).await.expect_err("the data plane says no");
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_REFUSED, true), "{error}");
    assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&good))), "the route before stays");
    assert_eq!(bed.ask_plain().await, Slot::Green);
    let next = told.next(Split::all(Slot::Blue));
    driver.route(&next).await.expect("a refusal blocks nobody");
    assert_eq!(bed.ask_plain().await, Slot::Blue);
}

async fn takes_new_targets(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    if !bed.takes_new_targets() {
        return;
    }
    let route = told.next(Split::all(Slot::Blue));
    driver.route(&route).await.expect("a good route is taken");
    // Blue comes back elsewhere: at green's address, which we can tell apart.
    let moved = Route { targets: Slots { blue: route.targets.green, green: None }, ..route.clone() };
    driver.route(&moved).await.expect("the same route with other targets");
    assert_eq!(driver.look().await, Ok(Some(RouteSeen::of(&route))));
    if let Some(answer) = bed.ask(&[]).await {
        assert_eq!((answer.named, answer.slot), (Some(Slot::Blue), Some(Slot::Green)), "the new target answers");
    }
    driver.route(&route).await.expect("and back");
    assert_eq!(bed.ask_plain().await, Slot::Blue);
}

async fn counts(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    const ASKED: u64 = 50;
    driver.route(&told.next(Split::all(Slot::Green))).await.expect("a good route is taken");
    let before = driver.counters().await.expect("counters can be read");
    for _ in 0..ASKED {
        bed.ask_plain().await;
    }
    super::eventually("the counters grow", async || {
        let after = driver.counters().await.expect("counters can be read");
        assert_eq!(after.start_id, before.start_id);
        assert_eq!(after.slots.blue.requests, before.slots.blue.requests, "blue gets nothing");
        let (old, new) = (&before.slots.green, &after.slots.green);
        let requests = new.requests - old.requests;
        let latencies = new.latency.count() - old.latency.count();
        assert!(requests <= ASKED && latencies <= ASKED, "{requests} {latencies}");
        assert_eq!(new.errors, old.errors);
        (requests == ASKED && latencies == ASKED && new.in_flight == 0).then_some(())
    })
    .await;
}

/// An agent ends and another one comes.
async fn is_adopted(bed: &dyn TrafficBed, told: &mut Told) -> Box<dyn TrafficDriver> {
    let driver = bed.open().await;
    let route = told.next(Split::all(Slot::Green));
    driver.route(&route).await.expect("a good route is taken");
    let (process, counters) = (bed.process(), driver.counters().await.expect("counters can be read"));
    drop(driver);
    assert_eq!(bed.ask_plain().await, Slot::Green, "the data plane serves without an agent");
    let driver = bed.open().await;
    assert_eq!(bed.process(), process, "the same process, not a new one");
    let seen = super::eventually("the data plane answers", async || driver.look().await.ok()).await;
    assert_eq!(seen, Some(RouteSeen::of(&route)), "the same route");
    assert_eq!(bed.ask_plain().await, Slot::Green);
    let again = driver.counters().await.expect("counters can be read");
    assert_eq!(again.start_id, counters.start_id);
    driver.route(&route).await.expect("the route in effect is still fine");
    driver.route(&told.next(Split::all(Slot::Blue))).await.expect("and so is the next");
    assert_eq!(bed.ask_plain().await, Slot::Blue);
    driver
}

fn half() -> Split {
    Split::toward(Slot::Blue, Weight::from_basis_points(5000).expect("below the whole"))
}
