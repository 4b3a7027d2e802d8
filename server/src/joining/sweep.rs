//! The sweep: looks for regions that are late for a launch, of the services that this replica owns, and starts their joins.
//! Watches wake it when a region comes or changes, when a rollout ends and when a shard changes hands; a timer does for
//! whatever nobody tells, such as a hold that was lifted.

use std::time::Duration;

use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::join::is_late;
use meridian_store::layout;
use meridian_store::record::Region;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

use super::board::{Launch, Regions, Rollouts};
use super::{Joining, Joins};
use crate::error::EngineError;
use crate::mirror;
use crate::ownership::Owner;

/// Between two listings; in between the watches of the store tell.
const LISTED_EVERY: Duration = Duration::from_secs(60);
/// A look at least this often.
const EVERY: Duration = Duration::from_secs(15);
/// Between two looks, whatever is told: regions often come together, and then they join together.
const PAUSE: Duration = Duration::from_secs(1);

/// Sweeps, look after look.
pub struct Sweep {
    joining: Joining,
}

impl Sweep {
    /// Of what is known of late joiners.
    #[must_use]
    pub fn new(joining: Joining) -> Self {
        Self { joining }
    }

    /// Sweeps until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let Joining { catalog, engine, clock: _, board } = &self.joining;
        let rollouts = Rollouts { engine: engine.clone(), board: board.clone() };
        let regions = Regions { board: board.clone() };
        let store = || catalog.store();
        tokio::join!(
            mirror::follow(store(), layout::rollouts(), LISTED_EVERY, rollouts, shutdown.clone()),
            mirror::follow(store(), layout::regions(), LISTED_EVERY, regions, shutdown.clone()),
            self.keep(&shutdown),
        );
    }

    async fn keep(&self, shutdown: &CancellationToken) {
        let mut owned = self.joining.engine.ownership().subscribe();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.joining.board.look.notified() => {}
                _ = owned.changed() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            if let Err(error) = self.look(shutdown).await {
                tracing::warn!(%error, "late joiners were not looked for; looking again soon");
            }
        }
    }

    /// One look at all services that are this replica's.
    async fn look(&self, shutdown: &CancellationToken) -> Result<(), EngineError> {
        let ownership = self.joining.engine.ownership();
        let mut launches = self.joining.board.launches();
        launches.retain(|(service, _)| ownership.owner(service) == Owner::Me);
        if launches.is_empty() {
            return Ok(());
        }
        let regions = self.joining.catalog.all_regions().await?;
        for (service, launch) in launches {
            if shutdown.is_cancelled() {
                return Ok(());
            }
            if let Err(error) = self.of_service(&service, &launch, &regions).await {
                tracing::warn!(%error, %service, "late joiners were not brought up; looking again soon");
            }
        }
        Ok(())
    }

    async fn of_service(
        &self,
        service: &ServiceId,
        launch: &Launch,
        regions: &BTreeMap<RegionId, Region>,
    ) -> Result<(), EngineError> {
        let lanes = self.joining.catalog.lanes_of(service).await?.lanes;
        let is_late = |region: &RegionId| {
            let lane = lanes.get(region).cloned().unwrap_or_default();
            is_late(region, &lane, &launch.release, &launch.members)
        };
        if !regions.keys().any(is_late) {
            return Ok(());
        }
        let joins = match self.joining.resolve(service, launch, None).await {
            // A launch of before playbooks were kept by revision says nothing of who is meant.
            Err(EngineError::NotFound { .. }) => return Ok(()),
            joins => joins?,
        };
        let Joins { plan: Some(plan), waits: _ } = joins else { return Ok(()) };
        let joiners = plan.lanes.len();
        match self.joining.start(plan, "meridian".to_owned(), None).await {
            Ok(rollout) => tracing::info!(%service, %rollout, after = %launch.id, joiners, "late joiners follow"),
            // Something has changed since it was read, and is seen by the next look.
            Err(
                error @ (EngineError::OpenRefused(_) | EngineError::PlanRefused(_) | EngineError::AlreadyExists { .. }),
            ) => tracing::debug!(%error, %service, "a join was not started"),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
