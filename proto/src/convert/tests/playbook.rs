//! Playbooks that are spelled wrong.

use meridian_core::id::InvalidName;
use meridian_core::playbook::Playbook;

use super::{Case, WHOLE, check, duration};
use crate::convert::InvalidKind;
use crate::r#gen::v1;
use crate::r#gen::v1::region_selector::{Names, Selector};

fn playbook() -> v1::Playbook {
    let step =
        |weight_basis_points| v1::Step { weight_basis_points, cohort: None, bake: duration(60, 0), bake_requests: 0 };
    let names = v1::region_selector::Names { regions: vec!["eu".to_owned(), "us".to_owned()] };
    let wave = |name: &str| v1::Wave {
        name: name.to_owned(),
        regions: Some(v1::RegionSelector { selector: Some(v1::region_selector::Selector::Names(names.clone())) }),
        max_parallel: 1,
        max_skew: 1,
        steps: vec![step(1_000), step(5_000), step(10_000)],
        soak: duration(0, 0),
        approvals: Vec::new(),
        spread: None,
        gates: Vec::new(),
    };
    let stage =
        v1::Stage { kind: v1::StageKind::Production.into(), staging: None, waves: vec![wave("one"), wave("two")] };
    let ratio = v1::check::Measure::ErrorRatio(v1::check::ErrorRatio { max_basis_points: 100 });
    let check = v1::Check { name: "errors".to_owned(), measure: Some(ratio), sample_min: 100 };
    v1::Playbook {
        timetable: None,
        watch: None,
        checklist: Vec::new(),
        hotfix: None,
        joiners: v1::Joiners::Unspecified.into(),
        concurrency: 0,
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
            // As clients say it that know no electorate.
            over: 0,
            pooled: None,
            pace: None,
        }),
        limits: Some(v1::Limits {
            prepare: duration(600, 0),
            shift: duration(60, 0),
            revert: duration(300, 0),
            total: duration(86_400, 0),
        }),
        etag: String::new(),
        update_time: None,
        safety: None,
    }
}

fn wave(playbook: &mut v1::Playbook) -> &mut v1::Wave {
    &mut playbook.stages[0].waves[1]
}

const SPOILT: &[Case<v1::Playbook>] = &[
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
    ("missing votes", |p| p.rollback.as_mut().unwrap().votes = None, "rollback.votes", InvalidKind::Missing),
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
        InvalidKind::BadName(InvalidName::Character('.', 0)),
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

#[test]
fn spoilt_playbooks_are_refused() {
    check(&playbook(), Playbook::try_from, SPOILT);
}
