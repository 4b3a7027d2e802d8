//! `step`: the only place where a rollout changes.
//!
//! The same function runs in the server, in simulations and in the model checker. It decides; it does nothing.

use super::event::{Effect, Event, Notice, Right, Transition};
use super::gates::{approvals, callbacks, checklist, train};
use super::goals::lane_order;
use super::reason::{Refused, Wait};
use super::state::{Cause, Hold, LaneAt, Phase, Rollout, Run};
use super::{back, forward, operator, together};
use crate::epoch::Epoch;
use crate::evidence::StepRef;
use crate::id::RegionId;
use crate::observation::{Seen, Sight};
use crate::planted;
use crate::time::Timestamp;

/// When and on top of what a decision is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Moment {
    /// The time, from outside.
    pub now: Timestamp,
    /// The epoch of the service's last decision; the next one is one higher.
    pub head: Epoch,
}

/// Decides what follows from an event.
///
/// # Errors
/// If an operator's order does not fit; a look or a guard is never refused but for an exhausted epoch counter.
///
/// # Panics
/// If the record breaks an invariant that every record of ours keeps.
pub fn step(record: &Rollout, event: Event, moment: Moment) -> Result<Transition, Refused> {
    assert!(record.epoch <= moment.head, "a service's head is never behind one of its rollouts");
    assert!(record.lanes.keys().eq(record.plan.lanes.keys()), "a rollout walks exactly the lanes of its plan");
    let mut draft = Draft::new(record, moment.now);
    let ordered = !matches!(event, Event::Look(_) | Event::Guard(_));
    if let Event::Look(sight) | Event::Guard(sight) = &event {
        draft.heard(sight);
    }
    match event {
        Event::Look(sight) => match &record.phase {
            Phase::Running(_) => forward::run(&mut draft, &sight),
            Phase::Switched { since } => forward::retain(&mut draft, &sight, *since),
            Phase::RollingBack { since, .. } => back::watch(&mut draft, &sight, *since),
            Phase::Frozen { cause, .. } => back::watch_frozen(&mut draft, &sight, cause),
            Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. } => {}
        },
        Event::Guard(sight) => match &record.phase {
            Phase::Running(_) => forward::guard(&mut draft, &sight),
            Phase::Switched { .. } => forward::guard_switched(&mut draft, &sight),
            Phase::RollingBack { since, .. } => back::watch(&mut draft, &sight, *since),
            Phase::Frozen { cause, .. } => back::watch_frozen(&mut draft, &sight, cause),
            Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. } => {}
        },
        Event::Pause(order) => operator::pause(&mut draft, order)?,
        Event::Resume(order) => operator::resume(&mut draft, order)?,
        Event::Rollback(order, scope) => operator::rollback(&mut draft, order, scope)?,
        Event::Abandon(order) => operator::abandon(&mut draft, order)?,
        Event::Approve(order, consent) => approvals::approve(&mut draft, order, &consent)?,
        Event::Revoke(order, consent) => approvals::revoke(&mut draft, &order, &consent)?,
        Event::Sign(order, sign) => checklist::sign(&mut draft, order, sign)?,
        Event::Unsign(order, item) => checklist::revoke(&mut draft, &order, &item)?,
        Event::Board(order, taken) => train::change(&mut draft, order, taken)?,
        Event::Answer(given) => callbacks::answer(&mut draft, given)?,
        Event::Member(heard) => together::hear(&mut draft, heard)?,
    }
    // What an order or a new phase asks for is found by the next look, not by the next sweep.
    let entered = std::mem::discriminant(&draft.next.phase) != std::mem::discriminant(&record.phase);
    if (ordered || entered) && !draft.next.phase.is_terminal() {
        draft.wake = Some(moment.now);
    }
    draft.finish(record, moment)
}

/// A decision in the making.
pub(super) struct Draft {
    pub next: Rollout,
    pub now: Timestamp,
    pub kind: &'static str,
    pub right: Right,
    pub effects: Vec<Effect>,
    pub waits: Vec<Wait>,
    wake: Option<Timestamp>,
    /// What agents were seen to have accepted; recorded with whatever else is decided, never for its own sake.
    acked: Vec<(RegionId, Epoch)>,
}

impl Draft {
    pub fn new(record: &Rollout, now: Timestamp) -> Self {
        let (effects, waits, acked) = (Vec::new(), Vec::new(), Vec::new());
        Self { next: record.clone(), now, kind: "advance", right: Right::Anyone, effects, waits, wake: None, acked }
    }

    fn heard(&mut self, sight: &Sight) {
        let accepted = |seen: &Seen| Some(seen.observed.as_ref()?.accepted);
        let known = |region: &RegionId| self.next.lanes.get(region).map(|lane| lane.acked);
        let raised = sight.iter().filter_map(|(region, seen)| Some((region, accepted(seen)?)));
        let raised = raised.filter(|(region, accepted)| known(region).is_some_and(|acked| *accepted > acked));
        self.acked = raised.map(|(region, accepted)| (region.clone(), accepted)).collect();
    }

