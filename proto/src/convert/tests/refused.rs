//! What is wrong is refused with the path of the field: over the API and from agents.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::playbook::Playbook;
use meridian_core::release::Release;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::convert::{Invalid, InvalidKind, arbitrary, goal_from_wire, labels, lane_from_wire, release_from_wire};
use crate::r#gen::{agent::v1 as agent, v1};

/// One value of a strategy, the same in every run.
pub(super) fn sample<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// A case: what it is, how it spoils the message, the field that is named, and why.
type Case<M> = (&'static str, fn(&mut M), &'static str, InvalidKind);

fn check<M: Clone, T: std::fmt::Debug>(good: &M, read: impl Fn(M) -> Result<T, Invalid>, cases: &[Case<M>]) {
    read(good.clone()).expect("the message is good until it is spoilt");
    for (what, spoil, field, why) in cases {
        let mut wire = good.clone();
        spoil(&mut wire);
        let refusal = read(wire).expect_err(what);
        assert_eq!((refusal.field.as_str(), &refusal.why), (*field, why), "{what}: {refusal}");
    }
}

const WHOLE: InvalidKind = InvalidKind::OutOfRange { min: 0, max: 10_000 };

fn duration(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}

fn playbook() -> v1::Playbook {
    let step = |weight_basis_points| v1::Step { weight_basis_points, cohort: None, bake: duration(60, 0) };
    let names = v1::region_selector::Names { regions: vec!["eu".to_owned(), "us".to_owned()] };
    let wave = |name: &str| v1::Wave {
        name: name.to_owned(),
        regions: Some(v1::RegionSelector { selector: Some(v1::region_selector::Selector::Names(names.clone())) }),
        max_parallel: 1,
        max_skew: 1,
        steps: vec![step(1_000), step(5_000), step(10_000)],
        soak: duration(0, 0),
    };
    let stage = v1::Stage { kind: v1::StageKind::Production.into(), waves: vec![wave("one"), wave("two")] };
    let ratio = v1::check::Measure::ErrorRatio(v1::check::ErrorRatio { max_basis_points: 100 });
    let check = v1::Check { name: "errors".to_owned(), measure: Some(ratio), sample_min: 100 };
    v1::Playbook {
        name: "playbooks/careful".to_owned(),
        revision: 7,
        stages: vec![stage],
        evidence: Some(v1::EvidencePolicy {
            checks: vec![check],
            window: duration(60, 0),
            extend_max: duration(3600, 0),
        }),
        rollback: Some(v1::RollbackPolicy {
            votes: Some(v1::rollback_policy::Votes::Any(v1::rollback_policy::AnyVote {})),
            fleet: true,
            retention: duration(3600, 0),
        }),
        limits: Some(v1::Limits {
            prepare: duration(600, 0),
            shift: duration(60, 0),
            revert: duration(300, 0),
            total: duration(86_400, 0),
        }),
        etag: String::new(),
        update_time: None,
    }
}

fn wave(playbook: &mut v1::Playbook) -> &mut v1::Wave {
    &mut playbook.stages[0].waves[1]
}

#[test]
fn spoilt_playbooks_are_refused() {
    use v1::region_selector::{Names, Selector};
    let cases: &[Case<v1::Playbook>] = &[
        ("no name", |p| p.name.clear(), "name", InvalidKind::Missing),
        ("other form", |p| p.name = "playbook/x".into(), "name", InvalidKind::BadResource("playbooks/{playbook}")),
        ("unknown enum", |p| p.stages[0].kind = 4, "stages[0].kind", InvalidKind::UnknownEnum),
        ("negative enum", |p| p.stages[0].kind = -1, "stages[0].kind", InvalidKind::UnknownEnum),
        ("unset enum", |p| p.stages[0].kind = 0, "stages[0].kind", InvalidKind::Missing),
        ("missing message", |p| p.limits = None, "limits", InvalidKind::Missing),
        (
            "missing oneof",
            |p| wave(p).regions = Some(v1::RegionSelector { selector: None }),
            "stages[0].waves[1].regions.selector",
            InvalidKind::Missing,
        ),
        (
            "missing votes",
            |p| p.rollback.as_mut().unwrap().votes = None,
            "rollback.votes",
            InvalidKind::Missing,
        ),
        (
            "missing measure",
            |p| p.evidence.as_mut().unwrap().checks[0].measure = None,
            "evidence.checks[0].measure",
            InvalidKind::Missing,
        ),
        (
            "weight above the whole",
            |p| wave(p).steps[2].weight_basis_points = 10_001,
            "stages[0].waves[1].steps[2].weight_basis_points",
            WHOLE,
        ),
        (
            "weight at the end of numbers",
            |p| wave(p).steps[0].weight_basis_points = u32::MAX,
            "stages[0].waves[1].steps[0].weight_basis_points",
            WHOLE,
        ),
        (
            "negative duration",
            |p| wave(p).steps[1].bake = duration(-5, 0),
            "stages[0].waves[1].steps[1].bake",
            InvalidKind::TimeOutOfRange,
        ),
        (
            "negative fraction",
            |p| wave(p).soak = duration(0, -1_000_000),
            "stages[0].waves[1].soak",
            InvalidKind::TimeOutOfRange,
        ),
        (
            "finer than a millisecond",
            |p| p.evidence.as_mut().unwrap().window = duration(1, 1),
            "evidence.window",
            InvalidKind::TimeTooFine,
        ),
        (
            "a region that is a path",
            |p| {
                let regions = vec!["eu".to_owned(), "../../etc".to_owned()];
                wave(p).regions = Some(v1::RegionSelector { selector: Some(Selector::Names(Names { regions })) });
            },
            "stages[0].waves[1].regions.names.regions[1]",
            InvalidKind::BadName(meridian_core::id::InvalidName::Character('.', 0)),
        ),
        (
            "too many regions",
            |p| {
                let regions = vec!["eu".to_owned(); 1001];
                wave(p).regions = Some(v1::RegionSelector { selector: Some(Selector::Names(Names { regions })) });
            },
            "stages[0].waves[1].regions.names.regions",
            InvalidKind::TooMany { max: 1000 },
        ),
        (
            "too many waves",
            |p| p.stages[0].waves = vec![v1::Wave::default(); 101],
            "stages[0].waves",
            InvalidKind::TooMany { max: 100 },
        ),
        (
            "a long text",
            |p| p.evidence.as_mut().unwrap().checks[0].name = "x".repeat(129),
            "evidence.checks[0].name",
            InvalidKind::TooLong { max: 128 },
        ),
    ];
    check(&playbook(), Playbook::try_from, cases);
}

