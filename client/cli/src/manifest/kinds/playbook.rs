//! Playbooks: `spec` to a playbook that passed all rules of the core. The rules are the core's; here their findings get
//! a place.

use meridian_calendar::{Refusal, check, fits};
use meridian_core::id::PlaybookId;
use meridian_core::playbook::{
    BackPace, Concurrency, DeadManPolicy, DriftPolicy, Electorate, Joiners, Limits, Playbook, Pooling, RollbackPolicy,
    SafetyPolicy, Violation, VotePolicy, validate,
};

use super::{checklist, evidence, hotfix, timetable, watch, wave};
use crate::manifest::envelope::Metadata;
use crate::manifest::error::Finding;
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Refused};
use crate::manifest::values;

pub(in crate::manifest) fn read(
    metadata: &Metadata<'_>,
    spec: &Cursor<'_>,
    report: &mut Report<'_>,
) -> Option<Playbook> {
    let id = metadata.name(report, PlaybookId::new);
    let known = [
        "stages",
        "evidence",
        "rollback",
        "limits",
        "safety",
        "watch",
        "checklist",
        "hotfix",
        "joiners",
        "concurrency",
    ];
    let fields = spec.fields(report, &[&known[..], &timetable::FIELDS].concat())?;
    let stages = fields.need(report, "stages", "[…]").and_then(|it| it.each(report, wave::stage));
    let evidence = evidence::read(fields.get("evidence"), report);
    let rollback = rollback(fields.get("rollback"), report);
    let limits = limits(fields.get("limits"), report);
    let safety = safety(fields.get("safety"), report);
    let timetable = timetable::read(&fields, report);
    let (watch, checklist) = (watch::read(fields.get("watch"), report), checklist::read(&fields, report));
    let hotfix = hotfix::read(&fields, report);
    let words = Joiners::ALL.map(|joiners| (joiners.as_str(), joiners));
    let joiners = fields.value_or(report, "joiners", Joiners::default(), values::word(&words))?;
    let words = Concurrency::ALL.map(|policy| (policy.as_str(), policy));
    let concurrency = fields.value_or(report, "concurrency", Concurrency::default(), values::word(&words))?;
    let (id, stages, evidence, timetable, hotfix) = (id?, stages?, evidence?, timetable?, hotfix?);
    let (rollback, limits, safety, watch, checklist) = (rollback?, limits?, safety?, watch?, checklist?);
    let playbook = Playbook {
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
    };
    let (unreadable, untimely) = (check(&playbook.timetable), fits(&playbook));
    let (valid, violations) = validate(playbook).map_or_else(|found| (None, found), |valid| (Some(valid), Vec::new()));
    let violations: Vec<Violation> = violations.into_iter().chain(untimely).collect();
    let valid = valid.filter(|_| unreadable.is_empty() && violations.is_empty());
    unreadable.into_iter().for_each(|refusal| add_time(refusal, spec, report));
    violations.into_iter().for_each(|violation| add(violation, spec, report));
    valid.map(|valid| valid.get().clone())
}

/// Puts a violation where the field is that it is about.
pub(super) fn add(violation: Violation, spec: &Cursor<'_>, report: &mut Report<'_>) {
    let Violation { code, field, value, fix } = violation;
    let message = code.replace('_', " ").to_lowercase();
    place(Finding { code, field, value, message, fix }, spec, report);
}

/// Puts a time that can't be kept where it is written, with its own words.
fn add_time(refusal: Refusal, spec: &Cursor<'_>, report: &mut Report<'_>) {
    let code = refusal.code();
    let Refusal { field, value, message, fix } = refusal;
    place(Finding { code, field, value, message, fix: fix.to_owned() }, spec, report);
}

fn place(finding: Finding, spec: &Cursor<'_>, report: &mut Report<'_>) {
    let found = spec.find(&finding.field, &finding.value);
    report.add(found.node.at, Finding { field: found.path, ..finding });
}

