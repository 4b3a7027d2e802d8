//! A service in a region as it really is: slots, a data plane, requests, and its entry on the disk under the agent. All of
//! it outlives the agent's process. What an agent does to it is held against the invariants while it happens.

pub mod disk;
pub mod drivers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meridian_core::agent::{Action, LaneMemory, LocalWorld, serves_now};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::{Lane, RegionId};
use meridian_core::invariants;
use meridian_core::observation::{SlotSeen, SlotState, TrafficSeen};
use meridian_core::slot::{Slot, Slots};
use meridian_drivers::Route;
use meridian_drivers::fake::FakeWorld;
use meridian_proto::convert::record::decode_journal;
use rand::rngs::StdRng;

use crate::oracle::Oracle;
use crate::scenario::{Bad, service};
use crate::story::Story;
use disk::Disk;
use drivers::{Traffic, Weather, Workload};

/// A slot comes up within this.
const UP_MAX_MILLIS: u64 = 700;
/// After something broke by itself, what an agent has just read back may be over.
const DISTURBED: Duration = Duration::from_secs(3);
/// Between an agent's look and what it does about it: a slot that fell in between was up when it looked.
const LOOKED: Duration = Duration::from_millis(300);

/// A lane. Clones are the same one.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    lane: Lane,
    /// In the story.
    name: String,
    world: FakeWorld,
    weather: Weather,
    story: Story,
    oracle: Oracle,
    /// Releases that answer badly here.
    bad: BTreeMap<Digest, Bad>,
    /// Requests that arrive between two looks of the world.
    requests: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is on the disk.
    durable: LaneMemory,
    /// The highest epoch that the data plane was told.
    routed: Epoch,
    coming_up: BTreeMap<Slot, Duration>,
    /// Slots that fell by themselves and are not up again.
    felled: BTreeSet<Slot>,
    /// When each slot last fell by itself, if it was ready.
    fell: BTreeMap<Slot, Duration>,
    failing_until: Duration,
    silent_until: Duration,
}

impl Site {
    /// A lane with two empty slots.
    pub fn new(lane: Lane, (bad, requests): (BTreeMap<Digest, Bad>, u64), rng: StdRng, oracle: Oracle) -> Self {
        let world = FakeWorld::new();
        world.start_ready(false);
        let state = Mutex::default();
        let (weather, story) = (Weather::new(rng), oracle.story.clone());
        let alone = lane.service == service();
        let name = if alone { lane.region.to_string() } else { format!("{}/{}", lane.region, lane.service) };
        Self(Arc::new(Inner { lane, name, world, weather, story, oracle, bad, requests, state }))
    }

    /// Which lane.
    pub fn lane(&self) -> &Lane {
        &self.0.lane
    }

    /// Which region.
    pub fn region(&self) -> &RegionId {
        &self.0.lane.region
    }

    /// A driver of its slots.
    pub fn workload(&self) -> Workload {
        Workload { site: self.clone(), fake: self.0.world.workload() }
    }

    /// A driver of its data plane.
    pub fn traffic(&self) -> Traffic {
        Traffic { site: self.clone(), fake: self.0.world.traffic() }
    }

    /// How drivers are late here.
    pub fn weather(&self) -> &Weather {
        &self.0.weather
    }

    /// As core looks at it.
    pub fn local(&self) -> LocalWorld {
        let seen = |slot| {
            let process = self.0.world.process(slot)?;
            Some(SlotSeen { digest: process.digest, state: process.state })
        };
        let traffic = self.0.world.route().map(|route| TrafficSeen { split: route.split, cohort: route.cohort });
        LocalWorld { slots: Slots::from_fn(seen), traffic }
    }

    /// As its agent may have seen it last.
    fn looked_at(&self) -> LocalWorld {
        let (mut local, now) = (self.local(), self.0.story.now());
        let fell = self.state().fell.clone();
        let lately = |slot: &Slot| fell.get(slot).is_some_and(|at| now <= *at + LOOKED);
        for slot in Slot::BOTH.into_iter().filter(lately) {
            if let Some(seen) = local.slots.get_mut(slot) {
                seen.state = SlotState::Ready;
            }
        }
        local
    }

    /// What is on its agent's disk.
    pub fn memory(&self) -> LaneMemory {
        self.state().durable.clone()
    }

