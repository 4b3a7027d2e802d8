//! The end of a history: once nothing goes wrong any more, everything comes to rest where the newest decision says. What
//! stays broken for ever keeps nothing else from that.

use std::collections::BTreeSet;

use meridian_core::goal::Goal;
use meridian_core::id::{RegionId, RolloutId};
use meridian_core::invariants;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{LaneAt, LaneProgress, Phase, Rollout};

use crate::site::Site;
use crate::world::World;

/// Whether every region is where the newest decision about it says, confirmed.
pub fn has_come_to_rest(world: &World) -> bool {
    let rollouts = world.oracle.rollouts();
    let is_settled = |site: &Site| newest(&rollouts, site).is_some_and(|(_, goal)| site.is_settled_on(&goal));
    let has_ended = |record: &Rollout| record.phase.is_terminal() || waits_for(record, world.lost());
    rollouts.iter().all(has_ended) && world.oracle.waiting().is_empty() && there(world).all(is_settled)
}

/// Holds the end against what was promised.
pub fn check(world: &World) {
    let (story, rollouts) = (&world.story, world.oracle.rollouts());
    story.require("L2", !rollouts.is_empty(), || "no rollout was ever started".to_owned());
    let first = |service| {
        let of = rollouts.iter().filter(|record| record.plan.service == service);
        of.min_by_key(|record| record.opened).is_some_and(|first| first.phase.is_terminal())
    };
    if world.lost().is_some() && !world.scenario.services().into_iter().all(first) {
        // Where nothing has served before there is nothing to go back to: that is for humans.
        return;
    }
    let waiting = world.oracle.waiting();
    story.require("L9", waiting.is_empty(), || format!("{waiting:?} never began"));
    for record in &rollouts {
        let has_ended = record.phase.is_terminal() || waits_for(record, world.lost());
        story.require("L2", has_ended, || {
            let sites: Vec<_> = there(world).map(|site| (site.region(), site.local())).collect();
            format!("{} is stuck: {:?} {:?} in {sites:?}", record.id, record.phase, record.lanes)
        });
    }
    for record in rollouts.iter().filter(|record| matches!(record.phase, Phase::Stable { .. })) {
        let others: BTreeSet<&RolloutId> = record.plan.set.iter().flat_map(|set| set.others.values()).collect();
        let is_else = |other: &&Rollout| others.contains(&other.id) && !matches!(other.phase, Phase::Stable { .. });
        let other = rollouts.iter().find(is_else).map(|other| (&other.id, &other.phase));
        story.require("C24", other.is_none(), || format!("{} is stable, {other:?}", record.id));
    }
    for site in there(world) {
        let Some((record, goal)) = newest(&rollouts, site) else { continue };
        let memory = site.memory();
        let id = if world.lost().is_some() { "L5" } else { "L2" };
        story.require(id, site.is_settled_on(&goal), || {
            format!("{} is at {} (done: {}), not at {}", site.region(), memory.accepted(), memory.is_done(), goal.epoch)
        });
        story.hold(invariants::where_it_ended(record, site.region(), &site.local()));
    }
}

/// The regions that can be reached.
fn there(world: &World) -> impl Iterator<Item = &Site> {
    world.sites.iter().filter(|site| Some(site.region()) != world.lost())
}

/// Whether a rollback has brought everybody back but a region that is lost.
fn waits_for(record: &Rollout, lost: Option<&RegionId>) -> bool {
    let is_back = matches!(record.phase, Phase::RollingBack { .. } | Phase::Frozen { .. });
    let turning = |(region, lane): (&RegionId, &LaneProgress)| lane.at == LaneAt::Reverting && Some(region) != lost;
    lost.is_some() && is_back && !record.lanes.iter().any(turning)
}

/// The newest decision about a region and its goal there.
fn newest<'a>(rollouts: &'a [Rollout], site: &Site) -> Option<(&'a Rollout, Goal)> {
    let of = rollouts.iter().filter(|record| record.plan.service == site.lane().service);
    let of = of.filter(|record| record.lanes.contains_key(site.region()));
    let record = of.max_by_key(|record| record.epoch)?;
    Some((record, goal(record, site.region())?))
}
