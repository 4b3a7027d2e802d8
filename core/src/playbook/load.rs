//! What can be seen to be wrong with a stage's load before anybody has made it: out of its bounds, judged by nobody, or
//! written where none is driven.

use super::spec::{Playbook, Stage, StageKind};
use super::staging::{Load, LoadRequest, Staging};
use super::validate::{Found, STEPS_MAX};
use crate::cohort::RequestKey;
use crate::evidence::Measure;
use crate::time::Span;
use crate::weight::Weight;

/// The longest ramp.
const RAMP_MAX: Span = Span::from_secs(3600);
/// Headers that say where a request ends, or which the generator sets itself.
const HEADERS_OWN: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// Checks the load of a stage, and that its rehearsal has somewhere to go down from.
pub(super) fn check_stage(found: &mut Found, at: &str, stage: &Stage) {
    let Some(Staging { load, rehearsal }) = &stage.staging else { return };
    if stage.kind != StageKind::Staging {
        let fix = "leave it out: only a stage of kind `staging` is put under load";
        found.add("LOAD_OUTSIDE_STAGING", format!("{at}.load"), stage.kind.as_str(), fix);
    }
    check_load(found, &format!("{at}.load"), load);
    for (index, wave) in stage.waves.iter().enumerate() {
        let at = format!("{at}.waves[{index}].steps");
        if let Some(short) = wave.steps.iter().map(|step| step.bake).filter(|bake| *bake < load.ramp).min() {
            let fix = format!(
                "at least the load's ramp, which is {}: before its end it is not the load that is asked",
                load.ramp
            );
            found.add("BAKE_WITHIN_RAMP", &at, short, fix);
        }
        if !rehearsal {
            continue;
        }
        if wave.steps.last().is_some_and(|last| last.weight != Weight::WHOLE) {
            found.add("REHEARSAL_NOT_WHOLE", &at, "", "end the steps at 100%: a rehearsal goes down from there");
        }
        if wave.steps.len() > STEPS_MAX - 2 {
            let fix = format!("use at most {} steps: a rehearsal adds two", STEPS_MAX - 2);
            found.add("TOO_MANY_STEPS", &at, wave.steps.len(), fix);
        }
    }
}

