//! Late joiners: regions that came after a launch are brought up to it. What a join is, and who may, is
//! `core::plan::join`'s; here it is seen that a region has come late, and the rollout is started.
//!
//! By itself only the owner of a service's shard does so. That is for quiet: a join is named by its plan, so two that start
//! the same one start one, and of two different ones the second finds the lanes held.

mod board;
mod sweep;

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::calendar::timetable::ZONE_LABEL;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::observation::Contact;
use meridian_core::plan::join::{is_late, taken};
use meridian_core::plan::{Inventory, JoinWait, Joiner, Joins, Plan, RegionFacts};
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_store::record::StoredRelease;

use crate::catalog::{Catalog, NewPlan, Terms, unknown_zone};
use crate::clock::Clock;
use crate::engine::{Engine, OpenOrder, RequestMark};
use crate::error::EngineError;
use board::{Board, Launch};

pub use sweep::Sweep;

/// Digits of a plan's hash in the name of a join.
const NAME_DIGITS: usize = 16;

/// Handle to what is known of late joiners; clones share it.
#[derive(Clone)]
pub struct Joining {
    catalog: Catalog,
    engine: Engine,
    clock: Arc<dyn Clock>,
    board: Arc<Board>,
}

/// The rollout that spoke last of a lane.
#[derive(Clone, Default)]
struct Last {
    /// Whether it was a join.
    joined: bool,
    /// Which, if it was one to this launch and came to nothing.
    failed: Option<RolloutId>,
}

/// Somebody's order to bring a region up.
#[derive(Clone, Debug)]
pub struct JoinCall {
    /// Which region.
    pub region: RegionId,
    /// To what the fleet has of this service.
    pub service: ServiceId,
    /// Declared name.
    pub actor: String,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Joining {
    /// Nothing is known before a [`Sweep`] of it runs.
    #[must_use]
    pub fn new(catalog: Catalog, engine: Engine, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, engine, clock, board: Arc::default() }
    }

    /// Starts a join of one region.
    ///
    /// # Errors
    /// If something keeps the region from it, or the store fails.
    pub async fn join(&self, call: JoinCall) -> Result<RolloutId, EngineError> {
        let JoinCall { region, service, actor, request } = call;
        if let Some(resource) = self.catalog.done_before(request.as_ref()).await? {
            return RolloutId::new(resource).map_err(|_| EngineError::Corrupt("a request names no rollout".to_owned()));
        }
        self.catalog.get::<meridian_store::record::Region>(&region).await?;
        let Some(launch) = self.board.launch(&service) else {
            let name = format!("a stable release of {service}");
            return Err(EngineError::NotFound { kind: "launch", name });
        };
        let Joins { plan, mut waits } = self.resolve(&service, &launch, Some(&region)).await?;
        match (plan, waits.remove(&region)) {
            (Some(plan), None) => self.start(plan, actor, request).await,
            (_, Some(wait)) => {
                let (region, service) = (region.to_string(), service.to_string());
                Err(EngineError::JoinRefused { region, service, wait: Box::new(wait) })
            }
            (None, None) => Err(EngineError::NotFound { kind: "region", name: region.to_string() }),
        }
    }

