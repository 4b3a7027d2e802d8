//! Playbooks that can't be: each violation once, with its field, and all of them together.

use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::evidence::{Check, Measure};
use meridian_core::id::{ItemId, RoleId};
use meridian_core::playbook::{
    ApprovalRule, ChecklistItem, DeadManPolicy, HotfixPolicy, ItemKind, Load, LoadRequest, Method, Playbook, Pooling,
    RegionSelector, Spread, SpreadOrder, StageKind, VotePolicy, Wave, validate,
};
use meridian_core::time::Span;
use meridian_core::watch::{Decimal, FeedbackPolicy};
use meridian_core::weight::Weight;

use crate::world::design::{Design, WaveDesign, check, percent, region};

fn playbook() -> Playbook {
    Design::of(&[&[0], &[1]]).playbook()
}

fn violations(change: impl FnOnce(&mut Playbook)) -> Vec<(&'static str, String)> {
    let mut playbook = playbook();
    change(&mut playbook);
    let found = validate(playbook).map_or_else(|found| found, |_| Vec::new());
    assert!(found.iter().all(|violation| !violation.fix.is_empty()), "every violation says what to write instead");
    found.into_iter().map(|violation| (violation.code, violation.field)).collect()
}

fn spread(first: u32, factor: u32) -> Spread {
    Spread { first, factor, order: SpreadOrder::Selected }
}

fn wave(playbook: &mut Playbook) -> &mut Wave {
    &mut playbook.stages[1].waves[0]
}

fn cohort(name: &str, value: &str) -> Option<CohortRule> {
    Some(CohortRule::Equals(RequestKey::Header(name.to_owned()), value.to_owned()))
}

fn asked(answers_min: u32) -> FeedbackPolicy {
    let score_min = Decimal::from_millionths(4_000_000).unwrap();
    FeedbackPolicy { score_min, answers_min, blockers_max: 0, pilot_waits: true }
}

fn dead_man(alone_after: u64, breach_for: u64) -> Option<DeadManPolicy> {
    let (alone_after, breach_for) = (Span::from_millis(alone_after), Span::from_millis(breach_for));
    Some(DeadManPolicy { alone_after, breach_for })
}

type Change = Box<dyn Fn(&mut Playbook)>;

fn changes_of_waves() -> Vec<(&'static str, &'static str, Change)> {
    vec![
        ("NO_WAVES", "stages", Box::new(|p| p.stages.clear())),
        (
            "TOO_MANY_WAVES",
            "stages",
            Box::new(|p| {
                let waves = vec![WaveDesign::of(&[0]); 101];
                p.stages = Design { waves, ..Design::of(&[&[0]]) }.playbook().stages;
            }),
        ),
        ("STAGE_WITHOUT_WAVES", "stages[1].waves", Box::new(|p| p.stages[1].waves.clear())),
        ("WAVE_TWICE", "stages[1].waves[0].name", Box::new(|p| wave(p).id = p.stages[0].waves[0].id.clone())),
        ("NO_REGIONS", "stages[1].waves[0].regions", Box::new(|p| wave(p).regions = RegionSelector::Names(vec![]))),
        (
            "NO_REGIONS",
            "stages[1].waves[0].regions",
            Box::new(|p| {
                wave(p).regions = RegionSelector::Labels(Default::default());
            }),
        ),
        (
            "REGION_TWICE",
            "stages[1].waves[0].regions",
            Box::new(|p| {
                wave(p).regions = RegionSelector::Names(vec![region(1), region(1)]);
            }),
        ),
        ("SPREAD_ZERO", "stages[1].waves[0].spread.first", Box::new(|p| wave(p).spread = Some(spread(0, 2)))),
        ("SPREAD_FACTOR", "stages[1].waves[0].spread.factor", Box::new(|p| wave(p).spread = Some(spread(1, 0)))),
        ("SPREAD_FACTOR", "stages[1].waves[0].spread.factor", Box::new(|p| wave(p).spread = Some(spread(1, 11)))),
        (
            "REST_TWICE",
            "stages[1].waves",
            Box::new(|p| {
                wave(p).regions = RegionSelector::Rest;
                let mut again = wave(p).clone();
                again.id = meridian_core::id::WaveId::new("again").unwrap();
                p.stages[1].waves.push(again);
            }),
        ),
    ]
}

