//! The dead man's switch: when an agent that no server can reach takes its own lane back. Only back, only inside the
//! mandate of the goal it holds, and only while the way back is open.

use super::fence::LaneMemory;
use super::reconcile::{LocalWorld, may_serve};
use crate::evidence::Verdict;
use crate::slot::Slot;
use crate::time::Span;

/// How it stands with an agent, by its own steady clock.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Solitude {
    /// For how long no server was in contact; `None`: one is.
    pub alone: Option<Span>,
    /// Its own verdict on the goal in effect and for how long it has stood, if that is a fail with enough data.
    pub breach: Option<(Span, Verdict)>,
}

/// What follows.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum DeadMan {
    /// Nothing: traffic stays.
    Stay(Stay),
    /// The lane goes back; remembered before anything is done.
    GoBack(Verdict),
}

/// Why an agent stays where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Stay {
    /// Its goal gives it no leave.
    NoMandate,
    /// Its goal is not in effect, so nothing was measured under it.
    NotDone,
    /// It has gone back already.
    GoneBack,
    /// A server is in contact, or was not long ago.
    Contact,
    /// Nothing fails, or not for long enough.
    NoBreach,
    /// What served before is not ready: it could not take the traffic.
    NoWayBack,
}

/// Decides whether a lane goes back without being told.
#[must_use]
pub fn dead_man(memory: &LaneMemory, world: &LocalWorld, solitude: &Solitude) -> DeadMan {
    let Some(goal) = memory.intent() else {
        return DeadMan::Stay(Stay::NoMandate);
    };
    let Some(policy) = goal.mandate.as_ref().and_then(|mandate| mandate.policy().dead_man.as_ref()) else {
        return DeadMan::Stay(Stay::NoMandate);
    };
    if memory.went_back().is_some() {
        return DeadMan::Stay(Stay::GoneBack);
    }
    if !memory.is_done() {
        return DeadMan::Stay(Stay::NotDone);
    }
    if solitude.alone.is_none_or(|alone| alone < policy.alone_after) {
        return DeadMan::Stay(Stay::Contact);
    }
    let Some((_, verdict)) = solitude.breach.as_ref().filter(|(stood, _)| *stood >= policy.breach_for) else {
        return DeadMan::Stay(Stay::NoBreach);
    };
    let Some(back) = goal.turned_back() else {
        return DeadMan::Stay(Stay::NoWayBack);
    };
    let ready = Slot::BOTH.into_iter().filter(|slot| back.serves(*slot)).all(|slot| may_serve(&back, world, slot));
    if ready { DeadMan::GoBack(verdict.clone()) } else { DeadMan::Stay(Stay::NoWayBack) }
}
