//! Records that are wrong, changed, or do not fit what they are read with are refused, never half-read.

use std::sync::Arc;

use meridian_core::agent::VetoList;
use meridian_core::epoch::Epoch;
use meridian_core::plan::{HashedPlan, Plan};
use proptest::strategy::Strategy;
use prost::Message;
use prost::bytes::Bytes;

use super::{Case, check, sample};
use crate::convert::record::{
    Head, SCHEMA_MAJOR, audit_from_record, audit_to_record, decode_journal, encode_journal, lanes_from_record,
    lanes_to_record, rollout_from_record, rollout_to_record,
};
use crate::convert::{InvalidKind, arbitrary};
use crate::r#gen::records::v1 as records;
use crate::r#gen::v1;

/// A record whose first lane bakes with a vote, and its plan.
fn rollout() -> (records::RolloutRecord, Arc<HashedPlan>) {
    let rollout = sample(arbitrary::rollout().prop_filter("with a vote", |rollout| {
        let lane = rollout.lanes.values().next();
        lane.is_some_and(|lane| lane.at.step().is_some() && lane.vote.is_some())
    }));
    (rollout_to_record(&rollout), rollout.plan)
}

const SPOILT: &[Case<records::RolloutRecord>] = &[
    ("no schema", |r| r.schema = None, "schema", InvalidKind::Missing),
    (
        "a newer schema",
        |r| r.schema = Some(records::Schema { major: SCHEMA_MAJOR + 1, minor: 0 }),
        "schema.major",
        InvalidKind::SchemaTooNew,
    ),
    ("epoch 0", |r| r.epoch = Some(v1::Epoch { generation: 0, counter: 0 }), "epoch", InvalidKind::EpochZero),
    (
        "a goal of the future",
        |r| {
            r.epoch = Some(v1::Epoch { generation: 0, counter: 1 });
            r.lanes[0].goal_epoch = Some(v1::Epoch { generation: 0, counter: 2 });
        },
        "lanes[0].goal_epoch",
        InvalidKind::Contradiction("the rollout's epoch"),
    ),
    (
        "begun after its last decision",
        |r| r.begun = Some(v1::Epoch { generation: u64::MAX - 1, counter: u64::MAX - 1 }),
        "begun",
        InvalidKind::Contradiction("the rollout's epoch"),
    ),
    ("no phase", |r| r.phase = Some(records::Phase { phase: None }), "phase.phase", InvalidKind::Missing),
    (
        "a wave of no plan",
        |r| {
            let running = records::phase::Running { wave: 99, soaking_since: None, hold: None, hold_since: None };
            r.phase = Some(records::Phase { phase: Some(records::phase::Phase::Running(running)) });
        },
        "phase.running.wave",
        InvalidKind::NotInPlan,
    ),
    (
        "a hold since never",
        |r| {
            let cause = Some(records::Cause { cause: Some(records::cause::Cause::NoWayBackRegion("eu".into())) });
            let running = records::phase::Running { wave: 0, soaking_since: None, hold: cause, hold_since: None };
            r.phase = Some(records::Phase { phase: Some(records::phase::Phase::Running(running)) });
        },
        "phase.running.hold_since",
        InvalidKind::Missing,
    ),
    (
        "an unknown limit",
        |r| {
            let cause = frozen(records::cause::Cause::Deadline(records::cause::Deadline {
                region: String::new(),
                limit: "patience".into(),
            }));
            r.phase = Some(cause);
        },
        "phase.frozen.cause.deadline.limit",
        InvalidKind::UnknownWord("prepare, shift, revert, total"),
    ),
    (
        "causes without end",
        |r| {
            let inner = records::Cause { cause: Some(records::cause::Cause::NoWayBackRegion("eu".into())) };
            let nested = (0..5).fold(inner, |cause, _| records::Cause {
                cause: Some(records::cause::Cause::PointOfNoReturn(Box::new(cause))),
            });
            r.phase = Some(frozen(nested.cause.unwrap()));
        },
        "phase.frozen.cause.point_of_no_return.point_of_no_return.point_of_no_return.point_of_no_return.point_of_no_return",
        InvalidKind::TooDeep { max: 4 },
    ),
    (
        "a step of no plan",
        |r| r.lanes[0].step = Some(v1::StepRef { wave: 98, step: 0 }),
        "lanes[0].step",
        InvalidKind::NotInPlan,
    ),
    ("baking nowhere", |r| r.lanes[0].step = None, "lanes[0].step", InvalidKind::Missing),
    (
        "waiting at a step",
        |r| r.lanes[0].at = records::lane_progress::At::Waiting.into(),
        "lanes[0].at",
        InvalidKind::Contradiction("a step"),
    ),
    (
        "a vote on no step",
        |r| r.lanes[0].vote.as_mut().unwrap().step = Some(v1::StepRef { wave: 0, step: 98 }),
        "lanes[0].vote.step",
        InvalidKind::NotInPlan,
    ),
    (
        "an empty vote",
        |r| r.lanes[0].vote.as_mut().unwrap().ballot = None,
        "lanes[0].vote.ballot",
        InvalidKind::Missing,
    ),
    ("a region of no plan", |r| r.lanes[0].region = "nowhere".into(), "lanes[0].region", InvalidKind::NotInPlan),
    ("a lane lost", |r| drop(r.lanes.pop()), "lanes", InvalidKind::Contradiction("the lanes of its plan")),
    ("another service", |r| r.service.push('x'), "service", InvalidKind::Contradiction("the service of its plan")),
];