fn asks(rules: &'static [(&'static str, u32, u64)]) -> Change {
    let rule = |(role, count, secs): &(&str, u32, u64)| ApprovalRule {
        role: RoleId::new(*role).unwrap(),
        count: *count,
        valid_for: Span::from_secs(*secs),
    };
    Box::new(move |p| wave(p).approvals = rules.iter().map(rule).collect())
}

fn changes_of_approvals() -> Vec<(&'static str, &'static str, Change)> {
    let at = "stages[1].waves[0].approvals[0].count";
    vec![
        ("APPROVERS_OUT_OF_RANGE", at, asks(&[("sre", 0, 60)])),
        ("APPROVERS_OUT_OF_RANGE", at, asks(&[("sre", 21, 60)])),
        ("ROLE_TWICE", "stages[1].waves[0].approvals[1].role", asks(&[("sre", 1, 60), ("sre", 2, 60)])),
        ("APPROVAL_NEVER_HOLDS", "stages[1].waves[0].approvals[0].validFor", asks(&[("sre", 1, 0)])),
        ("SPAN_TOO_LONG", "stages[1].waves[0].approvals[0].validFor", asks(&[("sre", 1, u64::MAX / 1000)])),
        (
            "TOO_MANY_ROLES",
            "stages[1].waves[0].approvals",
            Box::new(|p| {
                let role = |n| RoleId::new(format!("r{n}")).unwrap();
                let rule = |n| ApprovalRule { role: role(n), count: 1, valid_for: ApprovalRule::VALID_FOR };
                wave(p).approvals = (0..9).map(rule).collect();
            }),
        ),
    ]
}

fn lists(items: &'static [(&str, &str, u64)]) -> Change {
    let item = |(name, owner, secs): &(&str, &str, u64)| ChecklistItem {
        id: ItemId::new(*name).unwrap(),
        kind: ItemKind::Custom,
        owner: (*owner).to_owned(),
        valid_for: Span::from_secs(*secs),
    };
    Box::new(move |p| p.checklist = items.iter().map(item).collect())
}

fn changes_of_checklists() -> Vec<(&'static str, &'static str, Change)> {
    vec![
        ("ITEM_TWICE", "checklist[1].name", lists(&[("uat", "bob", 60), ("uat", "carl", 60)])),
        ("OWNER_MISSING", "checklist[0].owner", lists(&[("uat", " ", 60)])),
        ("OWNER_MISSING", "checklist[0].owner", lists(&[("uat", "Unknown", 60)])),
        ("SIGN_OFF_NEVER_HOLDS", "checklist[0].validFor", lists(&[("uat", "bob", 0)])),
        ("SPAN_TOO_LONG", "checklist[0].validFor", lists(&[("uat", "bob", u64::MAX / 1000)])),
        (
            "TOO_MANY_ITEMS",
            "checklist",
            Box::new(|p| {
                let id = |n| ItemId::new(format!("i{n}")).unwrap();
                let (kind, owner, valid_for) = (ItemKind::Tests, "bob".to_owned(), ChecklistItem::VALID_FOR);
                let item = |n| ChecklistItem { id: id(n), kind, owner: owner.clone(), valid_for };
                p.checklist = (0..51).map(item).collect();
            }),
        ),
    ]
}

fn mending(change: impl Fn(&mut HotfixPolicy) + 'static) -> Change {
    Box::new(move |p| change(p.hotfix.as_mut().unwrap()))
}

