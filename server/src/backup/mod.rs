//! `meridian-server backup` and `restore`: all records of a store into a file, and from there into an empty store. A
//! restored store goes on in a higher generation of epochs, so that no epoch issued before is ever issued again. It
//! decides nothing; how rollouts go on is `core`'s word, and the engine commits it.

mod copy;
mod verify;

use std::collections::BTreeSet;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::RolloutId;
use meridian_core::rollout::event::Order;
use meridian_core::rollout::reason::Refused;
use meridian_core::time::Timestamp;
use meridian_proto::convert::timestamp_to_wire;
use meridian_store::backup::{self, Backup, BackupInvalid, Header, SnapshotError, snapshot};
use meridian_store::record::{self, RecordError, Restore};
use meridian_store::{CommitError, Revision, Store, StoreError, layout};

use crate::engine::{GoOn, go_on};
use crate::error::EngineError;
pub use verify::NotWhole;

/// Why there is no backup, or no restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store can't be read as of one moment.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What is in the store, or in the file, does not belong together.
    #[error("the records do not belong together: {0}")]
    NotWhole(#[from] NotWhole),
    /// A file can't be written.
    #[error("{} can't be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file can't be restored from.
    #[error("{} can't be restored from", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: BackupInvalid,
    },
    /// There is something in the store already.
    #[error(
        "the store is not empty: it holds {key}. A backup is restored into an empty store only; if servers run on it, \
         stop them first"
    )]
    NotEmpty {
        /// One of its keys.
        key: String,
    },
    /// The store was filled from another backup.
    #[error("the store was filled from another backup, {digest}, on {time}")]
    Other {
        /// The digest of that one.
        digest: Digest,
        /// When.
        time: String,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not take a write.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A record can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The rollouts can't go on. The restore may be run again.
    #[error("the records are restored, but a rollout can't go on: {0}")]
    GoOn(#[from] EngineError),
}

/// A backup that was taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// How many records it keeps.
    pub entries: usize,
    /// The store's revision.
    pub revision: Revision,
    /// Its name, wherever it lies.
    pub digest: Digest,
}

/// Backs a store up into a new file. The file is there whole or not at all.
///
/// # Errors
/// See [`BackupError`].
pub async fn take(store: &dyn Store, out: &Path, now: Timestamp) -> Result<Taken, BackupError> {
    let taken = snapshot(store).await?;
    verify::whole(&taken.entries)?;
    let header = Header {
        time: now,
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        store: store.name().to_owned(),
        revision: taken.revision,
    };
    let digest = write_new(out, |file| backup::write(file, &header, &taken.entries));
    let digest = digest.map_err(|source| BackupError::Write { path: out.to_owned(), source })?;
    Ok(Taken { entries: taken.entries.len(), revision: taken.revision, digest })
}

/// Writes beside the file first, and gives it its name when it is on disk; never over another file.
fn write_new<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&std::fs::File>) -> std::io::Result<T>,
) -> std::io::Result<T> {
    if path.try_exists()? {
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "there is such a file already"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let partial = path.with_added_extension("partial");
    let file = std::fs::File::create(&partial)?;
    let mut buffered = BufWriter::new(&file);
    let written = write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(written)
}

/// A restore that was done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// How many records there are.
    pub entries: usize,
    /// Of the epochs with which it goes on.
    pub generation: u64,
    /// Rollouts that go on.
    pub rollouts: Vec<RolloutId>,
    /// Whether it had been done before, and nothing was changed now.
    pub before: bool,
}

/// Restores a backup into an empty store, or goes on with a restore of it that was interrupted. Epochs go on in a
/// generation above that of the backup and `above`, which is the highest that agents are known to hold.
///
/// # Errors
/// See [`BackupError`].
pub async fn restore(
    store: Arc<dyn Store>,
    from: &Path,
    actor: &str,
    above: u64,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    let invalid = |source| BackupError::File { path: from.to_owned(), source };
    let file = std::fs::File::open(from).map_err(|error| invalid(error.into()))?;
    let Backup { header, entries, digest } = backup::read(&mut BufReader::new(file)).map_err(invalid)?;
    let heads = verify::whole(&entries)?;
    // Taken from the clock, so that two restores of one backup go on in different generations.
    let known = heads.values().map(|head| head.epoch.generation()).fold(above, u64::max);
    let generation = known.checked_add(1).ok_or(EngineError::from(Refused::EpochExhausted))?.max(now.millis());
    let wanted = Restore { backup: digest, generation, time: now, done: false };
    let mark = copy::begin(store.as_ref(), wanted).await?;
    let services: BTreeSet<_> = heads.into_keys().collect();
    let count = entries.len();
    if mark.done {
        return Ok(Restored { entries: count, generation: mark.generation, rollouts: Vec::new(), before: true });
    }
    copy::fill(store.as_ref(), entries).await?;
    let reason = format!("restored from the backup of {}", written(header.time));
    let order = Order { actor: actor.to_owned(), reason };
    let how = GoOn { generation: mark.generation, order, now };
    let rollouts = go_on(store.clone(), &services, &how).await?;
    copy::finish(store.as_ref(), mark).await?;
    Ok(Restored { entries: count, generation: mark.generation, rollouts, before: false })
}

/// A moment for people, UTC.
fn written(moment: Timestamp) -> String {
    timestamp_to_wire(moment).to_string()
}

/// Whether a restore of this store was begun and not finished: no server may start on it.
///
/// # Errors
/// If the store can't be read.
pub async fn is_unfinished(store: &dyn Store) -> Result<bool, BackupError> {
    let key = layout::restore();
    match store.get(&key).await?.item {
        None => Ok(false),
        Some(item) => Ok(!record::decode_restore(&key, &item.value)?.done),
    }
}
