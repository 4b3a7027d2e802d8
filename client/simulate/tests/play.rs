//! Plans played in virtual time: when things happen, what is waited for, and where failures lead.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};
use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, LoadMeasure, Measure, StepRef};
use meridian_core::id::{CallbackId, ItemId, PlaybookId, RegionId, RoleId, ServiceId, WaveId};
use meridian_core::lane::{LaneState, Placed};
use meridian_core::plan::forecast::forecast;
use meridian_core::plan::parameters::Values;
use meridian_core::plan::{HashedPlan, Inventory, RegionFacts, compile};
use meridian_core::playbook::{
    ApprovalRule, Callback, ChecklistItem, ItemKind, Limits, Load, LoadRequest, Method, Playbook, RegionSelector,
    RollbackPolicy, SafetyPolicy, Stage, StageKind, Staging, Step, VotePolicy, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::rollout::state::LaneAt;
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::{Decimal, FeedbackPolicy, WatchPolicy};
use meridian_core::weight::Weight;
use meridian_simulate::{Assumptions, Course, Ended, FailAt, Failure, Measured, Slowness, Unplayable, simulate};

const DAY: u64 = 24 * 3600;

/// A plan in a few words: names of regions by wave, weights in percent with seconds of bake.
struct Design {
    waves: Vec<(Vec<String>, u32)>,
    steps: Vec<(u64, u64)>,
    checks: Vec<Check>,
    rollback: RollbackPolicy,
    timetable: Timetable,
    limits: Limits,
    /// Of the second wave.
    approvals: Vec<ApprovalRule>,
    /// Of the second wave.
    callbacks: Vec<Callback>,
    checklist: Vec<ChecklistItem>,
    /// The first wave is a pilot that waits for this.
    feedback: Option<FeedbackPolicy>,
    /// The first wave is under this load, and rehearses its way back.
    load: Option<Load>,
    /// That the new release must answer in every bake.
    requests: u64,
}

fn names(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("r{number}")).collect()
}

fn percent(percent: u64) -> Weight {
    Weight::from_basis_points(percent * 100).unwrap()
}

fn region(name: &str) -> RegionId {
    RegionId::new(name).unwrap()
}

fn secs(secs: u64) -> Span {
    Span::from_secs(secs)
}

/// 2026-11-30T09:00:00Z, a Monday.
fn start() -> Timestamp {
    Timestamp::from_millis(1_796_029_200_000)
}

fn after(seconds: u64) -> Timestamp {
    start().after(secs(seconds))
}

impl Design {
    /// One region, then three, two at a time; 10 % for a minute, all for two; at most 1 % of errors.
    fn new() -> Self {
        let measure = Measure::ErrorRatio { max: percent(1) };
        Self {
            waves: vec![(names(0, 1), 1), (names(1, 4), 2)],
            steps: vec![(10, 60), (100, 120)],
            checks: vec![Check { name: "errors".to_owned(), measure, sample_min: 100 }],
            rollback: RollbackPolicy::default(),
            timetable: Timetable::default(),
            limits: Limits::default(),
            approvals: Vec::new(),
            callbacks: Vec::new(),
            checklist: Vec::new(),
            feedback: None,
            load: None,
            requests: 0,
        }
    }

