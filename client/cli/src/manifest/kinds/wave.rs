//! Stages, waves, steps and cohorts: who moves when, and how far.

use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::id::{CallbackId, RegionId, RoleId, SecretId, WaveId};
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::playbook::validate::TEXT_BYTES_MAX;
use meridian_core::playbook::{
    ApprovalRule, Callback, RegionSelector, Spread, SpreadOrder, Stage, StageKind, Step, Wave,
};
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use super::{labels, staging};
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

const STAGES: [(&str, StageKind); 3] = [
    (StageKind::Staging.as_str(), StageKind::Staging),
    (StageKind::Pilot.as_str(), StageKind::Pilot),
    (StageKind::Production.as_str(), StageKind::Production),
];
const WAVE_FIELDS: [&str; 12] = [
    "name",
    "regions",
    "spread",
    "maxParallel",
    "maxSkew",
    "steps",
    "strategy",
    "preview",
    "bake",
    "soak",
    "approvals",
    "gates",
];
/// When a callback is asked.
const WAVE_BEGIN: &str = "wave-begin";
const ORDERS: [(&str, SpreadOrder); 2] = [
    (SpreadOrder::Selected.as_str(), SpreadOrder::Selected),
    (SpreadOrder::LowTraffic.as_str(), SpreadOrder::LowTraffic),
];
/// A wave without `maxSkew`: the foremost region may be any number of steps ahead.
pub(in crate::manifest) const SKEW_DEFAULT: u32 = u32::MAX;
/// A wave without `maxParallel`: one region after the other.
pub(in crate::manifest) const PARALLEL_DEFAULT: u32 = 1;
/// A spread that says no more grows like 1, 2, 4.
const FIRST_DEFAULT: u32 = 1;
const FACTOR_DEFAULT: u32 = 2;

