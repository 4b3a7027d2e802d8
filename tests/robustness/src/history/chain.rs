//! What must hold of the decisions alone: S2, S3, S7, S15, S16, S18. It does not know agents, operators or traffic.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;

use super::{Audit, Decision, History, Violation, broken};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    epochs(history, found);
    contents(history, found);
    rollouts(history, found);
    holders(history, found);
    audits(history, found);
}

/// S2: a service's epochs are 1, 2, 3, … in the order of revisions; a restored store begins a new generation above all.
/// A decision about the service alone (a veto, a hold lifted) takes an epoch too, and only its audit entry shows it.
fn epochs(history: &History, found: &mut Vec<Violation>) {
    let mut last: BTreeMap<&str, (u64, Epoch)> = BTreeMap::new();
    let of_rollouts = history.decisions.iter().map(|Decision { revision, service, epoch, rollout, .. }| {
        (*revision, service.as_str(), *epoch, rollout.as_str())
    });
    let of_services = history.audits.iter().filter(|audit| is_of_service(audit));
    let of_services = of_services.map(|audit| (audit.revision, audit.service.as_str(), audit.epoch, "the service"));
    let mut all: Vec<(u64, &str, Epoch, &str)> = of_rollouts.collect();
    for decision in of_services {
        // What was recorded of rollouts keeps its order, right or wrong; these are put in where they were committed.
        let at = all.iter().position(|(revision, ..)| *revision > decision.0).unwrap_or(all.len());
        all.insert(at, decision);
    }
    for (revision, service, epoch, rollout) in all {
        let before = last.insert(service, (revision, epoch));
        let (revision_before, before) = before.unwrap_or((0, Epoch::ZERO));
        let follows = before.next() == Some(epoch) || epoch.generation() > before.generation();
        if !follows {
            broken(found, "S2", format!("{rollout}: epoch {epoch} follows {before} at revision {revision}"));
        }
        if revision <= revision_before {
            broken(found, "S2", format!("{rollout}: revision {revision} follows {revision_before}"));
        }
    }
}

/// Whether it was decided about the service alone; the rollout it may name is the one that brought the veto.
fn is_of_service(audit: &Audit) -> bool {
    ["veto", "unveto", "release-hold"].contains(&audit.kind.as_str())
}

/// S3: whoever knows an epoch knows the same: one record per epoch, and one goal per lane and epoch.
fn contents(history: &History, found: &mut Vec<Violation>) {
    let mut records: BTreeMap<(&str, Epoch), &str> = BTreeMap::new();
    let mut goals: BTreeMap<(&str, &str, Epoch), &str> = BTreeMap::new();
    for Decision { service, rollout, epoch, content, lanes, .. } in &history.decisions {
        let other = records.insert((service, *epoch), content).filter(|other| *other != content);
        if let Some(other) = other {
            broken(found, "S3", format!("{rollout}: epoch {epoch} was decided as {other} and as {content}"));
        }
        for (region, lane) in lanes {
            let other = goals.insert((service, region, lane.epoch), &lane.hash).filter(|other| *other != lane.hash);
            if let Some(other) = other {
                let what = format!("{rollout}: {region} at {} was ordered as {other} and as {}", lane.epoch, lane.hash);
                broken(found, "S3", what);
            }
        }
    }
}

/// S15: nothing after an end. S7: nothing forward after a rollback.
fn rollouts(history: &History, found: &mut Vec<Violation>) {
    let mut last: BTreeMap<&str, &Decision> = BTreeMap::new();
    let mut back: BTreeMap<&str, Epoch> = BTreeMap::new();
    for decision in &history.decisions {
        let Decision { rollout, epoch, phase, lanes, .. } = decision;
        let before = last.insert(rollout, decision);
        if let Some(before) = before.filter(|before| before.is_end) {
            let what = format!("{rollout}: {phase} at {epoch} follows its end as {} at {}", before.phase, before.epoch);
            broken(found, "S15", what);
        }
        if let (Some(since), Some(before)) = (back.get(rollout.as_str()), before) {
            for (region, lane) in lanes {
                let weight_before = before.lanes.get(region).map_or(0, |lane| lane.weight_new);
                if lane.weight_new > weight_before {
                    let what =
                        format!("{rollout}: {region} goes forward at {epoch}, the rollback was decided at {since}");
                    broken(found, "S7", what);
                }
            }
            if ["running", "soaking", "switched", "stable"].contains(&phase.as_str()) {
                broken(found, "S7", format!("{rollout}: {phase} at {epoch}, the rollback was decided at {since}"));
            }
        }
        if phase == "rolling-back" {
            back.entry(rollout).or_insert(*epoch);
        }
    }
}

/// S16: a lane has one holder: a rollout opens only where no other one is under way.
fn holders(history: &History, found: &mut Vec<Violation>) {
    let mut held: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for Decision { service, rollout, epoch, is_end, lanes, .. } in &history.decisions {
        for region in lanes.keys() {
            let lane = (service.as_str(), region.as_str());
            match held.get(&lane) {
                Some(holder) if *holder != rollout => {
                    let what = format!("{rollout} decides on {region} at {epoch} while {holder} holds it");
                    broken(found, "S16", what);
                }
                Some(_) if *is_end => {
                    held.remove(&lane);
                }
                None if !*is_end => {
                    held.insert(lane, rollout);
                }
                Some(_) | None => {}
            }
        }
    }
}

/// S18: for each decision one audit entry in the same commit, chained to the one before, and none besides.
fn audits(history: &History, found: &mut Vec<Violation>) {
    let mut by_revision: BTreeMap<u64, Vec<&Audit>> = BTreeMap::new();
    for audit in &history.audits {
        by_revision.entry(audit.revision).or_default().push(audit);
    }
    for Decision { revision, service, rollout, epoch, content, .. } in &history.decisions {
        let of_commit = by_revision.get(revision).map_or(&[][..], Vec::as_slice);
        let matching = of_commit.iter().filter(|audit| {
            audit.service == *service && audit.rollout == *rollout && audit.epoch == *epoch && audit.record == *content
        });
        if matching.count() != 1 {
            let what = format!("{rollout}: the decision of {epoch} at revision {revision} has no entry of its own");
            broken(found, "S18", what);
        }
    }
    let decided = |audit: &Audit| {
        let mut decisions = history.decisions.iter();
        is_of_service(audit)
            || decisions.any(|decision| decision.revision == audit.revision && decision.epoch == audit.epoch)
    };
    let mut last: BTreeMap<&str, &Audit> = BTreeMap::new();
    for audit in &history.audits {
        let Audit { service, epoch, previous, .. } = audit;
        let before = last.insert(service, audit);
        if *previous != before.map(|before| before.digest.clone()) {
            broken(found, "S18", format!("{service}: the entry of {epoch} does not name its predecessor"));
        }
        if !decided(audit) {
            broken(found, "S18", format!("{service}: the entry of {epoch} names no decision of its commit"));
        }
    }
}
