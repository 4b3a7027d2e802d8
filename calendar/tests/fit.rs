//! What never fits into a window, by declared times alone and by the clocks of a plan's regions.
#![allow(clippy::unwrap_used)]

use meridian_calendar::{ShutOut, first_departure, fits, shut_out};
use meridian_core::calendar::{Entry, Splits, Timetable, Train, When, Zone};
use meridian_core::digest::Digest;
use meridian_core::evidence::EvidencePolicy;
use meridian_core::id::{PlaybookId, RegionId, ServiceId, WaveId};
use meridian_core::plan::{Inventory, Plan, RegionFacts, compile};
use meridian_core::playbook::{
    Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Weight;

fn hours(hours: u64) -> Span {
    Span::from_secs(hours * 3600)
}

fn cron(expression: &str, lasts: u64) -> Entry {
    let when = When::Cron { expression: expression.to_owned(), lasts: hours(lasts) };
    Entry { name: format!("w-{lasts}"), zone: Zone::Region, when }
}

/// A wave of two steps, of three and of five hours, under windows.
fn playbook(windows: Vec<Entry>, splits: Splits) -> Playbook {
    let step = |bake| Step { weight: Weight::WHOLE, cohort: None, bake: hours(bake), requests: 0 };
    let wave = Wave {
        id: WaveId::new("all").unwrap(),
        regions: RegionSelector::Rest,
        max_parallel: 1,
        max_skew: 1,
        steps: vec![step(3), step(5)],
        soak: Span::ZERO,
        approvals: Vec::new(),
        callbacks: Vec::new(),
        spread: None,
    };
    Playbook {
        id: PlaybookId::new("windows").unwrap(),
        stages: vec![Stage { kind: StageKind::Production, staging: None, waves: vec![wave] }],
        evidence: EvidencePolicy { checks: Vec::new(), window: hours(1), extend_max: hours(1) },
        rollback: RollbackPolicy::default(),
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
        timetable: Timetable { windows, freezes: Vec::new(), splits, ..Timetable::default() },
        checklist: Vec::new(),
        hotfix: None,
        joiners: meridian_core::playbook::Joiners::default(),
        concurrency: meridian_core::playbook::Concurrency::Reject,
        watch: meridian_core::watch::WatchPolicy::default(),
    }
}

#[test]
fn a_bake_that_no_window_holds_is_told_and_no_other() {
    let range = |to: &str| {
        let when = When::Range { from: "2026-12-01T09:00".to_owned(), to: to.to_owned() };
        Entry { name: "once".to_owned(), zone: Zone::Named("Europe/Berlin".to_owned()), when }
    };
    let (none, each) = (Splits::None, Splits::EachStep);
    let table = [
        ("always open", vec![], none, true),
        ("as long as needed", vec![cron("0 9 * * *", 8)], none, true),
        ("an hour short", vec![cron("0 9 * * *", 7)], none, false),
        ("rests after each step", vec![cron("0 9 * * *", 7)], each, true),
        ("shorter than one step", vec![cron("0 9 * * *", 4)], each, false),
        ("two that touch", vec![cron("0 9 * * *", 4), cron("0 12 * * *", 5)], none, true),
        ("two apart", vec![cron("0 9 * * *", 4), cron("0 14 * * *", 5)], none, false),
        ("all around the clock", vec![cron("0 0 * * *", 24)], none, true),
        // May come to lie beside the other one; nobody waits in vain for sure.
        ("once a year beside it", vec![cron("0 9 * * *", 6), cron("0 15 24 12 *", 3)], none, true),
        ("once, for long enough", vec![range("2026-12-01T17:00")], none, true),
        ("once, an hour short", vec![range("2026-12-01T16:00")], none, false),
    ];
    for (what, windows, splits, fit) in table {
        let found = fits(&playbook(windows, splits));
        let told: Vec<_> = found.iter().map(|found| (found.code, found.field.as_str())).collect();
        let expected = if fit { vec![] } else { vec![("BAKE_EXCEEDS_WINDOWS", "stages[0].waves[0].steps")] };
        assert_eq!(told, expected, "{what}");
    }
}

/// In Tokyo and in New York.
fn plan(windows: Vec<Entry>) -> Plan {
    let release = Release {
        service: ServiceId::new("checkout").unwrap(),
        version: "1.0.0".parse().unwrap(),
        digest: Digest::of(b"1.0.0"),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    };
    let facts = |(region, zone): (&str, &str)| {
        let labels = [("time-zone".to_owned(), zone.to_owned())].into();
        (RegionId::new(region).unwrap(), RegionFacts { labels, ..RegionFacts::default() })
    };
    let regions = [("east", "Asia/Tokyo"), ("west", "America/New_York")].map(facts).into();
    let inventory = Inventory { regions, ..Inventory::default() };
    compile(&validate(playbook(windows, Splits::None)).unwrap(), 1, &release, &inventory).unwrap()
}

#[test]
fn a_region_without_a_window_by_its_own_clock_is_named() {
    let once = |from: &str, to: &str| {
        let when = When::Range { from: from.to_owned(), to: to.to_owned() };
        Entry { name: "once".to_owned(), zone: Zone::Region, when }
    };
    // Noon UTC of the first of December 2026: nine in the evening in Tokyo, seven in the morning in New York.
    let noon = Timestamp::from_millis(1_796_126_400_000);
    let out = |region: &str| ShutOut {
        wave: WaveId::new("all").unwrap(),
        region: RegionId::new(region).unwrap(),
        needs: hours(8),
    };
    let today = once("2026-12-01T09:00", "2026-12-01T18:00");
    assert_eq!(shut_out(&plan(vec![today]), noon), [out("east")], "in Tokyo it is over");
    let tomorrow = once("2026-12-02T09:00", "2026-12-02T18:00");
    assert_eq!(shut_out(&plan(vec![tomorrow]), noon), []);
    assert_eq!(shut_out(&plan(vec![cron("0 9 * * *", 8)]), noon), []);
    assert_eq!(shut_out(&plan(Vec::new()), noon), []);
}

#[test]
fn a_plan_says_with_which_departure_it_would_begin() {
    let noon = Timestamp::from_millis(1_796_126_400_000);
    let mut plan = plan(vec![cron("0 9 * * *", 8)]);
    assert_eq!(first_departure(&plan, noon), None, "it takes no train");
    let (name, zone, departs) = ("noon".to_owned(), "UTC".to_owned(), "0 12 * * *".to_owned());
    plan.timetable.trains = vec![Train { name: name.clone(), zone, departs, boarding: hours(6), from: None, every: 1 }];
    plan.timetable.train = Some(name);
    // The wave needs all of a window: in New York that begins two hours after the departure, in Tokyo long before it.
    let day = hours(24);
    for (now, departs) in [(noon, noon), (noon.after(hours(2)), noon), (noon.after(hours(3)), noon.after(day))] {
        let (begins, departure) = first_departure(&plan, now).unwrap();
        assert_eq!((begins, departure.during.from), (departs.after(hours(2)), departs));
    }
    plan.timetable.trains[0].boarding = hours(2);
    assert_eq!(first_departure(&plan, noon), None, "boarding is over before any window opens");
}
