//! Strategies for playbooks and plans. Playbooks need not be valid; plans are whole, as the compiler leaves them.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};
use meridian_core::id::{RegionId, SecretId, ServiceId, SetId};
use meridian_core::lane::Placed;
use meridian_core::plan::{
    Debt, Hotfix, Join, Plan, PlannedLane, PlannedStep, PlannedWave, PlaybookRef, SetPlan, Supersede, TrafficShare,
};
use meridian_core::playbook::{
    ApprovalRule, BackPace, Callback, ChecklistItem, Concurrency, DeadManPolicy, DriftPolicy, Earns, Electorate,
    HotfixPolicy, ItemKind, Joiners, Limits, Load, LoadRequest, Method, Playbook, Pooling, RegionSelector,
    RollbackPolicy, SafetyPolicy, Spread, SpreadOrder, Stage, StageKind, Staging, Step, VotePolicy, Wave,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{
    callback_id, cohort_rule, digest, epoch, evidence_policy, feedback_policy, item_id, labels, parameters,
    playbook_id, region, release_ref, reversibility, role, rollout_id, service, slot, span, text, watch_policy,
    wave_id, weight,
};

/// A playbook, valid or not.
pub fn playbook() -> impl Strategy<Value = Playbook> {
    let stage = (stage_kind(), option::of(staging()), vec(wave(), 0..3));
    let stage = stage.prop_map(|(kind, staging, waves)| Stage { kind, staging, waves });
    let rules =
        (evidence_policy(), rollback_policy(), limits(), safety_policy(), timetable(), watch_policy(), checklist());
    let rules = (rules, option::of(hotfix_policy()), select(Joiners::ALL.to_vec()), select(Concurrency::ALL.to_vec()));
    let parts = (playbook_id(), vec(stage, 0..3), rules);
    parts
        .prop_map(
            |(
                id,
                stages,
                ((evidence, rollback, limits, safety, timetable, watch, checklist), hotfix, joiners, concurrency),
            )| {
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
            },
        )
        .boxed()
}

fn hotfix_policy() -> impl Strategy<Value = HotfixPolicy> {
    let parts = (weight(), approval_rules(), select(Earns::ALL.to_vec()), vec(item_id(), 0..3));
    parts.prop_map(|(bake, approvals, earns, waives)| HotfixPolicy { bake, approvals, earns, waives })
}

fn supersede() -> impl Strategy<Value = Supersede> {
    let debt = (item_id(), select(ItemKind::ALL.to_vec()), text());
    let debt = debt.prop_map(|(item, kind, owner)| Debt { item, kind, owner });
    let hotfix = (text(), weight(), span(), vec(debt, 0..3));
    let hotfix = hotfix.prop_map(|(reason, bake, earned, debts)| Hotfix { reason, bake, earned, debts });
    let parts = (rollout_id(), release_ref(), option::of(hotfix));
    parts.prop_map(|(rollout, release, hotfix)| Supersede { rollout, release, hotfix })
}

/// Of two services more than the plan's, one of which comes first.
fn set() -> impl Strategy<Value = SetPlan> {
    let parts = (rollout_id(), rollout_id(), any::<bool>());
    parts.prop_map(|(one, two, follows)| {
        let service = |name: &str| ServiceId::new(name).expect("a name");
        let others = [(service("one"), one), (service("two"), two)].into();
        let after = follows.then(|| service("two")).into_iter().collect();
        SetPlan { id: SetId::new("autumn").expect("a name"), others, after }
    })
}

fn checklist() -> impl Strategy<Value = Vec<ChecklistItem>> {
    let item = (item_id(), select(ItemKind::ALL.to_vec()), text(), span());
    vec(item.prop_map(|(id, kind, owner, valid_for)| ChecklistItem { id, kind, owner, valid_for }), 0..3)
}

fn approval_rules() -> impl Strategy<Value = Vec<ApprovalRule>> {
    let rule = (role(), any::<u32>(), span());
    vec(rule.prop_map(|(role, count, valid_for)| ApprovalRule { role, count, valid_for }), 0..3)
}

fn staging() -> impl Strategy<Value = Staging> {
    (load(), any::<bool>()).prop_map(|(load, rehearsal)| Staging { load, rehearsal }).boxed()
}

/// A load.
pub fn load() -> impl Strategy<Value = Load> {
    let headers = proptest::collection::btree_map("[a-z]{1,8}", "[a-z]{0,8}", 0..3);
    let request = (select(Method::ALL.to_vec()), "/[a-z/]{0,12}", headers, text(), any::<u32>());
    let request =
        request.prop_map(|(method, path, headers, body, weight)| LoadRequest { method, path, headers, body, weight });
    let parts = (any::<u32>(), span(), vec(request, 0..3), any::<u32>(), span());
    parts
        .prop_map(|(rate, ramp, requests, connections, timeout)| Load { rate, ramp, requests, connections, timeout })
        .boxed()
}

fn stage_kind() -> impl Strategy<Value = StageKind> {
    select(vec![StageKind::Staging, StageKind::Pilot, StageKind::Production])
}

fn wave_spread() -> impl Strategy<Value = Spread> {
    let order = select(vec![SpreadOrder::Selected, SpreadOrder::LowTraffic]);
    (any::<u32>(), any::<u32>(), order).prop_map(|(first, factor, order)| Spread { first, factor, order })
}

fn wave() -> impl Strategy<Value = Wave> {
    let selector = prop_oneof![
        vec(region(), 0..4).prop_map(RegionSelector::Names),
        labels().prop_map(RegionSelector::Labels),
        Just(RegionSelector::Rest),
    ];
    let step = (weight(), option::of(cohort_rule()), span(), prop_oneof![Just(0_u64), any::<u64>()]);
    let step = step.prop_map(|(weight, cohort, bake, requests)| Step { weight, cohort, bake, requests });
    let parts = (
        wave_id(),
        selector,
        any::<u32>(),
        any::<u32>(),
        vec(step, 0..4),
        span(),
        (approval_rules(), callbacks()),
        option::of(wave_spread()),
    );
    parts.prop_map(|(id, regions, max_parallel, max_skew, steps, soak, (approvals, callbacks), spread)| Wave {
        id,
        regions,
        max_parallel,
        max_skew,
        steps,
        soak,
        approvals,
        callbacks,
        spread,
    })
}

fn callbacks() -> impl Strategy<Value = Vec<Callback>> {
    let parts = (callback_id(), "[a-z:/.]{0,12}", span(), option::of(callback_id()));
    let callback = parts.prop_map(|(id, url, timeout, secret)| Callback {
        id,
        url,
        timeout,
        secret: secret.map(|secret| SecretId::new(secret.as_str()).expect("names are alike")),
    });
    vec(callback, 0..3)
}

fn rollback_policy() -> impl Strategy<Value = RollbackPolicy> {
    let votes = prop_oneof![
        Just(VotePolicy::Any),
        any::<u32>().prop_map(VotePolicy::Count),
        weight().prop_map(VotePolicy::Percent),
        weight().prop_map(VotePolicy::Traffic),
    ];
    let pooled = option::of(any::<u64>().prop_map(|sample_min| Pooling { sample_min }));
    let over = select(vec![Electorate::Wave, Electorate::Fleet]);
    let pace = option::of(any::<u32>().prop_map(|max_parallel| BackPace { max_parallel }));
    let parts = (votes, over, pooled, any::<bool>(), span(), pace);
    parts.prop_map(|(votes, over, pooled, fleet, retention, pace)| RollbackPolicy {
        votes,
        over,
        pooled,
        fleet,
        retention,
        pace,
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let parts = (span(), span(), span(), span());
    parts.prop_map(|(prepare, shift, revert, total)| Limits { prepare, shift, revert, total })
}

/// A safety policy, often the default one.
pub fn safety_policy() -> impl Strategy<Value = SafetyPolicy> {
    let dead_man = (span(), span());
    let dead_man = dead_man.prop_map(|(alone_after, breach_for)| DeadManPolicy { alone_after, breach_for });
    let drift = select(vec![DriftPolicy::Hold, DriftPolicy::Revert, DriftPolicy::Adopt]);
    (option::of(dead_man), drift).prop_map(|(dead_man, drift)| SafetyPolicy { dead_man, drift })
}

fn timetable() -> impl Strategy<Value = Timetable> {
    let zone = prop_oneof![Just(Zone::Region), "[A-Z][a-z]{1,8}".prop_map(Zone::Named)];
    let when = prop_oneof![
        ("[0-9*, ]{1,12}", span()).prop_map(|(expression, lasts)| When::Cron { expression, lasts }),
        ("[0-9T:-]{1,16}", "[0-9T:-]{1,16}").prop_map(|(from, to)| When::Range { from, to }),
    ];
    let entry = ("[a-z]{1,8}", zone, when).prop_map(|(name, zone, when)| Entry { name, zone, when });
    let splits = select(vec![Splits::None, Splits::EachStep]);
    let train = option::of("[a-z]{1,8}");
    let trains = (vec(self::train(), 0..3), vec(increment(), 0..3), train);
    (vec(entry.clone(), 0..3), vec(entry, 0..3), splits, trains)
        .prop_map(|(windows, freezes, splits, (trains, increments, train))| Timetable {
            windows,
            freezes,
            splits,
            trains,
            increments,
            train,
        })
        .boxed()
}

fn train() -> impl Strategy<Value = Train> {
    let parts = ("[a-z]{1,8}", "[A-Z][a-z]{1,8}", "[0-9*, ]{1,12}", span(), option::of("[0-9T:-]{1,16}"), 1_u32..=52);
    parts.prop_map(|(name, zone, departs, boarding, from, every)| Train { name, zone, departs, boarding, from, every })
}

fn increment() -> impl Strategy<Value = Increment> {
    let dates = || ("[0-9T:-]{1,16}", "[0-9T:-]{1,16}").prop_map(|(from, to)| Dates { from, to });
    let parts = ("[a-z]{1,8}", "[A-Z][a-z]{1,8}", dates(), option::of(dates()), option::of(dates()));
    parts.prop_map(|(name, zone, during, planning, innovation)| Increment { name, zone, during, planning, innovation })
}

/// A plan whose waves take exactly the regions that have a lane.
pub fn plan() -> impl Strategy<Value = Plan> {
    let lanes = proptest::collection::btree_map(region(), planned_lane(), 1..5);
    let waves = vec((planned_wave(), vec(any::<Index>(), 1..4)), 1..4);
    let join = option::of(rollout_id().prop_map(|after| Join { after }));
    let asked = (checklist(), option::of(feedback_policy()), option::of(supersede()), option::of(set()), join);
    let rules = (evidence_policy(), rollback_policy(), limits(), safety_policy(), timetable(), asked);
    let playbook = (playbook_id(), 1..=u64::MAX).prop_map(|(id, revision)| PlaybookRef { id, revision });
    let parts = (service(), release_ref(), reversibility(), playbook, option::of(digest()), lanes, waves, rules);
    parts
        .prop_map(|(service, release, reversibility, playbook, parent, lanes, waves, rules)| {
            let (evidence, rollback, limits, safety, timetable, (checklist, feedback, supersedes, set, join)) = rules;
            let waves = spread(&lanes, waves);
            let mandate = None;
            Plan {
                service,
                release,
                reversibility,
                playbook,
                parent,
                lanes,
                waves,
                evidence,
                rollback,
                limits,
                mandate,
                timetable,
                checklist,
                feedback,
                supersedes,
                set,
                join,
            }
            .under(safety)
        })
        .boxed()
}

fn planned_lane() -> impl Strategy<Value = PlannedLane> {
    let zone = option::of("[A-Z][a-z]{1,8}");
    let base = option::of((release_ref(), parameters()));
    let parts = (slot(), base, epoch(), share(), zone, parameters());
    parts.prop_map(|(slot, base, epoch, share, zone, parameters)| {
        let base = base.map(|(release, parameters)| Placed { slot: slot.other(), release, parameters });
        PlannedLane { slot, base, epoch, share, zone, parameters }
    })
}

/// A traffic share.
pub fn share() -> impl Strategy<Value = TrafficShare> {
    (1..=u64::from(TrafficShare::LARGEST.get())).prop_map(|share| TrafficShare::new(share).expect("within bounds"))
}

/// A wave that has no regions yet.
fn planned_wave() -> impl Strategy<Value = PlannedWave> {
    let step = (weight(), option::of(cohort_rule()), span(), prop_oneof![Just(0_u64), any::<u64>()]);
    let step = step.prop_map(|(weight, cohort, bake, requests)| PlannedStep { weight, cohort, bake, requests });
    let rules = (approval_rules(), callbacks());
    let parts = (wave_id(), stage_kind(), 1..=u32::MAX, any::<u32>(), vec(step, 1..4), span(), rules);
    let parts = (parts, option::of(staging()));
    parts.prop_map(|((id, stage, max_parallel, max_skew, steps, soak, (approvals, callbacks)), staging)| PlannedWave {
        id,
        stage,
        regions: Vec::new(),
        max_parallel,
        max_skew,
        steps,
        soak,
        approvals,
        staging,
        callbacks,
    })
}

/// Gives each wave the regions at its indices, and the last one whatever no wave has taken.
fn spread(lanes: &BTreeMap<RegionId, PlannedLane>, waves: Vec<(PlannedWave, Vec<Index>)>) -> Vec<PlannedWave> {
    let regions: Vec<&RegionId> = lanes.keys().collect();
    let mut missing: BTreeSet<&RegionId> = lanes.keys().collect();
    let mut spread = Vec::new();
    for (wave, indices) in waves {
        let chosen: BTreeSet<&RegionId> = indices.iter().map(|index| *index.get(&regions)).collect();
        missing.retain(|region| !chosen.contains(region));
        spread.push(PlannedWave { regions: chosen.into_iter().cloned().collect(), ..wave });
    }
    if let Some(last) = spread.last_mut() {
        last.regions.extend(missing.into_iter().cloned());
    }
    spread
}