    /// An old copy of its agent's disk is in the place of the present one. What the agent has forgotten it can't keep to.
    pub fn forgets(&self, entries: &BTreeMap<String, Vec<u8>>) {
        let read = |bytes: &Vec<u8>| decode_journal(self.region(), bytes).ok();
        let own = |memory: &LaneMemory| memory.intent().is_some_and(|goal| goal.lane == self.0.lane);
        let old = entries.values().filter_map(read).find(own).unwrap_or_default();
        self.0.story.note(&self.0.name, format_args!("disk: back at {}", old.accepted()));
        self.0.oracle.forgets(&self.0.lane, old.accepted());
        let mut state = self.state();
        state.routed = old.accepted();
        state.durable = old;
    }

    /// Something has become durable.
    fn remembers(&self, after: LaneMemory) {
        let before = std::mem::replace(&mut self.state().durable, after.clone());
        let story = &self.0.story;
        let done = if after.is_done() { "done" } else { "intent" };
        story.note(&self.0.name, format_args!("disk: {} {done}", after.accepted()));
        story.hold(invariants::memory(&before, &after));
        self.0.oracle.remembers(&self.0.lane, &after);
        // What was done before is written again beside something else that was learned, whatever has happened since.
        let is_news = !(before.is_done() && before.accepted() == after.accepted());
        let is_calm = self.is_calm();
        if after.is_done() && is_news && is_calm {
            story.hold(invariants::done(&after, &self.local()));
        }
    }

    /// An agent is about to touch the region.
    fn is_done(&self, action: &Action) {
        let (story, region) = (&self.0.story, &self.0.name);
        story.note(region, format_args!("{action:?}"));
        let memory = self.memory();
        match memory.intent() {
            Some(goal) => {
                story.hold(invariants::start(&memory, goal, action));
                let broken = invariants::action(goal, &self.local(), action);
                let was_right = invariants::action(goal, &self.looked_at(), action).is_empty();
                story.hold(if was_right { Vec::new() } else { broken });
            }
            None => story.require("S12", false, || format!("{region}: {action:?} without a goal on disk")),
        }
    }

    /// An agent tells the data plane where requests go. The route in effect may be told again, with other targets.
    fn is_routed(&self, route: &Route) {
        let is_again = self.0.world.route().is_some_and(|known| {
            (known.epoch, known.hash, known.split, &known.cohort)
                == (route.epoch, route.hash, route.split, &route.cohort)
        });
        if is_again {
            return;
        }
        self.is_done(&Action::Route(route.split, route.cohort.clone()));
        let (story, region) = (&self.0.story, &self.0.name);
        let (accepted, routed) = (self.memory().accepted(), self.state().routed);
        story.require("S12", route.epoch == accepted, || {
            format!("{region}: routes for {}, {accepted} is on disk", route.epoch)
        });
        story.require("S1", route.epoch >= routed, || format!("{region}: routes for {} after {routed}", route.epoch));
    }

    fn note_route(&self, route: &Route, is_taken: bool) {
        let what = if is_taken { "routed" } else { "not routed" };
        self.0.story.note(&self.0.name, format_args!("{what}: {} at {}", route.split, route.epoch));
        if is_taken {
            let mut state = self.state();
            // An agent that has forgotten may tell a route again that is newer than all it knows.
            state.routed = state.routed.max(route.epoch.min(state.durable.accepted()));
        }
    }

    /// The grace of a stop is over; the traffic must not have come back in the meantime.
    fn still_may_stop(&self, slot: Slot) {
        let region = &self.0.name;
        let serves = serves_now(&self.local(), slot);
        self.0.story.require("S8", !serves, || format!("{region}: {slot} gets traffic and is stopped"));
        self.state().felled.remove(&slot);
    }

    fn comes_up(&self, slot: Slot) {
        let is_starting = self.0.world.process(slot).is_some_and(|process| process.state == SlotState::Starting);
        let at = self.0.story.now() + Duration::from_millis(self.0.weather.below(UP_MAX_MILLIS) + 5);
        if is_starting {
            self.state().coming_up.entry(slot).or_insert(at);
        }
    }

    /// Whether drivers fail now.
    fn fails(&self) -> bool {
        let now = self.0.story.now();
        now < self.state().failing_until && self.0.weather.below(100) < 60
    }

    fn is_silent(&self) -> bool {
        self.0.story.now() < self.state().silent_until
    }

    fn is_calm(&self) -> bool {
        let now = self.0.story.now();
        let state = self.state();
        state.felled.is_empty() && state.fell.values().all(|at| now > *at + DISTURBED)
    }

