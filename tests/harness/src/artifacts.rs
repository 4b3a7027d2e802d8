//! Artifacts of the sample service: small files, named by their digest as agents look for them.

use std::path::{Path, PathBuf};

use meridian_core::digest::Digest;

/// How a release of the sample service behaves.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its version, told on every answer.
    pub version: String,
    /// Share of requests answered with 500: 0.0 to 1.0.
    pub error_ratio: f64,
    /// How long it needs to become ready.
    pub start_ms: u64,
}

impl Artifact {
    /// A release that works.
    #[must_use]
    pub fn good(version: &str) -> Self {
        Self { version: version.to_owned(), error_ratio: 0.0, start_ms: 50 }
    }

    /// A release that fails a share of its requests.
    #[must_use]
    pub fn failing(version: &str, error_ratio: f64) -> Self {
        Self { error_ratio, ..Self::good(version) }
    }
}

/// A folder of artifacts.
#[derive(Clone, Debug)]
pub struct ArtifactFolder {
    path: PathBuf,
}

impl ArtifactFolder {
    /// Makes the folder.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn create(path: impl Into<PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an artifact and tells its digest.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn add(&self, artifact: &Artifact) -> std::io::Result<Digest> {
        let Artifact { version, error_ratio, start_ms } = artifact;
        let content = serde_json::json!({
            "name": "skyoptima", "version": version, "error_ratio": error_ratio, "latency_ms": 1, "start_ms": start_ms,
        });
        self.add_bytes(content.to_string().as_bytes())
    }

    /// Adds any bytes and tells their digest.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn add_bytes(&self, bytes: &[u8]) -> std::io::Result<Digest> {
        let digest = Digest::of(bytes);
        std::fs::write(self.path.join(digest.hex()), bytes)?;
        Ok(digest)
    }
}
