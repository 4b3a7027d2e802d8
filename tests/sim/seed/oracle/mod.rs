//! The oracle: sees everything at once — what etcd commits, what agents make durable, what servers see and answer — and
//! holds all of it against the invariants of core while it happens. It changes nothing.

mod books;
mod queue;
mod requests;
mod set;
mod takeover;
mod truth;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meridian_core::agent::LaneMemory;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{Lane, RegionId, RolloutId, ServiceId};
use meridian_core::invariants::Orders;
use meridian_core::lane::LaneState;
use meridian_core::ownership::Shard;
use meridian_core::plan::HashedPlan;
use meridian_core::queue::Queue;
use meridian_core::rollout::state::Rollout;
use meridian_store::record::{Head, Region};

use crate::story::Story;
use requests::Requests;

/// Of one run; clones are the same one.
#[derive(Clone)]
pub struct Oracle {
    pub story: Story,
    books: Arc<Mutex<Books>>,
}

/// All that was ever committed, and what agents really did.
#[derive(Default)]
struct Books {
    plans: BTreeMap<Digest, Arc<HashedPlan>>,
    rollouts: BTreeMap<RolloutId, Rollout>,
    heads: BTreeMap<ServiceId, Head>,
    lanes: BTreeMap<ServiceId, BTreeMap<RegionId, LaneState>>,
    regions: BTreeMap<RegionId, Region>,
    queues: BTreeMap<ServiceId, Queue>,
    /// Shards that somebody owns.
    owned: BTreeSet<Shard>,
    requests: Requests,
    orders: Orders,
    agents: BTreeMap<Lane, Agent>,
    /// The owner's token in the change at hand, and the last one of each rollout.
    token: Option<i64>,
    tokens: BTreeMap<RolloutId, i64>,
    /// Rollouts that were switched at some time.
    switched: BTreeSet<RolloutId>,
    /// Releases that answer badly, by region.
    bad: BTreeSet<(RegionId, Digest)>,
}

/// What an agent has made durable of a lane, ever.
#[derive(Default)]
struct Agent {
    accepted: Epoch,
    /// What is on its disk now.
    remembers: Epoch,
    confirmed: BTreeSet<(Epoch, Digest)>,
    /// How often its disk was taken back.
    forgot: u64,
}

impl Oracle {
    /// One that has seen nothing.
    pub fn new(story: Story) -> Self {
        Self { story, books: Arc::default() }
    }

    /// A release answers badly in a region.
    pub fn is_bad(&self, region: &RegionId, digest: Digest) {
        self.books().bad.insert((region.clone(), digest));
    }

    /// An agent has made its memory durable.
    pub fn remembers(&self, lane: &Lane, memory: &LaneMemory) {
        let Some(goal) = memory.intent() else { return };
        let broken = {
            let mut books = self.books();
            let agent = books.agents.entry(lane.clone()).or_default();
            agent.accepted = agent.accepted.max(goal.epoch);
            agent.remembers = goal.epoch;
            if let Some(done) = memory.done_mark() {
                agent.confirmed.insert((done.epoch, done.hash));
            }
            books.orders.accepted(goal)
        };
        self.story.hold(broken);
    }

    /// An agent's disk was taken back: what it says may fall, once.
    pub fn forgets(&self, lane: &Lane, remembers: Epoch) {
        let mut books = self.books();
        let agent = books.agents.entry(lane.clone()).or_default();
        agent.forgot += 1;
        agent.remembers = remembers;
    }

    /// Whether somebody owns a service.
    pub fn is_owned(&self, service: &ServiceId) -> bool {
        self.books().owned.contains(&Shard::of(service))
    }

    /// Every rollout as it is committed now.
    pub fn rollouts(&self) -> Vec<Rollout> {
        self.books().rollouts.values().cloned().collect()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