    fn plan(&self) -> Arc<HashedPlan> {
        let step = |(weight, bake): &(u64, u64)| Step {
            weight: percent(*weight),
            cohort: None,
            bake: secs(*bake),
            requests: self.requests,
        };
        let wave = |(index, (regions, parallel)): (usize, &(Vec<String>, u32))| Wave {
            id: WaveId::new(format!("w{index}")).unwrap(),
            regions: RegionSelector::Names(regions.iter().map(|name| region(name)).collect()),
            max_parallel: *parallel,
            max_skew: 9,
            steps: self.steps.iter().map(step).collect(),
            soak: secs(300),
            approvals: if index == 1 { self.approvals.clone() } else { Vec::new() },
            callbacks: if index == 1 { self.callbacks.clone() } else { Vec::new() },
            spread: None,
        };
        let mut waves: Vec<Wave> = self.waves.iter().enumerate().map(wave).collect();
        let pilot =
            self.feedback.map(|_| Stage { kind: StageKind::Pilot, staging: None, waves: vec![waves.remove(0)] });
        let staging = self.load.clone().map(|load| Staging { load, rehearsal: true });
        let staged = staging.map(|staging| Stage {
            kind: StageKind::Staging,
            staging: Some(staging),
            waves: vec![waves.remove(0)],
        });
        let production = Stage { kind: StageKind::Production, staging: None, waves };
        let stages = pilot.into_iter().chain(staged).chain([production]).collect();
        let playbook = Playbook {
            watch: WatchPolicy { feedback: self.feedback, ..WatchPolicy::default() },
            checklist: self.checklist.clone(),
            hotfix: None,
            joiners: meridian_core::playbook::Joiners::default(),
            concurrency: meridian_core::playbook::Concurrency::Reject,
            id: PlaybookId::new("steps").unwrap(),
            stages,
            evidence: EvidencePolicy { checks: self.checks.clone(), window: secs(60), extend_max: secs(600) },
            rollback: self.rollback.clone(),
            limits: self.limits.clone(),
            safety: SafetyPolicy::default(),
            timetable: self.timetable.clone(),
        };
        let release = |version: &str| Release {
            service: ServiceId::new("checkout").unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(version.as_bytes()),
            notes: Notes::default(),
            reversibility: Reversibility::Free,
            prepares: None,
        };
        let facts = |name: &String| {
            let zone = if name == "r0" { "Asia/Tokyo" } else { "America/New_York" };
            let stable =
                Some(Placed { slot: Slot::Blue, release: release("1.0.0").reference(), parameters: Values::new() });
            let labels = [("time-zone".to_owned(), zone.to_owned())].into();
            let lane = LaneState { stable, ..LaneState::default() };
            (region(name), RegionFacts { labels, lane, ..RegionFacts::default() })
        };
        let regions = self.waves.iter().flat_map(|(regions, _)| regions).map(facts).collect();
        let inventory = Inventory { regions, ..Inventory::default() };
        compile(&validate(playbook).unwrap(), 1, &release("2.0.0"), &inventory).unwrap().into()
    }
}

fn play(plan: &Arc<HashedPlan>, assumed: &Assumptions) -> Course {
    simulate(plan, assumed, start()).unwrap()
}

fn failing(plan: &Arc<HashedPlan>, failures: &[&str]) -> Course {
    let failures = failures.iter().map(|text| Failure::parse(plan, text).unwrap()).collect();
    play(plan, &Assumptions { failures, ..Assumptions::default() })
}

fn ended(course: &Course) -> &'static str {
    match &course.end.how {
        Ended::Over { phase, .. } | Ended::Waiting { phase, .. } => phase,
    }
}

#[test]
fn a_calm_rollout_takes_what_its_parts_take() {
    let course = play(&Design::new().plan(), &Assumptions::default());
    // Up in 30 s, two shifts of 2 s, bakes of 60 s and 120 s.
    let region = 30 + 2 + 60 + 2 + 120;
    let second = region + 300;
    let [first_wave, second_wave] = &course.waves[..] else { panic!("two waves") };
    assert_eq!((first_wave.began, first_wave.settled), (Some(start()), Some(after(region))));
    // Three regions, two at a time.
    assert_eq!((second_wave.began, second_wave.settled), (Some(after(second)), Some(after(second + 2 * region))));
    assert_eq!(first_wave.steps[0].moved, Some(after(32)));
    assert_eq!(
        (first_wave.steps[0].exposed, first_wave.steps[1].exposed),
        (Weight::from_basis_points(250).unwrap(), percent(25))
    );
    assert_eq!(course.first("switched"), Some(after(second + 2 * region + 300)));
    assert_eq!((ended(&course), course.end.at), ("stable", after(second + 2 * region + 300 + 3600)));
    assert_eq!(course.exposed_at(course.end.at), Weight::WHOLE);
    assert!(course.returns().is_empty() && course.exposure.is_sorted(), "{course:?}");
}

