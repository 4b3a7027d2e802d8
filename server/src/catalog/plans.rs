//! Plans: compiled from what is in the catalog and how the lanes are now. Kept under their hash, so that what was
//! reviewed is what is started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::plan::parameters::Parameters;
use meridian_core::plan::prepared::Activated;
use meridian_core::plan::{HashedPlan, Inventory, Plan, PlanRefusal, RegionFacts, SetPlan, Superseding, compile};
use meridian_core::rollout::state::Rollout;
use meridian_proto::convert::name;
use meridian_store::record::{Region, Service, StoredPlan, StoredRelease};
use meridian_store::{Expect, Txn, layout, record};
use semver::Version;

use super::{Catalog, Effect, Stored, Terms};
use crate::error::EngineError;

/// What a plan is to be made of.
#[derive(Clone, Debug)]
pub struct PlanOrder {
    /// Whose.
    pub service: ServiceId,
    /// Which release.
    pub version: Version,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest.
    pub revision: Option<u64>,
    /// The rollout whose lanes it takes over, and why if it is that one's hotfix.
    pub supersede: Option<(RolloutId, Option<String>)>,
    /// The set that its rollout is to be a member of.
    pub set: Option<SetPlan>,
}

/// A plan just made.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The plan.
    pub plan: Arc<HashedPlan>,
}

impl From<Plan> for NewPlan {
    fn from(plan: Plan) -> Self {
        Self { plan: plan.into() }
    }
}

impl Catalog {
    /// Compiles a plan and keeps it. The same plan again is no change.
    ///
    /// # Errors
    /// If something it is made of does not exist, it can't be made, or the store fails.
    pub async fn make_plan(&self, order: &PlanOrder, terms: &Terms) -> Result<NewPlan, EngineError> {
        let PlanOrder { service, version, playbook, revision, supersede, set } = order;
        // First of all: an id used for something else is refused whatever the rest says, and what came of it is told even
        // if it could not be made today.
        if let Some(resource) = self.done_before(terms.request.as_ref()).await? {
            let corrupt = |error| EngineError::Corrupt(format!("a request names no plan: {error}"));
            let hash = name::parse_plan(&resource).map_err(corrupt)?;
            return Ok(NewPlan::from(self.plan(&hash).await?.value.plan));
        }
        let release = self.get::<StoredRelease>(&(service.clone(), version.clone())).await?;
        let playbook = self.playbook(playbook, *revision).await?;
        let valid = Self::valid(&playbook.value)?;
        let mut inventory = self.inventory(service).await?;
        if let Some((id, hotfix)) = supersede {
            let (record, hotfix, now) = (self.rollout(id).await?, hotfix.clone(), self.clock.now());
            inventory.superseding = Some(Superseding { record, hotfix, now });
        }
        inventory.set.clone_from(set);
        let made = compile(&valid, playbook.value.revision, &release.value.release, &inventory);
        let made = made.and_then(with_known_zones).map_err(EngineError::PlanRefused)?;
        let made = NewPlan::from(made);
        if terms.effect == Effect::Made {
            self.keep_plan(&made, terms).await?;
        }
        Ok(made)
    }

