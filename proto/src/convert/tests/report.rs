//! Reports of agents that are broken, old or not ours.

use meridian_core::id::ServiceId;
use proptest::strategy::Strategy;

use super::{Case, check, duration, sample};
use crate::convert::{InvalidKind, arbitrary, lane_from_wire, lane_to_wire};
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::v1;

const SPOILT: &[Case<agent::LaneReport>] = &[
    ("no service", |r| r.service.clear(), "service", InvalidKind::Missing),
    ("nothing accepted", |r| r.accepted = None, "accepted", InvalidKind::Missing),
    (
        "the last epoch",
        |r| r.accepted = Some(v1::Epoch { generation: 1, counter: u64::MAX }),
        "accepted.counter",
        InvalidKind::EpochExhausted,
    ),
    (
        "done before any decision",
        |r| r.done.as_mut().unwrap().epoch = Some(v1::Epoch { generation: 0, counter: 0 }),
        "done.epoch",
        InvalidKind::EpochZero,
    ),
    ("a state of the future", |r| r.blue.as_mut().unwrap().state = 99, "blue.state", InvalidKind::UnknownEnum),
    ("traffic without a split", |r| r.traffic.as_mut().unwrap().split = None, "traffic.split", InvalidKind::Missing),
    (
        "a window that ends first",
        |r| {
            let evidence = r.evidence.as_mut().unwrap();
            (evidence.from, evidence.to) = (duration(2, 0), duration(1, 0));
        },
        "evidence.to",
        InvalidKind::Contradiction("the window's beginning"),
    ),
    (
        "a bucket twice",
        |r| {
            let latency = &mut r.evidence.as_mut().unwrap().latency;
            *latency = vec![latency[0]; 2];
        },
        "evidence.latency[1]",
        InvalidKind::Duplicate,
    ),
    (
        "too many buckets",
        |r| r.evidence.as_mut().unwrap().latency = vec![agent::Bucket::default(); 257],
        "evidence.latency",
        InvalidKind::TooMany { max: 256 },
    ),
];

#[test]
fn spoilt_reports_are_refused() {
    let observed = sample(arbitrary::observed().prop_filter("with everything", |seen| {
        let evidence = seen.evidence.as_ref().is_some_and(|evidence| !evidence.latency.buckets.is_empty());
        evidence && seen.done.is_some() && seen.traffic.is_some() && seen.slots.blue.is_some()
    }));
    let good = lane_to_wire(&ServiceId::new("checkout").unwrap(), &observed);
    let zero = v1::Epoch { generation: 0, counter: 0 };
    assert!(lane_from_wire(agent::LaneReport { accepted: Some(zero), ..good.clone() }).is_ok(), "before any goal");
    check(&good, lane_from_wire, SPOILT);
}
