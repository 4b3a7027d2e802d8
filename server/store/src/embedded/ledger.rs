//! The tables of the file, and what a commit does to them inside one write transaction. Knows nothing about threads or
//! who is waiting.

use redb::{ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use tokio::time::Instant;

use super::snapshot::Failure;
use super::{EmbeddedLimits, log};
use crate::lease::Leases;
use crate::{CommitError, Committed, Expect, Key, LeaseId, Op, RESERVE_SHARE, Revision, Stamp, Txn};

/// Key to (mod revision, create revision, value).
pub(super) const ITEMS: TableDefinition<&str, (u64, u64, &[u8])> = TableDefinition::new("items");
/// Revision to the changes it made. Without gaps from `oldest` to `head`.
pub(super) const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
/// Keys that live by a lease. Leases end with the process, so whoever opens the file deletes these keys first.
const LEASED: TableDefinition<&str, ()> = TableDefinition::new("leased");
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

/// Deletes what the last process's leases have held, in one commit that watches see.
pub(super) fn drop_leased(db: &redb::Database, limits: EmbeddedLimits) -> Result<(), Failure> {
    let write = db.begin_write()?;
    let mut leases = Leases::default();
    let mut ledger = Ledger::open(&write, limits, &mut leases)?;
    let mut keys = Vec::new();
    while let Some((key, _)) = ledger.leased.pop_first()? {
        keys.push(Key::new(key.value()).map_err(|why| Failure::Damaged(why.to_string()))?);
    }
    ledger.delete(&keys)?;
    let (_, changed) = ledger.finish()?;
    if changed {
        write.commit()?
    } else {
        write.abort()?
    }
    Ok(())
}

/// The tables, open for writing. Nothing lasts unless [`Self::finish`] is called and the transaction committed.
pub(super) struct Ledger<'txn> {
    items: Table<'txn, &'static str, (u64, u64, &'static [u8])>,
    changes: Table<'txn, u64, &'static [u8]>,
    leased: Table<'txn, &'static str, ()>,
    counters_table: Table<'txn, &'static str, (u64, u64, u64, u64)>,
    counters: Counters,
    before: Counters,
    limits: EmbeddedLimits,
    leases: &'txn mut Leases,
}

impl<'txn> Ledger<'txn> {
    pub(super) fn open(
        write: &'txn WriteTransaction,
        limits: EmbeddedLimits,
        leases: &'txn mut Leases,
    ) -> Result<Self, redb::Error> {
        let counters_table = write.open_table(COUNTERS)?;
        let counters = counters_table.get(ROW)?.map_or(Counters::FRESH, |row| Counters::from_row(row.value()));
        Ok(Self {
            items: write.open_table(ITEMS)?,
            changes: write.open_table(CHANGES)?,
            leased: write.open_table(LEASED)?,
            counters_table,
            counters,
            before: counters,
            limits,
            leases,
        })
    }

    /// Applies a validated transaction if it may be; the inner error is the caller's, the outer one the file's.
    pub(super) fn apply(&mut self, txn: &Txn, now: Instant) -> Result<Result<Committed, CommitError>, redb::Error> {
        let conflict = txn.conflict(|key| self.stamp(key))?;
        if let Some(key) = conflict {
            return Ok(Err(CommitError::Conflict { key }));
        }
        if let Some(lease) = txn.leases().find(|lease| !self.leases.is_alive(*lease, now)) {
            return Ok(Err(CommitError::LeaseGone { lease }));
        }
        if !txn.writes() {
            return Ok(Ok(Committed { revision: Revision::new(self.counters.head) }));
        }
        let live_bytes = self.live_bytes_after(txn)?;
        let quota = self.limits.quota_bytes;
        let reserve = if txn.is_urgent() { quota / RESERVE_SHARE } else { 0 };
        if live_bytes > self.counters.live_bytes && live_bytes > quota.saturating_add(reserve) {
            let reason = format!("{live_bytes} bytes stored would exceed the quota of {quota}");
            return Ok(Err(CommitError::Full { reason }));
        }
        self.write(txn, live_bytes)?;
        Ok(Ok(Committed { revision: Revision::new(self.counters.head) }))
    }

    /// Deletes the entries of a lease.
    pub(super) fn end_lease(&mut self, lease: LeaseId) -> Result<(), redb::Error> {
        let keys: Vec<Key> = self.leases.keys_of(lease).cloned().collect();
        self.delete(&keys)
    }

    /// Deletes these entries as they stand, in one commit if there are any.
    fn delete(&mut self, keys: &[Key]) -> Result<(), redb::Error> {
        let mut txn = Txn::new();
        for key in keys {
            if let Some(stamp) = self.stamp(key)? {
                txn = txn.delete(key.clone(), Expect::At(stamp.modified));
            }
        }
        if !txn.writes() {
            return Ok(());
        }
        let live_bytes = self.live_bytes_after(&txn)?;
        self.write(&txn, live_bytes)
    }

    fn stamp(&self, key: &Key) -> Result<Option<Stamp>, redb::Error> {
        let row = self.items.get(key.as_str())?;
        Ok(row.map(|row| {
            let (modified, created, _) = row.value();
            Stamp { modified: Revision::new(modified), created: Revision::new(created) }
        }))
    }

    /// Has a key live by a lease from now on, or by none.
    fn attach(&mut self, key: &Key, lease: Option<LeaseId>) -> Result<(), redb::Error> {
        if !self.leases.attach(key, lease) {
            return Ok(());
        }
        match lease {
            Some(_) => self.leased.insert(key.as_str(), ())?,
            None => self.leased.remove(key.as_str())?,
        };
        Ok(())
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

    fn write(&mut self, txn: &Txn, live_bytes: u64) -> Result<(), redb::Error> {
        let revision = self.counters.head + 1;
        let mut created = Vec::new();
        for op in txn.ops() {
            match op {
                Op::Put { key, value, lease, .. } => {
                    self.attach(key, *lease)?;
                    let create = self.items.get(key.as_str())?.map_or(revision, |old| old.value().1);
                    created.push(Revision::new(create));
                    self.items.insert(key.as_str(), (revision, create, &value[..]))?;
                }
                Op::Delete { key, .. } => {
                    self.attach(key, None)?;
                    self.items.remove(key.as_str())?;
                }
                Op::Check { .. } => {}
            }
        }
        let record = log::encode(txn, &created);
        self.changes.insert(revision, &record[..])?;
        self.counters.log_bytes += record.len() as u64;
        self.counters.head = revision;
        self.counters.live_bytes = live_bytes;
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
        while self.counters.head + 1 - self.counters.oldest > self.limits.history_revisions
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
