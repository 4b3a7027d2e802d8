//! Loads, in JSON with the words of the manifest and as people say them.

use meridian_core::plan::{Plan, PlannedWave};
use meridian_core::playbook::{Load, LoadRequest, Staging};
use serde_json::{Value, json};

use crate::output::{Cell, cell};

/// The columns of [`rows`].
pub(crate) const HEADERS: &[&str] = &["WAVE", "LOAD", "REQUESTS", "WAY BACK"];

/// Adds what a stage or a wave is put under, if it is.
pub(crate) fn add_json(staging: Option<&Staging>, value: &mut Value) {
    let Some(Staging { load, rehearsal }) = staging else { return };
    let Load { rate, ramp, requests, connections, timeout } = load;
    value["load"] = json!({
        "rate": format!("{rate}/s"),
        "ramp": ramp.to_string(),
        "requests": requests.iter().map(request_json).collect::<Vec<_>>(),
        "connections": connections,
        "timeout": timeout.to_string(),
    });
    value["rehearsal"] = (*rehearsal).into();
}

fn request_json(request: &LoadRequest) -> Value {
    let LoadRequest { method, path, headers, body, weight } = request;
    let mut value = json!({ "method": method.as_str(), "path": path, "weight": weight });
    if !headers.is_empty() {
        value["headers"] = json!(headers);
    }
    if !body.is_empty() {
        value["body"] = body.as_str().into();
    }
    value
}

/// What the waves of a plan are put under, one row each.
pub(crate) fn rows(plan: &Plan) -> Vec<Vec<Cell>> {
    let row = |wave: &PlannedWave| {
        let Staging { load, rehearsal } = wave.staging.as_ref()?;
        let ramp = if load.ramp.millis() == 0 { String::new() } else { format!(", growing for {}", load.ramp) };
        let request = |it: &LoadRequest| format!("{} {} {}", it.weight, it.method.as_str(), it.path);
        let mix: Vec<String> = load.requests.iter().map(request).collect();
        let bare = wave.regions.iter().filter(|region| plan.unrehearsed().contains(region));
        let bare: Vec<&str> = bare.map(|region| region.as_str()).collect();
        let back = match (rehearsal, bare.as_slice()) {
            (false, _) => "not rehearsed".to_owned(),
            (true, []) => "rehearsed: down to the old release and up again".to_owned(),
            (true, bare) => format!("rehearsed but in {}: nothing has served there before", bare.join(", ")),
        };
        let rate = format!("{} a second{ramp}", load.rate);
        Some(vec![cell(&wave.id), cell(rate), cell(mix.join(", ")), cell(back)])
    };
    plan.waves.iter().filter_map(row).collect()
}
