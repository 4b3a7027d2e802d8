//! Playbook to valid playbook: every rule that can be checked without knowing the regions, each with field, value
//! and fix. All violations are reported at once.

use std::collections::BTreeSet;

use super::approval::ApprovalRule;
use super::hotfix::HotfixPolicy;
use super::query::check_address;
use super::spec::{Playbook, Pooling, RegionSelector, Stage, StageKind, Step, VotePolicy, Wave};
use super::spread::{FACTOR_MAX, Spread};
use crate::cohort::{CohortRule, RequestKey};
use crate::evidence::{LoadMeasure, Measure};
use crate::person::is_nobody;
use crate::time::Span;
use crate::weight::Weight;

/// The most waves of a playbook: more can't be overseen by a person.
pub const WAVES_MAX: usize = 100;
/// The most steps of a wave.
pub const STEPS_MAX: usize = 100;
/// The most roles that one wave asks.
pub const ROLES_MAX: usize = 8;
/// The most people of one role that one wave asks.
pub const APPROVERS_MAX: u32 = 20;
/// The most callbacks of one wave.
pub const CALLBACKS_MAX: usize = 8;
/// The longest that a callback is waited for: more is a checklist item.
pub const CALLBACK_WAIT_MAX: Span = Span::from_secs(7 * 24 * 3600);
/// The most items of a checklist.
pub const ITEMS_MAX: usize = 50;
/// The longest name of an owner.
pub const OWNER_BYTES_MAX: usize = 256;
/// The most checks of a playbook.
pub const CHECKS_MAX: usize = 50;
/// The most samples that a check may ask for: what is never there would be waited for without an end.
pub const SAMPLE_MAX: u64 = 1_000_000_000;
/// The most requests that a bake may ask for: a hundred thousand a second for more than a hundred days.
pub const BAKE_REQUESTS_MAX: u64 = 1_000_000_000_000;
/// The longest free text in a playbook.
pub const TEXT_BYTES_MAX: usize = 4096;

/// A broken rule: where, what was there, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Violation {
    /// Stable code, e.g. `WAVE_WITHOUT_STEPS`.
    pub code: &'static str,
    /// Path of the field, in the words of the manifest: `stages[0].waves[1].steps`.
    pub field: String,
    /// The value that was refused.
    pub value: String,
    /// What to write instead.
    pub fix: String,
}

/// A playbook that passed [`validate`]; there is no other way to get one.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ValidPlaybook(Playbook);

impl ValidPlaybook {
    /// The playbook.
    #[must_use]
    pub const fn get(&self) -> &Playbook {
        &self.0
    }
}

/// Checks a playbook.
///
/// # Errors
/// Every violation, in the order of the manifest; never an empty list.
pub fn validate(playbook: Playbook) -> Result<ValidPlaybook, Vec<Violation>> {
    let mut found = Found::default();
    let waves: usize = playbook.stages.iter().map(|stage| stage.waves.len()).sum();
    if waves == 0 {
        found.add("NO_WAVES", "stages", "[]", "give at least one stage with one wave");
    }
    if waves > WAVES_MAX {
        found.add("TOO_MANY_WAVES", "stages", waves, format!("use at most {WAVES_MAX} waves"));
    }
    let mut names = BTreeSet::new();
    for (index, stage) in playbook.stages.iter().enumerate() {
        check_stage(&mut found, &format!("stages[{index}]"), stage, &mut names);
    }
    check_checklist(&mut found, &playbook);
    check_hotfix(&mut found, &playbook);
    check_evidence(&mut found, &playbook);
    super::load::check_judged(&mut found, &playbook);
    super::load::check_samples(&mut found, &playbook);
    check_limits(&mut found, &playbook);
    check_safety(&mut found, &playbook);
    check_rollback(&mut found, &playbook);
    check_pace(&mut found, &playbook);
    check_watch(&mut found, &playbook);
    if found.0.is_empty() { Ok(ValidPlaybook(playbook)) } else { Err(found.0) }
}

/// What was found.
#[derive(Default)]
pub(super) struct Found(Vec<Violation>);

impl Found {
    /// Adds a violation.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        field: impl Into<String>,
        value: impl ToString,
        fix: impl Into<String>,
    ) {
        self.0.push(Violation { code, field: field.into(), value: value.to_string(), fix: fix.into() });
    }
}

