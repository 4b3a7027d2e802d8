//! Choices, refusals and the order of switches, without sockets.

use std::time::Duration;

use http::header::{COOKIE, HeaderValue};

use super::choice::basis_point_of;
use super::gate::Gate;
use super::*;
use crate::control::{Cohort, CohortRule, Epoch, Protocol, RequestKey, Slot, SlotTarget, Split, Sticky, code};
use crate::tasks::Tasks;

fn routing(counter: u64, blue: u16) -> Routing {
    let target = |port: u16| Some(SlotTarget { address: format!("127.0.0.1:{port}"), protocol: Protocol::Http1 });
    Routing {
        epoch: Epoch { generation: 1, counter },
        alone: false,
        hash: format!("h{counter}"),
        slots: Slots { blue: target(1), green: target(2) },
        split: Split { blue, green: 10_000 - blue },
        cohort: None,
        sticky: None,
    }
}

fn cookies(line: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(line))])
}

#[test]
fn a_split_is_met_in_every_window_of_ten_thousand() {
    for blue in [0, 1, 17, 500, 2_500, 5_000, 9_999, 10_000] {
        let weyl = Weyl::new();
        let split = Split { blue, green: 10_000 - blue };
        let picks: Vec<bool> = (0..25_000).map(|_| weyl.pick(split) == Slot::Blue).collect();
        for from in [0, 1, 77, 4_321, 15_000] {
            let got = picks[from..from + 10_000].iter().filter(|is_blue| **is_blue).count();
            assert_eq!(got, usize::from(blue), "window at {from}");
        }
    }
}

#[test]
fn a_split_is_met_closely_in_short_windows() {
    let weyl = Weyl::new();
    let split = Split { blue: 1_000, green: 9_000 };
    let picks: Vec<bool> = (0..10_000).map(|_| weyl.pick(split) == Slot::Blue).collect();
    for window in picks.windows(200) {
        let got = window.iter().filter(|is_blue| **is_blue).count();
        assert!((17..=23).contains(&got), "{got} of 200 instead of about 20");
    }
}

#[test]
fn shares_of_a_key_are_stable_even_and_only_grow() {
    // Fixed for ever: another value would move members to the other release in the middle of a rollout.
    assert_eq!([basis_point_of(b"user-1"), basis_point_of(b"user-2"), basis_point_of(b"")], [7_624, 8_795, 6_203]);
    let points: Vec<u16> = (0..20_000).map(|user| basis_point_of(format!("user-{user}").as_bytes())).collect();
    for share in [500_u16, 2_000, 5_000] {
        let members = points.iter().filter(|point| **point < share).count();
        let expected = usize::from(share) * 2;
        assert!(members.abs_diff(expected) < 250, "{members} members instead of about {expected}");
    }
}

#[test]
fn the_cohort_is_asked_before_memory_and_weight() {
    let mut routing = routing(1, 10_000);
    routing.cohort = Some(Cohort {
        rule: CohortRule::Cookie { name: "tester".to_owned(), value: "yes".to_owned() },
        slot: Slot::Green,
    });
    routing.sticky = Some(Sticky { cookie: "slot".to_owned(), max_age_s: 60 });
    let (chooser, weyl) = (Chooser::new(&routing), Weyl::new());
    let choose = |headers: &HeaderMap| chooser.choose(headers, &weyl).slot;
    assert_eq!(choose(&cookies("slot=blue; tester=yes")), Slot::Green);
    assert_eq!(choose(&cookies("slot=blue; tester=\"yes\"")), Slot::Green);
    assert_eq!(choose(&cookies("tester=no; nottester=yes")), Slot::Blue);
    assert_eq!(choose(&cookies("slot=green")), Slot::Blue, "memory of a slot without weight does not count");
    assert_eq!(choose(&HeaderMap::new()), Slot::Blue);
}

#[test]
fn memory_holds_while_the_split_is_mixed() {
    let mut routing = routing(1, 100);
    routing.sticky = Some(Sticky { cookie: "slot".to_owned(), max_age_s: 60 });
    let weyl = Weyl::new();
    let chooser = Chooser::new(&routing);
    for _ in 0..500 {
        let chosen = chooser.choose(&cookies("slot=blue"), &weyl);
        assert_eq!(chosen, Chosen { slot: Slot::Blue, remember: false });
    }
    assert!(chooser.choose(&cookies("slot=red"), &weyl).remember, "nonsense is replaced");
    routing.split = Split { blue: 0, green: 10_000 };
    let chosen = Chooser::new(&routing).choose(&cookies("slot=blue"), &weyl);
    assert_eq!(chosen, Chosen { slot: Slot::Green, remember: false });
}

/// Expects that a change of a good routing is refused with a code, naming a field.
fn check(code: &str, field: &str, change: impl Fn(&mut Routing)) {
    let mut changed = routing(1, 5_000);
    assert_eq!(validate(&changed), Ok(()));
    change(&mut changed);
    let refusal = validate(&changed).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_str()), (code, field), "{refusal}");
    assert!(!refusal.fix.is_empty());
}

fn at(address: &str) -> Option<SlotTarget> {
    Some(SlotTarget { address: address.to_owned(), protocol: Protocol::Http1 })
}

#[test]
fn splits_and_targets_that_make_no_sense_are_refused() {
    check(code::SPLIT_SUM, "split", |r| r.split.blue = 5_001);
    check(code::SPLIT_SUM, "split", |r| r.split = Split { blue: u16::MAX, green: u16::MAX });
    check(code::SLOT_WITHOUT_TARGET, "slots.green", |r| r.slots.green = None);
    for address in ["", "host", "host:0", "host:99999", "http://host:80/", "a@host:80", "host:80/path", ":80"] {
        check(code::ADDRESS_INVALID, "slots.blue.address", |r| r.slots.blue = at(address));
    }
    for address in ["host:80", "[::1]:80", "10.0.0.1:65535"] {
        let mut good = routing(1, 5_000);
        good.slots.blue = at(address);
        assert_eq!(validate(&good), Ok(()));
    }
}

