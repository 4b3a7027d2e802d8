//! What outlives the process: per lane the goal accepted last, and whether it was confirmed. A write is on disk when it
//! returns. It knows bytes and their order, not what a goal asks for.
//!
//! One thread writes for all lanes, so that lanes that write at the same moment share one commit.

mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures::future::BoxFuture;
use meridian_core::agent::LaneMemory;
use meridian_core::id::{RegionId, ServiceId};
use meridian_proto::convert::Invalid;
use meridian_proto::convert::record::{decode_journal, encode_journal};
use redb::{Database, ReadableDatabase, TableError};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use writer::{LANES, Write, open};

/// More than lanes can have under way at once: each waits for its own write.
const WRITES_WAITING_MAX: usize = 512;

/// Why the journal did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it: two agents of one region on one disk.
    #[error("the journal {path} is in use by another process")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The file is damaged, or cannot be read or written.
    #[error("cannot {doing} the journal {path}: {why}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The library's words.
        why: String,
    },
    /// A lane's entry is not what was written, or was written by a newer version.
    #[error("the journal's entry of {service} is not obeyed: {why}")]
    Entry {
        /// Whose entry.
        service: ServiceId,
        /// What is wrong with it.
        why: Invalid,
    },
    /// The writer has ended.
    #[error("the journal is closed")]
    Closed,
}

/// A journal that was opened and not yet given away.
#[derive(Debug)]
pub struct OpenJournal {
    path: PathBuf,
    database: Database,
}

/// Where entries are kept.
pub trait Shelf: Send + Sync {
    /// Writes an entry. On disk when this is done; whether it is after an error is unknown.
    fn write(&self, key: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Where lanes write. It may be cloned; a shelf that is a file is closed when all of them are gone.
#[derive(Clone)]
pub struct Journal {
    shelf: Arc<dyn Shelf>,
    metrics: Arc<Metrics>,
}

/// The thread that writes the file.
struct Writer(mpsc::Sender<Write>);

impl Shelf for Writer {
    fn write(&self, key: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            let (done, written) = oneshot::channel();
            self.0.send(Write { key, bytes, done }).await.map_err(|_| JournalError::Closed)?;
            written.await.map_err(|_| JournalError::Closed)?
        })
    }
}

impl OpenJournal {
    /// Opens the file, or makes it. Blocks.
    ///
    /// # Errors
    /// [`JournalError::InUse`], [`JournalError::Store`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self { path: path.to_owned(), database: open(path)? })
    }

    /// What a lane remembers; nothing if it never accepted a goal. Blocks.
    ///
    /// # Errors
    /// [`JournalError::Entry`] for an entry that must not be obeyed, [`JournalError::Store`].
    pub fn recall(&self, region: &RegionId, service: &ServiceId) -> Result<LaneMemory, JournalError> {
        let failed = |why: String| JournalError::Store { doing: "read", path: self.path.clone(), why };
        let reading = self.database.begin_read().map_err(|error| failed(error.to_string()))?;
        let table = match reading.open_table(LANES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(LaneMemory::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let entry = table.get_owned(key(service).as_str()).map_err(|error| failed(error.to_string()))?;
        recall(region, service, entry.as_ref().map(|bytes| bytes.value()))
    }

    /// Starts the writer. Its thread ends, and the file is closed, when the journal and all its clones are dropped.
    ///
    /// # Errors
    /// [`JournalError::Store`] if the system gives no thread.
    pub fn start(self, metrics: Arc<Metrics>) -> Result<(Journal, thread::JoinHandle<()>), JournalError> {
        let Self { path, database } = self;
        let (writes, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let failed =
            |error: std::io::Error| JournalError::Store { doing: "start", path: path.clone(), why: error.to_string() };
        let kept = path.clone();
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer::run(&kept, database, waiting))
            .map_err(failed)?;
        Ok((Journal::on(Arc::new(Writer(writes)), metrics), thread))
    }
}

impl Journal {
    /// A journal on a shelf.
    #[must_use]
    pub fn on(shelf: Arc<dyn Shelf>, metrics: Arc<Metrics>) -> Self {
        Self { shelf, metrics }
    }

    /// Writes what a lane remembers. On disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::Store`], [`JournalError::Closed`]. Whether it is on disk is then unknown.
    pub async fn write(&self, service: &ServiceId, memory: &LaneMemory) -> Result<(), JournalError> {
        let Some(bytes) = encode_journal(memory) else {
            return Ok(());
        };
        let begun = Instant::now();
        if meridian_core::planted::is("answer-before-sync") {
            let (shelf, key) = (Arc::clone(&self.shelf), key(service));
            tokio::spawn(async move { shelf.write(key, bytes).await });
            return Ok(());
        }
        self.shelf.write(key(service), bytes).await?;
        self.metrics.journal_committed(begun.elapsed());
        Ok(())
    }
}

/// What a lane remembers, from its entry.
///
/// # Errors
/// [`JournalError::Entry`] for an entry that must not be obeyed.
pub fn recall(region: &RegionId, service: &ServiceId, entry: Option<&[u8]>) -> Result<LaneMemory, JournalError> {
    let Some(bytes) = entry else {
        return Ok(LaneMemory::default());
    };
    let entry_error = |why| JournalError::Entry { service: service.clone(), why };
    let memory = decode_journal(region, bytes).map_err(entry_error)?;
    // The key and the goal must speak of one lane: a copied entry is no memory.
    match memory.intent() {
        Some(goal) if goal.lane.service != *service => {
            let why = Invalid::of(&goal.lane, meridian_proto::convert::InvalidKind::Contradiction("its key"));
            Err(entry_error(why.within("goal.service")))
        }
        Some(_) | None => Ok(memory),
    }
}

/// The key of a lane's entry.
#[must_use]
pub fn key(service: &ServiceId) -> String {
    format!("/agent/lanes/{service}")
}

#[cfg(test)]
mod tests;