fn check_stage(found: &mut Found, at: &str, stage: &Stage, names: &mut BTreeSet<String>) {
    if stage.waves.is_empty() {
        found.add("STAGE_WITHOUT_WAVES", format!("{at}.waves"), "[]", "give the stage a wave or remove it");
    }
    let mut rests = 0;
    let mut named = BTreeSet::new();
    for (index, wave) in stage.waves.iter().enumerate() {
        let at = format!("{at}.waves[{index}]");
        if !names.insert(wave.id.to_string()) {
            found.add("WAVE_TWICE", format!("{at}.name"), &wave.id, "give every wave of the playbook its own name");
        }
        match &wave.regions {
            RegionSelector::Rest => rests += 1,
            RegionSelector::Labels(labels) => {
                if labels.is_empty() {
                    found.add("NO_REGIONS", format!("{at}.regions"), "{}", "name a label, or write `rest`");
                }
            }
            RegionSelector::Names(regions) => {
                if regions.is_empty() {
                    found.add("NO_REGIONS", format!("{at}.regions"), "[]", "name at least one region");
                }
                for region in regions {
                    if !named.insert(region.clone()) {
                        let fix = "a region belongs to one wave of a stage";
                        found.add("REGION_TWICE", format!("{at}.regions"), region, fix);
                    }
                }
            }
        }
        check_wave(found, &at, wave);
    }
    super::load::check_stage(found, at, stage);
    if rests > 1 {
        found.add("REST_TWICE", format!("{at}.waves"), rests, "only one wave of a stage may take the rest");
    }
}

fn check_wave(found: &mut Found, at: &str, wave: &Wave) {
    if wave.max_parallel == 0 {
        found.add("NOTHING_PARALLEL", format!("{at}.maxParallel"), 0, "let at least one region move");
    }
    if wave.steps.is_empty() {
        found.add("WAVE_WITHOUT_STEPS", format!("{at}.steps"), "[]", "give at least one step, e.g. `weight: 100%`");
    }
    if wave.steps.len() > STEPS_MAX {
        let fix = format!("use at most {STEPS_MAX} steps");
        found.add("TOO_MANY_STEPS", format!("{at}.steps"), wave.steps.len(), fix);
    }
    check_span(found, &format!("{at}.soak"), wave.soak);
    check_approvals(found, at, &wave.approvals);
    check_callbacks(found, at, wave);
    check_spread(found, at, wave);
    let mut before = Weight::NONE;
    for (index, step) in wave.steps.iter().enumerate() {
        let at = format!("{at}.steps[{index}]");
        check_step(found, &at, step);
        if step.weight < before {
            let fix = format!("never below the step before ({before}); going back is what rollback is for");
            found.add("WEIGHT_FALLS", format!("{at}.weight"), step.weight, fix);
        }
        before = step.weight;
    }
}

fn check_spread(found: &mut Found, at: &str, wave: &Wave) {
    let Some(Spread { first, factor, order: _ }) = wave.spread else { return };
    if first == 0 {
        found.add("SPREAD_ZERO", format!("{at}.spread.first"), 0, "begin with at least one region");
    }
    if !(1..=FACTOR_MAX).contains(&factor) {
        let fix = format!("1 (parts of one size) to {FACTOR_MAX}");
        found.add("SPREAD_FACTOR", format!("{at}.spread.factor"), factor, fix);
    }
}

/// A gate that opens for nobody, for everybody, or never is a mistake.
fn check_approvals(found: &mut Found, at: &str, rules: &[ApprovalRule]) {
    if rules.len() > ROLES_MAX {
        let fix = format!("ask at most {ROLES_MAX} roles");
        found.add("TOO_MANY_ROLES", format!("{at}.approvals"), rules.len(), fix);
    }
    let mut roles = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("{at}.approvals[{index}]");
        if !(1..=APPROVERS_MAX).contains(&rule.count) {
            let fix = format!("ask for 1 to {APPROVERS_MAX} people, or leave the role out");
            found.add("APPROVERS_OUT_OF_RANGE", format!("{at}.count"), rule.count, fix);
        }
        if !roles.insert(&rule.role) {
            found.add("ROLE_TWICE", format!("{at}.role"), &rule.role, "ask a role once, with the higher count");
        }
        check_span(found, &format!("{at}.validFor"), rule.valid_for);
        if rule.valid_for == Span::ZERO {
            found.add("APPROVAL_NEVER_HOLDS", format!("{at}.validFor"), "0s", "leave some time, e.g. `24h`");
        }
    }
}

