//! The one way in which things of the catalog are read, written and removed: with a comparison, once per request id, and
//! not at all if nothing would change.

use meridian_core::time::Timestamp;
use meridian_store::{CommitError, Expect, Key, Txn, commit_known, layout, record, record::RequestDone};

use super::{Catalog, Effect, Kind, Missing, Stored, Terms};
use crate::engine::RequestMark;
use crate::error::EngineError;

/// How often something is read and compared again after somebody else changed it.
const CONFLICTS_MAX: u32 = 10;

/// What a change comes to.
pub(super) enum Draft<K> {
    /// It is as wanted already.
    Unchanged,
    /// The new value, and what else is written or must hold in the same transaction.
    Write(K, Txn),
}

impl Catalog {
    /// Reads one.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub async fn get<K: Kind>(&self, id: &K::Id) -> Result<Stored<K>, EngineError> {
        self.find::<K>(id).await?.ok_or_else(|| missing::<K>(id))
    }

    /// Reads one that may not be there.
    pub(super) async fn find<K: Kind>(&self, id: &K::Id) -> Result<Option<Stored<K>>, EngineError> {
        let key = K::key(id);
        let Some(item) = self.store.get(&key).await?.item else {
            return Ok(None);
        };
        Ok(Some(Stored { value: K::decode(&key, &item.value)?, revision: item.mod_revision }))
    }

    /// Changes one. `draft` is asked again whenever somebody else got in between.
    pub(super) async fn put<K: Kind>(
        &self,
        id: &K::Id,
        terms: &Terms,
        draft: impl Fn(Option<&Stored<K>>, Timestamp) -> Result<Draft<K>, EngineError> + Send + Sync,
    ) -> Result<Stored<K>, EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if self.is_done(terms.request.as_ref()).await? {
                return self.get(id).await;
            }
            let current = self.find::<K>(id).await?;
            if current.is_none() && terms.missing == Missing::Refused {
                return Err(missing::<K>(id));
            }
            check_etag::<K>(id, terms, current.as_ref())?;
            let now = self.clock.now();
            let (value, also) = match (draft(current.as_ref(), now)?, current.clone()) {
                (Draft::Write(value, also), _) => (value, also),
                (Draft::Unchanged, Some(current)) => return Ok(current),
                (Draft::Unchanged, None) => return Err(missing::<K>(id)),
            };
            if terms.effect == Effect::Checked {
                let revision = current.map(|current| current.revision).unwrap_or_default();
                return Ok(Stored { value, revision });
            }
            let key = K::key(id);
            let expect = current.map_or(Expect::Absent, |current| Expect::At(current.revision));
            let txn = also.put(key.clone(), value.encode(), expect);
            if let Some(revision) = self.commit(txn, &key, terms.request.as_ref(), K::name(id), now).await? {
                return Ok(Stored { value, revision });
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: K::name(id) })
    }

    /// Removes one, if `guard` still holds at that moment. `guard` is asked again whenever somebody else got in between.
    pub(super) async fn remove<K: Kind, G>(
        &self,
        id: &K::Id,
        terms: &Terms,
        guard: impl Fn() -> G + Send + Sync,
    ) -> Result<(), EngineError>
    where
        G: Future<Output = Result<Txn, EngineError>> + Send,
    {
        for attempt in 0..CONFLICTS_MAX {
            if self.is_done(terms.request.as_ref()).await? {
                return Ok(());
            }
            let current = self.get::<K>(id).await?;
            check_etag::<K>(id, terms, Some(&current))?;
            let guarded = guard().await?;
            let (key, now) = (K::key(id), self.clock.now());
            let txn = guarded.delete(key.clone(), Expect::At(current.revision));
            if self.commit(txn, &key, terms.request.as_ref(), K::name(id), now).await?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: K::name(id) })
    }

    /// Whether a request id has had its effect.
    ///
    /// # Errors
    /// If it was used for something else.
    pub async fn is_done(&self, request: Option<&RequestMark>) -> Result<bool, EngineError> {
        Ok(self.done_before(request).await?.is_some())
    }

    /// The resource that came of a request id, if it has had its effect.
    pub(crate) async fn done_before(&self, request: Option<&RequestMark>) -> Result<Option<String>, EngineError> {
        let Some(mark) = request else { return Ok(None) };
        let key = layout::request(&mark.id)?;
        let Some(item) = self.store.get(&key).await?.item else {
            return Ok(None);
        };
        let done = record::decode_request(&key, &item.value)?;
        if done.body == mark.body {
            return Ok(Some(done.resource));
        }
        Err(EngineError::RequestIdReused { id: mark.id.clone() })
    }

    /// Commits together with the request's mark; `None`: somebody else got in between.
    pub(crate) async fn commit(
        &self,
        txn: Txn,
        key: &Key,
        request: Option<&RequestMark>,
        resource: String,
        now: Timestamp,
    ) -> Result<Option<meridian_store::Revision>, EngineError> {
        let (txn, probe) = match request {
            None => (txn, key.clone()),
            Some(mark) => {
                let at = layout::request(&mark.id)?;
                let entry = RequestDone { body: mark.body, resource, time: now };
                (txn.put(at.clone(), record::encode_request(&entry), Expect::Absent), at)
            }
        };
        match commit_known(self.store.as_ref(), txn, &probe).await {
            Ok(committed) => Ok(Some(committed.revision)),
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn missing<K: Kind>(id: &K::Id) -> EngineError {
    EngineError::NotFound { kind: K::WORD, name: K::name(id) }
}

fn check_etag<K: Kind>(id: &K::Id, terms: &Terms, current: Option<&Stored<K>>) -> Result<(), EngineError> {
    match terms.etag {
        Some(given) if current.map(|current| current.revision) != Some(given) => {
            Err(EngineError::StaleEtag { name: K::name(id), given: format!("{:x}", given.get()) })
        }
        Some(_) | None => Ok(()),
    }
}
