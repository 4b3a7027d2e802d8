//! What must hold of agents against the decisions: S1, S4, S7. It does not know operators or traffic's answers.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;

use super::{Act, ActKind, History, Violation, broken};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    fences(history, found);
    phantoms(history, found);
    ends(history, found);
}

/// S1: what an agent takes, finds again and reaches never falls, over any crash.
fn fences(history: &History, found: &mut Vec<Violation>) {
    for (region, acts) in &history.acts {
        let mut highest = Epoch::ZERO;
        for Act { kind, epoch, rollout, .. } in acts {
            let (holds, did) = match kind {
                ActKind::Took => (*epoch > highest, "took"),
                ActKind::Resumed => (*epoch >= highest, "went on with"),
                ActKind::Reached => (*epoch >= highest, "reached"),
            };
            if !holds {
                broken(found, "S1", format!("{region} {did} {epoch} of {rollout} after {highest}"));
            }
            highest = highest.max(*epoch);
        }
    }
}

/// S4: what an agent takes was decided, at that epoch and with that content.
fn phantoms(history: &History, found: &mut Vec<Violation>) {
    let mut issued: BTreeMap<(&str, Epoch), &str> = BTreeMap::new();
    for decision in &history.decisions {
        for (region, lane) in &decision.lanes {
            issued.insert((region, lane.epoch), &lane.hash);
        }
    }
    for (region, acts) in &history.acts {
        for Act { epoch, rollout, hash, .. } in acts {
            match (issued.get(&(region.as_str(), *epoch)), hash) {
                (None, _) => broken(found, "S4", format!("{region} obeys {epoch} of {rollout}, which nobody decided")),
                (Some(issued), Some(hash)) if issued != hash => {
                    let what = format!("{region} obeys {hash} at {epoch} of {rollout}, which was decided as {issued}");
                    broken(found, "S4", what);
                }
                (Some(_), _) => {}
            }
        }
    }
}

/// S7: at the end, what is recorded as stable is what serves.
fn ends(history: &History, found: &mut Vec<Violation>) {
    for (region, end) in &history.ends {
        if end.stable != end.serves {
            let what = format!("{region} ended on {:?}, recorded as stable is {:?}", end.serves, end.stable);
            broken(found, "S7", what);
        }
    }
}