/// A callback that can't be asked, or never answers in time, would hold every rollout.
fn check_callbacks(found: &mut Found, at: &str, wave: &Wave) {
    if wave.callbacks.len() > CALLBACKS_MAX {
        let fix = format!("ask at most {CALLBACKS_MAX} endpoints");
        found.add("TOO_MANY_GATES", format!("{at}.gates"), wave.callbacks.len(), fix);
    }
    let mut names = BTreeSet::new();
    for (index, callback) in wave.callbacks.iter().enumerate() {
        let at = format!("{at}.gates[{index}]");
        if !names.insert(&callback.id) {
            found.add("GATE_TWICE", format!("{at}.name"), &callback.id, "give every gate of the wave its own name");
        }
        if let Err(fix) = check_address(&callback.url, false) {
            found.add("URL_INVALID", format!("{at}.url"), callback.url.escape_debug(), fix);
        }
        if callback.timeout == Span::ZERO || callback.timeout > CALLBACK_WAIT_MAX {
            let fix = format!("leave some time, e.g. `10m`, and at most {CALLBACK_WAIT_MAX}");
            found.add("GATE_NEVER_ANSWERS", format!("{at}.timeout"), callback.timeout, fix);
        }
    }
}

/// An item that nobody can sign, or that no sign-off opens, would keep every rollout from beginning.
fn check_checklist(found: &mut Found, playbook: &Playbook) {
    if playbook.checklist.len() > ITEMS_MAX {
        let fix = format!("use at most {ITEMS_MAX} items");
        found.add("TOO_MANY_ITEMS", "checklist", playbook.checklist.len(), fix);
    }
    let mut names = BTreeSet::new();
    for (index, item) in playbook.checklist.iter().enumerate() {
        let at = format!("checklist[{index}]");
        if !names.insert(&item.id) {
            found.add("ITEM_TWICE", format!("{at}.name"), &item.id, "give every item its own name");
        }
        if is_nobody(&item.owner) || item.owner.len() > OWNER_BYTES_MAX {
            let fix = format!("name who signs it off, in at most {OWNER_BYTES_MAX} bytes");
            found.add("OWNER_MISSING", format!("{at}.owner"), item.owner.escape_debug(), fix);
        }
        check_span(found, &format!("{at}.validFor"), item.valid_for);
        if item.valid_for == Span::ZERO {
            found.add("SIGN_OFF_NEVER_HOLDS", format!("{at}.validFor"), "0s", "leave some time, e.g. `14d`");
        }
    }
}

/// A hotfix is never taken on trust: somebody consents, something is waited for, and what is left out is known.
fn check_hotfix(found: &mut Found, playbook: &Playbook) {
    let Some(HotfixPolicy { bake, approvals, earns: _, waives }) = &playbook.hotfix else { return };
    if *bake == Weight::NONE {
        found.add("HOTFIX_WITHOUT_BAKE", "hotfix.bake", bake, "keep some of it, e.g. `25%`");
    }
    if approvals.is_empty() {
        let fix = "name whose consent it needs, e.g. `{role: sre}`";
        found.add("HOTFIX_WITHOUT_APPROVERS", "hotfix.approvals", "[]", fix);
    }
    check_approvals(found, "hotfix", approvals);
    let mut names = BTreeSet::new();
    for (index, item) in waives.iter().enumerate() {
        let at = format!("hotfix.waives[{index}]");
        if !playbook.checklist.iter().any(|listed| listed.id == *item) {
            found.add("ITEM_UNKNOWN", at.as_str(), item, "name an item of the checklist, or leave this out");
        }
        if !names.insert(item) {
            found.add("ITEM_TWICE", at, item, "name it once");
        }
    }
}

fn check_step(found: &mut Found, at: &str, step: &Step) {
    check_span(found, &format!("{at}.bake"), step.bake);
    if step.requests > BAKE_REQUESTS_MAX {
        let fix = format!("at most {BAKE_REQUESTS_MAX}: more are never answered");
        found.add("BAKE_NEVER_ENDS", format!("{at}.bakeRequests"), step.requests, fix);
    }
    if step.weight == Weight::NONE && step.cohort.is_none() {
        let fix = "move some traffic: a weight above 0%, or a cohort";
        found.add("STEP_MOVES_NOTHING", format!("{at}.weight"), step.weight, fix);
    }
    let Some(rule) = &step.cohort else { return };
    let (key, value_length) = match rule {
        CohortRule::Equals(key, value) => (key, value.len()),
        CohortRule::Share(key, share) => {
            if *share == Weight::NONE {
                found.add("COHORT_EMPTY", format!("{at}.cohort.percentage"), share, "write more than 0%");
            }
            (key, 1)
        }
    };
    let (RequestKey::Header(name) | RequestKey::Cookie(name)) = key;
    if !RequestKey::is_valid_name(name) {
        let fix = "1 to 128 letters, digits or any of !#$%&'*+-.^_`|~";
        found.add("COHORT_KEY_INVALID", format!("{at}.cohort"), name.escape_debug(), fix);
    }
    if !(1..=TEXT_BYTES_MAX).contains(&value_length) {
        let fix = format!("a value of 1 to {TEXT_BYTES_MAX} bytes");
        found.add("COHORT_VALUE_INVALID", format!("{at}.cohort.value"), value_length, fix);
    }
}

