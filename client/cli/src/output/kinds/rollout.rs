//! Rollouts, for programs and in lists; the picture of one rollout is in `view`.

use meridian_client::{ApprovalView, EntryView, LaneView, ReasonView, RolloutView, SignOffView, WaveView};
use meridian_core::evidence::Verdict;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{hotfix, moment_json, placed_json, split_json};
use crate::clock;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, marked, or_dash};
use crate::style;
use crate::view;

fn reason_json(reason: &ReasonView) -> Value {
    json!({
        "code": reason.code,
        "message": reason.message,
        "region": reason.region.as_ref().map(ToString::to_string),
        "until": moment_json(reason.until),
    })
}

fn approval_json(approval: &ApprovalView) -> Value {
    json!({
        "wave": approval.wave,
        "role": approval.role,
        "actor": approval.actor,
        "identity": approval.identity,
        "at": moment_json(Some(approval.at)),
        "until": moment_json(Some(approval.until)),
        "used": approval.used,
    })
}

/// An item of the checklist, and who has signed it off.
pub(crate) fn entry_json(entry: &EntryView) -> Value {
    let signed = |signed: &SignOffView| {
        json!({
            "actor": signed.actor,
            "identity": signed.identity,
            "evidence": { "uri": signed.uri, "digest": signed.evidence.to_string() },
            "at": moment_json(Some(signed.at)),
            "until": moment_json(Some(signed.until)),
            "used": signed.used,
        })
    };
    json!({
        "name": entry.name,
        "kind": entry.kind,
        "owner": entry.owner,
        "signed": entry.signed.as_ref().map(signed),
    })
}

fn verdict_json(verdict: &Verdict) -> Value {
    let Verdict { outcome, check, measured, limit, samples } = verdict;
    json!({
        "outcome": outcome.as_str(),
        "check": check,
        "measured": measured,
        "limit": limit,
        "samples": samples,
    })
}

fn wave_json(wave: &WaveView) -> Value {
    json!({
        "name": wave.name,
        "stage": wave.stage.map(|stage| stage.as_str()),
        "regions": wave.regions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "steps": wave.steps,
    })
}

fn lane_json(lane: &LaneView) -> Value {
    json!({
        "region": lane.region.as_str(),
        "state": lane.position.as_str(),
        "wave": lane.at.map(|at| at.wave),
        "step": lane.at.map(|at| at.step),
        "steps": lane.steps,
        "since": moment_json(lane.since),
        "slot": lane.slot.map(|slot| slot.as_str()),
        "base": placed_json(lane.base.as_ref()),
        "ordered": split_json(lane.ordered),
        "observed": split_json(lane.observed),
        "epoch": lane.epoch.to_string(),
        "confirmed": lane.confirmed,
        "contact": lane.contact.as_str(),
        "lastSeen": moment_json(lane.last_seen),
        "verdict": lane.verdict.as_ref().map(verdict_json),
        "vote": lane.vote.as_ref().map(verdict_json),
        "trouble": lane.trouble.as_ref().map(reason_json),
    })
}

/// Where it stands, and who has gone on instead.
fn state(view: &RolloutView) -> Cell {
    let mut state = marked(style::of_state(view.state), view.state.as_str());
    if let Some(by) = &view.superseded_by {
        state.text.push_str(&format!(" by {by}"));
    }
    state
}

impl Shown for RolloutView {
    const HEADERS: &'static [&'static str] =
        &["SERVICE", "ROLLOUT", "VERSION", "STATE", "WAVE", "REGIONS", "SET", "BY", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let wave = self.waves.get(self.wave).map(|wave| wave.name.clone()).unwrap_or_default();
        let place = if self.state.is_terminal() { String::new() } else { wave };
        vec![
            cell(&self.name.service),
            cell(&self.name.rollout),
            cell(&self.release),
            state(self),
            or_dash(place),
            cell(self.lanes.len()),
            or_dash(self.set.as_ref().map(ToString::to_string).unwrap_or_default()),
            or_dash(&self.requester),
            cell(clock::age(self.created, now)),
        ]
    }

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "name": self.name.to_string(),
            "service": self.name.service.as_str(),
            "version": self.release.version.to_string(),
            "digest": self.release.digest.to_string(),
            "plan": self.plan.hex(),
            "epoch": self.epoch.to_string(),
            "state": self.state.as_str(),
            "summary": self.summary,
            "cause": self.cause.as_ref().map(reason_json),
            "requester": self.requester,
            "created": moment_json(Some(self.created)),
            "since": moment_json(Some(self.since)),
            "wave": self.wave,
            "waves": self.waves.iter().map(wave_json).collect::<Vec<_>>(),
            "lanes": self.lanes.iter().map(lane_json).collect::<Vec<_>>(),
            "waits": self.waits.iter().map(reason_json).collect::<Vec<_>>(),
            "actions": self.actions,
            "checklist": self.checklist.iter().map(entry_json).collect::<Vec<_>>(),
            "approvals": self.approvals.iter().map(approval_json).collect::<Vec<_>>(),
            "etag": self.etag,
            "revision": self.revision,
            "viewed": moment_json(Some(self.viewed)),
        });
        if let Some(supersede) = &self.supersedes {
            value["supersedes"] = hotfix::json(supersede);
        }
        if let Some(after) = &self.join_after {
            value["joins"] = Value::from(after.as_str());
        }
        if let Some(by) = &self.superseded_by {
            value["supersededBy"] = Value::from(by.as_str());
        }
        if let Some(set) = &self.set {
            value["set"] = Value::from(format!("sets/{set}"));
        }
        if let Some(train) = &self.train {
            value["train"] = Value::from(train.as_str());
        }
        value
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        for line in view::picture(&view::Scene::of(self), now) {
            page.line(line);
        }
        page
    }
}
