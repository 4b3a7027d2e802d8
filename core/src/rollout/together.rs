//! Members of a set: what each has heard of the others, what follows from it, and the one decision that ends them all as
//! stable. Until then each can still go back, and then all do: a member goes back as soon as it hears that another one does.

use std::collections::BTreeMap;

use super::back;
use super::event::{MemberHeard, Transition};
use super::reason::{Refused, Wait};
use super::state::{Cause, LaneAt, Phase, Rollout};
use super::step::{Draft, Moment};
use crate::id::ServiceId;
use crate::planted;
use crate::playbook::Scope;

/// What a rollout of a set knows of itself and the others; durable before it counts.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Membership {
    /// Whether this one could end as stable, if all could. Never while it is not switched.
    pub ripe: bool,
    /// What was heard of the others last; who is missing goes forward.
    pub heard: BTreeMap<ServiceId, Standing>,
}

/// How far a member of a set is, as far as the others care.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Standing {
    /// On its way, or it waits for something.
    #[default]
    Forward,
    /// Everywhere.
    Switched,
    /// Everywhere, and nothing keeps it from ending so but the others.
    Ripe,
    /// It has ended so.
    Stable,
    /// On its way back, or there.
    Back,
    /// Given up by a human, with its traffic where it was.
    Failed,
}

impl Standing {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Forward, Self::Switched, Self::Ripe, Self::Stable, Self::Back, Self::Failed];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Switched => "switched",
            Self::Ripe => "ripe",
            Self::Stable => "stable",
            Self::Back => "back",
            Self::Failed => "failed",
        }
    }

    /// Whether it serves everywhere, so that who follows it may begin.
    #[must_use]
    pub const fn is_switched(self) -> bool {
        matches!(self, Self::Switched | Self::Ripe | Self::Stable)
    }

    /// How far a rollout is.
    #[must_use]
    pub fn of(record: &Rollout) -> Self {
        match &record.phase {
            Phase::Running(_) | Phase::Superseded { .. } => Self::Forward,
            Phase::Switched { .. } if record.member.as_ref().is_some_and(|member| member.ripe) => Self::Ripe,
            Phase::Switched { .. } => Self::Switched,
            Phase::Stable { .. } => Self::Stable,
            Phase::RollingBack { .. } | Phase::RolledBack { .. } | Phase::Aborted { .. } => Self::Back,
            Phase::Failed { .. } => Self::Failed,
            // Whoever got stuck on the way back is still on it; who must not go back by itself is not.
            Phase::Frozen { .. } => {
                let turned = |at: LaneAt| matches!(at, LaneAt::Reverting | LaneAt::Reverted);
                let begun = || record.lanes.values().map(|lane| lane.at).filter(|at| *at != LaneAt::Waiting);
                if begun().any(turned) && begun().all(turned) { Self::Back } else { Self::Forward }
            }
        }
    }
}

/// Records what was heard of another member, as long as anything can follow from it. One that goes back takes this one
/// with it; one that was given up leaves it to a human.
pub(super) fn hear(draft: &mut Draft, heard: MemberHeard) -> Result<(), Refused> {
    let MemberHeard { service, standing } = heard;
    let rollout = draft.next.plan.set.as_ref().and_then(|set| set.others.get(&service)).cloned();
    let (Some(rollout), Some(member)) = (rollout, draft.next.member.as_mut()) else {
        return Err(Refused::NoMember { service });
    };
    if !matches!(draft.next.phase, Phase::Running(_) | Phase::Switched { .. }) {
        return Ok(());
    }
    if member.heard.insert(service.clone(), standing).unwrap_or_default() == standing {
        return Ok(());
    }
    draft.kind = "member";
    match standing {
        Standing::Back if planted::is("set-back-unheard") => {}
        Standing::Back => back::decide(draft, Cause::Member { service, rollout }, &Scope::Fleet),
        Standing::Failed => draft.hold(Cause::MemberFailed { service, rollout }, "hold"),
        Standing::Forward | Standing::Switched | Standing::Ripe | Standing::Stable => {}
    }
    Ok(())
}

/// Whether a member that this one comes after is not everywhere yet: then nothing of this one goes forward.
pub(super) fn is_shut(draft: &mut Draft) -> bool {
    let Some(set) = &draft.next.plan.set else { return false };
    let missing = missing(&draft.next, |service, standing| set.after.contains(service) && !standing.is_switched());
    let is_shut = !missing.is_empty() && !planted::is("set-order-ignored");
    if is_shut {
        draft.waits.push(Wait::Members { missing });
    }
    is_shut
}

/// The others of which this is so.
fn missing(record: &Rollout, is_so: impl Fn(&ServiceId, Standing) -> bool) -> Vec<(ServiceId, Standing)> {
    let (Some(set), Some(member)) = (&record.plan.set, &record.member) else { return Vec::new() };
    let standing = |service: &ServiceId| member.heard.get(service).copied().unwrap_or_default();
    let others = set.others.keys().map(|service| (service.clone(), standing(service)));
    others.filter(|(service, standing)| is_so(service, *standing)).collect()
}

/// What could end as stable waits for those that can't yet. Says whether it has to: what is of no set has not.
pub(super) fn rests(draft: &mut Draft) -> bool {
    let Some(member) = draft.next.member.as_mut().filter(|_| !planted::is("set-ends-apart")) else { return false };
    if !member.ripe {
        member.ripe = true;
        draft.kind = "ripe";
        draft.right = super::event::Right::Owner;
    }
    let missing = missing(&draft.next, |_, standing| standing != Standing::Ripe);
    draft.waits.push(Wait::Members { missing });
    true
}

/// What ends all members of a set as stable, in the order in which they are given; each with its service's last epoch. To
/// be committed together, or not at all. `None`: it is not all of a set, or one of them is not ripe.
///
/// # Panics
/// If the epoch of a service lies behind its record's.
#[must_use]
pub fn finish(members: &[(&Rollout, Moment)]) -> Option<Vec<Transition>> {
    let all: BTreeMap<&ServiceId, &Rollout> =
        members.iter().map(|(record, _)| (&record.plan.service, *record)).collect();
    let whole = |record: &Rollout| {
        let Some(set) = &record.plan.set else { return false };
        let is_there = |(service, rollout): (&ServiceId, &crate::id::RolloutId)| {
            all.get(service).is_some_and(|other| other.id == *rollout)
        };
        all.len() == set.others.len() + 1 && set.others.iter().all(is_there)
    };
    let is_ripe = |record: &Rollout| whole(record) && Standing::of(record) == Standing::Ripe;
    if members.is_empty() || !members.iter().all(|(record, _)| is_ripe(record)) {
        return None;
    }
    let end = |(record, moment): &(&Rollout, Moment)| {
        assert!(record.epoch <= moment.head, "a service's head is never behind one of its rollouts");
        let mut draft = Draft::new(record, moment.now);
        draft.enter(Phase::Stable { since: moment.now }, "finish");
        draft.finish(record, *moment).ok()
    };
    members.iter().map(end).collect()
}
