//! Watches after launches: the shell round `core::watch`, beside the engine and apart from it. It reads rollouts and never
//! writes one; a decision about a watch is a transaction of its own, with an audit chain of its own.
//!
//! Orders are carried out wherever they arrive. What time alone decides is looked for by the sweep: reviews that are due,
//! those that nobody has signed, and launches that were taken back. It wakes by the store's watch and looks on a timer,
//! so that no restart and no other owner loses a review.

mod books;
mod feedback;
mod kpi;
mod order;
mod sweep;

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::audit::AuditEntry;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::watch::{Milestone, Reached, Wait, Watch, milestones, step};
use meridian_store::{Key, Revision, Store, layout, record};

pub use feedback::NewFeedback;
pub use kpi::KpiSeen;
pub use order::WatchCall;
pub use sweep::Sweep;

use crate::catalog::{Catalog, Listed};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::metrics::WatchMetrics;

/// How often records are read and compared again after somebody else changed them.
const CONFLICTS_MAX: u32 = 10;

/// All watches, KPIs and feedback. Cheap to clone.
#[derive(Clone)]
pub struct Watches {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    engine: Engine,
    metrics: WatchMetrics,
}

/// A watch as it is seen from here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchView {
    /// Its record.
    pub watch: Watch,
    /// The revision that last wrote it.
    pub revision: Revision,
    /// What it waits for.
    pub waits: Vec<Wait>,
}

impl Watches {
    /// Over a store; rollouts are asked of the engine.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        engine: Engine,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: WatchMetrics,
    ) -> Self {
        Self { store, clock, catalog, engine, metrics }
    }

    /// A watch.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub async fn get(&self, service: &ServiceId, rollout: &RolloutId) -> Result<WatchView, EngineError> {
        let kept = self.watch(service, rollout).await?;
        self.view(kept.stored.watch, kept.revision).await
    }

    async fn view(&self, watch: Watch, revision: Revision) -> Result<WatchView, EngineError> {
        let standing = self.standing(&watch.rollout).await?;
        let waits = step::waits(&watch, standing, self.clock.now());
        Ok(WatchView { watch, revision, waits })
    }

    /// A page of a service's watches.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(
        &self,
        service: &ServiceId,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<WatchView>, EngineError> {
        let page = self.catalog.entries(&layout::watches(service), after.as_ref(), size).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for item in &page.items {
            match record::decode_watch(&item.key, &item.value) {
                Ok(stored) => items.push(self.view(stored.watch, item.mod_revision).await?),
                Err(error) => tracing::error!(%error, key = item.key.as_str(), "a watch can't be read and is left out"),
            }
        }
        Ok(Listed { items, next: page.next, revision: page.revision })
    }

    /// A page of the decisions about a watch, the oldest first.
    ///
    /// # Errors
    /// If there is no such watch or the store fails.
    pub async fn decisions(
        &self,
        service: &ServiceId,
        rollout: &RolloutId,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<AuditEntry>, EngineError> {
        self.watch(service, rollout).await?;
        let page = self.catalog.entries(&layout::watch_audits(service, rollout), after.as_ref(), size).await?;
        let entries = page.items.iter().map(|item| record::decode_audit(&item.key, &item.value, service));
        Ok(Listed { items: entries.collect::<Result<_, _>>()?, next: page.next, revision: page.revision })
    }

    /// The milestones of a rollout, whether it is watched yet or not.
    ///
    /// # Errors
    /// If there is no such rollout or the store fails.
    pub async fn milestones(&self, rollout: &RolloutId) -> Result<[(Milestone, Reached); 3], EngineError> {
        let record = self.engine.status(rollout).await?.record;
        let policy = self.policy(&record.plan).await?;
        let plan = &record.plan;
        let feedback = self.opinion(&plan.service, &plan.release.version).await?.value;
        let watch = match self.watch(&plan.service, rollout).await {
            Ok(kept) => Some(kept.stored.watch),
            Err(EngineError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(milestones(&record, &policy, feedback, watch.as_ref()))
    }

    /// What was measured of a service's KPIs.
    async fn kpis(
        &self,
        service: &ServiceId,
    ) -> Result<BTreeMap<meridian_core::id::KpiId, meridian_core::watch::History>, EngineError> {
        let page = self.store.list(&layout::kpis(service), None, meridian_core::watch::kpi::KPIS_MAX).await?;
        let mut kpis = BTreeMap::new();
        for item in page.items {
            if let Some(layout::Place::Kpi(_, kpi)) = layout::Place::of(&item.key) {
                kpis.insert(kpi, record::decode_history(&item.key, &item.value)?);
            }
        }
        Ok(kpis)
    }
}
