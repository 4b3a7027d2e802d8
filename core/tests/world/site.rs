//! One region as it really is: an agent with a disk, two slots, traffic, and what goes wrong with them.

use std::collections::BTreeMap;

use meridian_core::agent::{
    Action, Blocked, DIGEST_VETOED, DeadMan, GoalRefused, LaneMemory, LocalWorld, NextMove, Solitude, VetoList,
    dead_man, lane_move,
};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Answers, Evidence, Histogram, LoadTally, Outcome, Pin, StepRef, Tally, Verdict};
use meridian_core::goal::Goal;
use meridian_core::id::RolloutId;
use meridian_core::invariants;
use meridian_core::lane::Placed;
use meridian_core::observation::{Contact, Observed, SlotSeen, SlotState, TrafficSeen, Trouble};
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Split;

use super::hold;

/// What is measured on the new release.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mood {
    Good,
    Bad,
    /// Too few requests to say.
    Quiet,
    /// Too few requests to say alone, and too many errors among those of several regions.
    Faint,
    /// Nothing.
    Silent,
    /// Good, but not of this step: wrong epoch, step, release or rollout.
    Foreign(u8),
}

/// A region.
#[derive(Clone, Debug)]
pub struct Site {
    pub contact: Contact,
    /// On disk.
    pub durable: LaneMemory,
    /// In memory: may be ahead of the disk.
    pub volatile: LaneMemory,
    pub local: LocalWorld,
    pub mood: Mood,
    /// What the driver says, and whether for good; nothing is done meanwhile.
    pub trouble: Option<(&'static str, bool)>,
    /// Whether its last pass was kept from a start by a veto.
    pub vetoed: bool,
    /// When the goal was confirmed.
    effect: Timestamp,
    /// Whether somebody has changed the traffic since the agent last routed it.
    rerouted: bool,
}

impl Site {
    /// A region that serves `base`, or nothing yet.
    pub fn new(base: Option<&Placed>, now: Timestamp) -> Self {
        let mut local = LocalWorld::default();
        if let Some(placed) = base {
            let seen = SlotSeen { digest: placed.release.digest, state: SlotState::Ready };
            *local.slots.get_mut(placed.slot) = Some(seen);
            local.traffic = Some(TrafficSeen { split: Split::all(placed.slot), cohort: None });
        }
        let (durable, volatile) = (LaneMemory::default(), LaneMemory::default());
        let contact = Contact::Live(now);
        let (mood, trouble, vetoed, rerouted) = (Mood::Good, None, false, false);
        Self { contact, durable, volatile, local, mood, trouble, vetoed, effect: now, rerouted }
    }

    pub fn is_live(&self) -> bool {
        matches!(self.contact, Contact::Live(_))
    }

    /// Offers a goal; it is in memory only until [`Self::persist`].
    pub fn offer(&mut self, goal: Goal) -> Result<(), GoalRefused> {
        let before = self.volatile.clone();
        let taken = self.volatile.accept(goal);
        hold(invariants::memory(&before, &self.volatile));
        taken.map(|_| ())
    }

    /// Hears of its service's vetoes; in memory only until [`Self::persist`].
    pub fn hear(&mut self, list: VetoList) {
        let before = self.volatile.clone();
        self.volatile.hear_vetoes(list);
        hold(invariants::memory(&before, &self.volatile));
    }

    pub fn persist(&mut self) {
        hold(invariants::memory(&self.durable, &self.volatile));
        self.durable = self.volatile.clone();
    }

    /// The process ends and comes back: only the disk is left.
    pub fn crash(&mut self) {
        self.volatile = self.durable.clone();
    }

    /// One pass of the agent: what is on disk, nothing else. Says whether anything was done.
    pub fn act(&mut self, now: Timestamp, backwards: bool) -> bool {
        self.vetoed = false;
        let Some(goal) = self.durable.target() else {
            return false;
        };
        if self.trouble.is_some() {
            return false;
        }
        hold(invariants::intent(&self.durable, &goal));
        match lane_move(&self.durable, &goal, &self.local) {
            NextMove::Reached => {
                let before = self.durable.clone();
                let news = self.durable.mark_done(goal.epoch);
                self.volatile.mark_done(goal.epoch);
                if news {
                    self.effect = now;
                    hold(invariants::done(&self.durable, &self.local));
                }
                hold(invariants::memory(&before, &self.durable));
                news
            }
            NextMove::Wait(why) => {
                self.vetoed = matches!(why, Blocked::Vetoed(..));
                false
            }
            NextMove::Act(mut actions) => {
                if backwards {
                    actions.reverse();
                }
                for action in actions {
                    hold(invariants::action(&goal, &self.local, &action));
                    hold(invariants::start(&self.durable, &goal, &action));
                    let before = self.local.clone();
                    self.perform(action);
                    hold(invariants::live(&before, &self.local));
                }
                true
            }
        }
    }

    /// Nobody can be reached for long, and the release fails: goes back if it may. Says whether it did.
    pub fn go_back_alone(&mut self) -> bool {
        let verdict =
            Verdict { outcome: Outcome::Fail, check: "errors".to_owned(), measured: 900, limit: 100, samples: 500 };
        let solitude = Solitude { alone: Some(Span::MAX), breach: Some((Span::MAX, verdict)) };
        let DeadMan::GoBack(verdict) = dead_man(&self.durable, &self.local, &solitude) else {
            return false;
        };
        let before = self.durable.clone();
        assert!(self.durable.go_back(verdict), "who may go back can");
        self.volatile = self.durable.clone();
        hold(invariants::memory(&before, &self.durable));
        true
    }

