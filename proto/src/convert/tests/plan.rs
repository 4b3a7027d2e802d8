//! Plans that were changed, or that leave a hole.

use meridian_core::plan::Plan;

use super::{Case, check, sample};
use crate::convert::{InvalidKind, arbitrary};
use crate::r#gen::v1;

const SPOILT: &[Case<v1::Plan>] = &[
    ("another order", |p| p.waves[0].max_skew ^= 1, "name", InvalidKind::HashMismatch),
    ("another release", |p| p.release.as_mut().unwrap().version = "9.9.9".into(), "name", InvalidKind::HashMismatch),
    ("no name", |p| p.name.clear(), "name", InvalidKind::Missing),
    ("no waves", |p| p.waves.clear(), "waves", InvalidKind::Empty),
    ("no steps", |p| p.waves[0].steps.clear(), "waves[0].steps", InvalidKind::Empty),
    (
        "nothing parallel",
        |p| p.waves[0].max_parallel = 0,
        "waves[0].max_parallel",
        InvalidKind::OutOfRange { min: 1, max: 0xffff_ffff },
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

#[test]
fn spoilt_plans_are_refused() {
    let good = v1::Plan::from(&sample(arbitrary::plan()));
    check(&good, Plan::try_from, SPOILT);
}

#[test]
fn a_plan_that_would_overwrite_what_serves_is_refused() {
    let mut wire = v1::Plan::from(&sample(arbitrary::plan()));
    let release = wire.release.clone();
    wire.lanes[0].base = Some(v1::Placed { slot: wire.lanes[0].slot, release, ..v1::Placed::default() });
    let refusal = Plan::try_from(wire).unwrap_err();
    assert_eq!(refusal.why, InvalidKind::Contradiction("the slot of its base"));
}
