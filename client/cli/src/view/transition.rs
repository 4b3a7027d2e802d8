//! What changed between two views of a rollout: for logs, for programs, and for the last lines of the picture.

use meridian_client::{ContactView, LanePosition, LaneView, RolloutView};
use meridian_core::time::Timestamp;
use meridian_core::weight::Weight;
use serde_json::{Value, json};

use super::lanes::step_of;
use crate::clock;
use crate::style::{self, Tone};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// When the server saw it.
    pub time: Timestamp,
    /// The region, or the service for the rollout itself.
    pub subject: String,
    /// For the picture; empty if it is not worth a line there.
    pub text: String,
    /// Its tone.
    pub tone: Tone,
    /// For logs, without the time.
    fields: String,
    json: Value,
}

impl Transition {
    /// `2026-11-23T11:02:13Z us-east state=baking step=2/3 weight=5000 observed=5000 verdict=pass wait=BAKE`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} {}", clock::iso(self.time), self.subject, self.fields)
    }

    /// The same for programs.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// What changed since an earlier view; without one, everything as it is.
#[must_use]
pub fn transitions(before: Option<&RolloutView>, after: &RolloutView) -> Vec<Transition> {
    let mut found = Vec::new();
    let is_same = before.is_some_and(|before| rollout_facts(before) == rollout_facts(after));
    if !is_same {
        found.push(of_rollout(before, after));
    }
    for lane in &after.lanes {
        let earlier = before.and_then(|before| Some((before, before.lane(&lane.region)?)));
        let known = earlier.map(|(view, lane)| Facts::of(view, lane));
        let facts = Facts::of(after, lane);
        if known.as_ref() != Some(&facts) {
            found.push(of_lane(after, lane, known.as_ref(), &facts));
        }
    }
    found
}

fn rollout_facts(view: &RolloutView) -> (meridian_client::RolloutState, usize, Option<&str>) {
    (view.state, view.wave, view.cause.as_ref().map(|cause| cause.code.as_str()))
}

fn of_rollout(before: Option<&RolloutView>, after: &RolloutView) -> Transition {
    let wave = after.waves.get(after.wave).map(|wave| wave.name.as_str()).unwrap_or("-");
    let cause = after.cause.as_ref().map(|cause| cause.code.as_str()).unwrap_or("-");
    let state = after.state.as_str();
    let mut text = match before {
        Some(before) if before.state == after.state => format!("wave {wave} begins"),
        Some(before) => format!("{} → {state}", before.state.as_str()),
        None => state.to_owned(),
    };
    if let Some(cause) = &after.cause {
        text.push_str(&format!(": {}", cause.message));
    }
    let json = json!({
        "kind": "rollout",
        "time": clock::iso(after.viewed),
        "name": after.name.to_string(),
        "state": state,
        "wave": wave,
        "cause": after.cause.as_ref().map(|cause| cause.code.clone()),
        "message": after.cause.as_ref().map(|cause| cause.message.clone()),
        "summary": after.summary,
        "epoch": after.epoch.to_string(),
        "revision": after.revision,
    });
    Transition {
        time: after.viewed,
        subject: after.name.service.to_string(),
        text,
        tone: style::of_state(after.state).1,
        fields: format!("state={state} wave={wave} cause={cause}"),
        json,
    }
}

/// What makes a line for a region when it changes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Facts {
    position: LanePosition,
    step: String,
    ordered: Option<Weight>,
    observed: Option<Weight>,
    verdict: &'static str,
    wait: String,
    contact: ContactView,
    trouble: String,
}

impl Facts {
    fn of(view: &RolloutView, lane: &LaneView) -> Self {
        let verdict = lane.vote.as_ref().or(lane.verdict.as_ref());
        let wait = view.waits_of(&lane.region).next();
        Self {
            position: lane.position,
            step: step_of(lane),
            ordered: lane.weight_ordered(),
            observed: lane.weight_observed(),
            verdict: verdict.map_or("-", |verdict| verdict.outcome.as_str()),
            wait: wait.map_or_else(|| "-".to_owned(), |wait| wait.code.clone()),
            contact: lane.contact,
            trouble: lane.trouble.as_ref().map(|trouble| trouble.code.clone()).unwrap_or_default(),
        }
    }

    fn line(&self) -> String {
        let Self { position, step, ordered, observed, verdict, wait, contact, trouble } = self;
        let weight = |weight: &Option<Weight>, none: &str| {
            weight.map_or_else(|| none.to_owned(), |weight| weight.basis_points().to_string())
        };
        // Where nothing is ordered there is nothing to read back.
        let unseen = if ordered.is_some() { "?" } else { "-" };
        let mut line = format!(
            "state={} step={step} weight={} observed={} verdict={verdict} wait={wait}",
            position.as_str(),
            weight(ordered, "-"),
            weight(observed, unseen)
        );
        if *contact != ContactView::Live {
            line.push_str(&format!(" contact={}", contact.as_str()));
        }
        if !trouble.is_empty() {
            line.push_str(&format!(" trouble={trouble}"));
        }
        line
    }

    /// What a person wants to hear of the difference.
    fn told(&self, before: Option<&Self>) -> String {
        let Some(before) = before else {
            return String::new();
        };
        let mut parts = Vec::new();
        if (self.position, &self.step) != (before.position, &before.step) {
            let step = if self.step == "-" { String::new() } else { format!(" step {}", self.step) };
            parts.push(format!("{}{step}", self.position.as_str()));
        }
        if let (Some(ordered), true) = (self.ordered, self.ordered != before.ordered) {
            parts.push(format!("weight → {ordered}"));
        }
        if let (Some(observed), true) = (self.observed, self.observed != before.observed) {
            parts.push(format!("observed {observed}"));
        }
        if self.verdict != before.verdict && self.verdict != "-" {
            parts.push(format!("verdict {}", self.verdict));
        }
        if self.contact != before.contact {
            parts.push(format!("contact {}", self.contact.as_str()));
        }
        if self.trouble != before.trouble && !self.trouble.is_empty() {
            parts.push(format!("trouble {}", self.trouble));
        }
        parts.join(", ")
    }
}

fn of_lane(view: &RolloutView, lane: &LaneView, before: Option<&Facts>, facts: &Facts) -> Transition {
    let weight = |weight: Option<Weight>| weight.map(Weight::basis_points);
    let json = json!({
        "kind": "lane",
        "time": clock::iso(view.viewed),
        "name": view.name.to_string(),
        "region": lane.region.as_str(),
        "state": facts.position.as_str(),
        "step": lane.at.map(|at| at.step + 1),
        "steps": lane.steps,
        "weight": weight(facts.ordered),
        "observed": weight(facts.observed),
        "verdict": (facts.verdict != "-").then_some(facts.verdict),
        "wait": (facts.wait != "-").then_some(&facts.wait),
        "contact": facts.contact.as_str(),
        "trouble": (!facts.trouble.is_empty()).then_some(&facts.trouble),
        "epoch": lane.epoch.to_string(),
        "revision": view.revision,
    });
    Transition {
        time: view.viewed,
        subject: lane.region.to_string(),
        text: facts.told(before),
        tone: style::of_position(facts.position).1,
        fields: facts.line(),
        json,
    }
}