#[test]
fn a_wave_under_load_goes_down_and_up_again_and_needs_no_other_traffic() {
    let request = LoadRequest {
        method: Method::Get,
        path: "/".to_owned(),
        headers: std::collections::BTreeMap::new(),
        body: String::new(),
        weight: 1,
    };
    let load = Load {
        rate: 100,
        ramp: secs(10),
        requests: vec![request],
        connections: Load::CONNECTIONS,
        timeout: Load::TIMEOUT,
    };
    let mut design = Design { load: Some(load), ..Design::new() };
    let measure = Measure::Load(LoadMeasure::Errors { max: percent(1) });
    design.checks.push(Check { name: "load".to_owned(), measure, sample_min: 1000 });
    let plan = design.plan();
    // Nobody but the load asks anything of the staging region.
    let mut assumed = Assumptions::default();
    assumed.regions.insert(region("r0"), Measured { requests: 0, ..Measured::default() });
    let course = play(&plan, &assumed);
    assert_eq!(ended(&course), "stable");
    let staged = &course.waves[0];
    assert_eq!(staged.steps.len(), 4);
    // Up in 30 s, four shifts of 2 s, bakes of 60 s and three times 120 s.
    assert_eq!(staged.settled, Some(after(30 + 4 * 2 + 60 + 3 * 120)));
    let way_down = after(30 + 3 * 2 + 60 + 120 + 60);
    assert_eq!(course.exposed_at(way_down), Weight::NONE, "all of it is on the old release");

    let failures = vec![Failure::parse(&plan, "r0@4").unwrap()];
    let course = play(&plan, &Assumptions { failures, ..assumed });
    assert_eq!(ended(&course), "rolled-back");
    assert_eq!(course.waves[1].began, None, "production does not begin");
}

#[test]
fn without_delays_waves_take_what_the_plan_forecasts() {
    let plan = Design::new().plan();
    let assumed = Assumptions { prepare: Span::ZERO, shift: Span::ZERO, stop: Span::ZERO, ..Assumptions::default() };
    let course = play(&plan, &assumed);
    for forecast in forecast(&plan) {
        let wave = &course.waves[forecast.wave];
        assert_eq!(wave.began, Some(start().after(forecast.begins)));
        assert_eq!(wave.settled, Some(start().after(forecast.settles)));
    }
}

#[test]
fn a_failure_takes_all_back_as_soon_as_it_is_seen() {
    let plan = Design::new().plan();
    let course = failing(&plan, &["r1@2"]);
    assert_eq!(ended(&course), "rolled-back");
    let back = course.returns();
    let was: Vec<_> = back.iter().map(|it| (it.region.as_str(), it.was.as_str())).collect();
    assert_eq!(was, [("r0", "settled"), ("r1", "baking"), ("r2", "baking")], "r3 had not begun");
    // At the last step all of a region's 3000 requests a minute are answered badly: 100 of them are there in 2 s.
    let bad = 30 + 2 + 60 + 2 + 120 + 300 + 30 + 2 + 60 + 2;
    assert_eq!(back[0].turned, after(bad + 2));
    assert!(back.iter().all(|it| it.back == Some(after(bad + 2 + 2))), "{back:?}");
    assert_eq!(course.end.at, after(bad + 2 + 2));
    assert_eq!((course.exposed_most(), course.exposed_at(course.end.at)), (percent(75), Weight::NONE));
    assert!(
        course.decisions.iter().any(|it| it.why.as_deref().is_some_and(|why| why.contains("r1 votes fail errors")))
    );
    // The same by the wave's own count.
    assert_eq!(course, failing(&plan, &["r1@w1/2"]));
}

#[test]
fn a_release_that_does_not_come_up_moves_no_traffic() {
    let course = failing(&Design::new().plan(), &["r0@prepare"]);
    assert_eq!((ended(&course), course.end.at, course.exposed_most()), ("aborted", after(600), Weight::NONE));
}

#[test]
fn what_nobody_checks_is_not_seen() {
    let course = failing(&Design { checks: Vec::new(), ..Design::new() }.plan(), &["r0@1"]);
    assert_eq!(ended(&course), "stable");
}

#[test]
fn one_vote_of_two_asks_for_a_person_and_two_go_back() {
    let rollback = RollbackPolicy { votes: VotePolicy::Count(2), ..RollbackPolicy::default() };
    let plan = Design { rollback, ..Design::new() }.plan();
    let alone = failing(&plan, &["r1@1"]);
    assert!(matches!(&alone.end.how, Ended::Waiting { phase: "held", .. }), "{:?}", alone.end);
    assert_eq!(ended(&failing(&plan, &["r1@1", "r2@1"])), "rolled-back");
}

