//! The file that keeps the last accepted routing over a restart. It knows how to replace a file so that a crash leaves
//! the old or the new one, whole; whether a routing may be taken is decided before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::control::Routing;
use crate::error::StateError;
use crate::routing::validate;

/// The form of the file; raised when an older program could not read it.
const FORM: u32 = 1;

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

/// Where the routing is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The kept routing; `None` when nothing was kept yet.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something that could not have been accepted.
    pub(crate) fn load(&self) -> Result<Option<Routing>, StateError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StateError::Read { path: self.path.clone(), source });
            }
        };
        let corrupt = |reason: String| StateError::Corrupt { path: self.path.clone(), reason };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
        if kept.form != FORM {
            return Err(corrupt(format!("it has form {}, this program reads form {FORM}", kept.form)));
        }
        validate(&kept.routing).map_err(|refusal| corrupt(refusal.to_string()))?;
        Ok(Some(kept.routing))
    }

    /// Keeps a routing. Blocks on the disk. When it returns well, the routing survives a crash of the machine.
    ///
    /// # Errors
    /// When a step fails; the file then holds the old or the new routing, and the caller must not act on the new one.
    pub(crate) fn keep(&self, routing: &Routing) -> Result<(), StateError> {
        self.replace(routing).map_err(|source| StateError::Write { path: self.path.clone(), source })
    }

    fn replace(&self, routing: &Routing) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&Keeping { form: FORM, routing })?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let written = self.path.with_file_name(name);
        let mut file = File::create(&written)?;
        file.write_all(&text)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&written, &self.path)?;
        // The rename itself is lost in a crash until its folder is flushed.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}