fn changes_of_hotfixes() -> Vec<(&'static str, &'static str, Change)> {
    let uat = || ItemId::new("uat").unwrap();
    let listed = || lists(&[("uat", "bob", 60)]);
    vec![
        ("HOTFIX_WITHOUT_BAKE", "hotfix.bake", mending(|policy| policy.bake = Weight::NONE)),
        ("HOTFIX_WITHOUT_APPROVERS", "hotfix.approvals", mending(|policy| policy.approvals.clear())),
        ("APPROVERS_OUT_OF_RANGE", "hotfix.approvals[0].count", mending(|policy| policy.approvals[0].count = 0)),
        ("ITEM_UNKNOWN", "hotfix.waives[0]", mending(move |policy| policy.waives = vec![uat()])),
        (
            "ITEM_TWICE",
            "hotfix.waives[1]",
            Box::new(move |p| {
                listed()(p);
                mending(move |policy| policy.waives = vec![uat(), uat()])(p);
            }),
        ),
    ]
}

fn changes_of_steps() -> Vec<(&'static str, &'static str, Change)> {
    vec![
        ("NOTHING_PARALLEL", "stages[1].waves[0].maxParallel", Box::new(|p| wave(p).max_parallel = 0)),
        ("WAVE_WITHOUT_STEPS", "stages[1].waves[0].steps", Box::new(|p| wave(p).steps.clear())),
        (
            "TOO_MANY_STEPS",
            "stages[1].waves[0].steps",
            Box::new(|p| {
                let last = wave(p).steps[1].clone();
                wave(p).steps = vec![last; 101];
            }),
        ),
        ("WEIGHT_FALLS", "stages[1].waves[0].steps[1].weight", Box::new(|p| wave(p).steps[1].weight = percent(19))),
        (
            "STEP_MOVES_NOTHING",
            "stages[1].waves[0].steps[0].weight",
            Box::new(|p| {
                wave(p).steps[0].weight = Weight::NONE;
            }),
        ),
        ("SPAN_TOO_LONG", "stages[1].waves[0].soak", Box::new(|p| wave(p).soak = Span::MAX.plus(Span::from_millis(1)))),
        (
            "SPAN_TOO_LONG",
            "stages[1].waves[0].steps[0].bake",
            Box::new(|p| {
                wave(p).steps[0].bake = Span::from_millis(u64::MAX);
            }),
        ),
        (
            "COHORT_EMPTY",
            "stages[1].waves[0].steps[0].cohort.percentage",
            Box::new(|p| {
                wave(p).steps[0].cohort = Some(CohortRule::Share(RequestKey::Cookie("id".to_owned()), Weight::NONE));
            }),
        ),
        (
            "COHORT_KEY_INVALID",
            "stages[1].waves[0].steps[0].cohort",
            Box::new(|p| {
                wave(p).steps[0].cohort = cohort("x y", "1");
            }),
        ),
        (
            "BAKE_NEVER_ENDS",
            "stages[1].waves[0].steps[0].bakeRequests",
            Box::new(|p| wave(p).steps[0].requests = 1_000_000_000_001),
        ),
        (
            "COHORT_VALUE_INVALID",
            "stages[1].waves[0].steps[0].cohort.value",
            Box::new(|p| {
                wave(p).steps[0].cohort = cohort("x", "");
            }),
        ),
        (
            "COHORT_VALUE_INVALID",
            "stages[1].waves[0].steps[0].cohort.value",
            Box::new(|p| {
                wave(p).steps[0].cohort = cohort("x", &"v".repeat(4097));
            }),
        ),
    ]
}

fn named(name: &str, measure: Measure) -> Check {
    Check { name: name.to_owned(), measure, sample_min: 1 }
}

