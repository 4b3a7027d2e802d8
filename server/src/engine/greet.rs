//! Greeting an agent: the session's number by compare-and-swap, and the goals of its lanes.

use meridian_core::id::{Lane, RegionId};
use meridian_core::rollout::goals::goal;
use meridian_store::record::{self, Region};
use meridian_store::{CommitError, Expect, Txn, commit_known, layout};

use super::Engine;
use crate::error::EngineError;
use crate::session::{AgentFacts, SessionTicket};

/// Lanes are recalled for the first so many services that an agent names: this bounds what one agent can make the
/// server read. Goals of lanes beyond it arrive with their rollout's next decision.
const SERVICES_RECALLED_MAX: usize = 256;
/// How often the number is drawn again after somebody else changed the region.
const CONFLICTS_MAX: u32 = 10;

impl Engine {
    /// Opens a session for a region's agent. A region that is not registered yet is registered by it.
    ///
    /// # Errors
    /// If the store fails, or a newer session of the region opened in between.
    pub async fn greet(&self, region: &RegionId, facts: AgentFacts) -> Result<SessionTicket, EngineError> {
        for service in facts.services.iter().take(SERVICES_RECALLED_MAX) {
            self.recall_goal(&Lane { service: service.clone(), region: region.clone() }).await?;
        }
        let number = self.draw_number(region, &facts).await?;
        let now = self.shared.clock.now();
        let contended = || EngineError::Contended { key: region.to_string() };
        self.shared.sessions.open(region, number, facts, now).ok_or_else(contended)
    }

    async fn draw_number(&self, region: &RegionId, facts: &AgentFacts) -> Result<u64, EngineError> {
        let key = layout::region(region);
        for attempt in 0..CONFLICTS_MAX {
            let now = self.shared.clock.now();
            let item = self.shared.books.store.get(&key).await?.item;
            let (mut record, expect) = match item {
                None => (Region { created: now, updated: now, ..Region::default() }, Expect::Absent),
                Some(item) => (record::decode_region(&key, &item.value)?, Expect::At(item.mod_revision)),
            };
            record.session_number += 1;
            record.agent_version.clone_from(&facts.version);
            record.capabilities.clone_from(&facts.capabilities);
            let number = record.session_number;
            let txn = Txn::new().put(key.clone(), record::encode_region(&record), expect);
            match commit_known(self.shared.books.store.as_ref(), txn, &key).await {
                Ok(_) => return Ok(number),
                Err(CommitError::Conflict { .. }) => tokio::time::sleep(crate::backoff::jittered(attempt)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended { key: key.as_str().to_owned() })
    }

    /// Derives the goal of a lane whose rollout may have ended long ago.
    async fn recall_goal(&self, lane: &Lane) -> Result<(), EngineError> {
        if self.shared.sessions.knows_goal(lane) {
            return Ok(());
        }
        let lanes = self.shared.books.lanes(&lane.service).await?;
        let Some(id) = lanes.value.get(&lane.region).and_then(|state| state.rollout.as_ref()) else {
            return Ok(());
        };
        let (record, _) = self.shared.books.rollout(id).await?;
        if let Some(goal) = goal(&record, &lane.region) {
            self.shared.sessions.push(goal);
        }
        Ok(())
    }
}
