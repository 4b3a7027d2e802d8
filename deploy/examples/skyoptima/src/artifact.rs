//! The artifact file: which version this is and how it behaves. It does not know how the behaviour is carried out.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Larger files are not artifacts of this service.
const MAX_BYTES: u64 = 64 * 1024;
/// One minute is slower than any timeout the demo uses.
const MAX_LATENCY_MS: u64 = 60_000;
/// A service that needs longer than an hour to start is a typing error.
const MAX_START_MS: u64 = 3_600_000;

/// What one release of the service is and does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Name of the service, for its answers.
    pub name: String,
    /// Version, sent with every answer.
    #[serde(deserialize_with = "semantic")]
    pub version: Version,
    /// Share of requests (0 to 1) that are answered 500; health checks never are.
    #[serde(default)]
    pub error_ratio: f64,
    /// Milliseconds added to every answer but a health check.
    #[serde(default)]
    pub latency_ms: u64,
    /// Milliseconds from start to ready.
    #[serde(default)]
    pub start_ms: u64,
    /// Milliseconds from start after which the health check fails; `None` is never.
    #[serde(default)]
    pub unready_after_ms: Option<u64>,
}

/// Why an artifact was refused.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is larger than an artifact can be.
    #[error("{path} is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not the JSON object that an artifact is.
    #[error("{path} is not an artifact")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and what was wrong there.
        #[source]
        source: serde_json::Error,
    },
    /// A field has a value that cannot be meant.
    #[error("{path}: field `{field}` is {value}; it must be {must}")]
    OutOfRange {
        /// The file.
        path: PathBuf,
        /// Name of the field.
        field: &'static str,
        /// Its value in the file.
        value: String,
        /// What would be accepted.
        must: String,
    },
}

impl Artifact {
    /// Reads and checks the artifact at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 64 KiB, is not an artifact, has unknown fields or impossible values.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable { path: path.to_owned(), source };
        let mut text = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(ArtifactError::TooLarge { path: path.to_owned() });
        }
        let artifact: Self = serde_json::from_slice(&text)
            .map_err(|source| ArtifactError::Malformed { path: path.to_owned(), source })?;
        artifact.check(path)?;
        Ok(artifact)
    }

    fn check(&self, path: &Path) -> Result<(), ArtifactError> {
        let refuse = |field, value: String, must: &str| {
            Err(ArtifactError::OutOfRange { path: path.to_owned(), field, value, must: must.to_owned() })
        };
        if self.name.trim().is_empty() {
            return refuse("name", format!("{:?}", self.name), "a name");
        }
        if !(0.0..=1.0).contains(&self.error_ratio) {
            return refuse("error_ratio", self.error_ratio.to_string(), "between 0 and 1");
        }
        if self.latency_ms > MAX_LATENCY_MS {
            return refuse("latency_ms", self.latency_ms.to_string(), &format!("at most {MAX_LATENCY_MS}"));
        }
        if self.start_ms > MAX_START_MS {
            return refuse("start_ms", self.start_ms.to_string(), &format!("at most {MAX_START_MS}"));
        }
        match self.unready_after_ms {
            Some(after) if after <= self.start_ms => {
                refuse("unready_after_ms", after.to_string(), &format!("more than start_ms ({})", self.start_ms))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn semantic<'de, D: Deserializer<'de>>(input: D) -> Result<Version, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map_err(|error| D::Error::custom(format!("version {text:?} is not semantic: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Artifact, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("artifact.json");
        std::fs::write(&path, text).unwrap();
        Artifact::read(&path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    #[test]
    fn name_and_version_are_enough() {
        let artifact = read(r#"{"name":"skyoptima","version":"1.0.0"}"#).unwrap();
        assert_eq!(artifact.error_ratio, 0.0);
        assert_eq!(artifact.unready_after_ms, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            (r#"{"name":"s","version":"1.0.0","colour":1}"#, "unknown field `colour`"),
            (r#"{"name":"s"}"#, "missing field `version`"),
            (r#"{"name":"s","version":"one"}"#, "version \"one\" is not semantic"),
            (r#"{"name":" ","version":"1.0.0"}"#, "field `name`"),
            (
                r#"{"name":"s","version":"1.0.0","error_ratio":1.5}"#,
                "field `error_ratio` is 1.5; it must be between 0 and 1",
            ),
            (r#"{"name":"s","version":"1.0.0","latency_ms":60001}"#, "field `latency_ms` is 60001"),
            (r#"{"name":"s","version":"1.0.0","start_ms":50,"unready_after_ms":50}"#, "more than start_ms (50)"),
            ("", "is not an artifact"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
        assert!(read(&" ".repeat(70_000)).unwrap_err().contains("larger than"));
    }

    #[test]
    fn the_shipped_artifacts_are_good() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
        for (version, ratio) in [("1.0.0", 0.0), ("1.1.0", 0.0), ("1.2.0", 0.2)] {
            let artifact = Artifact::read(&folder.join(format!("skyoptima-{version}.json"))).unwrap();
            assert_eq!((artifact.version.to_string().as_str(), artifact.error_ratio), (version, ratio));
        }
    }
}