fn changes_of_evidence() -> Vec<(&'static str, &'static str, Change)> {
    let probe = |path: &str| named("up", Measure::Probe { path: path.to_owned(), max: Weight::NONE });
    let latency = |quantile, max| named("slow", Measure::Latency { quantile, max });
    let with = |check: Check| -> Change { Box::new(move |p| p.evidence.checks.push(check.clone())) };
    let path = "evidence.checks[1].probe.path";
    vec![
        (
            "TOO_MANY_CHECKS",
            "evidence.checks",
            Box::new(|p| p.evidence.checks = (0..51).map(|n| Check { name: format!("c{n}"), ..check() }).collect()),
        ),
        ("WINDOW_ZERO", "evidence.window", Box::new(|p| p.evidence.window = Span::ZERO)),
        ("SPAN_TOO_LONG", "evidence.window", Box::new(|p| p.evidence.window = Span::from_millis(u64::MAX))),
        ("SPAN_TOO_LONG", "evidence.extendMax", Box::new(|p| p.evidence.extend_max = Span::from_millis(u64::MAX))),
        ("CHECK_TWICE", "evidence.checks[1].name", with(check())),
        ("NAME_INVALID", "evidence.checks[1].name", with(Check { name: "../x".to_owned(), ..check() })),
        ("QUANTILE_ZERO", "evidence.checks[1].latency.quantile", with(latency(Weight::NONE, Span::from_secs(1)))),
        ("SPAN_TOO_LONG", "evidence.checks[1].latency.max", with(latency(percent(99), Span::from_millis(u64::MAX)))),
        ("LATENCY_ZERO", "evidence.checks[1].latency.max", with(latency(percent(99), Span::ZERO))),
        (
            "SAMPLE_NEVER",
            "evidence.checks[1].sampleMin",
            with(Check { name: "more".to_owned(), sample_min: 1_000_000_001, ..check() }),
        ),
        ("PROBE_PATH_INVALID", path, with(probe("healthz"))),
        ("PROBE_PATH_INVALID", path, with(probe("//other.host/x"))),
        ("PROBE_PATH_INVALID", path, with(probe("/a b"))),
        ("PROBE_PATH_INVALID", path, with(probe("/a\r\nhost: x"))),
        ("PROBE_PATH_INVALID", path, with(probe(&format!("/{}", "x".repeat(512))))),
    ]
}

fn changes_of_policies() -> Vec<(&'static str, &'static str, Change)> {
    vec![
        ("LIMIT_ZERO", "limits.prepare", Box::new(|p| p.limits.prepare = Span::ZERO)),
        ("LIMIT_ZERO", "limits.shift", Box::new(|p| p.limits.shift = Span::ZERO)),
        ("LIMIT_ZERO", "limits.revert", Box::new(|p| p.limits.revert = Span::ZERO)),
        ("LIMIT_ZERO", "limits.total", Box::new(|p| p.limits.total = Span::ZERO)),
        ("NO_PILOT", "watch.feedback.pilotWaits", {
            Box::new(|p| {
                p.stages[0].kind = p.stages[1].kind;
                p.watch.feedback = Some(asked(20));
            })
        }),
        ("ANSWERS_NEVER", "watch.feedback.answersMin", {
            Box::new(|p| p.watch.feedback = Some(FeedbackPolicy { pilot_waits: false, ..asked(10_001) }))
        }),
        (
            "BAKE_EXCEEDS_TOTAL",
            "stages[1].waves[0].steps",
            Box::new(|p| {
                let total = p.limits.total;
                wave(p).steps.last_mut().unwrap().bake = total;
            }),
        ),
        ("SPAN_TOO_LONG", "limits.total", Box::new(|p| p.limits.total = Span::from_millis(u64::MAX))),
        ("SPAN_TOO_LONG", "rollback.retention", Box::new(|p| p.rollback.retention = Span::from_millis(u64::MAX))),
        ("DEAD_MAN_ZERO", "safety.deadMan.aloneAfter", Box::new(|p| p.safety.dead_man = dead_man(0, 1))),
        ("DEAD_MAN_ZERO", "safety.deadMan.breachFor", Box::new(|p| p.safety.dead_man = dead_man(1, 0))),
        ("SPAN_TOO_LONG", "safety.deadMan.aloneAfter", Box::new(|p| p.safety.dead_man = dead_man(u64::MAX, 1))),
        (
            "DEAD_MAN_WITHOUT_CHECKS",
            "safety.deadMan",
            Box::new(|p| (p.safety.dead_man, p.evidence.checks) = (dead_man(1, 1), Vec::new())),
        ),
        ("VOTES_ZERO", "rollback.votes.count", Box::new(|p| p.rollback.votes = VotePolicy::Count(0))),
        ("VOTES_ZERO", "rollback.votes.percent", Box::new(|p| p.rollback.votes = VotePolicy::Percent(Weight::NONE))),
        ("VOTES_ZERO", "rollback.votes.traffic", Box::new(|p| p.rollback.votes = VotePolicy::Traffic(Weight::NONE))),
        ("SAMPLE_ZERO", "rollback.pooled.sampleMin", Box::new(|p| p.rollback.pooled = Some(Pooling { sample_min: 0 }))),
        (
            "SAMPLE_NEVER",
            "rollback.pooled.sampleMin",
            Box::new(|p| p.rollback.pooled = Some(Pooling { sample_min: u64::MAX })),
        ),
        (
            "POOL_WITHOUT_CHECKS",
            "rollback.pooled",
            Box::new(|p| {
                p.evidence.checks.clear();
                p.rollback.pooled = Some(Pooling { sample_min: 10 });
            }),
        ),
    ]
}

