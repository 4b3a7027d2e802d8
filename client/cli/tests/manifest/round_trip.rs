//! What is printed reads back as the same value, for any value that can be declared.

use meridian_cli::manifest::{Manifest, RegionManifest, ServiceManifest, parse, to_yaml};
use meridian_core::alert::{Match, Receiver, Route, Severity, Target};
use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::evidence::{Amount, Asks, Bound, Check, EvidencePolicy, LoadMeasure, Measure, Query, Reach, Source};
use meridian_core::id::{
    CallbackId, ItemId, KpiId, PlaybookId, RegionId, RoleId, RouteId, SecretId, ServiceId, WaveId,
};
use meridian_core::plan::TrafficShare;
use meridian_core::plan::parameters::{Layer, Parameters};
use meridian_core::playbook::{
    ApprovalRule, BAKE_REQUESTS_MAX, BackPace, Callback, ChecklistItem, Concurrency, DeadManPolicy, DriftPolicy, Earns,
    Electorate, HotfixPolicy, ItemKind, Joiners, Limits, Load, LoadRequest, Method, Playbook, Pooling, RegionSelector,
    RollbackPolicy, SAMPLE_MAX, SafetyPolicy, Spread, SpreadOrder, Stage, StageKind, Staging, Step, VotePolicy, Wave,
};
use meridian_core::release::{Note, NoteKind, Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::watch::{Cadence, Decimal, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};
use meridian_core::weight::Weight;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    // Words and numbers that careless YAML readers take for something else are names too.
    prop_oneof![4 => "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", 1 => "true|no|null|rest|any|1e3|0x10|010|12"]
}

fn span(from: u64) -> impl Strategy<Value = Span> {
    prop_oneof![from..100_000, from..=Span::MAX.millis()].prop_map(Span::from_millis)
}

fn weight(from: u64) -> impl Strategy<Value = Weight> {
    (from..=10_000).prop_map(|basis_points| Weight::from_basis_points(basis_points).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~\n]{0,60}", "([a-z# :-]{0,9}\n){1,4}[a-z]{0,3}\n{0,2}", "yes|no|~|null||\\|-?"]
}

fn labels(from: usize) -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    btree_map("[a-zA-Z0-9_./-]{1,9}|no|null|true", "[a-zA-Z0-9_./:-]{0,9}|yes|null|1\\.0", from..4)
}

fn cohort() -> impl Strategy<Value = CohortRule> {
    let key = prop_oneof![
        "[a-z0-9!#$%&'*+.^_`|~-]{1,9}".prop_map(RequestKey::Header),
        "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,9}".prop_map(RequestKey::Cookie),
    ];
    let value = text().prop_filter("not empty", |text| !text.is_empty());
    prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| CohortRule::Equals(key, value)),
        (key, weight(1)).prop_map(|(key, share)| CohortRule::Share(key, share)),
    ]
}

/// Weights only rise, as the rules ask.
/// Bakes that fit into every window and end before every limit.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(
        (
            weight(1),
            option::of(cohort()),
            (0..5_000_u64).prop_map(Span::from_millis),
            prop_oneof![Just(0), 0..=BAKE_REQUESTS_MAX],
        ),
        1..4,
    )
    .prop_map(|mut parts| {
        parts.sort_by_key(|(weight, ..)| *weight);
        parts.into_iter().map(|(weight, cohort, bake, requests)| Step { weight, cohort, bake, requests }).collect()
    })
}

type WaveParts = (String, RegionSelector, (u32, u32), Vec<Step>, Span, Option<(u32, Span)>);

