//! What is kept on disk about a slot: enough to find its process again and to know what it was started as. It does not
//! know whether the process is alive.

use std::net::SocketAddr;

use meridian_core::digest::Digest;
use meridian_core::plan::parameters::Values;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::detached::Mark;

/// A slot that holds something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SlotRecord {
    /// The release's artifact.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub(super) digest: Digest,
    /// Its version, for people who read the file.
    pub(super) version: String,
    /// What it was started with.
    #[serde(default)]
    pub(super) parameters: Values,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its process.
    pub(super) mark: Mark,
    /// Whether it has ever been ready since this start.
    pub(super) was_ready: bool,
    /// Whether it has been told to end.
    pub(super) is_stopping: bool,
    /// How often it was started without having been ready for long.
    pub(super) starts: u32,
    /// The earliest moment of the next start, in milliseconds of wall time.
    pub(super) restart_after_ms: u64,
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    Digest::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
