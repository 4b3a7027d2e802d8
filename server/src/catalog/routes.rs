//! Routes of alerts: declared by people, read by the courier.

use std::collections::BTreeMap;

use meridian_core::alert::Route;
use meridian_core::id::{RouteId, ServiceId};
use meridian_store::record::{Service, StoredRoute};
use meridian_store::{Key, layout};

use super::kept::Draft;
use super::{Catalog, Listed, Stored, Terms};
use crate::error::EngineError;

/// The most routes: the courier looks at all of them for every alert.
const ROUTES_MAX: usize = 500;

impl Catalog {
    /// Writes a route.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn put_route(&self, route: Route, terms: &Terms) -> Result<Stored<StoredRoute>, EngineError> {
        let id = route.id.clone();
        self.put(&id, terms, move |current: Option<&Stored<StoredRoute>>, now| {
            if current.is_some_and(|current| current.value.route == route) {
                return Ok(Draft::Unchanged);
            }
            let created = current.map_or(now, |current| current.value.created);
            let stored = StoredRoute { route: route.clone(), created, updated: now };
            Ok(Draft::Write(stored, meridian_store::Txn::new()))
        })
        .await
    }

    /// A page of routes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn routes(&self, after: Option<Key>, size: usize) -> Result<Listed<Stored<StoredRoute>>, EngineError> {
        let Listed { items, next, revision } = self.page(&layout::routes(), after.as_ref(), size).await?;
        Ok(Listed { items: items.into_iter().map(|(_, stored)| stored).collect(), next, revision })
    }

    /// All routes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn all_routes(&self) -> Result<Vec<Route>, EngineError> {
        let page = self.routes(None, ROUTES_MAX).await?;
        if page.next.is_some() {
            tracing::error!("more than {ROUTES_MAX} routes are declared; the others are not taken");
        }
        Ok(page.items.into_iter().map(|stored| stored.value.route).collect())
    }

    /// Removes a route.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn remove_route(&self, id: &RouteId, terms: &Terms) -> Result<(), EngineError> {
        self.remove::<StoredRoute, _>(id, terms, || async { Ok(meridian_store::Txn::new()) }).await
    }

    /// The labels of a service; none if nobody has described it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn labels_of(&self, service: &ServiceId) -> Result<BTreeMap<String, String>, EngineError> {
        Ok(self.find::<Service>(service).await?.map(|stored| stored.value.labels).unwrap_or_default())
    }
}
