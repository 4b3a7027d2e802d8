//! What a commit means beyond the decision itself: what it issues, what it follows, what becomes of the lanes, and what
//! a restored backup says.

use meridian_core::epoch::Epoch;
use meridian_core::invariants::{self, Broken, Orders, Taken};
use meridian_core::rollout::event::Transition;
use meridian_core::rollout::goals::lane_after;
use meridian_core::rollout::state::{Cause, Hold, Pace, Phase, Rollout, Run};
use meridian_core::rollout::veto::Vetoes;

use super::Rules;
use crate::flaw::Flaw;
use crate::state::{DecisionId, LanesId, RecordId, WINDOW};

impl Rules {
    /// Whether an epoch comes again, or one epoch of a lane now has two contents.
    pub(crate) fn issue(&self, past: [RecordId; WINDOW], next: RecordId) -> u64 {
        self.issued.to((past, next), |_| {
            let mut orders = Orders::default();
            let mut broken = Vec::new();
            let epoch = self.records.get(next).epoch;
            let known =
                past.into_iter().filter(|record| !record.is_none()).map(|record| self.records.get(record).epoch);
            if known.max().is_some_and(|known| known >= epoch) {
                broken.push(Broken { id: "S26", what: format!("{epoch} was committed before") });
            }
            for record in past.into_iter().rev().chain([next]).filter(|record| !record.is_none()) {
                for name in 0..self.names.len() {
                    broken.extend(orders.issue(&self.goals.get(self.goal(record, name))));
                }
            }
            self.note(broken)
        })
    }

    /// Whether a decision that was made on another record may follow this one.
    pub(crate) fn succession(&self, current: RecordId, decision: DecisionId) -> u64 {
        self.succeeded.to((current, decision), |_| {
            let (before, decision) = (self.records.get(current), self.decisions.get(decision));
            let next = self.records.get(decision.next);
            let Some(event) = &decision.event else {
                return self.note(invariants::holders(&[(*before).clone(), (*next).clone()]));
            };
            let answer = Transition {
                next: Some((*next).clone()),
                kind: "advance",
                right: decision.right,
                effects: Vec::new(),
                waits: Vec::new(),
                wake: None,
            };
            let moment = meridian_core::rollout::step::Moment { head: before.epoch, ..decision.moment };
            self.note(invariants::transition(Taken { before: &before, event, moment, answer: &answer }))
        })
    }

    /// The lanes after a commit.
    pub(crate) fn lanes_after(&self, lanes: LanesId, record: RecordId) -> (LanesId, u64) {
        self.lanes_after.to((lanes, record), |_| {
            let (before, record) = (self.lanes.get(lanes), self.records.get(record));
            let (mut broken, none) = (Vec::<Broken>::new(), Vetoes::default());
            let after = self.names.iter().zip(before.iter()).map(|(name, before)| {
                let after = lane_after(&record, name, before, &none);
                broken.extend(invariants::lane_state(&record, name, before, &after, &none));
                after
            });
            let after = self.lanes.id(after.collect());
            (after, self.note(broken))
        })
    }

    /// The record that a decision was made on.
    pub(crate) fn decided_on(&self, decision: DecisionId) -> RecordId {
        self.decisions.get(decision).before
    }

    /// What a backup says once it is restored: the generation is raised above everything issued before, every goal is
    /// issued anew, and what was under way is held until somebody looks at it.
    pub(crate) fn restored(&self, backup: RecordId) -> (RecordId, LanesId, u64) {
        self.restored.to(backup, |_| {
            let mut record = (*self.records.get(backup)).clone();
            if !self.has(Flaw::RestoreReissues) {
                record.epoch = Epoch::new(record.epoch.generation() + 1, record.epoch.counter());
                record.lanes.values_mut().for_each(|lane| lane.goal_epoch = record.epoch);
            }
            hold(&mut record);
            let broken = self.note(invariants::record(&record));
            let id = self.records.id(record);
            let (lanes, more) = self.lanes_after(self.first_lanes, id);
            (id, lanes, broken | more)
        })
    }
}

fn hold(record: &mut Rollout) {
    let run = match &record.phase {
        Phase::Running(run) => run.clone(),
        Phase::Switched { since } => Run { wave: record.plan.waves.len() - 1, pace: Pace::Soaking(*since), hold: None },
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return,
    };
    let cause = Cause::Operator { actor: "restore".to_owned(), reason: "from a backup".to_owned() };
    let hold = run.hold.or(Some(Hold { cause, since: record.opened }));
    record.phase = Phase::Running(Run { hold, ..run });
}
