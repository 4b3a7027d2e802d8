//! Releases: immutable. The same content again is no change, other content under the same version is refused.

use meridian_core::id::ServiceId;
use meridian_core::release::{Release, check_bump};
use meridian_store::record::{Service, StoredRelease};
use meridian_store::{Expect, Key, Txn, layout};
use semver::Version;

use super::kept::Draft;
use super::{Catalog, Kind, Listed, Missing, Stored, Terms};
use crate::error::EngineError;

/// Releases read at once when a version is held against those before it: each may have 64 KiB of notes.
const VERSIONS_PAGE: usize = 50;

impl Catalog {
    /// Makes a release known.
    ///
    /// # Errors
    /// If its service does not exist, the version is taken by other content or says less than the notes, or the store
    /// fails.
    pub async fn add_release(&self, release: Release, terms: &Terms) -> Result<Stored<StoredRelease>, EngineError> {
        let service = release.service.clone();
        self.get::<Service>(&service).await?;
        let id = (service.clone(), release.version.clone());
        let terms = Terms { missing: Missing::Made, ..terms.clone() };
        let name = StoredRelease::name(&id);
        // Whoever makes another release at this moment is not seen: a check for people, not a fence.
        let versions = if release.notes.entries().is_empty() { Vec::new() } else { self.versions(&service).await? };
        self.put(&id, &terms, move |current: Option<&Stored<StoredRelease>>, now| match current {
            Some(known) if known.value.release == release => Ok(Draft::Unchanged),
            Some(_) => Err(EngineError::AlreadyExists { kind: StoredRelease::WORD, name: name.clone() }),
            None => {
                check_bump(&release, &versions)?;
                // The service may have been removed since it was looked for.
                let also = Txn::new().check(layout::service(&service), Expect::Present);
                Ok(Draft::Write(StoredRelease { release: release.clone(), created: now }, also))
            }
        })
        .await
    }

    /// All versions of a service.
    async fn versions(&self, service: &ServiceId) -> Result<Vec<Version>, EngineError> {
        let (mut versions, mut after) = (Vec::new(), None);
        loop {
            let page = self.releases(service, after, VERSIONS_PAGE).await?;
            versions.extend(page.items.into_iter().map(|stored| stored.value.release.version));
            after = page.next;
            if after.is_none() {
                return Ok(versions);
            }
        }
    }

    /// A page of a service's releases.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn releases(
        &self,
        service: &ServiceId,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<Stored<StoredRelease>>, EngineError> {
        let prefix = layout::releases(service);
        let Listed { items, next, revision } = self.page(&prefix, after.as_ref(), size).await?;
        Ok(Listed { items: items.into_iter().map(|(_, stored)| stored).collect(), next, revision })
    }
}
