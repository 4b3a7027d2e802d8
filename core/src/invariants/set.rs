//! Invariants of members of a set. They know one decision of one member, or those that end all of them.

use super::transition::{Taken, lanes};
use super::{Broken, require};
use crate::id::RolloutId;
use crate::rollout::event::{Right, Transition};
use crate::rollout::state::{LaneAt, Phase, Rollout};
use crate::rollout::step::Moment;
use crate::rollout::together::Standing;

/// Checks a record by itself.
pub(super) fn record(broken: &mut Vec<Broken>, record: &Rollout) {
    let fits = match (&record.plan.set, &record.member) {
        (None, None) => true,
        (Some(set), Some(member)) => {
            let switched = matches!(record.phase, Phase::Switched { .. } | Phase::Stable { .. });
            member.heard.keys().all(|service| set.others.contains_key(service)) && (switched || !member.ripe)
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    require(broken, "C24", fits, || format!("{:?} as a member of {:?}", record.member, record.plan.set));
}

/// Checks a decision that one member makes by itself.
pub(super) fn alone(broken: &mut Vec<Broken>, taken: Taken<'_>, after: &Rollout) {
    let Some((set, member)) = after.plan.set.as_ref().zip(after.member.as_ref()) else { return };
    let ended = matches!(after.phase, Phase::Stable { .. });
    require(broken, "C24", !ended, || format!("{} ends as stable by itself", after.id));
    let heard = |service| member.heard.get(service).copied().unwrap_or_default();
    let back = set.others.keys().any(|service| heard(service) == Standing::Back);
    let goes = matches!(after.phase, Phase::Running(_) | Phase::Switched { .. });
    require(broken, "C24", !(back && goes), || format!("{} stays {} alone", after.id, after.phase.as_str()));
    let onward = |at: LaneAt| matches!(at, LaneAt::Preparing { .. } | LaneAt::Shifting(_));
    let moved = lanes(taken.before, after).find(|(_, was, is)| was.at != is.at && onward(is.at));
    let behind = set.after.iter().find(|service| !heard(service).is_switched());
    require(broken, "C24", moved.is_none() || behind.is_none(), || format!("{moved:?} before {behind:?}"));
}

/// Checks the decisions that end all members of a set, to be committed together: each with the record before it.
#[must_use]
pub fn together(ended: &[(&Rollout, Moment, &Transition)]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (before, moment, answer) in ended {
        let Some(after) = &answer.next else {
            require(&mut broken, "C24", false, || format!("{} is left out", before.id));
            continue;
        };
        require(&mut broken, "S2", moment.head.next() == Some(after.epoch), || {
            format!("{} at {}", after.id, after.epoch)
        });
        require(&mut broken, "S5", answer.right == Right::Owner, || format!("{:?}", answer.right));
        let stable = matches!(after.phase, Phase::Stable { .. });
        let ripe = Standing::of(before) == Standing::Ripe;
        require(&mut broken, "C24", stable && ripe, || {
            format!("{} is {} and becomes {}", before.id, Standing::of(before).as_str(), after.phase.as_str())
        });
        let others = before.plan.set.as_ref().map(|set| &set.others);
        let is_there = |rollout: &RolloutId| ended.iter().any(|(other, _, _)| other.id == *rollout);
        let whole = others.is_some_and(|others| others.len() + 1 == ended.len() && others.values().all(is_there));
        require(&mut broken, "C24", whole, || format!("{} ends without all of {others:?}", before.id));
        broken.extend(super::record(after));
    }
    broken
}