    /// Keeps a plan under its hash.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn keep_plan(&self, made: &NewPlan, terms: &Terms) -> Result<(), EngineError> {
        let key = layout::plan(&made.plan.hash());
        let now = self.clock.now();
        let entry = StoredPlan { plan: Plan::clone(&made.plan), created: now };
        let txn = Txn::new().put(key.clone(), record::encode_plan(&entry), Expect::Absent);
        let request = terms.request.as_ref();
        // Whoever got in between has kept the very same plan, or has had this request's effect.
        if self.store.get(&key).await?.item.is_none() {
            self.commit(txn, &key, request, name::plan(&made.plan.hash()), now).await?;
        }
        Ok(())
    }

    /// A plan.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub async fn plan(&self, hash: &Digest) -> Result<Stored<StoredPlan>, EngineError> {
        let key = layout::plan(hash);
        let missing = || EngineError::NotFound { kind: "plan", name: name::plan(hash) };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        Ok(Stored { value: record::decode_plan(&key, &item.value)?, revision: item.mod_revision })
    }

    async fn rollout(&self, id: &RolloutId) -> Result<Arc<Rollout>, EngineError> {
        let key = layout::rollout(id);
        let missing = || EngineError::NotFound { kind: "rollout", name: id.to_string() };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        let plan = self.plan(&record::plan_of_rollout(&key, &item.value)?).await?.value.plan;
        Ok(Arc::new(record::decode_rollout(&key, &item.value, plan.into())?))
    }

    /// The fleet as a service finds it now.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn inventory(&self, service: &ServiceId) -> Result<Inventory, EngineError> {
        let head = self.head_of(service).await?;
        let lanes = self.lanes_of(service).await?.lanes;
        let regions = self.all_regions().await?;
        let activated = self.activated(service, &lanes).await?;
        let declared = match self.get::<Service>(service).await {
            Ok(known) => known.value.parameters,
            Err(EngineError::NotFound { .. }) => Parameters::default(),
            Err(error) => return Err(error),
        };
        let facts = |(id, entry): (RegionId, Region)| {
            let spoke = entry.session_number > 0;
            let able = |ability: &str| spoke.then(|| entry.capabilities.contains(ability));
            let (cohorts, weights, safety) = (able("cohorts"), able("weights"), able("safety-policy"));
            let (queries, load, takes_parameters) = (able("queries"), able("load"), able("parameters"));
            let parameters = declared.of(&id, &entry.labels);
            let lane = lanes.get(&id).cloned().unwrap_or_default();
            let activated = lane.stable.as_ref().and_then(|placed| activated.get(&placed.release.version)).cloned();
            let (labels, cordoned, share) = (entry.labels, entry.cordoned, entry.traffic_share);
            let draining = entry.drain.is_some();
            (
                id,
                RegionFacts {
                    labels,
                    cordoned,
                    draining,
                    cohorts,
                    weights,
                    share,
                    safety,
                    queries,
                    load,
                    takes_parameters,
                    parameters,
                    activated,
                    lane,
                },
            )
        };
        let vetoed = head.vetoes.digests;
        let regions = regions.into_iter().map(facts).collect();
        Ok(Inventory { regions, parent: head.plan, vetoed, superseding: None, set: None })
    }
}

impl Catalog {
    /// Which of the releases that are stable somewhere are the second of a two-phase pair.
    async fn activated(
        &self,
        service: &ServiceId,
        lanes: &BTreeMap<RegionId, LaneState>,
    ) -> Result<BTreeMap<Version, Activated>, EngineError> {
        let stable = lanes.values().filter_map(|lane| Some(lane.stable.as_ref()?.release.version.clone()));
        let mut activated = BTreeMap::new();
        for version in stable.collect::<BTreeSet<Version>>() {
            let known = match self.get::<StoredRelease>(&(service.clone(), version.clone())).await {
                Ok(known) => known.value.release,
                Err(EngineError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Some(prepares) = known.prepares {
                activated.insert(version.clone(), Activated { version, prepares });
            }
        }
        Ok(activated)
    }
}

/// That no clock is told by what a region declares.
pub(crate) fn unknown_zone(region: &RegionId, zone: &str) -> Option<PlanRefusal> {
    let refusal = || PlanRefusal::ZoneUnknown { region: region.clone(), zone: zone.to_owned() };
    (!meridian_calendar::is_known(zone)).then(refusal)
}

fn with_known_zones(plan: Plan) -> Result<Plan, Vec<PlanRefusal>> {
    let zones = plan.lanes.iter().filter_map(|(region, lane)| Some((region, lane.zone.as_ref()?)));
    let refused: Vec<PlanRefusal> = zones.filter_map(|(region, zone)| unknown_zone(region, zone)).collect();
    if refused.is_empty() { Ok(plan) } else { Err(refused) }
}
