//! Services: described by people, never counted on by rollouts. Removing one takes the description away; its history
//! stays, so that its epochs never begin anew.

use std::collections::BTreeMap;

use meridian_core::id::ServiceId;
use meridian_core::plan::parameters::Parameters;
use meridian_core::time::Timestamp;
use meridian_store::record::Service;
use meridian_store::{Key, layout};

use super::kept::Draft;
use super::listing::{end_of, service_of};
use super::{Catalog, Listed, Stored, Terms};
use crate::error::EngineError;

/// What people say of a service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceText {
    /// Free text.
    pub description: String,
    /// Who to ask.
    pub owner: String,
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// What its workloads are started with.
    pub parameters: Parameters,
}

impl ServiceText {
    fn of(spec: &Service) -> Self {
        let Service { description, owner, labels, parameters, created: _, updated: _ } = spec.clone();
        Self { description, owner, labels, parameters }
    }

    fn into_spec(self, created: Timestamp, updated: Timestamp) -> Service {
        let Self { description, owner, labels, parameters } = self;
        Service { description, owner, labels, parameters, created, updated }
    }
}

impl Catalog {
    /// Writes a service.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn put_service(
        &self,
        id: &ServiceId,
        text: ServiceText,
        terms: &Terms,
    ) -> Result<Stored<Service>, EngineError> {
        self.put(id, terms, move |current: Option<&Stored<Service>>, now| {
            if current.is_some_and(|current| ServiceText::of(&current.value) == text) {
                return Ok(Draft::Unchanged);
            }
            let created = current.map_or(now, |current| current.value.created);
            Ok(Draft::Write(text.clone().into_spec(created, now), meridian_store::Txn::new()))
        })
        .await
    }

    /// A page of services.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn services(
        &self,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<(ServiceId, Stored<Service>)>, EngineError> {
        let key_of = |key: &Key| {
            let id = service_of(key)?;
            Some((layout::service(&id), end_of(&layout::all_of_service(&id))?))
        };
        let Listed { items, next, revision } = self.jump(&layout::services(), after, size, key_of).await?;
        let items = items.into_iter().filter_map(|(key, stored)| Some((service_of(&key)?, stored))).collect();
        Ok(Listed { items, next, revision })
    }

    /// Removes a service.
    ///
    /// # Errors
    /// While a rollout holds one of its lanes, or waits for some; if the terms do not hold or the store fails.
    pub async fn remove_service(&self, id: &ServiceId, terms: &Terms) -> Result<(), EngineError> {
        self.remove::<Service, _>(id, terms, || async {
            let lanes = self.lanes_of(id).await?;
            if let Some(by) = lanes.held_by(|_| true) {
                return Err(EngineError::InUse { kind: "service", name: id.to_string(), by: by.to_string() });
            }
            let queue = self.queue_of(id).await?;
            if let Some(first) = queue.value.waiting.first() {
                return Err(EngineError::InUse {
                    kind: "service",
                    name: id.to_string(),
                    by: first.rollout.to_string(),
                });
            }
            Ok(lanes.guard(meridian_store::Txn::new()).check(layout::queue(id), queue.expect))
        })
        .await
    }
}
