//! The tables of the file, and what a commit does to them inside one write transaction. Knows nothing about threads or
//! who is waiting.

use redb::{ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::{EmbeddedLimits, log};
use crate::{CommitError, Committed, Op, Revision, Txn};

/// Key to (mod revision, create revision, value).
pub(super) const ITEMS: TableDefinition<&str, (u64, u64, &[u8])> = TableDefinition::new("items");
/// Revision to the changes it made. Without gaps from `oldest` to `head`.
pub(super) const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
const COUNTERS: TableDefinition<&str, (u64, u64, u64, u64)> = TableDefinition::new("counters");
const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("format");
/// The one row of the two tables above.
const ROW: &str = "store";
/// The layout of this file's tables.
pub(super) const FORMAT_VERSION: u64 = 1;

/// Numbers about the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    /// The last revision.
    pub head: u64,
    /// The oldest revision in the change log; one past the head if it is empty.
    pub oldest: u64,
    /// Bytes of the change log.
    pub log_bytes: u64,
    /// Bytes of keys and values.
    pub live_bytes: u64,
}

impl Counters {
    const FRESH: Self = Self { head: 0, oldest: 1, log_bytes: 0, live_bytes: 0 };

    fn from_row(row: (u64, u64, u64, u64)) -> Self {
        Self { head: row.0, oldest: row.1, log_bytes: row.2, live_bytes: row.3 }
    }

    fn row(self) -> (u64, u64, u64, u64) {
        (self.head, self.oldest, self.log_bytes, self.live_bytes)
    }

    /// The counters as of a snapshot.
    pub(super) fn read(snapshot: &redb::ReadTransaction) -> Result<Self, redb::Error> {
        let row = snapshot.open_table(COUNTERS)?.get(ROW)?.map(|row| row.value());
        Ok(row.map_or(Self::FRESH, Self::from_row))
    }
}

/// Makes the tables of a new file and tells the layout version of an old one.
pub(super) fn prepare(db: &redb::Database) -> Result<u64, redb::Error> {
    let snapshot = db.begin_read()?;
    match snapshot.open_table(FORMAT) {
        Ok(table) => return Ok(table.get(ROW)?.map_or(0, |version| version.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let write = db.begin_write()?;
    write.open_table(ITEMS)?;
    write.open_table(CHANGES)?;
    write.open_table(COUNTERS)?.insert(ROW, Counters::FRESH.row())?;
    write.open_table(FORMAT)?.insert(ROW, FORMAT_VERSION)?;
    write.commit()?;
    Ok(FORMAT_VERSION)
}

/// The tables, open for writing. Nothing lasts unless [`Self::finish`] is called and the transaction committed.
pub(super) struct Ledger<'txn> {
    items: Table<'txn, &'static str, (u64, u64, &'static [u8])>,
    changes: Table<'txn, u64, &'static [u8]>,
    counters_table: Table<'txn, &'static str, (u64, u64, u64, u64)>,
    counters: Counters,
    before: Counters,
    limits: EmbeddedLimits,
}

impl<'txn> Ledger<'txn> {
    pub(super) fn open(write: &'txn WriteTransaction, limits: EmbeddedLimits) -> Result<Self, redb::Error> {
        let counters_table = write.open_table(COUNTERS)?;
        let counters = counters_table.get(ROW)?.map_or(Counters::FRESH, |row| Counters::from_row(row.value()));
        Ok(Self {
            items: write.open_table(ITEMS)?,
            changes: write.open_table(CHANGES)?,
            counters_table,
            counters,
            before: counters,
            limits,
        })
    }

    /// Applies a validated transaction if it may be; the inner error is the caller's, the outer one the file's.
    pub(super) fn apply(&mut self, txn: &Txn) -> Result<Result<Committed, CommitError>, redb::Error> {
        let conflict = txn.conflict(|key| {
            let found = self.items.get(key.as_str())?;
            Ok::<_, redb::Error>(found.map(|row| Revision::new(row.value().0)))
        })?;
        if let Some(key) = conflict {
            return Ok(Err(CommitError::Conflict { key }));
        }
        if !txn.writes() {
            return Ok(Ok(Committed { revision: Revision::new(self.counters.head) }));
        }
        let live_bytes = self.live_bytes_after(txn)?;
        if live_bytes > self.counters.live_bytes && live_bytes > self.limits.quota_bytes {
            let reason = format!("{live_bytes} bytes stored would exceed the quota of {}", self.limits.quota_bytes);
            return Ok(Err(CommitError::Full { reason }));
        }
        self.write(txn)?;
        self.counters.live_bytes = live_bytes;
        Ok(Ok(Committed { revision: Revision::new(self.counters.head) }))
    }

    fn live_bytes_after(&self, txn: &Txn) -> Result<u64, redb::Error> {
        let mut bytes = self.counters.live_bytes;
        for op in txn.ops().iter().filter(|op| op.writes()) {
            let key = op.key().as_str();
            if let Some(old) = self.items.get(key)? {
                bytes = bytes.saturating_sub((key.len() + old.value().2.len()) as u64);
            }
            bytes += match op {
                Op::Put { value, .. } => (key.len() + value.len()) as u64,
                Op::Delete { .. } | Op::Check { .. } => 0,
            };
        }
        Ok(bytes)
    }

    fn write(&mut self, txn: &Txn) -> Result<(), redb::Error> {
        let revision = self.counters.head + 1;
        let mut created = Vec::new();
        for op in txn.ops() {
            match op {
                Op::Put { key, value, .. } => {
                    let create = self.items.get(key.as_str())?.map_or(revision, |old| old.value().1);
                    created.push(Revision::new(create));
                    self.items.insert(key.as_str(), (revision, create, &value[..]))?;
                }
                Op::Delete { key, .. } => {
                    self.items.remove(key.as_str())?;
                }
                Op::Check { .. } => {}
            }
        }
        let record = log::encode(txn, &created);
        self.changes.insert(revision, &record[..])?;
        self.counters.log_bytes += record.len() as u64;
        self.counters.head = revision;
        Ok(())
    }

    /// Drops the history before a revision, but keeps that of the last commit.
    pub(super) fn compact(&mut self, before: Revision) -> Result<(), redb::Error> {
        let before = before.get().min(self.counters.head);
        while self.counters.oldest < before {
            self.forget_oldest()?;
        }
        Ok(())
    }

    fn forget_oldest(&mut self) -> Result<(), redb::Error> {
        if let Some(record) = self.changes.remove(self.counters.oldest)? {
            let bytes = record.value().len() as u64;
            self.counters.log_bytes = self.counters.log_bytes.saturating_sub(bytes);
        }
        self.counters.oldest += 1;
        Ok(())
    }

    /// Trims the change log to its bounds and writes the counters. Tells the new head and whether there is anything to
    /// commit.
    pub(super) fn finish(mut self) -> Result<(u64, bool), redb::Error> {
        while self.counters.head - self.counters.oldest + 1 > self.limits.history_revisions
            || (self.counters.log_bytes > self.limits.history_bytes && self.counters.oldest <= self.counters.head)
        {
            self.forget_oldest()?;
        }
        let changed = self.counters != self.before;
        if changed {
            self.counters_table.insert(ROW, self.counters.row())?;
        }
        Ok((self.counters.head, changed))
    }
}
