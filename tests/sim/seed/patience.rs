//! How long things may take once all is well: a region that goes back is back soon, nothing that runs is without an
//! owner for long, what waits in a queue for nothing begins, and who is launched together goes back together. It looks between two steps of the world and knows no process.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_core::id::{RegionId, RolloutId};
use meridian_core::queue::Turn;
use meridian_core::rollout::state::{LaneAt, Phase, Rollout};
use meridian_core::rollout::together::Standing;

use crate::world::{FAULTS_TO, World};

/// Until everybody who was cut off is connected again.
const RECONNECT_MAX: Duration = Duration::from_secs(8);
/// A region that can be reached is back within this.
const BACK_MAX: Duration = Duration::from_secs(15);
/// And twice the time of a lease is what it takes to notice that an owner is gone.
const OWNERLESS_MAX: Duration = Duration::from_secs(10);
/// Twice the time of a lease, and what it takes to look at a queue of which nothing is told.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// Since when something lasts that should not last.
#[derive(Default)]
pub struct Patience {
    turning: BTreeMap<(RolloutId, RegionId), Duration>,
    ownerless: BTreeMap<RolloutId, Duration>,
    idle: BTreeMap<RolloutId, Duration>,
    alone: BTreeMap<RolloutId, Duration>,
}

impl Patience {
    /// Looks at the world as it is now.
    pub fn look(&mut self, world: &World, now: Duration) {
        if now < FAULTS_TO + RECONNECT_MAX {
            return;
        }
        let rollouts = world.oracle.rollouts();
        let (mut turning, mut ownerless) = (BTreeMap::new(), BTreeMap::new());
        for record in rollouts.iter().filter(|record| !record.phase.is_terminal()) {
            for (region, lane) in &record.lanes {
                let frozen = matches!(record.phase, Phase::Frozen { .. });
                if lane.at == LaneAt::Reverting && Some(region) != world.lost() && !frozen {
                    let key = (record.id.clone(), region.clone());
                    let since = self.turning.get(&key).copied().unwrap_or(now);
                    turning.insert(key, since);
                }
            }
            if !world.oracle.is_owned(&record.plan.service) {
                let since = self.ownerless.get(&record.id).copied().unwrap_or(now);
                ownerless.insert(record.id.clone(), since);
            }
        }
        for ((id, region), since) in &turning {
            let in_time = now <= *since + BACK_MAX;
            world.story.require("L1", in_time, || format!("{region} is on its way back in {id} since {since:?}"));
        }
        for (id, since) in &ownerless {
            let in_time = now <= *since + OWNERLESS_MAX;
            world.story.require("L2", in_time, || format!("nobody owns {id} since {since:?}"));
        }
        (self.turning, self.ownerless) = (turning, ownerless);
        self.look_at_queues(world, now);
        self.look_at_sets(world, &rollouts, now);
    }

    /// No member of a set goes on for long while another one goes back.
    fn look_at_sets(&mut self, world: &World, rollouts: &[Rollout], now: Duration) {
        let is_back = |id: &RolloutId| rollouts.iter().any(|one| one.id == *id && Standing::of(one) == Standing::Back);
        let mut alone = BTreeMap::new();
        for record in rollouts {
            let mut others = record.plan.set.iter().flat_map(|set| set.others.values());
            let goes_on = matches!(record.phase, Phase::Running(_) | Phase::Switched { .. });
            if let Some(back) = others.find(|id| goes_on && is_back(*id)) {
                let since = self.alone.get(&record.id).copied().unwrap_or(now);
                let in_time = now <= since + BACK_MAX;
                world.story.require("L10", in_time, || format!("{back} goes back, {} on, since {since:?}", record.id));
                alone.insert(record.id.clone(), since);
            }
        }
        self.alone = alone;
    }

    /// What could begin, or never can, does not wait.
    fn look_at_queues(&mut self, world: &World, now: Duration) {
        let mut idle = BTreeMap::new();
        for (id, turn) in world.oracle.waiting() {
            if matches!(turn, Turn::Start | Turn::Leave { .. }) {
                let since = self.idle.get(&id).copied().unwrap_or(now);
                let in_time = now <= since + IDLE_MAX;
                world.story.require("L9", in_time, || format!("{id} waits for nothing since {since:?}"));
                idle.insert(id, since);
            }
        }
        self.idle = idle;
    }
}