/// Names are made unique by position.
fn waves() -> impl Strategy<Value = Vec<Wave>> {
    let regions = prop_oneof![labels(1).prop_map(RegionSelector::Labels), Just(RegionSelector::Names(Vec::new()))];
    let limits = (prop_oneof![Just(1), 1..=u32::MAX], prop_oneof![Just(u32::MAX), any::<u32>()]);
    vec((name(), regions, limits, steps(), span(0), option::of((1_u32..=20, span(1)))), 1..4).prop_map(|parts| {
        let wave = |(index, part): (usize, WaveParts)| {
            let (name, regions, (max_parallel, max_skew), steps, soak, asked) = part;
            let unique = |text: &str| format!("{text}-{index}");
            let regions = match regions {
                RegionSelector::Names(_) if index == 0 => RegionSelector::Rest,
                RegionSelector::Names(_) => RegionSelector::Names(vec![RegionId::new(unique(&name)).unwrap()]),
                other @ (RegionSelector::Labels(_) | RegionSelector::Rest) => other,
            };
            let rule = |(count, valid_for)| ApprovalRule { role: RoleId::new("sre").unwrap(), count, valid_for };
            let approvals = asked.map(rule).into_iter().collect();
            let callback = |number: usize| Callback {
                id: CallbackId::new(format!("gate-{number}")).unwrap(),
                url: "https://shop.example/gate?a=b".to_owned(),
                timeout: Span::from_secs(60 + number as u64),
                secret: (number == 0).then(|| SecretId::new("gate-key").unwrap()),
            };
            let callbacks = (0..index % 3).map(callback).collect();
            let order = if index % 2 == 0 { SpreadOrder::Selected } else { SpreadOrder::LowTraffic };
            let spread =
                (max_skew % 3 == 0).then_some(Spread { first: max_parallel, factor: 1 + max_skew % 10, order });
            Wave {
                id: WaveId::new(unique(&name)).unwrap(),
                regions,
                max_parallel,
                max_skew,
                steps,
                soak,
                approvals,
                callbacks,
                spread,
            }
        };
        parts.into_iter().enumerate().map(wave).collect()
    })
}

fn evidence() -> impl Strategy<Value = EvidencePolicy> {
    let measure = prop_oneof![
        weight(0).prop_map(|max| Measure::ErrorRatio { max }),
        (weight(1), span(1)).prop_map(|(quantile, max)| Measure::Latency { quantile, max }),
        ("/([!-.0-~][!-~]{0,20})?", weight(0)).prop_map(|(path, max)| Measure::Probe { path, max }),
        weight(0).prop_map(|max| Measure::ErrorDifference { max }),
        weight(0).prop_map(|tolerance| Measure::LatencyShift { tolerance }),
        (1..10_000_u64).prop_map(|max| Measure::ErrorSequence { max: Weight::from_basis_points(max).unwrap() }),
        (weight(0), 1..=u32::MAX).prop_map(|(budget, factor)| Measure::BudgetBurn { budget, factor }),
        query().prop_map(Measure::Query),
        weight(0).prop_map(|max| Measure::Load(LoadMeasure::Errors { max })),
        (weight(1), span(1)).prop_map(|(quantile, max)| Measure::Load(LoadMeasure::Latency { quantile, max })),
        weight(1).prop_map(|min| Measure::Load(LoadMeasure::Rate { min })),
    ];
    let checks = btree_map(name(), (measure, 0..=SAMPLE_MAX), 0..4);
    (checks, span(1), span(0)).prop_map(|(checks, window, extend_max)| {
        // No load sends less than one request while its first step is looked at.
        let fits = |measure: &Measure, many: u64| if matches!(measure, Measure::Load(_)) { many % 2 } else { many };
        let check = |(name, (measure, sample_min))| Check { name, sample_min: fits(&measure, sample_min), measure };
        EvidencePolicy { checks: checks.into_iter().map(check).collect(), window, extend_max }
    })
}

fn staging() -> impl Strategy<Value = Staging> {
    let headers = btree_map("x-[a-z]{1,8}", "[ -~]{0,20}", 0..3);
    let path = "/([!-.0-~][!-~]{0,20})?";
    let request = (prop::sample::select(Method::ALL.to_vec()), path, headers, text(), 1..=Load::WEIGHT_MAX);
    let request = request.prop_map(|(method, path, headers, body, weight)| {
        let body = if method.takes_body() && body.len() <= Load::BODY_BYTES_MAX { body } else { String::new() };
        LoadRequest { method, path, headers, body, weight }
    });
    let ramp = prop_oneof![Just(0_u64), 0..2_000_u64].prop_map(Span::from_millis);
    let timeout = (1..=Load::TIMEOUT_MAX.millis()).prop_map(Span::from_millis);
    let parts = (1..=Load::RATE_MAX, ramp, vec(request, 1..4), 1..=Load::CONNECTIONS_MAX, timeout, any::<bool>());
    parts.prop_map(|(rate, ramp, requests, connections, timeout, rehearsal)| Staging {
        load: Load { rate, ramp, requests, connections, timeout },
        rehearsal,
    })
}