pub(in crate::manifest) fn stage(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Stage> {
    let fields = given.fields(report, &["kind", "load", "rehearsal", "waves", "approvals"])?;
    let kind = fields.need(report, "kind", "production").and_then(|it| it.value(report, values::word(&STAGES)));
    let waves = fields.need(report, "waves", "[…]").and_then(|it| it.each(report, wave));
    let staging = staging::read(&fields, report);
    let asked = approvals(&fields, report);
    let (kind, mut waves, asked, staging) = (kind?, waves?, asked?, staging?);
    // What a stage asks for is asked before its first wave.
    if let Some(first) = waves.first_mut() {
        first.approvals.splice(0..0, asked);
    }
    Some(Stage { kind, staging, waves })
}

/// One rule or a list of them.
pub(super) fn approvals(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<ApprovalRule>> {
    let Some(given) = fields.get("approvals") else {
        return Some(Vec::new());
    };
    if given.is_list() { given.each(report, approval) } else { approval(&given, report).map(|rule| vec![rule]) }
}

fn approval(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<ApprovalRule> {
    let fields = given.fields(report, &["role", "count", "validFor"])?;
    let role = fields.need(report, "role", "sre").and_then(|it| it.value(report, values::name(RoleId::new)));
    let count = fields.value_or(report, "count", 1, values::small_number);
    let valid_for = fields.value_or(report, "validFor", ApprovalRule::VALID_FOR, values::span);
    Some(ApprovalRule { role: role?, count: count?, valid_for: valid_for? })
}

fn wave(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Wave> {
    let fields = given.fields(report, &WAVE_FIELDS)?;
    let id = fields.need(report, "name", "canary").and_then(|it| it.value(report, values::name(WaveId::new)));
    let regions = fields.need(report, "regions", "rest").and_then(|it| regions(&it, report));
    let max_parallel = fields.value_or(report, "maxParallel", PARALLEL_DEFAULT, values::small_number);
    let max_skew = fields.value_or(report, "maxSkew", SKEW_DEFAULT, values::small_number);
    let steps = steps(&fields, report);
    let soak = fields.value_or(report, "soak", Span::ZERO, values::span);
    let approvals = approvals(&fields, report);
    let spread = fields.get("spread").map_or(Some(None), |it| spread(&it, report).map(Some));
    let callbacks = fields.get("gates").map_or_else(|| Some(Vec::new()), |given| given.each(report, callback));
    let (max_parallel, max_skew, steps, approvals) = (max_parallel?, max_skew?, steps?, approvals?);
    let (soak, spread, callbacks) = (soak?, spread?, callbacks?);
    Some(Wave { id: id?, regions: regions?, max_parallel, max_skew, steps, soak, approvals, callbacks, spread })
}

/// An endpoint that is asked when the wave would begin; there is no other moment yet.
fn callback(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Callback> {
    let fields = given.fields(report, &["name", "url", "timeout", "on", "secret"])?;
    let id = fields.need(report, "name", "db-check").and_then(|it| it.value(report, values::name(CallbackId::new)));
    let url = fields.need(report, "url", "https://shop.example/gate");
    let url = url.and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
    let timeout = fields.value_or(report, "timeout", Callback::TIMEOUT, values::span);
    let on = fields.value_or(report, "on", WAVE_BEGIN, values::word(&[(WAVE_BEGIN, WAVE_BEGIN)]));
    let secret = fields.get("secret").map_or(Some(None), |it| it.value(report, values::name(SecretId::new)).map(Some));
    on.and(Some(Callback { id: id?, url: url?, timeout: timeout?, secret: secret? }))
}

fn spread(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Spread> {
    let fields = given.fields(report, &["first", "factor", "order"])?;
    let first = fields.value_or(report, "first", FIRST_DEFAULT, values::small_number);
    let factor = fields.value_or(report, "factor", FACTOR_DEFAULT, values::small_number);
    let order = fields.value_or(report, "order", SpreadOrder::Selected, values::word(&ORDERS));
    Some(Spread { first: first?, factor: factor?, order: order? })
}

fn regions(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<RegionSelector> {
    if given.is_scalar() {
        return given.value(report, |scalar| match scalar.text.as_str() {
            "rest" => Ok(RegionSelector::Rest),
            _ => {
                let fix = "write `[eu-west]` for a region by name, `{labels: {tier: low}}` or `rest`";
                Err(Refused::new("WORD_UNKNOWN", "this word selects no regions", fix))
            }
        });
    }
    if !given.is_list() {
        let fields = given.fields(report, &["labels"])?;
        let chosen = fields.need(report, "labels", "{tier: low}")?;
        return labels::read(&chosen, report).map(RegionSelector::Labels);
    }
    let count = given.items(report)?.len();
    if count > REGIONS_MAX {
        let message = format!("{count} regions are too many for a plan");
        let fix = format!("name at most {REGIONS_MAX}, or split the playbook");
        given.refuse(report, Refused::new("TOO_MANY_REGIONS", message, fix));
        return None;
    }
    let names = given.each(report, |item, report| item.value(report, values::name(RegionId::new)));
    names.map(RegionSelector::Names)
}

/// The steps as written, or those that a strategy stands for.
fn steps(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<Step>> {
    if fields.get("preview").is_some() && fields.get("strategy").is_none() {
        let fix = "add `strategy: blue-green`, or write the preview as a step with a cohort";
        fields.refuse(report, "preview", Refused::new("FIELDS_CONFLICT", "only a strategy has a preview", fix));
        return None;
    }
    match (fields.get("steps"), fields.get("strategy"), fields.get("bake")) {
        (Some(steps), None, None) => steps.each(report, step),
        (None, Some(strategy), _) => {
            let known = strategy.value(report, values::word(&[("blue-green", Weight::WHOLE)]));
            let bake = fields.need(report, "bake", "5m").and_then(|it| it.value(report, values::span));
            let preview = fields.get("preview").map_or(Some(None), |it| preview(&it, report).map(Some));
            let switch = Step { weight: known?, cohort: None, bake: bake?, requests: 0 };
            Some(preview?.into_iter().chain([switch]).collect())
        }
        (None, None, None) => fields.need(report, "steps", "[{weight: 100%, bake: 5m}]").and(None),
        (Some(_), Some(_), _) => {
            let fix = "keep `steps`, or `strategy` with its `bake`";
            let refused = Refused::new("FIELDS_CONFLICT", "a strategy stands for steps: give one of the two", fix);
            fields.refuse(report, "strategy", refused);
            None
        }
        (Some(_) | None, None, Some(_)) => {
            let fix = "write `bake` in each step, or add `strategy: blue-green`";
            let refused = Refused::new("FIELDS_CONFLICT", "a wave has a bake only together with a strategy", fix);
            fields.refuse(report, "bake", refused);
            None
        }
    }
}

/// The new release beside the old one, for those alone who ask for it.
fn preview(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Step> {
    let fields = given.fields(report, &["cohort", "bake"])?;
    let fix = "{header: x-preview, value: \"yes\"}";
    let cohort = fields.need(report, "cohort", fix).and_then(|it| cohort(&it, report));
    let bake = fields.need(report, "bake", "10m").and_then(|it| it.value(report, values::span));
    Some(Step { weight: Weight::NONE, cohort: Some(cohort?), bake: bake?, requests: 0 })
}

fn step(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Step> {
    let fields = given.fields(report, &["weight", "cohort", "bake", "bakeRequests"])?;
    let cohort_given = fields.get("cohort");
    // A cohort alone moves traffic; without one a step that names no weight would be a guess.
    let weight = match cohort_given {
        Some(_) => fields.value_or(report, "weight", Weight::NONE, values::percent),
        None => fields.need(report, "weight", "10%").and_then(|it| it.value(report, values::percent)),
    };
    let cohort = cohort_given.map_or(Some(None), |it| cohort(&it, report).map(Some));
    let bake = fields.need(report, "bake", "5m").and_then(|it| it.value(report, values::span));
    let requests = fields.value_or(report, "bakeRequests", 0, values::number);
    Some(Step { weight: weight?, cohort: cohort?, bake: bake?, requests: requests? })
}

fn cohort(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<CohortRule> {
    let fields = given.fields(report, &["header", "cookie", "value", "percentage"])?;
    let text = || values::text(TEXT_BYTES_MAX);
    let key = match (fields.get("header"), fields.get("cookie")) {
        // Headers are compared in lower case: HTTP does not tell them apart.
        (Some(header), None) => header.value(report, text()).map(|name| RequestKey::Header(name.to_ascii_lowercase())),
        (None, Some(cookie)) => cookie.value(report, text()).map(RequestKey::Cookie),
        (Some(_), Some(_)) | (None, None) => {
            let fix = "e.g. `{header: x-pilot, value: \"yes\"}`";
            let refused = Refused::new("FIELDS_CONFLICT", "a cohort looks at either a header or a cookie", fix);
            fields.refuse(report, "", refused);
            None
        }
    };
    match (fields.get("value"), fields.get("percentage")) {
        (Some(value), None) => {
            let value = value.value(report, text());
            Some(CohortRule::Equals(key?, value?))
        }
        (None, Some(percentage)) => {
            let share = percentage.value(report, values::percent);
            Some(CohortRule::Share(key?, share?))
        }
        (Some(_), Some(_)) | (None, None) => {
            let fix = "give `value` (equal to this text) or `percentage` (a share of all values)";
            let refused = Refused::new("FIELDS_CONFLICT", "a cohort has either a value or a percentage", fix);
            fields.refuse(report, "", refused);
            None
        }
    }
}