/// A load that nobody judges is no gate, and one that is judged where none is driven would never be asked about.
pub(super) fn check_judged(found: &mut Found, playbook: &Playbook) {
    let is_load = |measure: &Measure| matches!(measure, Measure::Load(_));
    let asked = playbook.evidence.checks.iter().position(|check| is_load(&check.measure));
    let driven = playbook.stages.iter().position(|stage| stage.staging.is_some());
    match (driven, asked) {
        (Some(stage), None) => {
            let fix = "give evidence a check of the load, e.g. `loadErrors: {max: 1%}`";
            found.add("LOAD_UNJUDGED", format!("stages[{stage}].load"), "", fix);
        }
        (None, Some(check)) => {
            let fix = "give a stage of kind `staging` a `load`, or leave the check out";
            found.add("LOAD_CHECK_WITHOUT_LOAD", format!("evidence.checks[{check}].name"), "", fix);
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// Refuses checks of the load that ask for more requests than it can have sent when the first step of a wave is judged for
/// the last time: whatever else it needs, it has begun with the step.
pub(super) fn check_samples(found: &mut Found, playbook: &Playbook) {
    // A rate of nothing is refused by itself.
    let longest = |of: &Stage, load: &Load| {
        let bakes = of.waves.iter().filter_map(|wave| wave.steps.first()).map(|step| step.bake);
        let time = bakes.min()?.plus(playbook.evidence.extend_max).plus(playbook.limits.shift);
        let rate = (load.rate > 0).then_some(u64::from(load.rate))?;
        Some((rate.saturating_mul(time.millis().div_ceil(1000)), time))
    };
    let of_stages = playbook.stages.iter().filter_map(|stage| longest(stage, &stage.staging.as_ref()?.load));
    let Some((most, time)) = of_stages.min() else { return };
    for (index, check) in playbook.evidence.checks.iter().enumerate() {
        if matches!(check.measure, Measure::Load(_)) && check.sample_min > most {
            let fix = format!("at most {most}: the load sends no more within {time}, when its first step is given up");
            found.add("SAMPLE_NEVER", format!("evidence.checks[{index}].sampleMin"), check.sample_min, fix);
        }
    }
}

fn check_load(found: &mut Found, at: &str, load: &Load) {
    let Load { rate, ramp, requests, connections, timeout } = load;
    if !(1..=Load::RATE_MAX).contains(rate) {
        found.add("RATE_OUT_OF_RANGE", format!("{at}.rate"), rate, format!("1/s to {}/s", Load::RATE_MAX));
    }
    if *ramp > RAMP_MAX {
        found.add("RAMP_TOO_LONG", format!("{at}.ramp"), ramp, format!("at most {RAMP_MAX}"));
    }
    if !(1..=Load::CONNECTIONS_MAX).contains(connections) {
        let fix = format!("1 to {}", Load::CONNECTIONS_MAX);
        found.add("CONNECTIONS_OUT_OF_RANGE", format!("{at}.connections"), connections, fix);
    }
    if *timeout == Span::ZERO || *timeout > Load::TIMEOUT_MAX {
        let fix = format!("more than 0s, at most {}", Load::TIMEOUT_MAX);
        found.add("TIMEOUT_OUT_OF_RANGE", format!("{at}.timeout"), timeout, fix);
    }
    if !(1..=Load::REQUESTS_MAX).contains(&requests.len()) {
        let fix = format!("1 to {} requests, e.g. `[{{path: /}}]`", Load::REQUESTS_MAX);
        found.add("LOAD_WITHOUT_REQUESTS", format!("{at}.requests"), requests.len(), fix);
    }
    for (index, request) in requests.iter().enumerate() {
        check_request(found, &format!("{at}.requests[{index}]"), request);
    }
}

fn check_request(found: &mut Found, at: &str, request: &LoadRequest) {
    let LoadRequest { method, path, headers, body, weight } = request;
    let is_plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || path.starts_with("//") || path.len() > Load::TEXT_BYTES_MAX {
        let fix = format!("an absolute path of at most {} characters, e.g. `/orders?page=2`", Load::TEXT_BYTES_MAX);
        found.add("LOAD_PATH_INVALID", format!("{at}.path"), path.escape_debug(), fix);
    }
    if headers.len() > Load::HEADERS_MAX {
        let fix = format!("at most {} headers", Load::HEADERS_MAX);
        found.add("TOO_MANY_HEADERS", format!("{at}.headers"), headers.len(), fix);
    }
    for (name, value) in headers {
        let is_own = HEADERS_OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
        let is_shown = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if is_own || !RequestKey::is_valid_name(name) || !is_shown || value.len() > Load::TEXT_BYTES_MAX {
            let fix = format!("a header of one line; not one of {}", HEADERS_OWN.join(", "));
            found.add("LOAD_HEADER_INVALID", format!("{at}.headers"), name.escape_debug(), fix);
        }
    }
    if !body.is_empty() && !method.takes_body() {
        let fix = "leave the body out, or write `method: POST`";
        found.add("BODY_WITHOUT_POST", format!("{at}.body"), method.as_str(), fix);
    }
    if body.len() > Load::BODY_BYTES_MAX {
        let fix = format!("at most {} bytes", Load::BODY_BYTES_MAX);
        found.add("BODY_TOO_LONG", format!("{at}.body"), body.len(), fix);
    }
    if !(1..=Load::WEIGHT_MAX).contains(weight) {
        let fix = format!("1 to {}, relative to the other requests", Load::WEIGHT_MAX);
        found.add("MIX_WEIGHT_OUT_OF_RANGE", format!("{at}.weight"), weight, fix);
    }
}