fn query() -> impl Strategy<Value = Query> {
    let url = "https?://[a-z]{1,9}(:[1-9][0-9]{1,3})?(/[a-z]{1,9})?";
    let amount = (1..=Amount::LARGEST.millionths()).prop_map(Amount::from_millionths);
    let bound =
        (amount, any::<bool>()).prop_map(|(limit, most)| if most { Bound::Most(limit) } else { Bound::Least(limit) });
    // Queries and pointers that are both.
    let text = || "/[a-z0-9\"'= ]{0,20}";
    let asks = prop_oneof![
        (text(), bound).prop_map(|(of, bound)| Asks::Value { of, bound }),
        (text(), text(), weight(0)).prop_map(|(errors, total, max)| Asks::Counts { errors, total, max }),
    ];
    let source = prop_oneof![Just(Source::Prometheus), Just(Source::WebhookGet), Just(Source::WebhookPost)];
    let reach = prop_oneof![Just(Reach::Region), Just(Reach::Fleet)];
    (source, url, asks, reach).prop_map(|(source, url, asks, reach)| Query { source, url, asks, reach })
}

fn safety() -> impl Strategy<Value = SafetyPolicy> {
    let dead_man = (span(1), span(1));
    let dead_man = dead_man.prop_map(|(alone_after, breach_for)| DeadManPolicy { alone_after, breach_for });
    let drift = prop_oneof![Just(DriftPolicy::Hold), Just(DriftPolicy::Revert), Just(DriftPolicy::Adopt)];
    (option::of(dead_man), drift).prop_map(|(dead_man, drift)| SafetyPolicy { dead_man, drift })
}

fn checklist() -> impl Strategy<Value = Vec<ChecklistItem>> {
    let parts = (prop::sample::select(ItemKind::ALL.to_vec()), "[a-zA-Z0-9 :@(){}#'\"-]{1,20}x", span(1));
    btree_map(name(), parts, 0..4).prop_map(|items| {
        let item =
            |(id, (kind, owner, valid_for))| ChecklistItem { id: ItemId::new(id).unwrap(), kind, owner, valid_for };
        items.into_iter().map(item).collect()
    })
}

/// With as many items to leave for later as there are, at most.
fn hotfix() -> impl Strategy<Value = HotfixPolicy> {
    let rule = (1..=20_u32, span(1)).prop_map(|(count, valid_for)| ApprovalRule {
        role: RoleId::new("sre").unwrap(),
        count,
        valid_for,
    });
    let parts = (weight(1), rule, prop::sample::select(Earns::ALL.to_vec()), 0..3_usize);
    parts.prop_map(|(bake, rule, earns, waived)| {
        let waives = vec![ItemId::new("any").unwrap(); waived];
        HotfixPolicy { bake, approvals: vec![rule], earns, waives }
    })
}

fn timetable() -> impl Strategy<Value = Timetable> {
    let zone = prop_oneof![Just(Zone::Region), Just(Zone::Named("Europe/Berlin".to_owned()))];
    let cron = (0..60_u32, 0..24_u32, 1..=7 * 24 * 60_u64).prop_map(|(minute, hour, minutes)| When::Cron {
        expression: format!("{minute} {hour} * * MON-FRI"),
        lasts: Span::from_secs(minutes * 60),
    });
    let range = (1..=27_u32, 0..24_u32).prop_map(|(day, hour)| When::Range {
        from: format!("2026-12-{day:02}T{hour:02}:00"),
        to: format!("2026-12-{:02}T{hour:02}:30", day + 1),
    });
    let entries = || {
        let when = prop_oneof![cron.clone(), range.clone()];
        let entries = proptest::collection::vec((zone.clone(), when), 0..3);
        entries.prop_map(|entries| {
            let entry = |(index, (zone, when))| Entry { name: format!("e{index}"), zone, when };
            entries.into_iter().enumerate().map(entry).collect::<Vec<_>>()
        })
    };
    let splits = prop_oneof![Just(Splits::None), Just(Splits::EachStep)];
    (entries(), entries(), splits, trains(), increments(), any::<bool>()).prop_map(
        |(windows, freezes, splits, trains, increments, taken)| {
            let train = trains.first().map(|train: &Train| train.name.clone()).filter(|_| taken);
            Timetable { windows, freezes, splits, trains, increments, train }
        },
    )
}