#[test]
fn exceptions_that_make_no_sense_are_refused() {
    let cohort = |rule| Some(Cohort { rule, slot: Slot::Blue });
    let share = |basis_points, key| CohortRule::Percentage { basis_points, key };
    let header = |name: &str| RequestKey::Header(name.to_owned());
    check(code::VALUE_INVALID, "hash", |r| r.hash = String::new());
    check(code::VALUE_INVALID, "sticky.cookie", |r| {
        r.sticky = Some(Sticky { cookie: "a=b".to_owned(), max_age_s: 1 });
    });
    check(code::VALUE_INVALID, "cohort.rule.percentage.key.header", |r| {
        r.cohort = cohort(share(1, header("x user")));
    });
    check(code::VALUE_INVALID, "cohort.rule.percentage.basis_points", |r| {
        r.cohort = cohort(share(10_001, header("x-user")));
    });
    check(code::VALUE_INVALID, "cohort.rule.cookie.value", |r| {
        r.cohort = cohort(CohortRule::Cookie { name: "a".to_owned(), value: "\n".to_owned() });
    });
    check(code::SLOT_WITHOUT_TARGET, "slots.blue", |r| {
        r.split = Split { blue: 0, green: 10_000 };
        r.slots.blue = None;
        r.cohort = cohort(share(1, header("x-user")));
    });
}

#[test]
fn epochs_only_go_up() {
    let current = routing(5, 5_000);
    assert_eq!(fence(None, &current), Ok(Fence::Newer));
    assert_eq!(fence(Some(&current), &routing(6, 0)), Ok(Fence::Newer));
    assert_eq!(fence(Some(&current), &current.clone()), Ok(Fence::Same));
    assert_eq!(fence(Some(&current), &routing(4, 5_000)).unwrap_err().code, code::EPOCH_FENCED);
    let restored = Routing { epoch: Epoch { generation: 2, counter: 0 }, ..routing(0, 0) };
    assert_eq!(fence(Some(&current), &restored), Ok(Fence::Newer));
    let alone = Routing { alone: true, ..routing(5, 10_000) };
    assert_eq!(fence(Some(&current), &alone), Ok(Fence::Newer), "of one epoch, what was taken back comes later");
    assert_eq!(fence(Some(&alone), &current).unwrap_err().code, code::EPOCH_FENCED);
    assert_eq!(fence(Some(&alone), &routing(6, 0)), Ok(Fence::Newer));
    let mut other = routing(5, 5_000);
    other.hash = "another".to_owned();
    assert_eq!(fence(Some(&current), &other).unwrap_err().code, code::EPOCH_CONFLICT);
    let mut moved = routing(5, 5_000);
    moved.slots.blue.as_mut().unwrap().address = "127.0.0.1:65535".to_owned();
    assert_eq!(fence(Some(&current), &moved), Ok(Fence::Moved));
    moved.epoch.counter = 4;
    assert_eq!(fence(Some(&current), &moved).unwrap_err().code, code::EPOCH_FENCED);
    moved.epoch.counter = 5;
    moved.split = routing(5, 4_000).split;
    assert_eq!(fence(Some(&current), &moved).unwrap_err().code, code::EPOCH_CONFLICT);
    let same_hash_other_split = routing(5, 4_000);
    assert_eq!(fence(Some(&current), &same_hash_other_split).unwrap_err().code, code::EPOCH_CONFLICT);
}

#[tokio::test]
async fn a_switch_waits_for_starts_and_stops_later_ones() {
    let gate = Gate::new();
    let old = gate.next();
    gate.turn(&old);
    let start = gate.start(&old).unwrap();
    assert!(gate.settle(Duration::from_secs(1)).await, "nothing was replaced yet");
    let new = gate.next();
    let early = gate.start(&new).expect("a snapshot may be used right before the turn to it");
    gate.turn(&new);
    drop(early);
    assert!(gate.start(&old).is_none());
    assert!(gate.start(&new).is_some());
    assert!(!gate.settle(Duration::from_millis(5)).await);
    // A start of a snapshot before the last one still counts after another switch.
    gate.turn(&gate.next());
    assert!(!gate.settle(Duration::from_millis(5)).await);
    let settled = async { gate.settle(Duration::from_secs(1)).await };
    let (settled, ()) = tokio::join!(settled, async { drop(start) });
    assert!(settled);
}

#[tokio::test]
async fn connections_to_a_target_that_stays_are_kept() {
    let (table, upstreams) = (Table::new(), Upstreams::new(Tasks::default(), Duration::from_secs(1)));
    table.replace(routing(1, 10_000), &upstreams);
    let first = table.current().unwrap();
    let mut moved = routing(2, 0);
    moved.slots.green = Some(SlotTarget { address: "127.0.0.1:3".to_owned(), protocol: Protocol::Http1 });
    table.replace(moved, &upstreams);
    let second = table.current().unwrap();
    let same = |slot| {
        let of = |snapshot: &Snapshot| snapshot.upstreams.get(slot).clone().unwrap();
        Arc::ptr_eq(&of(&first), &of(&second))
    };
    assert!(same(Slot::Blue));
    assert!(!same(Slot::Green));
    assert!(!table.is_current(&first) && table.is_current(&second));
    table.replaced(&first).await;
}
