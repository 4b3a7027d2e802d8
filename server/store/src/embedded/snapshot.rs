//! Reads of the file. Each sees one revision of the whole store, and blocks its thread if the pages are not in memory.

use bytes::Bytes;
use redb::ReadableDatabase;

use super::ledger::{CHANGES, Counters, ITEMS};
use super::log;
use crate::follow::{self, Stretch};
use crate::{Got, Key, MAX_PAGE_BYTES, Page, Revision, StoreError, Versioned};

pub(super) fn get(db: &redb::Database, key: &Key) -> Result<Got, redb::Error> {
    let snapshot = db.begin_read()?;
    let revision = Revision::new(Counters::read(&snapshot)?.head);
    let item = snapshot.open_table(ITEMS)?.get(key.as_str())?.map(|row| versioned(key.clone(), row.value()));
    Ok(Got { item, revision })
}

pub(super) fn page(db: &redb::Database, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Page, Failure> {
    let snapshot = db.begin_read()?;
    let revision = Revision::new(Counters::read(&snapshot)?.head);
    let table = snapshot.open_table(ITEMS)?;
    let start = after.filter(|after| *after > prefix).unwrap_or(prefix);
    let mut items: Vec<Versioned> = Vec::new();
    let mut bytes = 0;
    for row in table.range(start.as_str()..)? {
        let (key, row) = row?;
        let key = key.value();
        if after.is_some_and(|after| after.as_str() == key) {
            continue;
        }
        if !key.starts_with(prefix.as_str()) {
            break;
        }
        if items.len() == limit || bytes >= MAX_PAGE_BYTES {
            let next = items.last().map(|last| last.key.clone());
            return Ok(Page { items, revision, next });
        }
        let item = versioned(Key::new(key).map_err(|why| Failure::Damaged(why.to_string()))?, row.value());
        bytes += key.len() + item.value.len();
        items.push(item);
    }
    Ok(Page { items, revision, next: None })
}

/// Changes under `prefix` after the revision `cursor`.
pub(super) fn changes(db: &redb::Database, prefix: &Key, cursor: u64) -> Result<Stretch, Failure> {
    let snapshot = db.begin_read()?;
    let counters = Counters::read(&snapshot)?;
    if cursor + 1 < counters.oldest {
        return Ok(Stretch::Gone { oldest: counters.oldest });
    }
    let mut commits = Vec::new();
    let mut upto = cursor;
    let mut bytes = 0;
    for row in snapshot.open_table(CHANGES)?.range(cursor + 1..)?.take(follow::READ_REVISIONS) {
        let (revision, record) = row?;
        upto = revision.value();
        let changes = log::decode(record.value(), Revision::new(upto), prefix)
            .ok_or_else(|| Failure::Damaged(format!("the log record of revision {upto} cannot be read")))?;
        if !changes.is_empty() {
            commits.push((Revision::new(upto), changes));
            bytes += record.value().len();
        }
        if bytes >= follow::READ_BYTES {
            break;
        }
    }
    Ok(Stretch::Read { commits, upto, due: None })
}

fn versioned(key: Key, (mod_revision, create_revision, value): (u64, u64, &[u8])) -> Versioned {
    Versioned {
        key,
        value: Bytes::copy_from_slice(value),
        mod_revision: Revision::new(mod_revision),
        create_revision: Revision::new(create_revision),
    }
}

/// Why a read failed.
pub(super) enum Failure {
    /// The file could not be read.
    File(redb::Error),
    /// It could, but not understood.
    Damaged(String),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::File(error) if super::damaged(&error) => Self::Corrupt { reason: error.to_string() },
            Failure::File(error) => Self::unavailable(error),
            Failure::Damaged(reason) => Self::Corrupt { reason },
        }
    }
}
