//! Regions whose agent is not believed, as the table of sessions treats them: it is told nothing that moves forward, and
//! what it says does not count. Why, and until when, is the catalog's to know.

use meridian_core::agent::{Drift, reported_drift};
use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::{Lane, RegionId, ServiceId};
use meridian_core::observation::Observed;
use meridian_core::time::Timestamp;

use super::Sessions;

impl Sessions {
    /// Believes a region's agent no more, and takes back what it has not been told yet.
    pub fn quarantine(&self, region: &RegionId, since: Timestamp) {
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let entry = regions.entry(region.clone()).or_default();
            entry.quarantined.get_or_insert(since);
            if let Some(live) = &entry.live {
                live.outbox.keep(Goal::is_at_rest);
            }
        }
        self.wake_region(region);
    }

    /// Believes a region's agent again: whatever it remembers counts from now on, and it is told everything.
    pub fn believe(&self, region: &RegionId) {
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let Some(entry) = regions.get_mut(region) else { return };
            entry.quarantined = None;
            entry.acked.clear();
            if let Some(live) = &entry.live {
                entry.goals.values().for_each(|goal| live.outbox.put(goal.clone()));
            }
        }
        self.wake_region(region);
    }

    /// Whether a region's agent is not believed.
    #[must_use]
    pub fn is_quarantined(&self, region: &RegionId) -> bool {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.get(region).is_some_and(|entry| entry.quarantined.is_some())
    }

    /// The highest epoch that the lane's agent was heard here to have accepted.
    #[must_use]
    pub fn acked(&self, lane: &Lane) -> Epoch {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.get(&lane.region).and_then(|entry| entry.acked.get(&lane.service).copied()).unwrap_or(Epoch::ZERO)
    }

    /// The goal of the lane that was derived here last.
    #[must_use]
    pub fn goal(&self, lane: &Lane) -> Option<Goal> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.get(&lane.region)?.goals.get(&lane.service).cloned()
    }

    /// How a lane differs from the goal that its agent has confirmed, if that is the one it was last told.
    #[must_use]
    pub fn drift(&self, region: &RegionId, service: &ServiceId, seen: &Observed) -> Option<Drift> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let goal = regions.get(region)?.goals.get(service)?;
        let is_confirmed = || seen.done.is_some_and(|done| done.epoch == goal.epoch && done.hash == goal.hash());
        reported_drift(goal, seen).filter(|_| is_confirmed())
    }
}
