//! Secrets by name: each is a file in one folder that only the server reads. They are read when they are needed, so that they
//! can be renewed in place, and never shown.

use std::io;
use std::path::PathBuf;

use meridian_core::id::SecretId;
use tokio::io::AsyncReadExt;

/// The longest secret.
const BYTES_MAX: u64 = 4096;

/// Where secrets are.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    folder: Option<PathBuf>,
}

/// Why there is no secret. It names the file and never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// This server has no folder for them.
    #[error("secret {0} is needed; start the server with `--secrets FOLDER`")]
    NoFolder(SecretId),
    /// The file can't be read.
    #[error("secret {name} can't be read")]
    Unreadable {
        /// Which.
        name: SecretId,
        /// Why.
        source: io::Error,
    },
    /// Nothing in it, too much, or no text.
    #[error("secret {0} is not a text of 1 to {BYTES_MAX} bytes")]
    Unusable(SecretId),
}

impl Secrets {
    /// Those in a folder; without one there are none.
    #[must_use]
    pub const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Reads the one that is named, if one is.
    ///
    /// # Errors
    /// See [`NoSecret`].
    pub async fn read_named(&self, name: Option<&SecretId>) -> Result<Option<String>, NoSecret> {
        match name {
            Some(name) => self.read(name).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads one, without the line's end that editors add.
    ///
    /// # Errors
    /// See [`NoSecret`].
    pub async fn read(&self, name: &SecretId) -> Result<String, NoSecret> {
        let folder = self.folder.as_ref().ok_or_else(|| NoSecret::NoFolder(name.clone()))?;
        let unreadable = |source| NoSecret::Unreadable { name: name.clone(), source };
        // A name has no dots and no slashes, so it leads nowhere else.
        let file = tokio::fs::File::open(folder.join(name.as_str())).await.map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= BYTES_MAX);
        let text = text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        text.filter(|text| !text.is_empty()).ok_or_else(|| NoSecret::Unusable(name.clone()))
    }
}
