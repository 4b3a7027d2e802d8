//! Why a command failed, and which exit that is.

use std::io;

use meridian_client::{ClientError, RefusalKind};

use crate::exit_code::Exit;
use crate::manifest::ManifestErrors;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Written wrongly.
    #[error("{0}")]
    Usage(String),
    /// A call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A call that sent a manifest failed; a refusal of its content is the manifest's fault.
    #[error("{place}: {source}")]
    Document {
        /// Where the manifest stands.
        place: String,
        /// What the client said.
        source: ClientError,
    },
    /// Manifests were refused.
    #[error(transparent)]
    Manifest(#[from] ManifestErrors),
    /// A file could not be read.
    #[error("read {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Commits could not be read.
    #[error("git log {range}: {reason}")]
    Commits {
        /// Which.
        range: String,
        /// What `git` said, or why it could not be asked.
        reason: String,
    },
    /// A file could not be written.
    #[error("write {path}: {source}")]
    Unwritten {
        /// Which.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A bundle does not hold.
    #[error("{0}")]
    Flawed(String),
    /// What was to be shown could not be written; a closed pipe is no failure.
    #[error("write: {0}")]
    Write(#[from] io::Error),
    /// Nothing has the name.
    #[error("{0}")]
    NotFound(String),
    /// Something in the present state is in the way.
    #[error("{0}")]
    Conflict(String),
}

impl CliError {
    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Client(error) => Exit::of_client(error),
            Self::Document { source, place: _ } => {
                let is_content = source.refusal().is_some_and(|refusal| refusal.kind == RefusalKind::Invalid);
                if is_content { Exit::Invalid } else { Exit::of_client(source) }
            }
            Self::Manifest(_) => Exit::Invalid,
            Self::Flawed(_) => Exit::Invalid,
            Self::File { .. } | Self::Commits { .. } | Self::Unwritten { .. } => Exit::Error,
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Write(_) => Exit::Error,
            Self::NotFound(_) => Exit::NotFound,
            Self::Conflict(_) => Exit::Conflict,
        }
    }

    /// The failed call, if one failed.
    #[must_use]
    pub const fn client(&self) -> Option<&ClientError> {
        match self {
            Self::Client(error) | Self::Document { source: error, place: _ } => Some(error),
            Self::Usage(_)
            | Self::Manifest(_)
            | Self::File { .. }
            | Self::Commits { .. }
            | Self::Unwritten { .. }
            | Self::Flawed(_)
            | Self::Write(_)
            | Self::NotFound(_)
            | Self::Conflict(_) => None,
        }
    }
}
