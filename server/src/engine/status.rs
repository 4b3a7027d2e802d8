//! What is known of a rollout at one moment, and how old it is.

use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::observation::Sight;
use meridian_core::plan::HashedPlan;
use meridian_core::rollout::event::Event;
use meridian_core::rollout::gates::stops::Halt;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Phase, Rollout, Run};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::time::Timestamp;
use meridian_store::Revision;

use super::{Engine, follow};
use crate::error::EngineError;
use crate::ownership::Owner;

/// A rollout as it is seen from here.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its record.
    pub record: Arc<Rollout>,
    /// The store's revision of the record.
    pub revision: Revision,
    /// What is seen of its lanes.
    pub sight: Sight,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// When this was put together.
    pub now: Timestamp,
    /// When the record was last known to be the newest.
    pub known: Timestamp,
}

impl Engine {
    /// All rollouts that this replica moves forward.
    #[must_use]
    pub fn owned(&self) -> Vec<Status> {
        let owned = |record: &Rollout| self.shared.ownership.claim(&record.plan.service).is_some();
        let owned = self.held_live().into_iter().filter(|(record, _)| owned(record));
        owned.map(|(record, revision)| self.status_of(record, revision)).collect()
    }

    /// The records of all rollouts that have not ended, as far as they are known here.
    #[must_use]
    pub fn live(&self) -> Vec<Arc<Rollout>> {
        self.held_live().into_iter().map(|(record, _)| record).collect()
    }

    fn held_live(&self) -> Vec<(Arc<Rollout>, Revision)> {
        let runners = self.shared.runners.lock().expect("no holder of this lock panics");
        let held = runners.values().filter_map(|handle| handle.held.borrow().clone());
        held.filter(|(record, _)| !record.phase.is_terminal()).collect()
    }

    /// What is known of a rollout. What was not heard of for too long is read anew: an old view is never shown as the
    /// present one.
    ///
    /// # Errors
    /// If it does not exist or can't be read.
    pub async fn status(&self, id: &RolloutId) -> Result<Status, EngineError> {
        let known = *self.shared.followed.lock().expect("no holder of this lock panics");
        let fresh = self.shared.clock.now().since(known) <= follow::STALE_AFTER;
        let held = self.known_runner(id).filter(|_| fresh).and_then(|handle| handle.held.borrow().clone());
        match held {
            Some((record, revision)) => Ok(Status { known, ..self.status_of(record, revision) }),
            None => {
                let (record, revision) = self.shared.books.rollout(id).await?;
                Ok(self.status_of(record, revision))
            }
        }
    }

    /// The status of a record that was read or written just now.
    #[must_use]
    pub fn status_of(&self, record: Arc<Rollout>, revision: Revision) -> Status {
        let now = self.shared.clock.now();
        let known = self.shared.known(&record.plan);
        let sight = self.shared.sight(&record, now, &known);
        // The rules themselves say what they wait for; a decision that follows by now is the runner's to make.
        let moment = Moment { now, head: record.epoch };
        let waits = step(&record, Event::Look(sight.clone()), moment).map(|transition| transition.waits);
        let owner = self.is_orphan(&record).then_some(Wait::Owner);
        let waits = owner.into_iter().chain(waits.unwrap_or_default()).collect();
        Status { waits, record, revision, sight, now, known: now }
    }

    /// The record of a rollout as the store has it now.
    ///
    /// # Errors
    /// If it does not exist or can't be read.
    pub(crate) async fn record(&self, id: &RolloutId) -> Result<Arc<Rollout>, EngineError> {
        Ok(self.shared.books.rollout(id).await?.0)
    }

    /// A plan.
    ///
    /// # Errors
    /// If it does not exist or can't be read.
    pub(crate) async fn plan(&self, hash: Digest) -> Result<Arc<HashedPlan>, EngineError> {
        self.shared.books.plan(hash).await
    }

    /// What a region that a service has not reached is stopped by, as far as it is known here.
    pub(crate) fn halt(&self, launch: &RolloutId, service: &ServiceId, region: &RegionId) -> Option<Halt> {
        self.shared.stops.get()?.value.halt(launch, service, region)
    }

    /// Whether a rollout that could go forward has nobody who would move it.
    fn is_orphan(&self, record: &Rollout) -> bool {
        let goes_on = matches!(&record.phase, Phase::Running(Run { hold: None, .. }) | Phase::Switched { .. });
        goes_on && self.shared.ownership.owner(&record.plan.service) == Owner::Nobody
    }
}