fn check_evidence(found: &mut Found, playbook: &Playbook) {
    let evidence = &playbook.evidence;
    if evidence.checks.len() > CHECKS_MAX {
        let fix = format!("use at most {CHECKS_MAX} checks");
        found.add("TOO_MANY_CHECKS", "evidence.checks", evidence.checks.len(), fix);
    }
    check_span(found, "evidence.window", evidence.window);
    check_span(found, "evidence.extendMax", evidence.extend_max);
    if evidence.window == Span::ZERO && !evidence.checks.is_empty() {
        found.add("WINDOW_ZERO", "evidence.window", "0s", "look back for some time, e.g. `60s`");
    }
    let mut names = BTreeSet::new();
    for (index, check) in evidence.checks.iter().enumerate() {
        let at = format!("evidence.checks[{index}]");
        if crate::id::check_name(&check.name).is_err() {
            found.add("NAME_INVALID", format!("{at}.name"), check.name.escape_debug(), "use a-z, 0-9 and inner dashes");
        }
        if !names.insert(&check.name) {
            found.add("CHECK_TWICE", format!("{at}.name"), &check.name, "give every check its own name");
        }
        check_sample_min(found, &format!("{at}.sampleMin"), check.sample_min);
        match &check.measure {
            Measure::ErrorRatio { max: _ }
            | Measure::ErrorDifference { max: _ }
            | Measure::LatencyShift { tolerance: _ } => {}
            Measure::Query(query) => super::query::check(found, &at, query),
            Measure::Load(load) => check_load(found, &at, *load),
            Measure::ErrorSequence { max } => {
                // A rate is never known to lie below nothing, nor above everything.
                if *max == Weight::NONE || *max == Weight::WHOLE {
                    found.add(
                        "SEQUENCE_UNDECIDABLE",
                        format!("{at}.errorSequence.max"),
                        max,
                        "between 0% and 100%, e.g. `1%`",
                    );
                }
            }
            Measure::BudgetBurn { budget: _, factor } => {
                if *factor == 0 {
                    found.add("FACTOR_ZERO", format!("{at}.budgetBurn.factor"), factor, "at least 1, e.g. `10`");
                }
            }
            Measure::Latency { quantile, max } => {
                if *quantile == Weight::NONE {
                    found.add("QUANTILE_ZERO", format!("{at}.latency.quantile"), quantile, "e.g. `99%`");
                }
                check_slowest(found, &format!("{at}.latency.max"), *max);
            }
            Measure::Probe { path, max: _ } => {
                let plain = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
                if !plain || path.starts_with("//") || path.len() > 512 {
                    let fix = "an absolute path on the slot, at most 512 characters, e.g. `/healthz`";
                    found.add("PROBE_PATH_INVALID", format!("{at}.probe.path"), path.escape_debug(), fix);
                }
            }
        }
    }
}

fn check_sample_min(found: &mut Found, field: &str, sample_min: u64) {
    if sample_min > SAMPLE_MAX {
        found.add("SAMPLE_NEVER", field, sample_min, format!("at most {SAMPLE_MAX}: more are never seen in a window"));
    }
}

/// Answers that may take no time at all are never there.
fn check_slowest(found: &mut Found, field: &str, max: Span) {
    check_span(found, field, max);
    if max == Span::ZERO {
        found.add("LATENCY_ZERO", field, max, "more than 0s, e.g. `300ms`: every answer takes some time");
    }
}

fn check_load(found: &mut Found, at: &str, measure: LoadMeasure) {
    match measure {
        LoadMeasure::Errors { max: _ } => {}
        LoadMeasure::Latency { quantile, max } => {
            if quantile == Weight::NONE {
                found.add("QUANTILE_ZERO", format!("{at}.loadLatency.quantile"), quantile, "e.g. `99%`");
            }
            check_slowest(found, &format!("{at}.loadLatency.max"), max);
        }
        LoadMeasure::Rate { min } => {
            if min == Weight::NONE {
                found.add("MIN_ZERO", format!("{at}.loadRate.min"), min, "more than 0%: nothing lies below it");
            }
        }
    }
}

