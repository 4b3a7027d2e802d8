//! Whether an agent is to be believed, by what the store knows of its lanes. What follows is the catalog's to write down.

use std::collections::BTreeMap;

use meridian_core::agent::quarantine::{Distrust, Known, believe};
use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::{Lane, RegionId, ServiceId};
use meridian_core::planted;
use meridian_store::record::Confirmed;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Judges what a region's agent claims to have accepted. The store is asked, not this server's own view: another
    /// one may have told the agent more.
    ///
    /// # Errors
    /// If the store can't be read: then nothing is said of the agent either way.
    pub async fn vet(
        &self,
        region: &RegionId,
        claims: &BTreeMap<ServiceId, Epoch>,
        confirmed: &BTreeMap<ServiceId, Confirmed>,
    ) -> Result<BTreeMap<ServiceId, Distrust>, EngineError> {
        let mut doubts = BTreeMap::new();
        for (service, claimed) in claims {
            let lane = Lane { service: service.clone(), region: region.clone() };
            let told = self.shared.sessions.goal(&lane);
            // What was heard here may not have met a decision that records it yet.
            let acked = self.acked(&lane, told.as_ref()).await?.max(self.shared.sessions.acked(&lane));
            let head = match told.map(|goal| goal.epoch) {
                // What was told here was issued; that is enough to know.
                Some(told) if *claimed <= told => told,
                Some(_) | None => self.shared.books.head(service).await?.value.epoch,
            };
            let pardon = confirmed.get(service).map(|confirmed| confirmed.pardon);
            if let Err(doubt) = believe(*claimed, Known { head, acked, pardon })
                && !planted::is("forgetful-believed")
            {
                doubts.insert(service.clone(), doubt);
            }
        }
        Ok(doubts)
    }

    /// The highest epoch that the lane's last rollout has seen its agent accept. A record at hand may be older than the
    /// stored one, and then asks for less; a thousand agents that connect at once do not read a large one each.
    async fn acked(&self, lane: &Lane, told: Option<&Goal>) -> Result<Epoch, EngineError> {
        let id = match told {
            Some(goal) => Some(goal.rollout.clone()),
            None => {
                let lanes = self.shared.books.lanes(&lane.service).await?;
                lanes.value.get(&lane.region).and_then(|state| state.rollout.clone())
            }
        };
        let Some(id) = id else { return Ok(Epoch::ZERO) };
        let held = self.known_runner(&id).and_then(|handle| handle.held.borrow().clone());
        let (record, _) = match held {
            Some(held) => held,
            None => self.shared.books.rollout(&id).await?,
        };
        Ok(record.lanes.get(&lane.region).map_or(Epoch::ZERO, |progress| progress.acked))
    }
}
