//! Drift: what is found differs from the goal that was confirmed. What is missing is no drift but a failure, and is
//! mended; what is different was made so by somebody, and is not for an agent to judge.

use std::fmt;

use super::fence::LaneMemory;
use super::reconcile::{Action, Blocked, LocalWorld, NextMove, next_move};
use crate::digest::Digest;
use crate::goal::{Goal, SlotGoal};
use crate::observation::{Observed, SlotState, TrafficSeen};
use crate::playbook::DriftPolicy;
use crate::slot::Slot;

/// One thing that is not as it was confirmed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Drift {
    /// Traffic goes elsewhere.
    Traffic(TrafficSeen),
    /// A slot holds another release, or holds one where it should hold none.
    Slot(Slot, Digest),
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traffic(TrafficSeen { split, cohort: None }) => write!(f, "traffic is {split}"),
            Self::Traffic(TrafficSeen { split, cohort: Some(cohort) }) => {
                write!(f, "traffic is {split} with a cohort to {}", cohort.slot)
            }
            Self::Slot(slot, digest) => write!(f, "{slot} holds {}", digest.short()),
        }
    }
}

/// How a world differs from a goal that was confirmed in it; contents first, so that traffic is the last.
#[must_use]
pub fn drifts(goal: &Goal, world: &LocalWorld) -> Vec<Drift> {
    let slots = Slot::BOTH.into_iter().filter_map(|slot| {
        let seen = (*world.slots.get(slot))?;
        // What is on its way down, or came down by itself, serves nobody and is mended.
        let stands = !matches!(seen.state, SlotState::Stopping | SlotState::Failed);
        let meant = match goal.slots.get(slot) {
            SlotGoal::Keep => true,
            SlotGoal::Empty => false,
            SlotGoal::Run(release) => release.digest == seen.digest,
        };
        (stands && !meant).then_some(Drift::Slot(slot, seen.digest))
    });
    let meant = |seen: &&TrafficSeen| goal.split == Some(seen.split) && goal.cohort == seen.cohort;
    let traffic = world.traffic.as_ref().filter(|seen| goal.split.is_some() && !meant(seen));
    slots.chain(traffic.cloned().map(Drift::Traffic)).collect()
}

/// The first difference between a goal and what an agent reports; whether the goal was confirmed is the caller's to ask.
#[must_use]
pub fn reported_drift(goal: &Goal, seen: &Observed) -> Option<Drift> {
    drifts(goal, &LocalWorld { slots: seen.slots, traffic: seen.traffic.clone() }).into_iter().next()
}

/// The next move of a lane toward `goal`, which is its memory's [`LaneMemory::target`]. Toward a goal that is not
/// confirmed yet everything is done; one that was confirmed is kept up, and drift is treated as its policy says.
#[must_use]
pub fn lane_move(memory: &LaneMemory, goal: &Goal, world: &LocalWorld) -> NextMove {
    let next = next_move(goal, world, memory.vetoes());
    let NextMove::Act(actions) = next else {
        return next;
    };
    let leave = match goal.drift_policy() {
        DriftPolicy::Hold | DriftPolicy::Adopt if memory.is_reached() => drifts(goal, world),
        DriftPolicy::Hold | DriftPolicy::Adopt | DriftPolicy::Revert => Vec::new(),
    };
    let touches = |action: &Action, drift: &Drift| match (action, drift) {
        (Action::Route(..), Drift::Traffic(_)) => true,
        (Action::Start(slot, _) | Action::Stop(slot), Drift::Slot(drifted, _)) => slot == drifted,
        (Action::Route(..), Drift::Slot(..)) | (Action::Start(..) | Action::Stop(_), Drift::Traffic(_)) => false,
    };
    let actions: Vec<Action> =
        actions.into_iter().filter(|action| !leave.iter().any(|drift| touches(action, drift))).collect();
    if actions.is_empty() { NextMove::Wait(Blocked::Drifted) } else { NextMove::Act(actions) }
}
