//! Playbooks, in JSON with the words of the manifest.

use meridian_client::PlaybookView;
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::evidence::{Asks, Bound, Check, EvidencePolicy, LoadMeasure, Measure, Query, Reach, Source};
use meridian_core::playbook::{
    ApprovalRule, BackPace, Callback, ChecklistItem, Concurrency, DeadManPolicy, Electorate, Joiners, Limits, Playbook,
    Pooling, RegionSelector, RollbackPolicy, SafetyPolicy, Spread, SpreadOrder, Step, VotePolicy, Wave,
};
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::WatchPolicy;
use meridian_core::weight::Weight;
use serde_json::{Value, json};

use super::{age_cell, hotfix, moment_cell, moment_json, staging, timetable, watch};
use crate::manifest::{self, API_VERSION, Manifest};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, toned};
use crate::style::Tone;

/// A cohort rule as people write it.
pub(crate) fn cohort_text(rule: &CohortRule) -> String {
    let key = |key: &RequestKey| match key {
        RequestKey::Header(name) => format!("header {name}"),
        RequestKey::Cookie(name) => format!("cookie {name}"),
    };
    match rule {
        CohortRule::Equals(of, value) => format!("{} = {value}", key(of)),
        CohortRule::Share(of, share) => format!("{share} by {}", key(of)),
    }
}

/// Who goes to the new release in a step, and for how long at least.
pub(crate) fn share_text(weight: Weight, cohort: Option<&CohortRule>, bake: Span, requests: u64) -> String {
    let who = match cohort {
        None => weight.to_string(),
        Some(rule) if weight == Weight::NONE => cohort_text(rule),
        Some(rule) => format!("{weight} and {}", cohort_text(rule)),
    };
    let requests = if requests > 0 { format!(" and {requests} requests") } else { String::new() };
    format!("{who} for {bake}{requests}")
}

/// When a plan goes back by itself, as people say it.
pub(crate) fn triggers_text(rollback: &RollbackPolicy) -> String {
    let scope = if rollback.fleet { "the fleet" } else { "the wave" };
    let votes = votes_text(rollback.votes);
    let over = match rollback.over {
        over if over == Electorate::of(rollback.fleet) => "",
        Electorate::Wave => " in the wave",
        Electorate::Fleet => " in the fleet",
    };
    let pooled =
        rollback.pooled.map(|Pooling { sample_min }| format!(", or a fail over {sample_min} samples together"));
    let pace = rollback.pace.map(|BackPace { max_parallel }| format!("; {max_parallel} at a time, the worst first"));
    format!("{scope}, on {votes}{over}{}{}", pooled.unwrap_or_default(), pace.unwrap_or_default())
}

fn votes_text(votes: VotePolicy) -> String {
    match votes {
        VotePolicy::Any => "any fail vote".to_owned(),
        VotePolicy::Count(count) => format!("{count} fail votes"),
        VotePolicy::Percent(share) => format!("fail votes of {share} of the regions"),
        VotePolicy::Traffic(share) => format!("fail votes of {share} of the traffic"),
    }
}

/// What checks ask, one row each.
pub(crate) fn checks_rows(evidence: &EvidencePolicy) -> Vec<Vec<Cell>> {
    let row = |check: &Check| {
        let asks = match &check.measure {
            Measure::ErrorRatio { max } => format!("errors at most {max}"),
            Measure::Latency { quantile, max } => format!("latency at {quantile} at most {max}"),
            Measure::Probe { path, max } => format!("probes of {path} failing at most {max}"),
            Measure::ErrorDifference { max } => format!("errors at most {max} points above the other slot"),
            Measure::LatencyShift { tolerance } => format!("latency at most {tolerance} above the other slot"),
            Measure::ErrorSequence { max } => format!("errors at most {max} since the step, once it is known"),
            Measure::BudgetBurn { budget, factor } => {
                format!("a budget of {budget} burnt at most {factor} times as fast")
            }
            Measure::Query(query) => asks_text(query),
            Measure::Load(LoadMeasure::Errors { max }) => format!("of the load at most {max} failing"),
            Measure::Load(LoadMeasure::Latency { quantile, max }) => {
                format!("latency of the load at {quantile} at most {max}")
            }
            Measure::Load(LoadMeasure::Rate { min }) => format!("of the load at least {min} sent in time"),
        };
        vec![cell(&check.name), cell(asks), cell(format!("at least {} samples", check.sample_min))]
    };
    evidence.checks.iter().map(row).collect()
}