fn trains() -> impl Strategy<Value = Vec<Train>> {
    let from = option::of((1..=28_u32).prop_map(|day| format!("2026-12-{day:02}")));
    let train = (5..24_u32, 1..=7 * 24 * 60_u64, from, 1..=52_u32);
    proptest::collection::vec(train, 0..3).prop_map(|trains| {
        let train = |(index, (hour, minutes, from, every)): (usize, (u32, u64, Option<String>, u32))| Train {
            name: format!("t{index}"),
            zone: "Europe/Berlin".to_owned(),
            departs: format!("0 {hour} * * TUE"),
            boarding: Span::from_secs(minutes * 60),
            every: if from.is_some() { every } else { 1 },
            from,
        };
        trains.into_iter().enumerate().map(train).collect()
    })
}

fn increments() -> impl Strategy<Value = Vec<Increment>> {
    let quiet = |from: &str, to: &str| Dates { from: from.to_owned(), to: to.to_owned() };
    proptest::collection::vec(any::<(bool, bool)>(), 0..3).prop_map(move |increments| {
        let increment = |(index, (planned, innovates)): (usize, (bool, bool))| Increment {
            name: format!("i{index}"),
            zone: "UTC".to_owned(),
            during: quiet(&format!("203{index}-01-01"), &format!("203{index}-04-01")),
            planning: planned.then(|| quiet("2029-12-01", "2029-12-03T12:00")),
            innovation: innovates.then(|| quiet(&format!("203{index}-03-20"), &format!("203{index}-04-01"))),
        };
        increments.into_iter().enumerate().map(increment).collect()
    })
}

fn watch() -> impl Strategy<Value = WatchPolicy> {
    let decimal = |least: i64, most: i64| (least..most).prop_map(|number| Decimal::from_millionths(number).unwrap());
    let side = prop_oneof![Just(Direction::AtLeast), Just(Direction::AtMost)];
    let targets = btree_map(name(), (side, decimal(-9_000_000_000, 9_000_000_000)), 0..3);
    let feedback = (decimal(1_000_000, 5_000_001), 1..=10_000_u32, any::<u32>());
    let feedback = feedback.prop_map(|(score_min, answers_min, blockers_max)| FeedbackPolicy {
        score_min,
        answers_min,
        blockers_max,
        pilot_waits: false,
    });
    let days = |days: u64| Span::from_secs(days * 24 * 3600);
    let cadences = vec((1..9_u64, 1..20_u64), 0..3);
    let some = (cadences, 60..400_u64, span(1), targets, option::of(feedback));
    let some = some.prop_map(move |(cadences, evaluation, grace, targets, feedback)| {
        let mut until = 0;
        let cadence = |(every, lasts)| {
            until += lasts;
            Cadence { every: days(every), until: days(until) }
        };
        let reviews = cadences.into_iter().map(cadence).collect();
        let target = |(kpi, (direction, target))| KpiTarget { kpi: KpiId::new(kpi).unwrap(), direction, target };
        let targets = targets.into_iter().map(target).collect();
        WatchPolicy { reviews, evaluation: days(evaluation), grace, targets, feedback }
    });
    prop_oneof![Just(WatchPolicy::default()), some]
}

fn rollback() -> impl Strategy<Value = RollbackPolicy> {
    let votes = prop_oneof![
        Just(VotePolicy::Any),
        (1..=u32::MAX).prop_map(VotePolicy::Count),
        weight(1).prop_map(VotePolicy::Percent),
        weight(1).prop_map(VotePolicy::Traffic),
    ];
    let over = prop_oneof![Just(Electorate::Wave), Just(Electorate::Fleet)];
    let pooled = option::of((1..=SAMPLE_MAX).prop_map(|sample_min| Pooling { sample_min }));
    let pace = option::of((1..=u32::MAX).prop_map(|max_parallel| BackPace { max_parallel }));
    let rollback = (votes, over, pooled, any::<bool>(), span(0), pace);
    rollback.prop_map(|(votes, over, pooled, fleet, retention, pace)| RollbackPolicy {
        votes,
        over,
        pooled,
        fleet,
        retention,
        pace,
    })
}

