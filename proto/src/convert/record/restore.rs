//! The mark that a restore leaves in the store it fills.

use meridian_core::digest::Digest;
use meridian_core::time::Timestamp;

use super::{check_schema, schema};
use crate::convert::field::{digest, within};
use crate::convert::invalid::Invalid;
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// A restore from a backup, under way or done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Restore {
    /// Digest of the backup.
    pub backup: Digest,
    /// Generation of the epochs with which it goes on; never 0.
    pub generation: u64,
    /// When it began.
    pub time: Timestamp,
    /// Whether everything is there.
    pub done: bool,
}

impl TryFrom<records::RestoreRecord> for Restore {
    type Error = Invalid;

    fn try_from(wire: records::RestoreRecord) -> Result<Self, Invalid> {
        let records::RestoreRecord { schema, backup_digest, generation, time, done } = wire;
        check_schema(schema)?;
        within("generation", generation, 1, u64::MAX)?;
        let backup = digest("backup_digest", &backup_digest)?;
        Ok(Self { backup, generation, time: moment("time", time)?, done })
    }
}

impl From<&Restore> for records::RestoreRecord {
    fn from(restore: &Restore) -> Self {
        let Restore { backup, generation, time, done } = restore;
        Self {
            schema: schema(),
            backup_digest: backup.to_string(),
            generation: *generation,
            time: Some(timestamp_to_wire(*time)),
            done: *done,
        }
    }
}
