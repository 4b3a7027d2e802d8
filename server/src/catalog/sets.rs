//! Sets: what was started together, and what a set would be made of. It starts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RolloutId, ServiceId, SetId};
use meridian_core::plan::set::{arrange, digest};
use meridian_core::plan::{HashedPlan, Plan};
use meridian_proto::convert::name;
use meridian_store::record::StoredSet;
use meridian_store::{layout, record};
use semver::Version;

use super::{Catalog, Effect, PlanOrder, Terms};
use crate::engine::RequestMark;
use crate::error::EngineError;

/// What a member of a set is to be made of.
#[derive(Clone, Debug)]
pub struct MemberOrder {
    /// Which release of the service.
    pub version: Version,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest.
    pub revision: Option<u64>,
    /// Members that come before it.
    pub after: BTreeSet<ServiceId>,
}

/// The plans of a set.
#[derive(Clone, Debug)]
pub struct NewSet {
    /// What the rollout of each member is called, and what it executes.
    pub members: BTreeMap<ServiceId, (RolloutId, Arc<HashedPlan>)>,
    /// Digest of all plans.
    pub digest: Digest,
}

impl Catalog {
    /// Plans every member of a set, and keeps the plans if they are to be started.
    ///
    /// # Errors
    /// If they are no set, or one of them can't be planned.
    pub async fn plan_set(
        &self,
        id: &SetId,
        members: &BTreeMap<ServiceId, MemberOrder>,
        effect: Effect,
    ) -> Result<NewSet, EngineError> {
        let after = members.iter().map(|(service, member)| (service.clone(), member.after.clone())).collect();
        let mut planned = BTreeMap::new();
        for (service, (rollout, set)) in arrange(id, &after)? {
            let MemberOrder { version, playbook, revision, after: _ } = members[&service].clone();
            let (supersede, set) = (None, Some(set));
            let order = PlanOrder { service: service.clone(), version, playbook, revision, supersede, set };
            let made = self.make_plan(&order, &Terms { effect, ..Terms::default() }).await?;
            planned.insert(service, (rollout, made.plan));
        }
        let digest = digest(planned.values().map(|(_, plan)| -> &Plan { plan }));
        Ok(NewSet { members: planned, digest })
    }

    /// A set that was started.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub async fn set(&self, id: &SetId) -> Result<StoredSet, EngineError> {
        let key = layout::set(id);
        let missing = || EngineError::NotFound { kind: "set", name: name::set(id) };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        Ok(record::decode_set(&key, &item.value)?)
    }

    /// The set that a request id has started, if it has.
    ///
    /// # Errors
    /// If the id was used for something else, or the store fails.
    pub async fn set_of_request(&self, request: Option<&RequestMark>) -> Result<Option<SetId>, EngineError> {
        let done = self.done_before(request).await?;
        let corrupt = |error| EngineError::Corrupt(format!("a request names no set: {error}"));
        done.map(|resource| SetId::new(resource).map_err(corrupt)).transpose()
    }
}