#[test]
fn too_little_traffic_ends_with_a_question_to_a_person() {
    let measured = Measured { requests: 30, ..Measured::default() };
    let course = play(&Design::new().plan(), &Assumptions { measured, ..Assumptions::default() });
    // The bake, then its extension.
    let Ended::Waiting { phase: "held", waits, limit } = &course.end.how else { panic!("{:?}", course.end) };
    assert_eq!(course.end.at, after(32 + 60 + 600));
    assert_eq!(*limit, Some(after(30 * DAY)));
    assert!(waits.iter().any(|wait| wait.code() == "HELD"), "{waits:?}");
}

#[test]
fn a_slow_region_takes_longer_and_a_very_slow_one_breaks_a_limit() {
    let plan = Design::new().plan();
    let slowed = |factor: &str| {
        let slow = [(region("r0"), Slowness::parse(factor).unwrap())].into();
        play(&plan, &Assumptions { slow, ..Assumptions::default() })
    };
    assert_eq!(slowed("2.5").waves[0].settled, Some(after(75 + 5 + 60 + 5 + 120)));
    let late = slowed("21");
    assert_eq!((ended(&late), late.end.at), ("aborted", after(600)));
}

#[test]
fn a_bake_goes_on_until_enough_requests_have_come() {
    // A tenth of 3000 a minute: 600 take two minutes, twice as long as the bake; all of them take less than the second bake.
    let course = play(&Design { requests: 600, ..Design::new() }.plan(), &Assumptions::default());
    let waited = course.waits.iter().find(|it| it.wait.code() == "BAKE_REQUESTS").unwrap();
    assert_eq!((waited.from, waited.wait.region()), (after(30 + 2 + 60), Some(&region("r0"))));
    let baked = course.waves[0].steps[0].baked.unwrap();
    assert!((after(30 + 2 + 120)..after(30 + 2 + 130)).contains(&baked), "as soon as it is reported: {baked:?}");
    assert_eq!((ended(&course), course.waves[0].settled), ("stable", Some(baked.after(secs(2 + 120)))));
}

#[test]
fn a_region_waits_for_its_own_morning() {
    let when = When::Cron { expression: "0 9 * * MON-FRI".to_owned(), lasts: secs(8 * 3600) };
    let window = Entry { name: "office".to_owned(), zone: Zone::Region, when };
    let when = When::Range { from: "2026-12-01T00:00".to_owned(), to: "2026-12-02T00:00".to_owned() };
    let freeze = Entry { name: "tuesday".to_owned(), zone: Zone::Named("America/New_York".to_owned()), when };
    let (windows, freezes) = (vec![window], vec![freeze]);
    let timetable = Timetable { windows, freezes, splits: Splits::None, ..Timetable::default() };
    let course = play(&Design { timetable, ..Design::new() }.plan(), &Assumptions::default());
    // It is 18:00 in Tokyo: the next morning there is frozen as it is still Monday evening in New York until 14:00.
    let waits: Vec<_> = course.waits.iter().filter(|it| ["WINDOW", "FREEZE"].contains(&it.wait.code())).collect();
    let first = waits.first().unwrap();
    assert_eq!((first.wait.region(), first.from, first.to), (Some(&region("r0")), start(), Some(after(15 * 3600))));
    // Tokyo's Wednesday lies in the freeze until 14:00 there; New York's own Wednesday begins at 14:00 UTC.
    assert_eq!(course.waves[1].began, Some(Timestamp::from_millis(1_796_220_000_000)));
    assert_eq!(ended(&course), "stable");
}