    /// Somebody changes the traffic behind the agent's back.
    pub fn reroute(&mut self, split: Split) {
        if let Some(traffic) = &mut self.local.traffic {
            traffic.split = split;
            self.rerouted = true;
        }
    }

    /// Whether its traffic is nobody's order: changed by hand, or taken back by the agent alone.
    pub fn is_astray(&self) -> bool {
        self.rerouted || self.durable.went_back().is_some()
    }

    /// Whoever changed the region puts it back.
    pub fn mend(&mut self) {
        self.rerouted = false;
        if let Some(goal) = self.durable.target().filter(|_| self.durable.is_reached()) {
            self.local.traffic = goal.split.map(|split| TrafficSeen { split, cohort: goal.cohort.clone() });
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start(slot, release) => {
                let seen = SlotSeen { digest: release.digest, state: SlotState::Starting };
                *self.local.slots.get_mut(slot) = Some(seen);
            }
            Action::Stop(slot) => {
                if let Some(seen) = self.local.slots.get_mut(slot) {
                    seen.state = SlotState::Stopping;
                }
            }
            Action::Route(split, cohort) => {
                self.local.traffic = Some(TrafficSeen { split, cohort });
                self.rerouted = false;
            }
        }
    }

    /// What is on its way up or down arrives; what fell over stands up if `mend`.
    pub fn slots_arrive(&mut self, mend: bool) {
        for slot in Slot::BOTH {
            let seen = self.local.slots.get_mut(slot);
            match seen.map(|seen| seen.state) {
                Some(SlotState::Stopping) => *seen = None,
                Some(SlotState::Starting) => self.set(slot, SlotState::Ready),
                Some(SlotState::Unready) if mend => self.set(slot, SlotState::Ready),
                Some(SlotState::Unready | SlotState::Ready | SlotState::Failed) | None => {}
            }
        }
    }

    pub fn set(&mut self, slot: Slot, state: SlotState) {
        if let Some(seen) = self.local.slots.get_mut(slot) {
            seen.state = state;
        }
    }

    /// Works until nothing is left to do.
    pub fn settle(&mut self, now: Timestamp) {
        for _ in 0..10 {
            self.slots_arrive(true);
            if !self.act(now, false) {
                return;
            }
        }
        assert!(!self.act(now, false), "a region comes to rest");
    }

    /// What the agent would report now: only what is on disk and what is there.
    pub fn observed(&self, now: Timestamp) -> Observed {
        let accepted = self.durable.accepted();
        let vetoed = self.vetoed.then_some((DIGEST_VETOED, false));
        let trouble = self.trouble.or(vetoed).map(|(code, permanent)| Trouble {
            epoch: accepted,
            code: code.to_owned(),
            message: "no luck".to_owned(),
            permanent,
        });
        Observed {
            accepted,
            done: self.durable.done_mark(),
            slots: self.local.slots,
            traffic: self.local.traffic.clone(),
            trouble,
            evidence: self.evidence(now),
            alone: self.durable.alone_mark(),
        }
    }

    fn evidence(&self, now: Timestamp) -> Option<Evidence> {
        let goal = self.durable.intent().filter(|_| self.durable.is_done())?;
        let (requests, errors) = match self.mood {
            Mood::Good | Mood::Foreign(_) => (1000, 1),
            Mood::Bad => (1000, 500),
            Mood::Quiet => (3, 3),
            Mood::Faint => (60, 2),
            Mood::Silent => return None,
        };
        let mut pin = goal.pin()?;
        if let Mood::Foreign(kind) = self.mood {
            spoil(&mut pin, kind);
        }
        let latency = Histogram { buckets: BTreeMap::from([(1000, requests)]) };
        let to = now.since(self.effect);
        let other = Tally { answers: Answers { requests, errors: 0 }, latency: latency.clone() };
        let whole = Answers { requests, errors };
        let (probes, asked) = (BTreeMap::new(), BTreeMap::new());
        let measurement = goal.measurement.as_ref()?;
        let load = measurement.load.is_some().then(|| LoadTally {
            due: requests,
            sent: requests,
            answered: requests,
            errors,
            latency: latency.clone(),
            slowest: 1000,
            ..LoadTally::default()
        });
        // A release that gets no traffic answers none.
        let is_idle = !goal.serves(measurement.slot);
        let (requests, errors) = if is_idle { (0, 0) } else { (requests, errors) };
        Some(Evidence { pin, from: Span::ZERO, to, requests, errors, latency, probes, other, whole, asked, load })
    }
}

fn spoil(pin: &mut Pin, kind: u8) {
    match kind % 4 {
        0 => pin.epoch = Epoch::new(pin.epoch.generation(), pin.epoch.counter() + 1),
        1 => pin.step = StepRef { step: pin.step.step + 1, ..pin.step },
        2 => pin.digest = Digest::of(b"another release"),
        _ => pin.rollout = RolloutId::new("another").unwrap(),
    }
}