fn asks_text(Query { source, url, asks, reach }: &Query) -> String {
    let whose = match reach {
        Reach::Region => "",
        Reach::Fleet => " (of the fleet)",
    };
    let asked = match asks {
        Asks::Value { of, bound: Bound::Most(most) } => format!("{of} at most {most}"),
        Asks::Value { of, bound: Bound::Least(least) } => format!("{of} at least {least}"),
        Asks::Counts { errors, total, max } => format!("{errors} at most {max} of {total}"),
    };
    format!("{asked}, asked of {} at {url}{whose}", source.as_str())
}

fn query_json(Query { source, url, asks, reach }: &Query) -> Value {
    let (of, method) = match source {
        Source::Prometheus => ("query", None),
        Source::WebhookGet => ("pointer", Some("GET")),
        Source::WebhookPost => ("pointer", Some("POST")),
    };
    let mut value = match asks {
        Asks::Value { of: text, bound: Bound::Most(most) } => json!({ of: text, "max": most.to_string() }),
        Asks::Value { of: text, bound: Bound::Least(least) } => json!({ of: text, "min": least.to_string() }),
        Asks::Counts { errors, total, max } => json!({ "errors": errors, "total": total, "max": max.to_string() }),
    };
    value["url"] = url.as_str().into();
    if let Some(method) = method {
        value["method"] = method.into();
    }
    if *reach == Reach::Fleet {
        value["over"] = "fleet".into();
    }
    value
}

fn cohort_json(rule: &CohortRule) -> Value {
    let (key, field, value) = match rule {
        CohortRule::Equals(key, value) => (key, "value", value.clone()),
        CohortRule::Share(key, share) => (key, "percentage", share.to_string()),
    };
    let (kind, name) = match key {
        RequestKey::Header(name) => ("header", name),
        RequestKey::Cookie(name) => ("cookie", name),
    };
    json!({ kind: name, field: value })
}

/// A rule as a manifest has it.
pub(crate) fn approval_json(rule: &ApprovalRule) -> Value {
    let ApprovalRule { role, count, valid_for } = rule;
    json!({ "role": role.as_str(), "count": count, "validFor": valid_for.to_string() })
}

/// Adds what there is of a checklist to a spec.
pub(crate) fn checklist_add_json(checklist: &[ChecklistItem], spec: &mut Value) {
    let item = |item: &ChecklistItem| {
        let ChecklistItem { id, kind, owner, valid_for } = item;
        json!({ "kind": kind.as_str(), "name": id.as_str(), "owner": owner, "validFor": valid_for.to_string() })
    };
    if !checklist.is_empty() {
        spec["checklist"] = checklist.iter().map(item).collect();
    }
}

/// What must be signed off first, one row each.
pub(crate) fn checklist_rows(checklist: &[ChecklistItem]) -> Vec<Vec<Cell>> {
    let row = |item: &ChecklistItem| {
        let ChecklistItem { id, kind, owner, valid_for } = item;
        vec![cell(id), cell(kind.as_str()), cell(owner), cell(valid_for)]
    };
    checklist.iter().map(row).collect()
}

/// The columns of [`checklist_rows`].
pub(crate) const CHECKLIST_HEADERS: &[&str] = &["ITEM", "KIND", "OWNER", "HOLDS FOR"];

fn step_json(step: &Step) -> Value {
    let mut value = json!({ "weight": step.weight.to_string(), "bake": step.bake.to_string() });
    if let Some(rule) = &step.cohort {
        value["cohort"] = cohort_json(rule);
    }
    if step.requests > 0 {
        value["bakeRequests"] = Value::from(step.requests);
    }
    value
}

fn regions_json(regions: &RegionSelector) -> Value {
    match regions {
        RegionSelector::Rest => Value::from("rest"),
        RegionSelector::Names(names) => names.iter().map(ToString::to_string).collect(),
        RegionSelector::Labels(labels) => json!({ "labels": labels }),
    }
}

/// A callback in the words of the manifest.
pub(crate) fn callback_json(callback: &Callback) -> Value {
    let Callback { id, url, timeout, secret } = callback;
    let mut value = json!({ "name": id.as_str(), "url": url, "timeout": timeout.to_string() });
    if let Some(secret) = secret {
        value["secret"] = Value::from(secret.as_str());
    }
    value
}

fn wave_json(wave: &Wave) -> Value {
    let mut value = json!({
        "name": wave.id.as_str(),
        "regions": regions_json(&wave.regions),
        "maxParallel": wave.max_parallel,
        "steps": wave.steps.iter().map(step_json).collect::<Vec<_>>(),
        "soak": wave.soak.to_string(),
    });
    // Written down it would be a limit that nobody set.
    if !wave.approvals.is_empty() {
        value["approvals"] = wave.approvals.iter().map(approval_json).collect();
    }
    if !wave.callbacks.is_empty() {
        value["gates"] = wave.callbacks.iter().map(callback_json).collect();
    }
    if let Some(Spread { first, factor, order }) = wave.spread {
        value["spread"] = json!({ "first": first, "factor": factor, "order": order.as_str() });
    }
    if wave.max_skew != u32::MAX {
        value["maxSkew"] = Value::from(wave.max_skew);
    }
    value
}