#[test]
fn spoilt_plans_are_refused() {
    let good = v1::Plan::from(&sample(arbitrary::plan()));
    let cases: &[Case<v1::Plan>] = &[
        ("another order", |p| p.waves[0].max_skew ^= 1, "name", InvalidKind::HashMismatch),
        ("another release", |p| p.release.as_mut().unwrap().version = "9.9.9".into(), "name", InvalidKind::HashMismatch),
        ("no name", |p| p.name.clear(), "name", InvalidKind::Missing),
        ("no waves", |p| p.waves.clear(), "waves", InvalidKind::Empty),
        ("no steps", |p| p.waves[0].steps.clear(), "waves[0].steps", InvalidKind::Empty),
        (
            "nothing parallel",
            |p| p.waves[0].max_parallel = 0,
            "waves[0].max_parallel",
            InvalidKind::OutOfRange { min: 1, max: u64::from(u32::MAX) },
        ),
        (
            "a region without a way back",
            |p| p.waves[0].regions.push("nowhere".into()),
            "lanes",
            InvalidKind::Contradiction("the regions of the waves"),
        ),
        ("a lane twice", |p| p.lanes = vec![p.lanes[0].clone(); 2], "lanes[1]", InvalidKind::Duplicate),
        (
            "revision zero",
            |p| p.playbook_revision = "playbooks/a/revisions/0".into(),
            "playbook_revision",
            InvalidKind::BadResource("playbooks/{playbook}/revisions/{n}"),
        ),
        ("a slot of no colour", |p| p.lanes[0].slot = 3, "lanes[0].slot", InvalidKind::UnknownEnum),
    ];
    check(&good, Plan::try_from, cases);
}

#[test]
fn a_plan_that_would_overwrite_what_serves_is_refused() {
    let mut wire = v1::Plan::from(&sample(arbitrary::plan()));
    let release = wire.release.clone();
    wire.lanes[0].base = Some(v1::Placed { slot: wire.lanes[0].slot, release });
    let refusal = Plan::try_from(wire).unwrap_err();
    assert_eq!(refusal.why, InvalidKind::Contradiction("the slot of its base"));
}

#[test]
fn spoilt_releases_are_refused() {
    let service = ServiceId::new("checkout").unwrap();
    let good = v1::Release {
        name: String::new(),
        version: "1.2.3".to_owned(),
        digest: Digest::of(b"artifact").to_string(),
        notes: "fine".to_owned(),
        reversibility: v1::Reversibility::Free.into(),
        prepares: String::new(),
        etag: String::new(),
        create_time: None,
    };
    let tag = InvalidKind::BadDigest(meridian_core::digest::InvalidDigest::NotSha256);
    let hex = InvalidKind::BadDigest(meridian_core::digest::InvalidDigest::NotHex);
    let cases: &[Case<v1::Release>] = &[
        ("a tag", |r| r.digest = "latest".into(), "digest", tag.clone()),
        ("a tag with a registry", |r| r.digest = "registry/app:v1".into(), "digest", tag),
        ("a short digest", |r| r.digest = "sha256:abc".into(), "digest", hex),
        ("no digest", |r| r.digest.clear(), "digest", InvalidKind::Missing),
        ("no version", |r| r.version = "latest".into(), "version", InvalidKind::BadVersion),
        (
            "a long version",
            |r| r.version = format!("1.0.0-{}", "a".repeat(200)),
            "version",
            InvalidKind::TooLong { max: 128 },
        ),
        (
            "another name",
            |r| r.name = "services/other/releases/1.2.3".into(),
            "name",
            InvalidKind::Contradiction("its service and version"),
        ),
        ("long notes", |r| r.notes = "x".repeat(65_537), "notes", InvalidKind::TooLong { max: 65_536 }),
        ("no class", |r| r.reversibility = 0, "reversibility", InvalidKind::Missing),
    ];
    check(&good, |wire| release_from_wire(&service, wire), cases);
    assert_eq!(Release::try_from(good).unwrap_err().field, "name");
}

