//! The file that keeps the last accepted routing over a restart. It knows how a routing is written down; how that
//! survives a crash is `twin_file`'s, and whether a routing may be taken is decided before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::control::Routing;
use crate::error::StateError;
use crate::routing::validate;
use crate::twin_file::{TwinFile, TwinFileError};

/// The form of the file; raised when an older program could not read it.
const FORM: u32 = 2;

#[derive(Deserialize)]
struct Kept {
    form: u32,
    routing: Routing,
}

#[derive(Serialize)]
struct Keeping<'r> {
    form: u32,
    routing: &'r Routing,
}

/// Where the routing is kept. Its clones are one file.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    pages: Arc<Mutex<TwinFile>>,
}

impl StateFile {
    /// Opens or makes the file; with it comes the kept routing, `None` when nothing was kept yet. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something that could not have been accepted.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<Routing>), StateError> {
        let (pages, bytes) = TwinFile::open(path).map_err(state_error)?;
        let corrupt = |reason: String| StateError::Corrupt { path: path.to_owned(), reason };
        let routing = bytes.map(|bytes| routing_in(&bytes)).transpose().map_err(corrupt)?;
        let opened = Self { path: path.to_owned(), pages: Arc::new(Mutex::new(pages)) };
        Ok((opened, routing))
    }

    /// Keeps a routing. Blocks on the disk. When it returns well, the routing survives a crash of the machine.
    ///
    /// # Errors
    /// When a step fails; the file then holds the old or the new routing, and the caller must not act on the new one.
    pub(crate) fn keep(&self, routing: &Routing) -> Result<(), StateError> {
        let text = serde_json::to_vec(&Keeping { form: FORM, routing })
            .map_err(|error| StateError::Write { path: self.path.clone(), source: error.into() })?;
        // A page counts only when it was written whole, so a panic in the middle of a write does no harm.
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.write(&text).map_err(state_error)
    }
}

fn routing_in(bytes: &[u8]) -> Result<Routing, String> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if kept.form != FORM {
        return Err(format!("it has form {}, this program reads form {FORM}", kept.form));
    }
    validate(&kept.routing).map_err(|refusal| refusal.to_string())?;
    Ok(kept.routing)
}

fn state_error(error: TwinFileError) -> StateError {
    match error {
        TwinFileError::Open { path, source } => StateError::Read { path, source },
        TwinFileError::Write { path, source } => StateError::Write { path, source },
        TwinFileError::Corrupt { path, reason } => StateError::Corrupt { path, reason },
    }
}
