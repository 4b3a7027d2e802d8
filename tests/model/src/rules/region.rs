//! What happens in a region: the shipped agent over a small world, held against every invariant of agents. The planted
//! bugs of agents are here too.

use std::collections::BTreeMap;

use meridian_core::agent::{Action, LaneMemory, LocalWorld, NextMove, VetoList, next_move};
use meridian_core::evidence::{Answers, Evidence, Histogram, Tally};
use meridian_core::goal::Goal;
use meridian_core::invariants::{self, Broken};
use meridian_core::observation::{Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::rollout::goals::goal_hash;
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Split;

use super::{Done, Rules};
use crate::action::Deed;
use crate::flaw::Flaw;
use crate::state::{GoalId, Mood, RecordId, ReportId, Site, SiteId};

impl Rules {
    /// A region that serves the old release and has heard of nothing.
    pub(crate) fn first_site(&self, number: usize) -> SiteId {
        let mut local = LocalWorld::default();
        let planned = self.plan.lanes.get(&self.names[number]).and_then(|planned| planned.base.as_ref());
        if let Some(base) = planned {
            let seen = SlotSeen { digest: base.release.digest, state: SlotState::Ready };
            *local.slots.get_mut(base.slot) = Some(seen);
            local.traffic = Some(TrafficSeen { split: Split::all(base.slot), cohort: None });
        }
        let (durable, volatile) = (LaneMemory::default(), LaneMemory::default());
        self.sites.id(Site { durable, volatile, local, mood: Mood::Good, idle: false })
    }

    /// What becomes of a region when something happens in it.
    pub(crate) fn deed(&self, site: SiteId, deed: Deed) -> Done {
        self.deeds.to((site, deed), |_| {
            let (mut it, mut broken) = ((*self.sites.get(site)).clone(), Vec::new());
            match deed {
                Deed::Persist => self.persist(&mut it, &mut broken),
                Deed::Act => self.act(&mut it, &mut broken, |_| {}),
                Deed::ActBackwards => self.act(&mut it, &mut broken, |actions| actions.reverse()),
                Deed::ActHalf => {
                    self.act(&mut it, &mut broken, |actions| actions.truncate(1));
                    self.crash(&mut it, &mut broken);
                }
                Deed::Arrive => arrive(&mut it.local),
                Deed::Crash => self.crash(&mut it, &mut broken),
                Deed::Fall(slot) => fall(&mut it.local, slot),
                Deed::Sour => it.mood = Mood::Bad,
                Deed::Hush => it.mood = Mood::Quiet,
            }
            Done { site: self.sites.id(it), broken: self.note(broken) }
        })
    }

    /// What becomes of a region when its agent gets a goal.
    pub(crate) fn take(&self, site: SiteId, goal: GoalId) -> Done {
        self.taken.to((site, goal), |_| {
            let (mut it, mut broken) = ((*self.sites.get(site)).clone(), Vec::new());
            let goal = (*self.goals.get(goal)).clone();
            let before = it.volatile.clone();
            let was_done = before.is_done();
            if it.volatile.accept(goal.clone()).is_err() && self.has(Flaw::NoFence) {
                it.volatile = LaneMemory::recalled(goal.clone(), false);
            }
            if self.has(Flaw::DoneIsKept) && was_done && it.volatile != before {
                it.volatile = LaneMemory::recalled(goal, true);
            }
            broken.extend(invariants::memory(&before, &it.volatile));
            if it.volatile != before {
                it.idle = false;
            }
            if !self.has(Flaw::ActsBeforePersist) && !self.has(Flaw::AcksBeforePersist) {
                it.durable = it.volatile.clone();
            }
            Done { site: self.sites.id(it), broken: self.note(broken) }
        })
    }

    /// What the agent says now.
    pub(crate) fn report(&self, site: SiteId) -> ReportId {
        self.reported.to(site, |_| {
            let it = self.sites.get(site);
            let memory = if self.has(Flaw::AcksBeforePersist) { &it.volatile } else { &it.durable };
            self.reports.id(Observed {
                accepted: memory.accepted(),
                done: memory.done_mark(),
                slots: it.local.slots,
                traffic: it.local.traffic.clone(),
                evidence: evidence(memory, it.mood),
                ..Observed::default()
            })
        })
    }

    /// Whether the agent has confirmed the goal that its lane has under this record.
    pub(crate) fn is_done(&self, record: RecordId, number: usize, site: SiteId) -> bool {
        self.done.to((record, number, site), |_| {
            let order = self.goals.get(self.goal(record, number));
            let hash = goal_hash(&self.records.get(record), &self.names[number]);
            let mark = self.sites.get(site).durable.done_mark();
            mark.is_some_and(|done| done.epoch == order.epoch && Some(done.hash) == hash)
        })
    }

    /// Whether the region ended where the record says it did.
    pub(crate) fn ended(&self, record: RecordId, number: usize, site: SiteId) -> u64 {
        self.ended.to((record, number, site), |_| {
            let (record, it) = (self.records.get(record), self.sites.get(site));
            self.note(invariants::where_it_ended(&record, &self.names[number], &it.local))
        })
    }

    fn persist(&self, it: &mut Site, broken: &mut Vec<Broken>) {
        broken.extend(invariants::memory(&it.durable, &it.volatile));
        it.durable = it.volatile.clone();
    }

    fn crash(&self, it: &mut Site, broken: &mut Vec<Broken>) {
        if self.has(Flaw::AcksBeforePersist) {
            // Whoever has heard the acknowledgement sees the memory fall.
            broken.extend(invariants::memory(&it.volatile, &it.durable));
        }
        it.volatile = it.durable.clone();
        it.idle = self.has(Flaw::ForgetsAfterCrash) && !it.durable.is_done();
    }

    fn act(&self, it: &mut Site, broken: &mut Vec<Broken>, order: impl FnOnce(&mut Vec<Action>)) {
        let memory = if self.has(Flaw::ActsBeforePersist) { &it.volatile } else { &it.durable };
        let Some(goal) = memory.intent().filter(|_| !it.idle).cloned() else {
            return;
        };
        match self.next_move(&goal, &it.local) {
            NextMove::Reached => confirm(it, &goal, broken),
            NextMove::Wait(_) => {}
            NextMove::Act(mut actions) => {
                order(&mut actions);
                broken.extend(invariants::intent(&it.durable, &goal));
                for action in actions {
                    broken.extend(invariants::action(&goal, &it.local, &action));
                    let before = it.local.clone();
                    perform(&mut it.local, action);
                    broken.extend(invariants::live(&before, &it.local));
                }
                if self.has(Flaw::DoneBeforeReadBack) {
                    confirm(it, &goal, broken);
                }
            }
        }
    }

    fn next_move(&self, goal: &Goal, local: &LocalWorld) -> NextMove {
        let mut seen = local.clone();
        if self.has(Flaw::SwitchesBeforeReady) {
            for slot in Slot::BOTH {
                let starting = seen.slots.get_mut(slot).as_mut().filter(|seen| seen.state == SlotState::Starting);
                starting.into_iter().for_each(|seen| seen.state = SlotState::Ready);
            }
        }
        let mut moved = next_move(goal, &seen, &VetoList::default());
        if let (true, NextMove::Act(actions)) = (self.has(Flaw::StopsBeforeReadBack), &mut moved)
            && actions.iter().any(|action| matches!(action, Action::Route(..)))
        {
            let left = Slot::BOTH.into_iter().filter(|slot| !goal.serves(*slot));
            actions.splice(0..0, left.map(Action::Stop));
        }
        moved
    }
}

fn confirm(it: &mut Site, goal: &Goal, broken: &mut Vec<Broken>) {
    let before = it.durable.clone();
    it.durable.mark_done(goal.epoch);
    it.volatile.mark_done(goal.epoch);
    broken.extend(invariants::memory(&before, &it.durable));
    broken.extend(invariants::done(&it.durable, &it.local));
}

fn perform(local: &mut LocalWorld, action: Action) {
    match action {
        Action::Start(slot, release) => {
            *local.slots.get_mut(slot) = Some(SlotSeen { digest: release.digest, state: SlotState::Starting });
        }
        Action::Stop(slot) => {
            if let Some(seen) = local.slots.get_mut(slot) {
                seen.state = SlotState::Stopping;
            }
        }
        Action::Route(split, cohort) => local.traffic = Some(TrafficSeen { split, cohort }),
    }
}

fn arrive(local: &mut LocalWorld) {
    for slot in Slot::BOTH {
        let seen = local.slots.get_mut(slot);
        match seen.as_mut().map(|seen| seen.state) {
            Some(SlotState::Stopping) => *seen = None,
            Some(SlotState::Starting | SlotState::Unready) => {
                seen.iter_mut().for_each(|seen| seen.state = SlotState::Ready);
            }
            Some(SlotState::Ready | SlotState::Failed) | None => {}
        }
    }
}

fn fall(local: &mut LocalWorld, slot: Slot) {
    if let Some(seen) = local.slots.get_mut(slot).as_mut().filter(|seen| seen.state == SlotState::Ready) {
        seen.state = SlotState::Failed;
    }
}

fn evidence(memory: &LaneMemory, mood: Mood) -> Option<Evidence> {
    let pin = memory.intent().filter(|_| memory.is_done())?.pin()?;
    let (requests, errors) = match mood {
        Mood::Good => (1000, 1),
        Mood::Bad => (1000, 500),
        Mood::Quiet => (3, 0),
    };
    Some(Evidence {
        pin,
        from: Span::ZERO,
        to: Span::ZERO,
        requests,
        errors,
        latency: Histogram::default(),
        probes: BTreeMap::new(),
        other: Tally::default(),
        whole: Answers { requests, errors },
        asked: BTreeMap::new(),
        load: None,
    })
}