#[test]
fn spoilt_rollouts_are_refused() {
    let (good, plan) = rollout();
    check(&good, |wire| rollout_from_record(wire, Arc::clone(&plan)), SPOILT);
}

fn frozen(cause: records::cause::Cause) -> records::Phase {
    let cause = Some(records::Cause { cause: Some(cause) });
    let since = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    records::Phase { phase: Some(records::phase::Phase::Frozen(records::phase::Because { cause, since })) }
}

#[test]
fn a_rollout_is_not_read_with_another_plan() {
    let (record, plan) = rollout();
    let mut other = Plan::clone(&plan);
    other.waves[0].max_skew ^= 1;
    let refusal = rollout_from_record(record, other.into()).unwrap_err();
    assert_eq!(refusal.field, "plan");
}

#[test]
fn a_changed_audit_entry_is_refused() {
    let entry = sample(arbitrary::audit_entry());
    let record = audit_to_record(&entry);
    let spoils: [fn(&mut records::AuditRecord); 4] = [
        |r| r.message.push('!'),
        |r| r.actor.push('!'),
        |r| r.epoch.as_mut().unwrap().counter -= 1,
        |r| r.time.as_mut().unwrap().seconds ^= 1,
    ];
    for spoil in spoils {
        let mut changed = record.clone();
        spoil(&mut changed);
        let refusal = audit_from_record(entry.service.clone(), changed).unwrap_err();
        assert_eq!(refusal.why, InvalidKind::HashMismatch, "{refusal}");
    }
    let other = meridian_core::id::ServiceId::new("another").unwrap();
    assert_eq!(audit_from_record(other, record).unwrap_err().why, InvalidKind::HashMismatch);
}

#[test]
fn a_lane_is_not_held_by_nobody() {
    let lanes = sample(arbitrary::lanes().prop_filter("not empty", |lanes| !lanes.is_empty()));
    let mut record = lanes_to_record(&lanes);
    record.lanes[0].rollout.clear();
    record.lanes[0].held = true;
    assert_eq!(lanes_from_record(record).unwrap_err().field, "lanes[0].held");
}

#[test]
fn a_digest_is_vetoed_once() {
    let mut record = records::HeadRecord::from(&sample(arbitrary::head()));
    record.vetoed_digests = vec![meridian_core::digest::Digest::of(b"bad").to_string(); 2];
    let refusal = Head::try_from(record).unwrap_err();
    assert_eq!((refusal.field.as_str(), refusal.why), ("vetoed_digests[1]", InvalidKind::Duplicate));
}

#[test]
fn a_journal_without_vetoes_is_one_of_an_agent_that_never_heard_of_any() {
    let memory = sample(arbitrary::lane_memory().prop_filter("with vetoes", |it| it.vetoes().at > Epoch::ZERO));
    let region = memory.intent().unwrap().lane.region.clone();
    let whole = records::JournalRecord::decode(encode_journal(&memory).unwrap().as_slice()).unwrap();
    // Older agents write none, and read the rest of what newer ones write.
    let old = records::JournalRecord { vetoes: Bytes::new(), vetoes_checksum: Bytes::new(), ..whole.clone() };
    let expected = memory.clone().with_vetoes(VetoList::default());
    assert_eq!(decode_journal(&region, &old.encode_to_vec()), Ok(expected));
    for torn in [
        records::JournalRecord { vetoes: Bytes::new(), ..whole.clone() },
        records::JournalRecord { vetoes_checksum: Bytes::new(), ..whole },
    ] {
        assert_eq!(decode_journal(&region, &torn.encode_to_vec()).unwrap_err().field, "vetoes");
    }
}

#[test]
fn a_journal_of_a_newer_agent_is_not_obeyed() {
    let memory = sample(arbitrary::lane_memory());
    let region = memory.intent().unwrap().lane.region.clone();
    let mut record = records::JournalRecord::decode(encode_journal(&memory).unwrap().as_slice()).unwrap();
    record.schema = Some(records::Schema { major: SCHEMA_MAJOR + 1, minor: 0 });
    let refusal = decode_journal(&region, &record.encode_to_vec()).unwrap_err();
    assert_eq!(refusal.why, InvalidKind::SchemaTooNew);
    assert_eq!(decode_journal(&region, b"").unwrap_err().why, InvalidKind::Missing);
    assert_eq!(decode_journal(&region, b"torn").unwrap_err().why, InvalidKind::Undecodable);
}
