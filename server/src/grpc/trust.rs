//! Whether a connected agent is believed. What it claims of its lanes is held against the store when it connects, and
//! again whenever a report does not fit what is known here; what can't be read says nothing against it.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, ServiceId};
use meridian_store::record::Region;

use super::agents::{Link, Seen};
use crate::error::EngineError;
use crate::session::SessionTicket;

/// Lanes that are vetted when an agent connects: each is a few reads.
const LANES_VETTED_MAX: usize = 256;

/// What an agent says that it has accepted, by service.
pub(super) fn claims(lanes: &[Seen]) -> BTreeMap<ServiceId, Epoch> {
    lanes.iter().take(LANES_VETTED_MAX).map(|(service, seen)| (service.clone(), seen.accepted)).collect()
}

impl Link {
    /// An agent has connected: its region may be in quarantine, or belong there.
    pub(super) async fn admit(&self, ticket: &SessionTicket, lanes: &[Seen]) {
        match self.region(&ticket.region).await {
            Ok(Some(Region { quarantine: Some(quarantine), .. })) => {
                tracing::warn!(region = %ticket.region, "an agent in quarantine is connected");
                self.shared.engine.sessions().quarantine(&ticket.region, quarantine.since);
            }
            Ok(record) => {
                let judged = self.judge(&ticket.region, &claims(lanes), record).await;
                judged.unwrap_or_else(|error| not_vetted(&ticket.region, &error));
            }
            Err(error) => not_vetted(&ticket.region, &error),
        }
    }

    /// Holds claims against the store, and puts the region into quarantine if one of them can't be.
    pub(super) async fn doubt(&self, region: &RegionId, claims: BTreeMap<ServiceId, Epoch>) {
        let judged = match self.region(region).await {
            Ok(record) => self.judge(region, &claims, record).await,
            Err(error) => Err(error),
        };
        judged.unwrap_or_else(|error| not_vetted(region, &error));
    }

    async fn judge(
        &self,
        region: &RegionId,
        claims: &BTreeMap<ServiceId, Epoch>,
        record: Option<Region>,
    ) -> Result<(), EngineError> {
        let confirmed = record.map(|record| record.confirmed).unwrap_or_default();
        let doubts = self.shared.engine.vet(region, claims, &confirmed).await?;
        if doubts.is_empty() {
            return Ok(());
        }
        for (service, doubt) in &doubts {
            self.shared.metrics.links.lanes_lying.inc();
            tracing::error!(%region, %service, code = doubt.code(), %doubt, "the region is put into quarantine");
        }
        // Here at once; for all others, and for good, once it is written down.
        self.shared.engine.sessions().quarantine(region, self.shared.clock.now());
        self.shared.catalog.quarantine(region, &doubts).await?;
        Ok(())
    }

    /// Somebody may have confirmed the region, on whichever server.
    pub(super) async fn hear_of_confirmation(&self, region: &RegionId) {
        match self.region(region).await {
            Ok(Some(Region { quarantine: Some(_), .. })) => {}
            Ok(_) => self.shared.engine.sessions().believe(region),
            Err(error) => tracing::warn!(%error, %region, "it can't be read whether the region is still in quarantine"),
        }
    }

    async fn region(&self, region: &RegionId) -> Result<Option<Region>, EngineError> {
        match self.shared.catalog.get::<Region>(region).await {
            Ok(stored) => Ok(Some(stored.value)),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn not_vetted(region: &RegionId, error: &EngineError) {
    tracing::warn!(%error, %region, "an agent could not be vetted");
}