fn staged(change: impl Fn(&mut Playbook) + 'static) -> Change {
    Box::new(move |p| {
        *p = Design { staged: Some(true), ..Design::of(&[&[0], &[1]]) }.playbook();
        change(p);
    })
}

/// Requests that the load can have sent when the first step under it is judged for the last time.
fn most_sent(p: &Playbook) -> u64 {
    let (stage, extend) = (&p.stages[0], p.evidence.extend_max);
    let time = stage.waves[0].steps[0].bake.plus(extend).plus(p.limits.shift);
    u64::from(stage.staging.as_ref().unwrap().load.rate) * time.millis() / 1000
}

#[test]
fn as_many_requests_as_a_load_can_send_may_be_asked_for() {
    let mut p = Design { staged: Some(true), ..Design::of(&[&[0], &[1]]) }.playbook();
    p.evidence.checks[1].sample_min = most_sent(&p);
    assert!(validate(p).is_ok());
}

fn loaded(change: impl Fn(&mut Load) + 'static) -> Change {
    staged(move |p| change(&mut p.stages[0].staging.as_mut().unwrap().load))
}

fn asked_of(change: impl Fn(&mut LoadRequest) + 'static) -> Change {
    loaded(move |load| change(&mut load.requests[0]))
}

fn changes_of_loads() -> Vec<(&'static str, &'static str, Change)> {
    let header = |name: &'static str, value: &'static str| {
        asked_of(move |request| drop(request.headers.insert(name.to_owned(), value.to_owned())))
    };
    vec![
        ("LOAD_OUTSIDE_STAGING", "stages[0].load", staged(|p| p.stages[0].kind = StageKind::Pilot)),
        ("LOAD_UNJUDGED", "stages[0].load", staged(|p| drop(p.evidence.checks.pop()))),
        ("LOAD_CHECK_WITHOUT_LOAD", "evidence.checks[1].name", staged(|p| p.stages[0].staging = None)),
        (
            "SAMPLE_NEVER",
            "evidence.checks[1].sampleMin",
            staged(|p| p.evidence.checks[1].sample_min = most_sent(p) + 1),
        ),
        ("RATE_OUT_OF_RANGE", "stages[0].load.rate", loaded(|load| load.rate = 0)),
        ("RATE_OUT_OF_RANGE", "stages[0].load.rate", loaded(|load| load.rate = 10_001)),
        ("BAKE_WITHIN_RAMP", "stages[0].waves[0].steps", loaded(|load| load.ramp = Span::from_secs(11))),
        ("CONNECTIONS_OUT_OF_RANGE", "stages[0].load.connections", loaded(|load| load.connections = 0)),
        ("TIMEOUT_OUT_OF_RANGE", "stages[0].load.timeout", loaded(|load| load.timeout = Span::ZERO)),
        ("LOAD_WITHOUT_REQUESTS", "stages[0].load.requests", loaded(|load| load.requests.clear())),
        (
            "LOAD_WITHOUT_REQUESTS",
            "stages[0].load.requests",
            loaded(|load| load.requests = vec![load.requests[0].clone(); 21]),
        ),
        (
            "REHEARSAL_NOT_WHOLE",
            "stages[0].waves[0].steps",
            staged(|p| p.stages[0].waves[0].steps.last_mut().unwrap().weight = percent(50)),
        ),
        (
            "TOO_MANY_STEPS",
            "stages[0].waves[0].steps",
            staged(|p| {
                let steps = &mut p.stages[0].waves[0].steps;
                *steps = vec![steps[1].clone(); 99];
            }),
        ),
        ("LOAD_PATH_INVALID", "stages[0].load.requests[0].path", asked_of(|it| it.path = "orders".to_owned())),
        ("LOAD_PATH_INVALID", "stages[0].load.requests[0].path", asked_of(|it| it.path = "/a b".to_owned())),
        ("LOAD_PATH_INVALID", "stages[0].load.requests[0].path", asked_of(|it| it.path = "//other".to_owned())),
        ("LOAD_HEADER_INVALID", "stages[0].load.requests[0].headers", header("Host", "other")),
        ("LOAD_HEADER_INVALID", "stages[0].load.requests[0].headers", header("a b", "c")),
        ("LOAD_HEADER_INVALID", "stages[0].load.requests[0].headers", header("a", "b\r\nc: d")),
        ("BODY_WITHOUT_POST", "stages[0].load.requests[0].body", asked_of(|it| it.body = "x".to_owned())),
        (
            "BODY_TOO_LONG",
            "stages[0].load.requests[0].body",
            asked_of(|it| (it.method, it.body) = (Method::Put, "x".repeat(4097))),
        ),
        ("MIX_WEIGHT_OUT_OF_RANGE", "stages[0].load.requests[0].weight", asked_of(|it| it.weight = 0)),
        (
            "BAKE_EXCEEDS_TOTAL",
            "stages[0].waves[0].steps",
            staged(|p| p.limits.total = p.stages[0].waves[0].steps[1].bake.times(4)),
        ),
    ]
}

