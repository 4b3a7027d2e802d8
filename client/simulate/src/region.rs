//! A modelled region: core's agent over two slots and a proxy that take their time. Nothing goes wrong there but what is
//! told to.

use meridian_core::agent::{Accepted, Action, LaneMemory, LocalWorld, NextMove, lane_move};
use meridian_core::goal::Goal;
use meridian_core::id::RegionId;
use meridian_core::observation::{DoneMark, Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::plan::{Plan, PlannedLane};
use meridian_core::slot::{Slot, Slots};
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::{Split, Weight};

use crate::assume::{Assumptions, Measured, Slowness};
use crate::failure::FailAt;
use crate::measure;

/// The most moves between two moments: stop, start and route, for each slot.
const MOVES_MAX: usize = 16;

/// A region.
pub struct Region {
    memory: LaneMemory,
    /// That the goal was confirmed, hashed once.
    done: Option<DoneMark>,
    world: LocalWorld,
    /// When a slot that is on its way up or down arrives there.
    arrives: Slots<Option<Timestamp>>,
    /// Traffic that moves, and when it has.
    routing: Option<(Timestamp, TrafficSeen)>,
    /// When the goal was confirmed.
    effect: Timestamp,
    slow: Slowness,
    measured: Measured,
    fails: Option<FailAt>,
    /// Whether the plan judges regions together too.
    pooled: bool,
    /// Whether the present step will be judged a failure.
    is_doomed: bool,
    /// The new release's slot.
    new: Slot,
}

impl Region {
    /// A region that serves what the plan found there.
    pub fn new(plan: &Plan, id: &RegionId, planned: &PlannedLane, assumed: &Assumptions, now: Timestamp) -> Self {
        let fails = assumed.failures.iter().find(|failure| failure.region == *id).map(|failure| failure.at);
        let slow = assumed.slow.get(id).copied().unwrap_or(Slowness::NONE);
        let mut world = LocalWorld::default();
        if let Some(base) = &planned.base {
            let seen = SlotSeen { digest: base.release.digest, state: SlotState::Ready };
            *world.slots.get_mut(base.slot) = Some(seen);
            world.traffic = Some(TrafficSeen { split: Split::all(base.slot), cohort: None });
        }
        Self {
            memory: LaneMemory::default(),
            done: None,
            world,
            arrives: Slots::default(),
            routing: None,
            effect: now,
            slow,
            measured: assumed.measured_in(id),
            fails,
            pooled: plan.rollback.pooled.is_some(),
            is_doomed: false,
            new: planned.slot,
        }
    }

    /// The goal reaches the agent.
    pub fn offer(&mut self, goal: Goal) {
        let taken = self.memory.accept(goal).expect("decisions come in order here");
        if taken == Accepted::New {
            self.done = None;
            let (measured, pooled) = (self.measured_now(), self.pooled);
            let fails = |goal: &Goal| measure::fails_in_the_end(goal, measured, pooled);
            self.is_doomed = self.memory.intent().is_some_and(fails);
        }
    }

    /// Whatever was on its way arrives; then the agent goes on as far as it can.
    pub fn work(&mut self, now: Timestamp, assumed: &Assumptions) {
        for _ in 0..MOVES_MAX {
            self.arrive(now);
            let Some(goal) = self.memory.target().filter(|_| self.routing.is_none()) else {
                return;
            };
            match lane_move(&self.memory, &goal, &self.world) {
                NextMove::Reached => {
                    if self.memory.mark_done(goal.epoch) {
                        self.done = self.memory.done_mark();
                        self.effect = now;
                    }
                    return;
                }
                NextMove::Wait(_) => return,
                NextMove::Act(actions) => actions.into_iter().for_each(|action| self.perform(action, now, assumed)),
            }
        }
    }

    fn arrive(&mut self, now: Timestamp) {
        if let Some((_, traffic)) = self.routing.take_if(|(at, _)| *at <= now) {
            self.world.traffic = Some(traffic);
        }
        for slot in Slot::BOTH {
            if self.arrives.get_mut(slot).take_if(|at| *at <= now).is_none() {
                continue;
            }
            let held = self.world.slots.get_mut(slot);
            match held.map(|seen| seen.state) {
                Some(SlotState::Starting) => {
                    if let Some(seen) = held {
                        seen.state = SlotState::Ready;
                    }
                }
                Some(SlotState::Stopping) => *held = None,
                Some(SlotState::Ready | SlotState::Unready | SlotState::Failed) | None => {}
            }
        }
    }

    fn perform(&mut self, action: Action, now: Timestamp, assumed: &Assumptions) {
        let after = |span: Span| now.after(self.slow.of(span));
        match action {
            Action::Start(slot, release) => {
                let seen = SlotSeen { digest: release.digest, state: SlotState::Starting };
                *self.world.slots.get_mut(slot) = Some(seen);
                let never = slot == self.new && self.fails == Some(FailAt::Prepare);
                *self.arrives.get_mut(slot) = (!never).then(|| after(assumed.prepare));
            }
            Action::Stop(slot) => {
                if let Some(seen) = self.world.slots.get_mut(slot) {
                    seen.state = SlotState::Stopping;
                }
                *self.arrives.get_mut(slot) = Some(after(assumed.stop));
            }
            Action::Route(split, cohort) => {
                self.routing = Some((after(assumed.shift), TrafficSeen { split, cohort }));
            }
        }
    }

    /// When something arrives next.
    pub fn due(&self) -> Option<Timestamp> {
        let routing = self.routing.as_ref().map(|(at, _)| *at);
        Slot::BOTH.into_iter().filter_map(|slot| *self.arrives.get(slot)).chain(routing).min()
    }

    /// When the agent's next report may say something else of the step in effect: soon at first, then more seldom.
    pub fn report_after(&self, now: Timestamp) -> Timestamp {
        let elapsed = now.since(self.effect).millis();
        now.after(Span::from_millis((elapsed / 16).max(1000)))
    }

    /// Whether the step in effect will be judged a failure in the end.
    pub const fn is_doomed(&self) -> bool {
        self.is_doomed && self.done.is_some()
    }

    /// The share of the region's traffic that the new release serves.
    pub fn share_of_new(&self) -> Weight {
        let Some(traffic) = &self.world.traffic else { return Weight::NONE };
        let cohort = traffic.cohort.as_ref().filter(|cohort| cohort.slot == self.new);
        measure::share(traffic.split.of(self.new), cohort.map(|cohort| &cohort.rule), self.measured.cohort)
    }

    /// What the agent reports now.
    pub fn observed(&self, now: Timestamp) -> Observed {
        let goal = self.memory.intent().filter(|_| self.done.is_some());
        let evidence = goal.and_then(|goal| measure::evidence(goal, self.measured_now(), now.since(self.effect)));
        Observed {
            accepted: self.memory.accepted(),
            done: self.done,
            slots: self.world.slots,
            traffic: self.world.traffic.clone(),
            trouble: None,
            evidence,
            alone: None,
        }
    }

    fn measured_now(&self) -> Measured {
        let step = self.memory.intent().and_then(|goal| goal.measurement.as_ref()).map(|measurement| measurement.step);
        match (self.fails, step) {
            (Some(FailAt::Step(from)), Some(step)) if step >= from => measure::failing(self.measured),
            (Some(FailAt::Step(_) | FailAt::Prepare) | None, _) => self.measured,
        }
    }
}
