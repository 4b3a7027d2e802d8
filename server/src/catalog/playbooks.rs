//! Playbooks: every change makes a new revision, and old ones stay, because plans name them.

use meridian_core::id::PlaybookId;
use meridian_core::playbook::{ValidPlaybook, validate};
use meridian_store::record::StoredPlaybook;
use meridian_store::{Expect, Key, Txn, layout, layout::Place, record};

use super::kept::Draft;
use super::listing::end_of;
use super::{Catalog, Kind, Listed, Stored, Terms};
use crate::error::EngineError;

impl Catalog {
    /// Writes a playbook as its next revision.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn put_playbook(
        &self,
        playbook: &ValidPlaybook,
        terms: &Terms,
    ) -> Result<Stored<StoredPlaybook>, EngineError> {
        let id = playbook.get().id.clone();
        let last = self.last_revision(&id).await?;
        self.put(&id, terms, |current: Option<&Stored<StoredPlaybook>>, now| {
            if current.is_some_and(|current| current.value.playbook == *playbook.get()) {
                return Ok(Draft::Unchanged);
            }
            let before = current.map_or(last, |current| current.value.revision);
            let revision = before.checked_add(1).ok_or_else(|| EngineError::Contended { key: id.to_string() })?;
            let entry = StoredPlaybook { playbook: playbook.get().clone(), revision, updated: now };
            let kept = Txn::new().put(layout::playbook_revision(&id, revision), entry.encode(), Expect::Absent);
            Ok(Draft::Write(entry, kept))
        })
        .await
    }

    /// A playbook at a revision, or the latest.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub async fn playbook(
        &self,
        id: &PlaybookId,
        revision: Option<u64>,
    ) -> Result<Stored<StoredPlaybook>, EngineError> {
        let Some(number) = revision else {
            return self.get(id).await;
        };
        let key = layout::playbook_revision(id, number);
        let name = meridian_proto::convert::name::revision(id, number);
        let missing = || EngineError::NotFound { kind: "playbook revision", name };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        Ok(Stored { value: record::decode_playbook(&key, &item.value)?, revision: item.mod_revision })
    }

    /// A page of playbooks.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn playbooks(
        &self,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<Stored<StoredPlaybook>>, EngineError> {
        let key_of = |key: &Key| {
            let rest = key.as_str().strip_prefix(layout::playbooks().as_str())?;
            let id = PlaybookId::new(rest.split('/').next()?).ok()?;
            Some((layout::playbook(&id), end_of(&layout::playbook_folder(&id))?))
        };
        let Listed { items, next, revision } = self.jump(&layout::playbooks(), after, size, key_of).await?;
        Ok(Listed { items: items.into_iter().map(|(_, stored)| stored).collect(), next, revision })
    }

    /// Removes a playbook; its revisions stay for the plans that name them.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn remove_playbook(&self, id: &PlaybookId, terms: &Terms) -> Result<(), EngineError> {
        self.remove::<StoredPlaybook, _>(id, terms, || async { Ok(Txn::new()) }).await
    }

    /// A stored playbook by today's rules.
    pub(crate) fn valid(entry: &StoredPlaybook) -> Result<ValidPlaybook, EngineError> {
        validate(entry.playbook.clone()).map_err(|violations| {
            let first = violations.first().map_or("", |violation| violation.code);
            let name = meridian_proto::convert::name::revision(&entry.playbook.id, entry.revision);
            EngineError::Corrupt(format!("{name} breaks a rule that it was written under ({first}); write it anew"))
        })
    }

    /// The number of the last revision of a playbook, also of one that was removed; 0 if there never was one.
    async fn last_revision(&self, id: &PlaybookId) -> Result<u64, EngineError> {
        if let Some(latest) = self.find::<StoredPlaybook>(id).await? {
            return Ok(latest.value.revision);
        }
        let (mut last, mut after) = (0, None::<Key>);
        loop {
            let page = self.entries(&layout::playbook_revisions(id), after.as_ref(), 1000).await?;
            let numbers = page.items.iter().filter_map(|item| {
                let Some(Place::Revision(_, number)) = Place::of(&item.key) else {
                    return None;
                };
                Some(number)
            });
            last = numbers.fold(last, u64::max);
            after = page.next;
            if after.is_none() {
                return Ok(last);
            }
        }
    }
}