fn playbook() -> impl Strategy<Value = Playbook> {
    let kind = prop_oneof![Just(StageKind::Staging), Just(StageKind::Pilot), Just(StageKind::Production)];
    let limits = (span(1), span(1), span(1), span(60_000)).prop_map(|(prepare, shift, revert, total)| Limits {
        prepare,
        shift,
        revert,
        total,
    });
    let concurrency = proptest::sample::select(Concurrency::ALL.to_vec());
    let rules = (
        evidence(),
        rollback(),
        limits,
        safety(),
        timetable(),
        watch(),
        (checklist(), option::of(hotfix()), prop::sample::select(Joiners::ALL.to_vec()), concurrency),
    );
    // Nobody writes a load that grows for longer than it is looked at.
    let fits = |staging: &Staging, waves: &[Wave]| {
        waves.iter().flat_map(|wave| &wave.steps).all(|step| step.bake >= staging.load.ramp)
    };
    (name(), kind, waves(), rules, option::of(staging())).prop_map(move |(id, kind, waves, rules, staged)| {
        let (evidence, rollback, limits, safety, timetable, watch, (checklist, hotfix, joiners, concurrency)) = rules;
        let mut staged = staged.filter(|staging| kind == StageKind::Staging && fits(staging, &waves));
        // A load is judged, and judged only where it is driven.
        let mut evidence = evidence;
        match &mut staged {
            Some(staging) => {
                staging.rehearsal &= waves.iter().all(|wave| wave.steps.last().unwrap().weight == Weight::WHOLE);
                if !evidence.checks.iter().any(|check| matches!(check.measure, Measure::Load(_))) {
                    let measure = Measure::Load(LoadMeasure::Rate { min: Weight::WHOLE });
                    evidence.checks.push(Check { name: "a-load".to_owned(), measure, sample_min: 0 });
                }
            }
            None => evidence.checks.retain(|check| !matches!(check.measure, Measure::Load(_))),
        }
        let stages = vec![Stage { kind, staging: staged, waves }];
        // A pool of nothing that is asked is refused.
        let pooled = rollback.pooled.filter(|_| !evidence.checks.is_empty());
        let rollback = RollbackPolicy { pooled, ..rollback };
        // Where nothing is measured nothing fails, and no agent may ask for leave to go back.
        let dead_man = safety.dead_man.clone().filter(|_| !evidence.checks.is_empty());
        let safety = SafetyPolicy { dead_man, ..safety };
        let id = PlaybookId::new(id).unwrap();
        // What it leaves for later has to be on the list.
        let waives =
            |policy: &HotfixPolicy| checklist.iter().map(|item| item.id.clone()).take(policy.waives.len()).collect();
        let hotfix = hotfix.map(|policy| HotfixPolicy { waives: waives(&policy), ..policy });
        Playbook {
            id,
            stages,
            evidence,
            rollback,
            limits,
            safety,
            timetable,
            watch,
            checklist,
            hotfix,
            joiners,
            concurrency,
        }
    })
}

fn release() -> impl Strategy<Value = Release> {
    let version =
        "(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]{0,3})(-[a-z]{1,5}\\.[1-9])?(\\+[a-z0-9]{1,5})?";
    let version = version.prop_map(|text| text.parse().unwrap());
    let back =
        prop_oneof![Just(Reversibility::Free), Just(Reversibility::Costly), Just(Reversibility::PointOfNoReturn)];
    let kind =
        prop_oneof![Just(NoteKind::Feature), Just(NoteKind::Fix), Just(NoteKind::Performance), Just(NoteKind::Other)];
    let note = (kind, any::<bool>(), text().prop_filter("an entry says something", |text| !text.is_empty()));
    let note = note.prop_map(|(kind, breaking, text)| Note { kind, breaking, text });
    let notes = prop_oneof![text().prop_map(Notes::Plain), vec(note, 1..4).prop_map(Notes::Typed)];
    (name(), version.clone(), any::<[u8; 32]>(), notes, back, option::of(version)).prop_map(
        |(service, version, digest, notes, reversibility, prepares)| {
            let (service, digest) = (ServiceId::new(service).unwrap(), Digest::from_bytes(digest));
            Release { service, version, digest, notes, reversibility, prepares }
        },
    )
}

