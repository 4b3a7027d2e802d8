//! A bundle as text.

use meridian_client::RolloutName;
use meridian_client::bundle::{BundleEntry, BundleRecords, BundleView, Changed};
use meridian_core::canon::Canonical as _;
use meridian_core::evidence::Verdict;
use meridian_core::id::RegionId;
use meridian_core::rollout::state::{Approval, Ballot, Cause, LaneProgress, Signed, Vote};
use serde_json::{Map, Value, json};

use super::FORMAT;
use crate::clock;

/// The whole file.
pub(crate) fn print(records: &BundleRecords, view: &BundleView) -> String {
    let mut text = format!("{}\n", head(&records.name, view));
    let mut line = |kind: &str, said: Value, bytes: &[u8]| {
        let mut object = Map::new();
        object.insert(kind.to_owned(), said);
        object.insert("bytes".to_owned(), hex(bytes).into());
        text.push_str(&format!("{}\n", Value::Object(object)));
    };
    line("plan", plan(view), &records.plan);
    for (entry, bytes) in view.entries.iter().zip(&records.entries) {
        line("entry", decision(entry), bytes);
    }
    line("record", json!({ "epoch": view.epoch.to_string(), "digest": view.record.to_string() }), &records.record);
    text
}

fn head(name: &RolloutName, view: &BundleView) -> Value {
    json!({
        "format": FORMAT,
        "rollout": name.to_string(),
        "plan": view.hash.to_string(),
        "entries": view.entries.len(),
        "head": view.head().map(|head| head.to_string()),
    })
}

fn plan(view: &BundleView) -> Value {
    let plan = &view.plan;
    let wave = |wave: &meridian_core::plan::PlannedWave| {
        let regions: Vec<_> = wave.regions.iter().map(RegionId::as_str).collect();
        json!({ "regions": regions, "steps": wave.steps.len() })
    };
    json!({
        "hash": view.hash.to_string(),
        "service": plan.service.as_str(),
        "version": plan.release.version.to_string(),
        "digest": plan.release.digest.to_string(),
        "waves": plan.waves.iter().map(wave).collect::<Vec<_>>(),
    })
}

fn decision(BundleEntry { entry, changed }: &BundleEntry) -> Value {
    json!({
        "epoch": entry.epoch.to_string(),
        "time": clock::iso(entry.time),
        "rollout": entry.rollout.as_ref().map(ToString::to_string),
        "kind": entry.kind,
        "actor": entry.actor,
        "message": entry.message,
        "record": entry.record.to_string(),
        "previous": entry.previous.map(|previous| previous.to_string()),
        "digest": entry.digest().to_string(),
        "changed": changed.as_ref().map(change),
    })
}

fn change(changed: &Changed) -> Value {
    let Changed { phase, lanes, approvals, signed, record: _ } = changed;
    let lane = |(region, lane): (&RegionId, &LaneProgress)| {
        let step = lane.at.step().map(|step| json!({ "wave": step.wave, "step": step.step }));
        let vote = lane.vote.as_ref().map(vote);
        (region.to_string(), json!({ "at": lane.at.as_str(), "step": step, "vote": vote }))
    };
    let lanes: Map<String, Value> = lanes.iter().map(lane).collect();
    let approvals: Vec<Value> = approvals.iter().map(approval).collect();
    let cause = phase.cause().map(cause_json);
    let mut change = json!({ "phase": phase.as_str(), "cause": cause, "lanes": lanes, "approvals": approvals });
    // Bundles from before checklists have to print as they were.
    if !signed.is_empty() {
        change["signed"] = signed.iter().map(sign_off).collect();
    }
    change
}

fn sign_off(signed: &Signed) -> Value {
    let Signed { item, actor, identity, uri, evidence, digest, at, until, used } = signed;
    json!({
        "item": item.as_str(),
        "actor": actor,
        "identity": identity.as_str(),
        "evidence": { "uri": uri, "digest": evidence.to_string() },
        "digest": digest.to_string(),
        "time": clock::iso(*at),
        "until": clock::iso(*until),
        "used": used,
    })
}

fn approval(approval: &Approval) -> Value {
    let Approval { wave, role, actor, identity, plan, digest, at, until, used } = approval;
    json!({
        "wave": wave,
        "role": role.as_str(),
        "actor": actor,
        "identity": identity.as_str(),
        "plan": plan.to_string(),
        "digest": digest.to_string(),
        "time": clock::iso(*at),
        "until": clock::iso(*until),
        "used": used,
    })
}

fn vote(vote: &Vote) -> Value {
    let Vote { step, epoch, at, ballot } = vote;
    let ballot = match ballot {
        Ballot::Evidence(verdict) => verdict_json(verdict),
        Ballot::Driver { code, message } => json!({ "driver": code, "message": message }),
        Ballot::Deadline { limit } => json!({ "deadline": limit }),
    };
    let step = json!({ "wave": step.wave, "step": step.step });
    json!({ "step": step, "epoch": epoch.to_string(), "time": clock::iso(*at), "ballot": ballot })
}

fn verdict_json(verdict: &Verdict) -> Value {
    let Verdict { outcome, check, measured, limit, samples } = verdict;
    json!({ "outcome": outcome.as_str(), "check": check, "measured": measured, "limit": limit, "samples": samples })
}

fn cause_json(cause: &Cause) -> Value {
    json!({ "code": cause.code(), "message": cause.to_string() })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
