//! Backups: all lasting entries of a store as of one revision, and the file that keeps them. What goes on after a restore
//! is decided elsewhere; this knows only keys and bytes.

mod file;
mod snapshot;

pub use file::{Backup, BackupInvalid, FORMAT, Header, read, write};
pub use snapshot::{Snapshot, SnapshotError, snapshot};