#[test]
fn each_violation_is_found_where_it_is() {
    assert_eq!(violations(|_| {}), []);
    for (code, field, change) in changes_of_waves()
        .into_iter()
        .chain(changes_of_steps())
        .chain(changes_of_approvals())
        .chain(changes_of_checklists())
        .chain(changes_of_hotfixes())
        .chain(changes_of_evidence())
        .chain(changes_of_policies())
        .chain(changes_of_loads())
    {
        assert_eq!(violations(|playbook| change(playbook)), [(code, field.to_owned())], "{code}");
    }
}

#[test]
fn what_is_at_the_limit_is_taken() {
    let changes: Vec<Change> = vec![
        Box::new(|p| {
            let waves = vec![WaveDesign::of(&[0]); 100];
            p.stages = Design { waves, ..Design::of(&[&[0]]) }.playbook().stages;
        }),
        Box::new(|p| wave(p).soak = Span::MAX),
        Box::new(|p| {
            wave(p).steps[0].weight = Weight::NONE;
            wave(p).steps[0].cohort = cohort(&"x".repeat(128), &"v".repeat(4096));
        }),
        Box::new(|p| wave(p).steps[1].weight = percent(20)),
        Box::new(|p| p.rollback.votes = VotePolicy::Percent(Weight::from_basis_points(1).unwrap())),
        Box::new(|p| (p.evidence.checks, p.evidence.window) = (Vec::new(), Span::ZERO)),
    ];
    for change in changes {
        assert_eq!(violations(|playbook| change(playbook)), []);
    }
}

#[test]
fn all_violations_come_at_once() {
    let found = violations(|playbook| {
        wave(playbook).max_parallel = 0;
        wave(playbook).steps[1].weight = Weight::NONE;
        playbook.limits.total = Span::ZERO;
        playbook.rollback.votes = VotePolicy::Count(0);
    });
    let codes: Vec<&str> = found.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["NOTHING_PARALLEL", "STEP_MOVES_NOTHING", "WEIGHT_FALLS", "LIMIT_ZERO", "VOTES_ZERO"]);
}
