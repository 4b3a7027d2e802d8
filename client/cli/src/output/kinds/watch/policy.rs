//! The `watch:` of a playbook, in JSON with the words of the manifest and in those of people.

use meridian_core::watch::{Cadence, FeedbackPolicy, KpiTarget, WatchPolicy};
use serde_json::{Value, json};

use crate::manifest::side;
use crate::output::cell;
use crate::output::page::Page;

/// With the words of the manifest.
pub(crate) fn json(policy: &WatchPolicy) -> Value {
    let WatchPolicy { reviews, evaluation, grace, targets, feedback } = policy;
    let cadence =
        |Cadence { every, until }: &Cadence| json!({ "every": every.to_string(), "until": until.to_string() });
    let mut value = json!({
        "reviews": reviews.iter().map(cadence).collect::<Vec<_>>(),
        "evaluation": evaluation.to_string(),
        "grace": grace.to_string(),
        "kpis": targets.iter().map(target_json).collect::<Vec<_>>(),
    });
    if let Some(policy) = feedback {
        value["feedback"] = feedback_json(policy);
    }
    value
}

/// With the words of the manifest.
pub(crate) fn feedback_json(policy: &FeedbackPolicy) -> Value {
    let FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits } = policy;
    json!({
        "scoreMin": score_min.to_string(),
        "answersMin": answers_min,
        "blockersMax": blockers_max,
        "pilotWaits": pilot_waits,
    })
}

/// In words.
pub(crate) fn feedback_text(policy: &FeedbackPolicy) -> String {
    let FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits } = policy;
    let waits = if *pilot_waits { "; the pilot waits for it" } else { "" };
    format!("at least {score_min} of 5 over {answers_min} answers, at most {blockers_max} blockers{waits}")
}

fn target_json(target: &KpiTarget) -> Value {
    json!({ "name": target.kpi.as_str(), (side(target.direction)): target.target.to_string() })
}

/// When a launch is reviewed, and what it is held against.
pub(crate) fn describe(policy: &WatchPolicy, page: &mut Page) {
    let WatchPolicy { reviews, evaluation, grace, targets, feedback } = policy;
    let cadences: Vec<_> =
        reviews.iter().map(|cadence| format!("every {} until {}", cadence.every, cadence.until)).collect();
    let all = cadences.into_iter().chain([format!("evaluated after {evaluation}")]).collect::<Vec<_>>();
    page.field("watched", cell(format!("{}; overdue {grace} late", all.join(", "))));
    if let Some(policy) = feedback {
        page.field("feedback", cell(feedback_text(policy)));
    }
    let row = |target: &KpiTarget| {
        vec![cell(&target.kpi), cell(target.direction.as_str().replace('-', " ")), cell(target.target)]
    };
    page.table("KPIs", &["NAME", "SIDE", "TARGET"], targets.iter().map(row).collect());
}