fn check_rollback(found: &mut Found, playbook: &Playbook) {
    let (fix, share) = ("ask for at least one vote", "ask for more than 0%");
    match playbook.rollback.votes {
        VotePolicy::Count(0) => found.add("VOTES_ZERO", "rollback.votes.count", 0, fix),
        VotePolicy::Percent(Weight::NONE) => found.add("VOTES_ZERO", "rollback.votes.percent", 0, share),
        VotePolicy::Traffic(Weight::NONE) => found.add("VOTES_ZERO", "rollback.votes.traffic", 0, share),
        VotePolicy::Any | VotePolicy::Count(_) | VotePolicy::Percent(_) | VotePolicy::Traffic(_) => {}
    }
    if let Some(Pooling { sample_min }) = playbook.rollback.pooled {
        if sample_min == 0 {
            let fix = "ask for some requests, more than one region has";
            found.add("SAMPLE_ZERO", "rollback.pooled.sampleMin", sample_min, fix);
        }
        check_sample_min(found, "rollback.pooled.sampleMin", sample_min);
        if playbook.evidence.checks.is_empty() {
            let fix = "write a check under `evidence.checks`, or leave `pooled` out";
            found.add("POOL_WITHOUT_CHECKS", "rollback.pooled", "{}", fix);
        }
    }
}

/// A way back that nobody may take is none.
fn check_pace(found: &mut Found, playbook: &Playbook) {
    if playbook.rollback.pace.is_some_and(|pace| pace.max_parallel == 0) {
        let fix = "let at least one region go back at a time, or leave `pace` out";
        found.add("PACE_ZERO", "rollback.pace.maxParallel", 0, fix);
    }
}

fn check_limits(found: &mut Found, playbook: &Playbook) {
    let limits = &playbook.limits;
    let named =
        [("prepare", limits.prepare), ("shift", limits.shift), ("revert", limits.revert), ("total", limits.total)];
    for (name, span) in named {
        check_span(found, &format!("limits.{name}"), span);
        if span == Span::ZERO {
            found.add("LIMIT_ZERO", format!("limits.{name}"), "0s", "leave some time, e.g. `5m`");
        }
    }
    check_span(found, "rollback.retention", playbook.rollback.retention);
    for (stage, of) in playbook.stages.iter().enumerate() {
        let rehearses = of.staging.as_ref().is_some_and(|staging| staging.rehearsal);
        for (wave, of) in of.waves.iter().enumerate() {
            let bakes = of.steps.iter().fold(Span::ZERO, |sum, step| sum.plus(step.bake));
            let again = of.steps.last().filter(|_| rehearses).map_or(Span::ZERO, |last| last.bake.times(2));
            let bakes = bakes.plus(again);
            let each_is_valid = of.steps.iter().all(|step| step.bake <= Span::MAX) && limits.total > Span::ZERO;
            if bakes >= limits.total && each_is_valid {
                let fix = format!("less than limits.total, which is {}: the rollout is taken back then", limits.total);
                found.add("BAKE_EXCEEDS_TOTAL", format!("stages[{stage}].waves[{wave}].steps"), bakes, fix);
            }
        }
    }
}

fn check_safety(found: &mut Found, playbook: &Playbook) {
    let Some(policy) = &playbook.safety.dead_man else { return };
    for (name, span) in [("aloneAfter", policy.alone_after), ("breachFor", policy.breach_for)] {
        let field = format!("safety.deadMan.{name}");
        check_span(found, &field, span);
        if span == Span::ZERO {
            found.add("DEAD_MAN_ZERO", field, "0s", "leave servers some time to come back, e.g. `2m`");
        }
    }
    if playbook.evidence.checks.is_empty() {
        let fix = "give evidence a check: without one nothing ever fails, and no agent would go back";
        found.add("DEAD_MAN_WITHOUT_CHECKS", "safety.deadMan", "on", fix);
    }
}

/// A gate behind a pilot needs a pilot, and something behind it.
fn check_watch(found: &mut Found, playbook: &Playbook) {
    found.0.extend(crate::watch::policy::check(&playbook.watch));
    let kinds: Vec<_> = playbook.stages.iter().map(|stage| stage.kind).collect();
    let is_left = kinds.windows(2).any(|pair| pair[0] == StageKind::Pilot && pair[1] != StageKind::Pilot);
    if playbook.watch.feedback.is_some_and(|policy| policy.pilot_waits) && !is_left {
        let fix = "write a stage of kind `pilot` with another stage behind it, or leave this out";
        found.add("NO_PILOT", "watch.feedback.pilotWaits", true, fix);
    }
}

fn check_span(found: &mut Found, field: &str, span: Span) {
    if span > Span::MAX {
        found.add("SPAN_TOO_LONG", field, span, format!("at most {}", Span::MAX));
    }
}
