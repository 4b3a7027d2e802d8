//! What can go wrong with a store, told apart by what the caller may do next.

use thiserror::Error;

use crate::{Key, LeaseId, TxnInvalid};

/// Why a read, a watch or a compaction did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store did not answer in time, after its own bounded retries.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
    /// An argument outside its bounds; the same call will never succeed.
    #[error("invalid request to the store: {reason}")]
    Invalid {
        /// Which bound.
        reason: String,
    },
    /// What is stored, or who answers, is not what it was: damage, or another store behind the same address.
    #[error("the store's content cannot be trusted: {reason}")]
    Corrupt {
        /// What was seen.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Invalid { .. } | Self::Corrupt { .. } => false,
        }
    }

    #[cfg(feature = "embedded")]
    pub(crate) fn unavailable(reason: impl ToString) -> Self {
        Self::Unavailable { reason: reason.to_string() }
    }
}

/// Why a transaction is not known to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// Not applied: this key was not as expected. Read again, decide again.
    #[error("{key} was changed by someone else")]
    Conflict {
        /// The first key, in the order of the operations, that differed.
        key: Key,
    },
    /// Not applied: all was as expected, but a lease that an entry was to live by is gone.
    #[error("not applied, lease {lease} is gone")]
    LeaseGone {
        /// The first such lease, in the order of the operations.
        lease: LeaseId,
    },
    /// It may have been applied, or may still be. Read before doing anything else; [`crate::commit_known`] does.
    #[error("it is not known whether the transaction was applied: {reason}")]
    Unknown {
        /// What was seen.
        reason: String,
    },
    /// Not applied, and never will be: the store could not be reached or is not taking writes now.
    #[error("not applied, the store is unavailable: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
    /// Not applied: it breaks a limit.
    #[error(transparent)]
    Invalid(#[from] TxnInvalid),
    /// Not applied: the store's quota or disk is used up.
    #[error("not applied, the store is full: {reason}")]
    Full {
        /// What was seen.
        reason: String,
    },
    /// What is stored, or who answers, is not what it was. Whether this was applied is not known either.
    #[error("the store's content cannot be trusted: {reason}")]
    Corrupt {
        /// What was seen.
        reason: String,
    },
}

impl CommitError {
    /// Whether sending the very same transaction again is safe and may succeed. Not so for [`Self::Conflict`], which needs
    /// a new decision, nor for [`Self::LeaseGone`], which needs another lease, nor for [`Self::Unknown`], which needs a read first.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Conflict { .. }
            | Self::LeaseGone { .. }
            | Self::Unknown { .. }
            | Self::Invalid(_)
            | Self::Full { .. }
            | Self::Corrupt { .. } => false,
        }
    }
}