fn assert_reads_back(manifest: Manifest) {
    let printed = to_yaml(&manifest);
    let read = parse("printed.yaml", printed.as_bytes()).unwrap_or_else(|errors| panic!("{errors}\n{printed}"));
    assert_eq!(read.len(), 1, "{printed}");
    assert_eq!(read[0].manifest, manifest, "{printed}");
    assert_eq!(to_yaml(&read[0].manifest), printed);
}

fn route() -> impl Strategy<Value = Route> {
    let secret = || name().prop_map(|name| SecretId::new(name).unwrap());
    let url = || "https?://[a-z]{1,9}(:[1-9][0-9]{1,3})?(/[a-z]{1,9})?";
    let target = prop_oneof![
        url().prop_map(|url| Target::Alertmanager { url }),
        (url(), secret()).prop_map(|(url, secret)| Target::Webhook { url, secret }),
        (url(), secret()).prop_map(|(url, secret)| Target::PagerDuty { url, secret }),
        secret().prop_map(|secret| Target::Slack { secret }),
    ];
    let receivers = btree_map(name(), target, 1..4).prop_map(|receivers| {
        receivers.into_iter().map(|(name, target)| Receiver { name, target }).collect::<Vec<_>>()
    });
    let severity = option::of(prop_oneof![Just(Severity::Warning), Just(Severity::Critical)]);
    let services = btree_set(name().prop_map(|name| ServiceId::new(name).unwrap()), 0..3);
    let regions = btree_set(name().prop_map(|name| RegionId::new(name).unwrap()), 0..3);
    let matches = (severity, services, regions, labels(0));
    let matches =
        matches.prop_map(|(severity, services, regions, labels)| Match { severity, services, regions, labels });
    let template = prop_oneof![Just(String::new()), "[a-z:\"']{1,9}\\{\\{(service|summary)\\}\\}"];
    (name(), matches, template, receivers).prop_map(|(id, matches, template, receivers)| Route {
        id: RouteId::new(id).unwrap(),
        matches,
        template,
        receivers,
    })
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let values = btree_map("X[A-Z0-9_]{0,6}", "[ -~\u{e4}]{0,12}", 1..3);
    let layer = (vec("[a-z]{1,6}", 0..3), labels(0), values).prop_map(|(regions, labels, values)| {
        let regions = regions.into_iter().map(|name| RegionId::new(name).unwrap()).collect();
        Layer { regions, labels, values }
    });
    vec(layer, 0..3).prop_map(|layers| Parameters::new(layers).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn playbooks_read_back(playbook in playbook()) {
        assert_reads_back(Manifest::Playbook(playbook));
    }

    #[test]
    fn routes_read_back(route in route()) {
        assert_reads_back(Manifest::Route(route));
    }

    #[test]
    fn releases_read_back(release in release()) {
        assert_reads_back(Manifest::Release(release));
    }

    #[test]
    fn services_and_regions_read_back(
        id in name(), labels in labels(0), description in text(), owner in text(), cordoned in any::<bool>(),
        share in option::of(1_u64..=1_000_000), parameters in parameters(),
    ) {
        let service = ServiceId::new(id.clone()).unwrap();
        let region = RegionId::new(id).unwrap();
        let (labels_too, description_too) = (labels.clone(), description.clone());
        assert_reads_back(Manifest::Service(ServiceManifest { id: service, labels, description, owner, parameters }));
        let (labels, description) = (labels_too, description_too);
        let traffic_share = share.map(|share| TrafficShare::new(share).unwrap());
        assert_reads_back(Manifest::Region(RegionManifest { id: region, labels, description, cordoned, traffic_share }));
    }

    /// Any bytes are read or refused; nothing panics, and every refusal prints on its own line.
    #[test]
    fn any_text_is_read_or_refused(text in "(kind|spec|[a-z]{1,3}|[:\\-\\[\\]{},\"'&*!|>#%@` \n\t0-9~?]){0,80}") {
        if let Err(errors) = parse("any.yaml", text.as_bytes()) {
            prop_assert_eq!(errors.to_string().lines().count(), errors.all().len());
            prop_assert!(!errors.render(true).is_empty());
        }
    }
}
