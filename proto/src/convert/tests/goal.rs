//! Goals and lists of vetoes that an agent must not take.

use super::{Case, WHOLE, check, sample};
use crate::convert::{InvalidKind, arbitrary, goal_from_wire, vetoes_from_wire, vetoes_to_wire};
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::v1;
use proptest::strategy::Strategy;

const SPOILT: &[Case<agent::Goal>] = &[
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
    ("a slot without a goal", |g| g.blue = Some(agent::SlotGoal::default()), "blue.goal", InvalidKind::Missing),
    ("no slot", |g| g.green = None, "green", InvalidKind::Missing),
    ("no hash", |g| g.hash.clear(), "hash", InvalidKind::Missing),
    ("half a hash", |g| g.hash.truncate(16), "hash", InvalidKind::BadHash),
    ("another hash", |g| g.hash[0] ^= 1, "hash", InvalidKind::HashMismatch),
    ("another rollout", |g| g.rollout.push('x'), "hash", InvalidKind::HashMismatch),
    ("a dropped cohort", |g| g.cohort = None, "hash", InvalidKind::HashMismatch),
    ("a dropped mandate", |g| g.mandate = None, "hash", InvalidKind::HashMismatch),
    (
        "a bolder policy than the plan's",
        |g| {
            let dead_man = v1::safety_policy::DeadMan {
                alone_after: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                breach_for: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            };
            g.mandate.as_mut().unwrap().policy.as_mut().unwrap().dead_man = Some(dead_man);
        },
        "mandate.plan",
        InvalidKind::HashMismatch,
    ),
    (
        "the policy of another plan",
        |g| g.mandate.as_mut().unwrap().body[0] ^= 1,
        "mandate.plan",
        InvalidKind::HashMismatch,
    ),
    ("a policy of no plan", |g| g.mandate.as_mut().unwrap().plan.clear(), "mandate.plan", InvalidKind::Missing),
    (
        "a step of no plan",
        |g| g.measurement.as_mut().unwrap().step = Some(v1::StepRef { wave: u32::MAX, step: 0 }),
        "measurement.step.wave",
        InvalidKind::OutOfRange { min: 0, max: 99 },
    ),
];

const SPOILT_VETOES: &[Case<agent::VetoList>] = &[
    ("no service", |list| list.service.clear(), "service", InvalidKind::Missing),
    ("no epoch", |list| list.epoch = None, "epoch", InvalidKind::Missing),
    ("epoch 0", |list| list.epoch = Some(v1::Epoch::default()), "epoch", InvalidKind::EpochZero),
    ("half a digest", |list| list.digests[0].truncate(16), "digests[0]", InvalidKind::BadHash),
    ("a digest twice", |list| list.digests[1] = list.digests[0].clone(), "digests[1]", InvalidKind::Duplicate),
];

#[test]
fn spoilt_lists_of_vetoes_are_refused() {
    let list = sample(arbitrary::veto_list().prop_filter("with two", |list| list.digests.len() > 1));
    let wire = vetoes_to_wire(&sample(arbitrary::service()), &list);
    check(&wire, vetoes_from_wire, SPOILT_VETOES);
}

#[test]
fn spoilt_goals_are_refused() {
    let goal = sample(arbitrary::goal().prop_filter("with everything", |goal| {
        goal.split.is_some() && goal.measurement.is_some() && goal.cohort.is_some() && goal.mandate.is_some()
    }));
    let region = goal.lane.region.clone();
    check(&agent::Goal::from(&goal), |wire| goal_from_wire(&region, wire), SPOILT);
}