    /// Whether a slot is not there because it fell by itself.
    fn has_fallen(&self, slot: Slot) -> bool {
        let now = self.0.story.now();
        let state = self.state();
        state.felled.contains(&slot) || state.fell.get(&slot).is_some_and(|at| now <= *at + DISTURBED)
    }

    /// Time passes: slots come up, requests come in, and somebody has to be there for them.
    pub fn pass(&self) {
        let now = self.0.story.now();
        let up: Vec<Slot> = {
            let mut state = self.state();
            let up: Vec<_> = state.coming_up.iter().filter(|(_, at)| **at <= now).map(|(slot, _)| *slot).collect();
            up.iter().for_each(|slot| {
                state.coming_up.remove(slot);
                state.felled.remove(slot);
            });
            up
        };
        for slot in up {
            self.0.world.set_state(slot, SlotState::Ready);
            self.0.story.note(&self.0.name, format_args!("{slot} is ready"));
        }
        self.serve();
    }

    fn serve(&self) {
        let (local, now) = (self.local(), self.0.story.now());
        let Some(traffic) = &local.traffic else { return };
        let mut is_live = false;
        for slot in Slot::BOTH {
            let share = u64::from(traffic.split.of(slot).basis_points());
            if share == 0 {
                continue;
            }
            let requests = (self.0.requests * share).div_ceil(10_000);
            let seen = local.slots.get(slot).as_ref();
            let is_ready = seen.is_some_and(|seen| seen.state == SlotState::Ready);
            let bad = seen.and_then(|seen| self.0.bad.get(&seen.digest)).filter(|bad| bad.from <= now);
            let percent = bad.map_or(0, |bad| bad.percent);
            let errors = if is_ready { (requests * percent).div_ceil(100) } else { requests };
            self.0.world.count(slot, requests, errors);
            is_live |= is_ready;
        }
        let serves = |slot: &Slot| traffic.split.of(*slot).basis_points() > 0;
        let fallen = Slot::BOTH.into_iter().filter(serves).any(|slot| self.has_fallen(slot));
        let region = &self.0.name;
        self.0.story.require("S8", is_live || fallen, || format!("{region}: nobody is there: {local:?}"));
    }

    /// A task of its agent ended, which none should.
    pub fn ended(&self, how: &str) {
        let region = &self.0.name;
        self.0.story.require("TASK", false, || format!("{region}: a task of the agent ended: {how}"));
    }

    /// A slot falls by itself.
    pub fn fell(&self, slot: Slot) {
        let now = self.0.story.now();
        if let Some(process) = self.0.world.process(slot) {
            self.0.world.set_state(slot, SlotState::Failed);
            let mut state = self.state();
            state.coming_up.remove(&slot);
            state.felled.insert(slot);
            if process.state == SlotState::Ready {
                state.fell.insert(slot, now);
            }
        }
    }

    /// Drivers fail often for a while.
    pub fn fail_until(&self, until: Duration) {
        self.state().failing_until = until;
    }

    /// Counters can't be read for a while.
    pub fn silent_until(&self, until: Duration) {
        self.state().silent_until = until;
    }

    /// The data plane starts anew and counts from nought.
    pub fn restart_data_plane(&self) {
        self.0.world.restart_data_plane();
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.failing_until, state.silent_until) = (Duration::ZERO, Duration::ZERO);
    }

    /// Whether it is where the goal on disk says, confirmed.
    pub fn is_settled_on(&self, goal: &Goal) -> bool {
        let memory = self.memory();
        memory.is_done() && memory.intent() == Some(goal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disk under the agent of a region with these lanes; every entry is judged.
pub fn disk(lanes: Vec<Site>, rng: StdRng) -> Disk {
    Disk::new(rng, Box::new(move |bytes| lanes.first().into_iter().for_each(|first| first.judge(bytes, &lanes))))
}

impl Site {
    /// Something has become durable on the disk of its region.
    fn judge(&self, bytes: &[u8], lanes: &[Self]) {
        let memory = decode_journal(self.region(), bytes).ok();
        let own =
            |site: &&Self| memory.as_ref().and_then(LaneMemory::intent).is_some_and(|goal| goal.lane == site.0.lane);
        match (lanes.iter().find(own), memory.clone()) {
            (Some(site), Some(memory)) => site.remembers(memory),
            (_, _) => {
                self.0.story.require("S12", false, || format!("{}: an entry that can't be read", self.region()));
            }
        }
    }
}
