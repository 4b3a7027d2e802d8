//! The thread that writes the journal: it takes what waits, commits it at once, and answers. It does not know lanes.

use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use super::JournalError;

/// All lanes by key.
pub(super) const LANES: TableDefinition<&str, &[u8]> = TableDefinition::new("lanes");
/// The whole content is a few kilobytes; the library's own default is a gigabyte.
const CACHE_BYTES: usize = 256 * 1024;
/// More would only make the first of them wait longer.
const COMMIT_WRITES_MAX: usize = 64;

/// One entry on its way to the disk.
#[derive(Debug)]
pub(super) struct Write {
    pub key: String,
    pub bytes: Vec<u8>,
    pub done: oneshot::Sender<Result<(), JournalError>>,
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Database, JournalError> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(|error| {
        if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
            return JournalError::InUse { path: path.to_owned() };
        }
        failed("open", path, &error)
    })?;
    // A file whose name is not on disk yet would be gone after a crash, and every fence with it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed("sync", path, &error))?;
    Ok(database)
}

/// Writes until nobody is left to ask.
pub(super) fn run(path: &Path, database: Database, mut waiting: mpsc::Receiver<Write>) {
    let mut file = File { path: path.to_owned(), database: Some(database) };
    while let Some(first) = waiting.blocking_recv() {
        let mut writes = vec![first];
        while writes.len() < COMMIT_WRITES_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            writes.push(next);
        }
        let outcome = file.commit(&writes);
        for write in writes {
            // Whoever asked may have been stopped in between; the entry is on disk all the same.
            let _ = write.done.send(outcome.clone());
        }
    }
}

struct File {
    path: PathBuf,
    /// Absent after an error: the library refuses a file whose state it does not know until it is opened again.
    database: Option<Database>,
}

impl File {
    fn commit(&mut self, writes: &[Write]) -> Result<(), JournalError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        put(&database, writes).map_err(|error| failed("write", &self.path, &error))?;
        self.database = Some(database);
        Ok(())
    }
}

/// One transaction; the library syncs the file before its commit returns.
fn put(database: &Database, writes: &[Write]) -> Result<(), redb::Error> {
    let writing = database.begin_write()?;
    {
        let mut table = writing.open_table(LANES)?;
        for write in writes {
            table.insert(write.key.as_str(), write.bytes.as_slice())?;
        }
    }
    writing.commit()?;
    Ok(())
}

fn failed(doing: &'static str, path: &Path, error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Store { doing, path: path.to_owned(), why: error.to_string() }
}