#[test]
fn spoilt_goals_are_refused() {
    let goal = sample(arbitrary::goal().prop_filter("with everything", |goal| {
        goal.split.is_some() && goal.measurement.is_some() && goal.cohort.is_some()
    }));
    let cases: &[Case<agent::Goal>] = &[
        ("no epoch", |g| g.epoch = None, "epoch", InvalidKind::Missing),
        ("epoch 0", |g| g.epoch = Some(v1::Epoch { generation: 0, counter: 0 }), "epoch", InvalidKind::EpochZero),
        (
            "the last epoch",
            |g| g.epoch = Some(v1::Epoch { generation: 0, counter: u64::MAX }),
            "epoch.counter",
            InvalidKind::EpochExhausted,
        ),
        (
            "the last generation",
            |g| g.epoch = Some(v1::Epoch { generation: u64::MAX, counter: 1 }),
            "epoch.generation",
            InvalidKind::EpochExhausted,
        ),
        (
            "a split with a gap",
            |g| g.split = Some(v1::Split { blue_basis_points: 4_000, green_basis_points: 5_999 }),
            "split",
            InvalidKind::SplitNotWhole,
        ),
        (
            "a split that overlaps",
            |g| g.split = Some(v1::Split { blue_basis_points: 10_000, green_basis_points: 10_000 }),
            "split",
            InvalidKind::SplitNotWhole,
        ),
        (
            "a split that overflows",
            |g| g.split = Some(v1::Split { blue_basis_points: u32::MAX, green_basis_points: 10_001 }),
            "split.blue_basis_points",
            WHOLE,
        ),
        ("a slot without a goal", |g| g.blue = Some(agent::SlotGoal { goal: None }), "blue.goal", InvalidKind::Missing),
        ("no slot", |g| g.green = None, "green", InvalidKind::Missing),
        ("no hash", |g| g.hash.clear(), "hash", InvalidKind::Missing),
        ("half a hash", |g| g.hash.truncate(16), "hash", InvalidKind::BadHash),
        ("another hash", |g| g.hash[0] ^= 1, "hash", InvalidKind::HashMismatch),
        ("another rollout", |g| g.rollout.push('x'), "hash", InvalidKind::HashMismatch),
        ("a dropped cohort", |g| g.cohort = None, "hash", InvalidKind::HashMismatch),
        (
            "a step of no plan",
            |g| g.measurement.as_mut().unwrap().step = Some(v1::StepRef { wave: u32::MAX, step: 0 }),
            "measurement.step.wave",
            InvalidKind::OutOfRange { min: 0, max: 99 },
        ),
    ];
    let region = goal.lane.region.clone();
    check(&agent::Goal::from(&goal), |wire| goal_from_wire(&region, wire), cases);
}

#[test]
fn spoilt_reports_are_refused() {
    let observed = sample(arbitrary::observed().prop_filter("with everything", |seen| {
        let evidence = seen.evidence.as_ref().is_some_and(|evidence| !evidence.latency.buckets.is_empty());
        evidence && seen.done.is_some() && seen.traffic.is_some() && seen.slots.blue.is_some()
    }));
    let good = crate::convert::lane_to_wire(&ServiceId::new("checkout").unwrap(), &observed);
    let zero = v1::Epoch { generation: 0, counter: 0 };
    assert!(lane_from_wire(agent::LaneReport { accepted: Some(zero), ..good.clone() }).is_ok(), "before any goal");
    let cases: &[Case<agent::LaneReport>] = &[
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
    check(&good, lane_from_wire, cases);
}

#[test]
fn labels_are_bounded() {
    let of = |key: &str, value: &str| labels("labels", BTreeMap::from([(key.to_owned(), value.to_owned())]));
    assert!(of(&"k".repeat(63), &"v".repeat(128)).is_ok());
    assert_eq!(of("", "v").unwrap_err().why, InvalidKind::Empty);
    assert_eq!(of(&"k".repeat(64), "v").unwrap_err().why, InvalidKind::TooLong { max: 63 });
    assert_eq!(of("k", &"v".repeat(129)).unwrap_err().why, InvalidKind::TooLong { max: 128 });
    let many = |count: usize| (0..count).map(|n| (format!("k{n}"), String::new())).collect();
    assert!(labels("labels", many(64)).is_ok());
    assert_eq!(labels("labels", many(65)).unwrap_err().why, InvalidKind::TooMany { max: 64 });
    let region = RegionId::new("eu").unwrap();
    assert_eq!(crate::convert::name::region(&region), "regions/eu");
}