fn rollback(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<RollbackPolicy> {
    let standard = RollbackPolicy::default();
    let Some(given) = given else { return Some(standard) };
    let fields = given.fields(report, &["votes", "over", "pooled", "scope", "retention", "pace"])?;
    let votes = fields.get("votes").map_or(Some(standard.votes), |it| votes(&it, report));
    let scopes = [("fleet", true), ("wave", false)];
    let fleet = fields.value_or(report, "scope", standard.fleet, values::word(&scopes));
    let words = [("wave", Electorate::Wave), ("fleet", Electorate::Fleet)];
    let over = fields.value_or(report, "over", Electorate::of(fleet.unwrap_or(standard.fleet)), values::word(&words));
    let pooled = match fields.get("pooled") {
        Some(given) => pooling(&given, report).map(Some),
        None => Some(None),
    };
    let retention = fields.value_or(report, "retention", standard.retention, values::span);
    let pace = match fields.get("pace") {
        Some(given) => pace(&given, report).map(Some),
        None => Some(None),
    };
    let (votes, over, pooled, fleet, retention, pace) = (votes?, over?, pooled?, fleet?, retention?, pace?);
    Some(RollbackPolicy { votes, over, pooled, fleet, retention, pace })
}

fn pace(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<BackPace> {
    let fields = given.fields(report, &["maxParallel", "order"])?;
    let order = fields.value_or(report, "order", (), values::word(&[(BackPace::ORDER, ())]));
    let many = fields.need(report, "maxParallel", "2").and_then(|it| it.value(report, values::small_number));
    order.and(many).map(|max_parallel| BackPace { max_parallel })
}

fn pooling(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Pooling> {
    let fields = given.fields(report, &["sampleMin"])?;
    let sample_min = fields.need(report, "sampleMin", "1000").and_then(|it| it.value(report, values::number));
    sample_min.map(|sample_min| Pooling { sample_min })
}

fn votes(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<VotePolicy> {
    if given.is_scalar() {
        return given.value(report, values::word(&[("any", VotePolicy::Any)]));
    }
    let fields = given.fields(report, &["count", "percent", "traffic"])?;
    match (fields.get("count"), fields.get("percent"), fields.get("traffic")) {
        (Some(count), None, None) => count.value(report, values::small_number).map(VotePolicy::Count),
        (None, Some(percent), None) => percent.value(report, values::percent).map(VotePolicy::Percent),
        (None, None, Some(traffic)) => traffic.value(report, values::percent).map(VotePolicy::Traffic),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => {
            let fix = "write `any`, `{count: 2}`, `{percent: 50%}` or `{traffic: 30%}`";
            let refused =
                Refused::new("FIELDS_CONFLICT", "one of a count, a percentage and a traffic share is needed", fix);
            fields.refuse(report, "", refused);
            None
        }
    }
}

fn limits(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<Limits> {
    let standard = Limits::default();
    let Some(given) = given else { return Some(standard) };
    let fields = given.fields(report, &["prepare", "shift", "revert", "total"])?;
    let prepare = fields.value_or(report, "prepare", standard.prepare, values::span);
    let shift = fields.value_or(report, "shift", standard.shift, values::span);
    let revert = fields.value_or(report, "revert", standard.revert, values::span);
    let total = fields.value_or(report, "total", standard.total, values::span);
    Some(Limits { prepare: prepare?, shift: shift?, revert: revert?, total: total? })
}

fn safety(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<SafetyPolicy> {
    let standard = SafetyPolicy::default();
    let Some(given) = given else { return Some(standard) };
    let fields = given.fields(report, &["deadMan", "drift"])?;
    let dead_man = fields.get("deadMan").map_or(Some(None), |it| dead_man(&it, report).map(Some));
    let policies = [DriftPolicy::Hold, DriftPolicy::Revert, DriftPolicy::Adopt].map(|drift| (drift.as_str(), drift));
    let drift = fields.value_or(report, "drift", standard.drift, values::word(&policies));
    Some(SafetyPolicy { dead_man: dead_man?, drift: drift? })
}

fn dead_man(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<DeadManPolicy> {
    let fields = given.fields(report, &["aloneAfter", "breachFor"])?;
    let mut span = |name| fields.need(report, name, "2m").and_then(|it| it.value(report, values::span));
    let (alone_after, breach_for) = (span("aloneAfter"), span("breachFor"));
    Some(DeadManPolicy { alone_after: alone_after?, breach_for: breach_for? })
}