    /// Asks to look again at that time, if it lies ahead.
    pub fn wake_at(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
    }

    /// Moves a lane; the only door between lane states.
    pub fn move_lane(&mut self, region: &RegionId, at: LaneAt) {
        let (what, ended) = match self.next.lanes.get(region).map(|lane| lane.at) {
            Some(LaneAt::Preparing { .. }) => ("prepare", None),
            Some(LaneAt::Shifting(step)) => ("shift", Some(step)),
            Some(LaneAt::Baking(step)) => ("bake", Some(step)),
            Some(LaneAt::Reverting) => ("revert", None),
            Some(LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverted) | None => ("", None),
        };
        let now = self.now;
        let lane = self.next.lanes.get_mut(region).expect("lanes are moved by the names of the plan");
        assert!(lane.at != at, "a lane is moved only to another place");
        if !what.is_empty() {
            let ended = Effect::StepEnded { region: region.clone(), what, step: ended, began: lane.since };
            self.effects.push(ended);
        }
        match at {
            LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Settled(_) => self.right = Right::Owner,
            // What traffic has done is a fact, whoever reads it back.
            LaneAt::Waiting | LaneAt::Baking(_) | LaneAt::Reverting | LaneAt::Reverted => {}
        }
        let keeps_vote = matches!(at, LaneAt::Reverting | LaneAt::Reverted | LaneAt::Settled(_));
        if !keeps_vote {
            lane.vote = None;
        }
        // Whoever begins anew is put under load anew.
        if matches!(at, LaneAt::Preparing { .. }) {
            lane.loads.clear();
        }
        lane.at = at;
        lane.since = now;
        lane.moved |= matches!(at, LaneAt::Shifting(StepRef { .. }));
    }

    /// Lets the run of a rollout go on: the wave rests, or the next one begins.
    pub fn run_on(&mut self, run: Run) {
        assert!(run.hold.is_none(), "nothing goes on that is held");
        self.right = Right::Owner;
        self.next.phase = Phase::Running(run);
    }

    /// Enters a phase that people are told about.
    pub fn enter(&mut self, phase: Phase, kind: &'static str) {
        assert!(!self.next.phase.is_terminal(), "an ended rollout never changes");
        self.kind = kind;
        let notice = match &phase {
            Phase::Running(_) => None,
            Phase::RollingBack { cause, .. } => Some(Notice::RollbackDecided(cause.clone())),
            Phase::Frozen { cause, .. } => Some(Notice::HumanNeeded(cause.clone())),
            Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. } => Some(Notice::Ended(phase.as_str())),
        };
        if matches!(phase, Phase::Switched { .. } | Phase::Stable { .. }) {
            self.right = Right::Owner;
        }
        self.effects.extend(notice.map(Effect::Notify));
        self.next.phase = phase;
    }

    /// Holds a running rollout; the first hold stays.
    pub fn hold(&mut self, cause: Cause, kind: &'static str) {
        let since = self.now;
        if let Phase::Running(Run { hold: hold @ None, .. }) = &mut self.next.phase {
            self.kind = kind;
            self.effects.push(Effect::Notify(Notice::HumanNeeded(cause.clone())));
            *hold = Some(Hold { cause, since });
        }
    }

    /// What was drafted, as the service's next decision.
    pub fn finish(mut self, before: &Rollout, moment: Moment) -> Result<Transition, Refused> {
        let Self { kind, right, waits, wake, .. } = self;
        if let Some(member) = &mut self.next.member {
            member.ripe &= matches!(self.next.phase, Phase::Switched { .. } | Phase::Stable { .. });
        }
        if self.next == *before {
            assert!(self.effects.is_empty(), "nothing is done without a decision");
            return Ok(Transition { next: None, kind, right: Right::Anyone, effects: Vec::new(), waits, wake });
        }
        assert!(!before.phase.is_terminal(), "an ended rollout never changes");
        let epoch = moment.head.next().ok_or(Refused::EpochExhausted)?;
        let epoch = epoch.next().filter(|_| planted::is("epoch-skips")).unwrap_or(epoch);
        self.next.epoch = epoch;
        for (region, acked) in std::mem::take(&mut self.acked) {
            let lane = self.next.lanes.get_mut(&region).expect("only lanes of the record were heard");
            // Nobody has accepted what was not decided yet, whatever it claims.
            lane.acked = lane.acked.max(acked.min(moment.head));
        }
        let (plan, phase) = (self.next.plan.clone(), self.next.phase.clone());
        for (region, lane) in &mut self.next.lanes {
            let was = before.lanes.get(region).map(|lane| lane_order(&plan, &before.phase, lane.at));
            if was != Some(lane_order(&plan, &phase, lane.at)) {
                lane.goal_epoch = if planted::is("goal-epoch-kept") { lane.goal_epoch } else { epoch };
                self.effects.push(Effect::PushGoal(region.clone()));
            }
        }
        Ok(Transition { next: Some(self.next), kind, right, effects: self.effects, waits, wake })
    }
}
