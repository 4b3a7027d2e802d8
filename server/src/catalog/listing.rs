//! Listings, page by page. Kinds that share a folder with others are listed by jumping from name to name, so that the
//! price of a page does not grow with history.

use meridian_store::{Key, Revision, Versioned, layout};

use super::{Catalog, Kind, Stored};
use crate::error::EngineError;

/// A part of a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed<T> {
    /// In order of their keys.
    pub items: Vec<T>,
    /// Where the next part begins; `None`: this was the last.
    pub next: Option<Key>,
    /// The head of the store when the part was read.
    pub revision: Revision,
}

impl Catalog {
    /// Reads a page of raw entries.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn entries(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        size: usize,
    ) -> Result<Listed<Versioned>, EngineError> {
        let page = self.store.list(prefix, after, size).await?;
        Ok(Listed { items: page.items, next: page.next, revision: page.revision })
    }

    /// A page of a kind that has a folder of its own. What can't be read is told in the log and left out.
    pub(super) async fn page<K: Kind>(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        size: usize,
    ) -> Result<Listed<(Key, Stored<K>)>, EngineError> {
        let Listed { items, next, revision } = self.entries(prefix, after, size).await?;
        Ok(Listed { items: items.iter().filter_map(readable).collect(), next, revision })
    }

    /// A page of a kind whose folder has a folder per name, which holds more than the thing itself. `key_of` tells from
    /// any key below a name where the thing would be and what comes after everything below that name.
    pub(super) async fn jump<K: Kind>(
        &self,
        prefix: &Key,
        after: Option<Key>,
        size: usize,
        key_of: impl Fn(&Key) -> Option<(Key, Key)> + Send,
    ) -> Result<Listed<(Key, Stored<K>)>, EngineError> {
        let (mut items, mut after) = (Vec::new(), after);
        loop {
            let page = self.store.list(prefix, after.as_ref(), 1).await?;
            let Some(first) = page.items.first() else {
                return Ok(Listed { items, next: None, revision: page.revision });
            };
            if items.len() >= size {
                return Ok(Listed { items, next: after, revision: page.revision });
            }
            let Some((key, end)) = key_of(&first.key) else {
                // Not one of ours: it must not stop the listing.
                after = Some(first.key.clone());
                continue;
            };
            let found = if first.key == key { Some(first.clone()) } else { self.store.get(&key).await?.item };
            items.extend(found.as_ref().and_then(readable));
            after = Some(end);
        }
    }
}

fn readable<K: Kind>(item: &Versioned) -> Option<(Key, Stored<K>)> {
    match K::decode(&item.key, &item.value) {
        Ok(value) => Some((item.key.clone(), Stored { value, revision: item.mod_revision })),
        Err(error) => {
            tracing::error!(%error, key = item.key.as_str(), "a record can't be read and is left out");
            None
        }
    }
}

/// After everything below a folder: keys are printable, and no name of ours begins with the last printable character.
pub(super) fn end_of(folder: &Key) -> Option<Key> {
    Key::new(format!("{}~", folder.as_str())).ok()
}

/// The name of a service in any of its keys, as `layout` writes it.
pub(super) fn service_of(key: &Key) -> Option<meridian_core::id::ServiceId> {
    let rest = key.as_str().strip_prefix(layout::services().as_str())?;
    meridian_core::id::ServiceId::new(rest.split('/').next()?).ok()
}
