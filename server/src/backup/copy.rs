//! Filling an empty store, in steps that may be interrupted and begun again. A mark says what it is filled from.

use std::collections::BTreeMap;

use bytes::Bytes;
use meridian_store::record::{self, Restore};
use meridian_store::{CommitError, Expect, Key, MAX_TXN_BYTES, Store, Txn, commit_known, layout};

use super::{BackupError, written};

/// Entries in one transaction.
const BATCH: usize = 100;
/// Bytes in one transaction, unless a single entry is larger.
const BATCH_BYTES: usize = MAX_TXN_BYTES / 4;

/// Puts the mark into an empty store, or finds the one that is there; it has to be of the same backup.
pub(super) async fn begin(store: &dyn Store, wanted: Restore) -> Result<Restore, BackupError> {
    let key = layout::restore();
    if let Some(item) = store.get(&key).await?.item {
        let found = record::decode_restore(&key, &item.value)?;
        if found.backup == wanted.backup {
            return Ok(found);
        }
        return Err(BackupError::Other { digest: found.backup, time: written(found.time) });
    }
    if let Some(first) = store.list(&layout::everything(), None, 1).await?.items.into_iter().next() {
        return Err(BackupError::NotEmpty { key: first.key.to_string() });
    }
    let txn = Txn::new().put(key.clone(), record::encode_restore(&wanted), Expect::Absent);
    commit_known(store, txn, &key).await?;
    Ok(wanted)
}

/// Puts every entry that is not there yet. What is there was put by an earlier run, or has gone on since.
pub(super) async fn fill(store: &dyn Store, entries: BTreeMap<Key, Bytes>) -> Result<(), BackupError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.0.as_str().len() + entry.1.len();
        if batch.len() == BATCH || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            put(store, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
        bytes += size;
        batch.push(entry);
    }
    put(store, batch).await
}

async fn put(store: &dyn Store, batch: Vec<(Key, Bytes)>) -> Result<(), BackupError> {
    let Some((probe, _)) = batch.first().cloned() else {
        return Ok(());
    };
    let puts = |txn: Txn, (key, value): (Key, Bytes)| txn.put(key, value, Expect::Absent);
    match commit_known(store, batch.iter().cloned().fold(Txn::new(), puts), &probe).await {
        Ok(_) => return Ok(()),
        Err(CommitError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for (key, value) in batch {
        let txn = puts(Txn::new(), (key.clone(), value));
        match commit_known(store, txn, &key).await {
            Ok(_) | Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Says that everything is there: servers may start.
pub(super) async fn finish(store: &dyn Store, mark: Restore) -> Result<(), BackupError> {
    let key = layout::restore();
    let current = store.get(&key).await?.item;
    let expect = current.map_or(Expect::Absent, |item| Expect::At(item.mod_revision));
    let txn = Txn::new().put(key.clone(), record::encode_restore(&Restore { done: true, ..mark }), expect);
    commit_known(store, txn, &key).await?;
    Ok(())
}