/// Evidence with the words of the manifest.
pub(crate) fn evidence_json(evidence: &EvidencePolicy) -> Value {
    let check = |check: &Check| {
        let (kind, measure) = match &check.measure {
            Measure::ErrorRatio { max } => ("errorRatio", json!({ "max": max.to_string() })),
            Measure::Latency { quantile, max } => {
                ("latency", json!({ "quantile": quantile.to_string(), "max": max.to_string() }))
            }
            Measure::Probe { path, max } => ("probe", json!({ "path": path, "max": max.to_string() })),
            Measure::ErrorDifference { max } => ("errorDifference", json!({ "max": max.to_string() })),
            Measure::LatencyShift { tolerance } => ("latencyShift", json!({ "tolerance": tolerance.to_string() })),
            Measure::ErrorSequence { max } => ("errorSequence", json!({ "max": max.to_string() })),
            Measure::BudgetBurn { budget, factor } => {
                ("budgetBurn", json!({ "budget": budget.to_string(), "factor": factor }))
            }
            Measure::Query(query) => (query.source.as_str(), query_json(query)),
            Measure::Load(LoadMeasure::Errors { max }) => ("loadErrors", json!({ "max": max.to_string() })),
            Measure::Load(LoadMeasure::Latency { quantile, max }) => {
                ("loadLatency", json!({ "quantile": quantile.to_string(), "max": max.to_string() }))
            }
            Measure::Load(LoadMeasure::Rate { min }) => ("loadRate", json!({ "min": min.to_string() })),
        };
        json!({ "name": check.name, kind: measure, "sampleMin": check.sample_min })
    };
    json!({
        "window": evidence.window.to_string(),
        "extendMax": evidence.extend_max.to_string(),
        "checks": evidence.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

/// When to go back, with the words of the manifest.
pub(crate) fn rollback_json(rollback: &RollbackPolicy) -> Value {
    let votes = match rollback.votes {
        VotePolicy::Any => Value::from("any"),
        VotePolicy::Count(count) => json!({ "count": count }),
        VotePolicy::Percent(share) => json!({ "percent": share.to_string() }),
        VotePolicy::Traffic(share) => json!({ "traffic": share.to_string() }),
    };
    let scope = if rollback.fleet { "fleet" } else { "wave" };
    let (over, retention) = (rollback.over.as_str(), rollback.retention.to_string());
    let mut value = json!({ "votes": votes, "over": over, "scope": scope, "retention": retention });
    if let Some(Pooling { sample_min }) = rollback.pooled {
        value["pooled"] = json!({ "sampleMin": sample_min });
    }
    if let Some(BackPace { max_parallel }) = rollback.pace {
        value["pace"] = json!({ "maxParallel": max_parallel, "order": BackPace::ORDER });
    }
    value
}

/// Limits with the words of the manifest.
pub(crate) fn limits_json(limits: &Limits) -> Value {
    json!({
        "prepare": limits.prepare.to_string(),
        "shift": limits.shift.to_string(),
        "revert": limits.revert.to_string(),
        "total": limits.total.to_string(),
    })
}

/// The safety policy with the words of the manifest.
pub(crate) fn safety_json(safety: &SafetyPolicy) -> Value {
    let mut value = json!({ "drift": safety.drift.as_str() });
    if let Some(DeadManPolicy { alone_after, breach_for }) = &safety.dead_man {
        value["deadMan"] = json!({ "aloneAfter": alone_after.to_string(), "breachFor": breach_for.to_string() });
    }
    value
}

/// What agents may do alone, as people say it.
pub(crate) fn safety_text(safety: &SafetyPolicy) -> String {
    let drift = format!("drift: {}", safety.drift.as_str());
    match &safety.dead_man {
        None => format!("agents never decide alone; {drift}"),
        Some(DeadManPolicy { alone_after, breach_for }) => {
            format!("an agent goes back alone after {alone_after} without a server and {breach_for} of breach; {drift}")
        }
    }
}

fn spec_json(playbook: &Playbook) -> Value {
    let stages = playbook.stages.iter().map(|stage| {
        let waves = stage.waves.iter().map(wave_json).collect::<Vec<_>>();
        let mut value = json!({ "kind": stage.kind.as_str(), "waves": waves });
        staging::add_json(stage.staging.as_ref(), &mut value);
        value
    });
    let mut spec = json!({
        "stages": stages.collect::<Vec<_>>(),
        "evidence": evidence_json(&playbook.evidence),
        "rollback": rollback_json(&playbook.rollback),
        "limits": limits_json(&playbook.limits),
        "safety": safety_json(&playbook.safety),
    });
    timetable::add_json(&playbook.timetable, &mut spec);
    if playbook.watch != WatchPolicy::default() {
        spec["watch"] = watch::policy::json(&playbook.watch);
    }
    checklist_add_json(&playbook.checklist, &mut spec);
    if let Some(policy) = &playbook.hotfix {
        spec["hotfix"] = hotfix::policy_json(policy);
    }
    if playbook.joiners != Joiners::default() {
        spec["joiners"] = Value::from(playbook.joiners.as_str());
    }
    if playbook.concurrency != Concurrency::default() {
        spec["concurrency"] = playbook.concurrency.as_str().into();
    }
    spec
}

fn regions_text(wave: &Wave) -> String {
    let selected = match &wave.regions {
        RegionSelector::Rest => "the rest".to_owned(),
        RegionSelector::Names(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        RegionSelector::Labels(labels) => {
            labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        }
    };
    let Some(spread) = wave.spread else { return selected };
    let order = match spread.order {
        SpreadOrder::Selected => "",
        SpreadOrder::LowTraffic => ", low traffic first",
    };
    let parts: Vec<_> = (0..3)
        .scan(spread.first, |next, _| Some(std::mem::replace(next, next.saturating_mul(spread.factor))))
        .map(|part| part.to_string())
        .collect();
    format!("{selected} in parts of {}…{order}", parts.join(", "))
}

impl Shown for PlaybookView {
    const HEADERS: &'static [&'static str] = &["NAME", "REVISION", "STAGES", "WAVES", "CHECKS", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let playbook = &self.playbook;
        let stages: Vec<_> = playbook.stages.iter().map(|stage| stage.kind.as_str()).collect();
        let waves: usize = playbook.stages.iter().map(|stage| stage.waves.len()).sum();
        vec![
            cell(&playbook.id),
            cell(self.revision),
            cell(stages.join(",")),
            cell(waves),
            cell(playbook.evidence.checks.len()),
            age_cell(self.updated, now),
        ]
    }

    fn name(&self) -> String {
        format!("playbooks/{}", self.playbook.id)
    }

    fn json(&self) -> Value {
        json!({
            "apiVersion": API_VERSION,
            "kind": "Playbook",
            "metadata": { "name": self.playbook.id.as_str() },
            "spec": spec_json(&self.playbook),
            "status": { "revision": self.revision, "etag": self.etag, "updated": moment_json(self.updated) },
        })
    }

    fn yaml(&self) -> String {
        manifest::to_yaml(&Manifest::Playbook(self.playbook.clone()))
    }

    fn describe(&self, now: Timestamp) -> Page {
        let playbook = &self.playbook;
        let Playbook { id, stages, evidence, rollback, limits, safety, timetable, checklist, .. } = playbook;
        let mut page = Page::default();
        page.field("playbook", toned(Tone::Strong, id)).field("revision", cell(self.revision));
        page.field("changed", moment_cell(self.updated, now));
        page.field("goes back", cell(triggers_text(rollback)));
        page.field("old slots", cell(format!("stay warm for {}", rollback.retention)));
        let Limits { prepare, shift, revert, total } = limits;
        let limits = format!("prepare {prepare}, shift {shift}, revert {revert}, total {total}");
        page.field("limits", cell(limits));
        page.field("safety", cell(safety_text(safety)));
        let late = match playbook.joiners {
            Joiners::Follow => "regions that come later follow",
            Joiners::Wait => "regions that come later wait for a person",
        };
        page.field("joiners", cell(late));
        if let Some(policy) = &playbook.hotfix {
            page.field("hotfix", cell(hotfix::policy_text(policy)));
        }
        if playbook.concurrency != Concurrency::default() {
            page.field("held lanes", cell(playbook.concurrency.as_str()));
        }
        page.table("checklist", CHECKLIST_HEADERS, checklist_rows(checklist));
        for stage in stages {
            let row = |wave: &Wave| {
                let steps: Vec<_> = wave.steps.iter().map(step_text).collect();
                let regions = regions_text(wave);
                vec![cell(&wave.id), cell(regions), cell(wave.max_parallel), cell(steps.join(" → ")), cell(wave.soak)]
            };
            let rows = stage.waves.iter().map(row).collect();
            page.table(stage.kind.as_str(), &["WAVE", "REGIONS", "PARALLEL", "STEPS", "SOAK"], rows);
        }
        timetable::describe(timetable, &mut page);
        page.table("checks", &[], checks_rows(evidence));
        watch::policy::describe(&playbook.watch, &mut page);
        page
    }
}

fn step_text(step: &Step) -> String {
    share_text(step.weight, step.cohort.as_ref(), step.bake, step.requests)
}