#[test]
fn a_rollout_waits_for_its_train_and_then_for_no_other() {
    let train = Train {
        name: "fortnightly".to_owned(),
        zone: "UTC".to_owned(),
        departs: "0 9 * * TUE".to_owned(),
        boarding: secs(60),
        from: Some("2026-12-01".to_owned()),
        every: 2,
    };
    let increment = |name: &str, from: &str, to: &str| Increment {
        name: name.to_owned(),
        zone: "UTC".to_owned(),
        during: Dates { from: from.to_owned(), to: to.to_owned() },
        planning: None,
        innovation: None,
    };
    // Tomorrow's departure lies in no increment, and the first one that does is months away.
    let increments = vec![increment("old", "2026-10-01", "2026-11-30"), increment("new", "2027-03-01", "2027-06-01")];
    let (trains, train) = (vec![train], Some("fortnightly".to_owned()));
    let timetable = Timetable { trains, increments, train, ..Timetable::default() };
    let limits = Limits { total: secs(365 * DAY), ..Limits::default() };
    let course = play(&Design { timetable, limits, ..Design::new() }.plan(), &Assumptions::default());
    let waited: Vec<_> = course.waits.iter().filter(|it| it.wait.code() == "TRAIN").collect();
    let departs = Timestamp::from_millis(1_804_582_800_000);
    assert_eq!((waited.first().unwrap().from, waited.last().unwrap().to), (start(), Some(departs)));
    assert!(waited.last().unwrap().wait.to_string().contains("in increment new"), "{waited:?}");
    assert_eq!(course.waves[0].began, Some(departs));
    assert_eq!(ended(&course), "stable");
}

#[test]
fn a_wave_waits_for_people_as_long_as_they_take() {
    let rule = ApprovalRule { role: RoleId::new("sre").unwrap(), count: 2, valid_for: secs(DAY) };
    let plan = Design { approvals: vec![rule], ..Design::new() }.plan();
    let asked = 30 + 2 + 60 + 2 + 120 + 300;
    for hours in [0, 5, 40 * 24] {
        let consent = secs(hours * 3600);
        let course = play(&plan, &Assumptions { consent, ..Assumptions::default() });
        let waited = course.waits.iter().find(|it| it.wait.code() == "APPROVALS").unwrap();
        assert_eq!(waited.from, after(asked));
        if hours < 24 {
            assert_eq!((waited.to, course.waves[1].began), (Some(after(asked + hours * 3600)), waited.to));
            let consents = course.decisions.iter().filter(|it| it.kind == "approve");
            let consents: Vec<_> = consents.filter_map(|it| it.why.as_deref()).collect();
            assert_eq!(consents, ["sre-1 consents in role sre", "sre-2 consents in role sre"]);
            assert_eq!(ended(&course), "stable");
        } else {
            assert_eq!((ended(&course), course.end.at), ("rolled-back", after(30 * DAY + 2)), "the limit on the whole");
        }
    }
}

#[test]
fn a_wave_waits_for_a_callback_as_long_as_people_would_take() {
    let (id, url) = (CallbackId::new("db-check").unwrap(), "https://gate.example/ask".to_owned());
    let callbacks = vec![Callback { id, url, timeout: secs(3600), secret: None }];
    let plan = Design { callbacks, ..Design::new() }.plan();
    let asked = 30 + 2 + 60 + 2 + 120 + 300;
    for (takes, ends) in [(600, "stable"), (7200, "held")] {
        let course = play(&plan, &Assumptions { consent: secs(takes), ..Assumptions::default() });
        let waited = course.waits.iter().find(|it| it.wait.code() == "CALLBACK").unwrap();
        assert_eq!((waited.from, waited.to), (after(asked), Some(after(asked + takes.min(3600)))));
        let phase = match &course.end.how {
            Ended::Over { phase, .. } | Ended::Waiting { phase, .. } => *phase,
        };
        assert_eq!(phase, ends);
    }
}

#[test]
fn a_pilot_is_left_when_people_have_said_how_good_it_is() {
    let score_min = Decimal::from_millionths(4_000_000).unwrap();
    let policy = FeedbackPolicy { score_min, answers_min: 20, blockers_max: 0, pilot_waits: true };
    let plan = Design { feedback: Some(policy), ..Design::new() }.plan();
    let course = play(&plan, &Assumptions { consent: secs(3600), ..Assumptions::default() });
    let waited = course.waits.iter().find(|it| it.wait.code() == "FEEDBACK").unwrap();
    let rested = 30 + 2 + 60 + 2 + 120 + 300;
    assert_eq!((waited.from, waited.to), (after(rested), Some(after(rested + 3600))));
    assert_eq!(course.waves[1].began, waited.to);
    assert_eq!(ended(&course), "stable");
}

