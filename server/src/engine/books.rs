//! Reading records: the engine's view of the store, with plans kept at hand because they never change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::plan::{HashedPlan, Plan};
use meridian_core::rollout::gates::stops::Stops;
use meridian_core::rollout::state::Rollout;
use meridian_store::layout::Place;
use meridian_store::record::{self, Head, RecordError};
use meridian_store::{Expect, Key, Revision, Store, layout};

use super::RequestMark;
use crate::error::EngineError;

/// How many plans are kept at hand; more are read again when needed.
const PLANS_KEPT: usize = 256;

/// Regions read at once.
const REGIONS_PAGE: usize = 500;

/// A record with the expectation under which it may be replaced.
pub(crate) struct Kept<T> {
    pub value: T,
    pub expect: Expect,
}

impl<T: Default> Kept<T> {
    /// Reads a record; one that was never written is as if it were empty.
    pub async fn read(
        store: &dyn Store,
        key: &Key,
        decode: impl FnOnce(&Key, &[u8]) -> Result<T, RecordError>,
    ) -> Result<Self, EngineError> {
        Ok(match store.get(key).await?.item {
            None => Self { value: T::default(), expect: Expect::Absent },
            Some(item) => Self { value: decode(key, &item.value)?, expect: Expect::At(item.mod_revision) },
        })
    }
}

/// What became of a request id.
pub(super) enum Request {
    /// Never used.
    New,
    /// Used for the same thing; the resource that came of it.
    Done(String),
}

/// The store, read as records.
pub(super) struct Books {
    pub store: Arc<dyn Store>,
    plans: Mutex<HashMap<Digest, Arc<HashedPlan>>>,
}

impl Books {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, plans: Mutex::default() }
    }

    pub async fn plan(&self, hash: Digest) -> Result<Arc<HashedPlan>, EngineError> {
        if let Some(plan) = self.plans.lock().expect("no holder of this lock panics").get(&hash) {
            return Ok(plan.clone());
        }
        let key = layout::plan(&hash);
        let missing = || EngineError::NotFound { kind: "plan", name: hash.hex() };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        let plan = Arc::new(HashedPlan::from(record::decode_plan(&key, &item.value)?.plan));
        if plan.hash() != hash {
            return Err(EngineError::Corrupt(format!("plan {} does not have the content of its hash", hash.hex())));
        }
        let mut plans = self.plans.lock().expect("no holder of this lock panics");
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(hash, plan.clone());
        Ok(plan)
    }

    pub async fn rollout(&self, id: &RolloutId) -> Result<(Arc<Rollout>, Revision), EngineError> {
        let key = layout::rollout(id);
        let missing = || EngineError::NotFound { kind: "rollout", name: id.to_string() };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        let record = self.decode_rollout(&key, &item.value).await?;
        Ok((Arc::new(record), item.mod_revision))
    }

    pub async fn decode_rollout(&self, key: &Key, value: &[u8]) -> Result<Rollout, EngineError> {
        let plan = self.plan(record::plan_of_rollout(key, value)?).await?;
        Ok(record::decode_rollout(key, value, plan)?)
    }

    pub async fn head(&self, service: &ServiceId) -> Result<Kept<Head>, EngineError> {
        Kept::read(self.store.as_ref(), &layout::head(service), record::decode_head).await
    }

    pub async fn stops(&self) -> Result<Kept<Stops>, EngineError> {
        Kept::read(self.store.as_ref(), &layout::stops(), record::decode_stops).await
    }

    pub async fn lanes(&self, service: &ServiceId) -> Result<Kept<BTreeMap<RegionId, LaneState>>, EngineError> {
        Kept::read(self.store.as_ref(), &layout::lanes(service), record::decode_lanes).await
    }

    /// A region of a plan that is on its way out of the fleet.
    pub async fn draining(&self, plan: &Plan) -> Result<Option<RegionId>, EngineError> {
        let mut after = None::<Key>;
        loop {
            let page = self.store.list(&layout::regions(), after.as_ref(), REGIONS_PAGE).await?;
            for item in &page.items {
                let Some(Place::Region(region)) = Place::of(&item.key) else { continue };
                if plan.lanes.contains_key(&region) && record::decode_region(&item.key, &item.value)?.drain.is_some() {
                    return Ok(Some(region));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    pub async fn request(&self, mark: &RequestMark) -> Result<Request, EngineError> {
        let key = layout::request(&mark.id)?;
        let Some(item) = self.store.get(&key).await?.item else {
            return Ok(Request::New);
        };
        let known = record::decode_request(&key, &item.value)?;
        if known.body != mark.body {
            return Err(EngineError::RequestIdReused { id: mark.id.clone() });
        }
        Ok(Request::Done(known.resource))
    }
}
