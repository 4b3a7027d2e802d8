//! The store in one file of one process: durable, and whole after a crash. For trying out, for continuous integration and
//! for installations with a single server. Knows nothing about replication. Its leases run on the clock of its one process
//! and end with it, however it ends.

mod ledger;
mod log;
mod snapshot;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::follow;
use crate::lease::Leases;
use crate::{
    CommitError, Committed, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, Txn, WatchEnded,
    WatchStream, check_limit,
};
use writer::{Job, Work};

/// Transactions that may wait for the writer; beyond that callers wait to be let in.
const QUEUE: usize = 1024;
/// How long a caller waits to be let in.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

/// What an [`EmbeddedStore`] may hold.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedLimits {
    /// Commits kept for watches, also across a restart.
    pub history_revisions: u64,
    /// Bytes of the change log kept for watches.
    pub history_bytes: u64,
    /// Bytes of keys and values stored; a commit that would grow beyond is refused as full.
    pub quota_bytes: u64,
    /// Bytes of memory for the file's pages.
    pub cache_bytes: usize,
}

impl Default for EmbeddedLimits {
    fn default() -> Self {
        Self {
            history_revisions: 10_000,
            history_bytes: 64 * 1024 * 1024,
            quota_bytes: 2 * 1024 * 1024 * 1024,
            cache_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Why a file was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another store in this one, has it open.
    #[error("{} is in use: an embedded store belongs to one server at a time", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Written by a version of this program that lays out the file differently.
    #[error("{} has layout version {found}, this program reads version {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The one version understood here.
        known: u64,
    },
    /// Not readable, not writable, or damaged.
    #[error("cannot open {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
}

/// A store in one file. Dropping it finishes the commits that wait and releases the file, once reads still running end.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    db: redb::Database,
    head: watch::Sender<u64>,
    limits: EmbeddedLimits,
    leases: Mutex<Leases>,
    /// Wakes the writer when a lease may run out sooner than it knows of.
    granted: Notify,
}

impl Shared {
    /// No code panics while it holds the lock halfway through a change, so a poisoned book is still whole.
    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EmbeddedStore {
    /// Opens a file, or makes it. Blocks: for a moment, or after a crash for as long as it takes to check the file.
    ///
    /// # Errors
    /// [`OpenError`] says why not.
    pub fn open(path: impl AsRef<Path>, limits: EmbeddedLimits) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let failed = |reason: String| OpenError::File { path: path.to_owned(), reason };
        let db = redb::Builder::new().set_cache_size(limits.cache_bytes).create(path).map_err(|error| {
            if matches!(error, redb::DatabaseError::DatabaseAlreadyOpen) {
                return OpenError::InUse { path: path.to_owned() };
            }
            failed(error.to_string())
        })?;
        let found = ledger::prepare(&db).map_err(|error| failed(error.to_string()))?;
        if found != ledger::FORMAT_VERSION {
            return Err(OpenError::Format { path: path.to_owned(), found, known: ledger::FORMAT_VERSION });
        }
        // A new file's name has to reach the disk too, or a power cut loses the store with all it holds.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error.to_string()))?;
        ledger::drop_leased(&db, limits).map_err(|failure| failed(StoreError::from(failure).to_string()))?;
        let head = redb::ReadableDatabase::begin_read(&db)
            .map_err(redb::Error::from)
            .and_then(|snapshot| ledger::Counters::read(&snapshot))
            .map_err(|error| failed(error.to_string()))?
            .head;
        let shared = Arc::new(Shared {
            db,
            head: watch::Sender::new(head),
            limits,
            leases: Mutex::default(),
            granted: Notify::new(),
        });
        let (queue, jobs) = mpsc::channel(QUEUE);
        let clock = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let for_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || clock.block_on(writer::run(&for_writer, jobs)))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { shared, queue: Some(queue), writer: Some(writer) })
    }

    async fn ask(&self, work: Work) -> Result<Committed, CommitError> {
        let refused = |reason: &str| CommitError::Unavailable { reason: reason.to_owned() };
        let queue = self.queue.as_ref().ok_or_else(|| refused("the store is closed"))?;
        let (reply, answer) = oneshot::channel();
        let place = tokio::time::timeout(QUEUE_WAIT, queue.reserve())
            .await
            .map_err(|_elapsed| refused("too many commits are waiting"))?
            .map_err(|_closed| refused("the writer has stopped"))?;
        place.send(Job { work, reply });
        answer
            .await
            .unwrap_or_else(|_gone| Err(CommitError::Unknown { reason: "the writer stopped midway".to_owned() }))
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&redb::Database) -> Result<T, snapshot::Failure> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || read(&shared.db)).await;
        Ok(done.map_err(StoreError::unavailable)??)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Store for EmbeddedStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        let key = key.clone();
        Box::pin(self.read(move |db| Ok(snapshot::get(db, &key)?)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (prefix, after) = (prefix.clone(), after.cloned());
        Box::pin(async move {
            check_limit(limit)?;
            self.read(move |db| snapshot::page(db, &prefix, after.as_ref(), limit)).await
        })
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            txn.validate()?;
            self.ask(Work::Commit(txn)).await
        })
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        let head = self.shared.head.subscribe();
        // Weak, so that a forgotten watch does not keep the file open.
        let shared = Arc::downgrade(&self.shared);
        let prefix = prefix.clone();
        let stream = follow::follow(from, head, move |cursor| {
            let (shared, prefix) = (shared.upgrade(), prefix.clone());
            async move {
                let shared = shared.ok_or(WatchEnded::Cancelled)?;
                let read = tokio::task::spawn_blocking(move || snapshot::changes(&shared.db, &prefix, cursor)).await;
                let lost = |reason: String| WatchEnded::Unavailable { reason };
                let stretch = read.map_err(|error| lost(error.to_string()))?;
                stretch.map_err(|failure| lost(StoreError::from(failure).to_string()))
            }
        });
        Box::pin(async move { Ok(stream) })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.ask(Work::Compact(before)).await.map(drop).map_err(as_store_error) })
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        Box::pin(async move {
            let leased = self.shared.leases().grant(ttl, Instant::now())?;
            self.shared.granted.notify_one();
            Ok(leased)
        })
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(async move { Ok(self.shared.leases().keep(lease, Instant::now())) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.leases().end(lease, Instant::now());
            self.ask(Work::EndLeases).await.map(drop).map_err(as_store_error)
        })
    }

    fn name(&self) -> &'static str {
        "embedded"
    }
}

/// What to tell callers of work that is no transaction.
fn as_store_error(error: CommitError) -> StoreError {
    match error {
        CommitError::Corrupt { reason } => StoreError::Corrupt { reason },
        CommitError::Conflict { .. }
        | CommitError::LeaseGone { .. }
        | CommitError::Unknown { .. }
        | CommitError::Unavailable { .. }
        | CommitError::Invalid(_)
        | CommitError::Full { .. } => StoreError::unavailable(error),
    }
}

/// Whether the file was read and found wrong, rather than not read.
fn damaged(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}

/// What to tell callers when the file failed before anything was made durable.
fn refused(error: &redb::Error) -> CommitError {
    let reason = error.to_string();
    if damaged(error) {
        return CommitError::Corrupt { reason };
    }
    if let redb::Error::Io(io) = error
        && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    {
        return CommitError::Full { reason };
    }
    CommitError::Unavailable { reason }
}