    /// The services whose release a region has not got, and what keeps it from each; `None`: nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of_region(&self, region: &RegionId) -> Result<BTreeMap<ServiceId, Option<JoinWait>>, EngineError> {
        let mut all = BTreeMap::new();
        for (service, launch) in self.board.launches() {
            let lane = self.catalog.lanes_of(&service).await?.lanes.remove(region).unwrap_or_default();
            if !is_late(region, &lane, &launch.release, &launch.members) {
                continue;
            }
            let mut joins = match self.resolve(&service, &launch, None).await {
                // A launch of before playbooks were kept by revision says nothing of who is meant.
                Err(EngineError::NotFound { .. }) => continue,
                joins => joins?,
            };
            if let Some(wait) = joins.waits.remove(region) {
                all.insert(service, Some(wait));
            } else if joins.plan.is_some_and(|plan| plan.lanes.contains_key(region)) {
                all.insert(service, None);
            }
        }
        for (service, rollout) in self.board.first_launches() {
            let record = self.engine.record(&rollout).await?;
            let inventory = self.catalog.inventory(&service).await?;
            if record.lanes.contains_key(region) || record.phase.is_terminal() {
                continue;
            }
            if self.playbook(&record).await.is_ok_and(|playbook| taken(&playbook, &inventory).contains(region)) {
                all.insert(service, Some(JoinWait::UnderWay { rollout }));
            }
        }
        Ok(all)
    }

    /// The playbook of a rollout, at its revision.
    async fn playbook(&self, record: &Rollout) -> Result<meridian_core::playbook::ValidPlaybook, EngineError> {
        let playbook = &record.plan.playbook;
        let stored = self.catalog.playbook(&playbook.id, Some(playbook.revision)).await?;
        Catalog::valid(&stored.value)
    }

    /// Works out who joins a launch now.
    async fn resolve(
        &self,
        service: &ServiceId,
        launch: &Launch,
        asked: Option<&RegionId>,
    ) -> Result<Joins, EngineError> {
        let after = self.engine.record(&launch.id).await?;
        let playbook = self.playbook(&after).await?;
        let version = after.plan.release.version.clone();
        let release = self.catalog.get::<StoredRelease>(&(service.clone(), version)).await?.value.release;
        let hold = self.catalog.head_of(service).await?.vetoes.hold;
        let inventory = self.catalog.inventory(service).await?;
        let seen = self.seen(service, launch, &inventory).await?;
        let joining = meridian_core::plan::Joining {
            after: &after,
            playbook: &playbook,
            release: &release,
            inventory: &inventory,
            seen: &seen,
            hold: hold.as_ref(),
        };
        Ok(joining.resolve(asked))
    }

    /// What is known of the regions that are late.
    async fn seen(
        &self,
        service: &ServiceId,
        launch: &Launch,
        inventory: &Inventory,
    ) -> Result<BTreeMap<RegionId, Joiner>, EngineError> {
        let (mut seen, mut known) = (BTreeMap::new(), BTreeMap::new());
        let late = |(region, facts): &(&RegionId, &RegionFacts)| {
            is_late(region, &facts.lane, &launch.release, &launch.members)
        };
        for (region, facts) in inventory.regions.iter().filter(late) {
            let sessions = self.engine.sessions();
            let status = sessions.region(region, self.clock.now());
            // What an agent runs is told to the server that it speaks to; older agents say nothing.
            let here = status.as_ref().filter(|_| sessions.key_here(region).is_some());
            let runs = here.map(|status| &status.facts.services).filter(|services| !services.is_empty());
            let zone = facts.labels.get(ZONE_LABEL);
            let last = self.last(launch, facts, &mut known).await?;
            let joiner = Joiner {
                contact: status.as_ref().map_or(Contact::Never, |status| status.contact),
                runs: runs.map(|services| services.contains(service)),
                joined: last.joined,
                failed: last.failed,
                halt: self.engine.halt(&launch.id, service, region),
                trouble: zone.and_then(|zone| unknown_zone(region, zone)),
            };
            seen.insert(region.clone(), joiner);
        }
        Ok(seen)
    }

    /// What is to be known of the rollout that spoke last of a lane. Many lanes have the same one, and it is read once.
    async fn last(
        &self,
        launch: &Launch,
        facts: &RegionFacts,
        known: &mut BTreeMap<RolloutId, Last>,
    ) -> Result<Last, EngineError> {
        let Some(id) = facts.lane.rollout.as_ref().filter(|_| !facts.lane.held) else { return Ok(Last::default()) };
        if let Some(last) = known.get(id) {
            return Ok(last.clone());
        }
        let record = self.engine.record(id).await?;
        let (joined, same) = (record.plan.join.is_some(), record.plan.release.digest == launch.release.digest);
        let failed = record.phase.is_terminal() && !matches!(record.phase, Phase::Stable { .. });
        let last = Last { joined, failed: (joined && same && failed).then(|| id.clone()) };
        known.insert(id.clone(), last.clone());
        Ok(last)
    }

    /// Starts a join under the name of its plan.
    async fn start(&self, plan: Plan, actor: String, request: Option<RequestMark>) -> Result<RolloutId, EngineError> {
        let service = plan.service.clone();
        let made = NewPlan::from(plan);
        self.catalog.keep_plan(&made, &Terms::default()).await?;
        let name: String = made.plan.hash().hex().chars().take(NAME_DIGITS).collect();
        let id = RolloutId::new(format!("join-{name}")).expect("hexadecimal digits are allowed in names");
        let order = OpenOrder { service, plan: made.plan.hash(), id, actor, request, validate_only: false, line: None };
        Ok(self.engine.open(order).await?.record.id.clone())
    }
}