#[test]
fn nothing_begins_before_the_checklist_is_signed_off() {
    let item = |kind: ItemKind, owner: &str| ChecklistItem {
        id: ItemId::new(kind.as_str()).unwrap(),
        kind,
        owner: owner.to_owned(),
        valid_for: secs(DAY),
    };
    let checklist = vec![item(ItemKind::Uat, "bob"), item(ItemKind::Training, "carl")];
    let course = play(
        &Design { checklist, ..Design::new() }.plan(),
        &Assumptions { consent: secs(3600), ..Assumptions::default() },
    );
    let waited = course.waits.iter().find(|it| it.wait.code() == "CHECKLIST").unwrap();
    assert_eq!((waited.from, waited.to, course.waves[0].began), (start(), Some(after(3600)), waited.to));
    let signed = course.decisions.iter().filter(|it| it.kind == "sign");
    let signed: Vec<_> = signed.filter_map(|it| it.why.as_deref()).collect();
    assert_eq!(signed, ["bob signs off uat", "carl signs off training"]);
    assert_eq!(ended(&course), "stable");
}

#[test]
fn a_window_that_never_opens_is_said() {
    let when = When::Range { from: "2020-01-01T00:00".to_owned(), to: "2020-01-02T00:00".to_owned() };
    let windows = vec![Entry { name: "gone".to_owned(), zone: Zone::Named("UTC".to_owned()), when }];
    let timetable = Timetable { windows, ..Timetable::default() };
    let course = play(&Design { timetable, ..Design::new() }.plan(), &Assumptions::default());
    let Ended::Waiting { phase: "running", waits, .. } = &course.end.how else { panic!("{:?}", course.end) };
    assert_eq!(waits.first().unwrap().code(), "WINDOW");
}

#[test]
fn fifty_regions_over_a_month_take_few_looks() {
    let waves = (0..5).map(|wave| (names(wave * 10, wave * 10 + 10), 2)).collect();
    let steps = vec![(10, DAY / 2), (25, DAY / 4), (100, DAY / 4)];
    let plan = Design { waves, steps, ..Design::new() }.plan();
    let course = play(&plan, &Assumptions::default());
    assert_eq!((ended(&course), plan.lanes.len()), ("stable", 50));
    assert!(course.end.at.since(start()) > secs(25 * DAY), "{:?}", course.end);
    // Regions that move in step are looked at together: less than one look for each of 50 × 3 steps and its six events.
    assert!(course.looks < 900, "{} looks", course.looks);
    let bad = failing(&plan, &["r49@3"]);
    assert_eq!((ended(&bad), bad.returns().len()), ("rolled-back", 50));
    assert!(bad.looks < 900, "{} looks", bad.looks);
}

#[test]
fn what_the_plan_does_not_have_is_refused_by_name() {
    let plan = Design::new().plan();
    let parse = |text: &str| Failure::parse(&plan, text);
    assert_eq!(parse("r1@2").unwrap().at, FailAt::Step(StepRef { wave: 1, step: 1 }));
    assert_eq!(parse("r1@w1/prepare").unwrap().name, "r1@w1/prepare");
    let table = [
        ("r1", "\"r1\" is no failure"),
        ("r9@1", "the plan has no region r9; its regions are r0, r1, r2, r3"),
        ("r1@3", "r1 has no step 3; it takes prepare, w1/1, w1/2"),
        ("r1@0", "r1 has no step 0"),
        ("r1@w0/1", "r1 has no step w0/1"),
        ("r1@now", "r1 has no step now"),
    ];
    for (text, why) in table {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
    let slow = [(region("nowhere"), Slowness::NONE)].into();
    let refused = simulate(&plan, &Assumptions { slow, ..Assumptions::default() }, start()).unwrap_err();
    assert!(matches!(refused, Unplayable::NoSuchRegion { .. }), "{refused}");
}

#[test]
fn places_of_a_region_follow_one_another_without_a_gap() {
    let course = failing(&Design::new().plan(), &["r1@2"]);
    for stays in course.lanes.values() {
        assert!(stays.windows(2).all(|pair| pair[0].to == Some(pair[1].from)), "{stays:?}");
        assert_eq!((stays[0].at, stays.last().unwrap().to), (LaneAt::Waiting, None));
    }
}
