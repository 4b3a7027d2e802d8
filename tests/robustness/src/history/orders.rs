//! What must hold of the operator's orders against the decisions: an acknowledged order has happened, a refused one never,
//! one of unknown outcome once or never (S23, S24), and all in real time's order. It does not know agents.

use std::collections::BTreeMap;

use super::{Audit, Call, History, Micros, Order, Outcome, Violation, broken};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    let mut by_actor: BTreeMap<&str, Vec<&Audit>> = BTreeMap::new();
    for audit in &history.audits {
        by_actor.entry(&audit.actor).or_default().push(audit);
    }
    let mut settled: Vec<(&Call, u64)> = Vec::new();
    for call in &history.calls {
        let entries = by_actor.get(call.actor.as_str()).map_or(&[][..], Vec::as_slice);
        happened(history, call, entries, found);
        settled.extend(entries.first().map(|entry| (call, entry.revision)));
    }
    real_time(history, &settled, found);
}

fn happened(history: &History, call: &Call, entries: &[&Audit], found: &mut Vec<Violation>) {
    let Call { actor, rollout, order, outcome, .. } = call;
    if entries.len() > 1 {
        broken(found, "S23", format!("{order:?} of {rollout} by {actor} was decided {} times", entries.len()));
    }
    if let Some(entry) = entries.first().filter(|entry| entry.rollout != *rollout) {
        broken(found, "S23", format!("{order:?} of {rollout} by {actor} was decided for {}", entry.rollout));
    }
    match outcome {
        Outcome::Refused(why) if !entries.is_empty() => {
            broken(found, "S24", format!("{order:?} of {rollout} by {actor} was refused ({why}) and decided"));
        }
        Outcome::Acked if entries.is_empty() && !was_so_already(history, call) => {
            broken(found, "S24", format!("{order:?} of {rollout} by {actor} was acknowledged and never decided"));
        }
        Outcome::Acked | Outcome::Refused(_) | Outcome::Unknown(_) => {}
    }
}

/// Whether the rollout was ever in the state that the order asks for, so that there may have been nothing to decide.
fn was_so_already(history: &History, call: &Call) -> bool {
    let wanted: &[&str] = match call.order {
        Order::Start | Order::Resume | Order::Abandon => return false,
        Order::Pause => &["held", "rolling-back", "frozen"],
        Order::RollBack => &["rolling-back", "rolled-back", "aborted"],
    };
    let mut decisions = history.decisions.iter();
    decisions.any(|decision| decision.rollout == call.rollout && wanted.contains(&decision.phase.as_str()))
}

/// Who was answered before another one asked was decided before it; and whatever the recorder had seen by then, too.
fn real_time(history: &History, settled: &[(&Call, u64)], found: &mut Vec<Violation>) {
    // The newest revision that was certainly committed by each moment.
    let answered = settled.iter().filter(|(call, _)| call.outcome == Outcome::Acked);
    let mut known: Vec<(Micros, u64)> = answered.map(|(call, revision)| (call.returned, *revision)).collect();
    known.extend(history.decisions.iter().map(|decision| (decision.seen, decision.revision)));
    known.sort_unstable();
    let mut newest = 0;
    for entry in &mut known {
        newest = newest.max(entry.1);
        entry.1 = newest;
    }
    for (call, revision) in settled {
        let before = known.partition_point(|(moment, _)| *moment < call.invoked);
        let Some((_, newest)) = before.checked_sub(1).and_then(|last| known.get(last)) else { continue };
        if newest >= revision {
            let Call { actor, rollout, order, .. } = call;
            let what = format!(
                "{order:?} of {rollout} by {actor} was decided at revision {revision}, \
                                when it was given the store was at {newest} already"
            );
            broken(found, "S24", what);
        }
    }
}
