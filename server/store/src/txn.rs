//! A transaction: a set of writes, each with what it expects to find, and checks of further keys. Applied whole or not at
//! all. A write that does not say what it replaces cannot be written down: a late duplicate of such a write would land on
//! top of newer ones.

use std::collections::HashSet;

use bytes::Bytes;
use thiserror::Error;

use crate::{Key, LeaseId, MAX_VALUE_BYTES, Revision, Stamp};

/// Most operations in one transaction.
pub const MAX_TXN_OPS: usize = 120;
/// Most bytes in one transaction, counted by [`Txn::weight`]; below what a store takes in one request.
pub const MAX_TXN_BYTES: usize = 1_400_000;

/// What must be true of a key for the transaction to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such entry.
    Absent,
    /// The entry was last written by the commit with this revision.
    At(Revision),
    /// There is such an entry, whatever its revision. For checks only: a write has to name what it replaces.
    Present,
    /// The entry was created by the commit with this revision, however often it was written since. For checks only.
    Created(Revision),
}

impl Expect {
    /// Whether an entry with the stamp `current` (`None`: no entry) is what was expected.
    #[must_use]
    pub fn holds(self, current: Option<Stamp>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::At(revision) => current.is_some_and(|stamp| stamp.modified == revision),
            Self::Present => current.is_some(),
            Self::Created(revision) => current.is_some_and(|stamp| stamp.created == revision),
        }
    }
}

/// One operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Write a value.
    Put {
        /// Where.
        key: Key,
        /// What.
        value: Bytes,
        /// In place of what.
        expect: Expect,
        /// By which lease the entry lives; by none, it stays until it is deleted, whatever it lived by before.
        lease: Option<LeaseId>,
    },
    /// Remove an entry.
    Delete {
        /// Which.
        key: Key,
        /// In what state.
        expect: Expect,
    },
    /// Change nothing, but apply only if this holds.
    Check {
        /// Of which key.
        key: Key,
        /// What must hold.
        expect: Expect,
    },
}

impl Op {
    /// The key it is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// What it expects of that key.
    #[must_use]
    pub fn expect(&self) -> Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } | Self::Check { expect, .. } => *expect,
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::Put { .. } | Self::Delete { .. } => true,
            Self::Check { .. } => false,
        }
    }

    /// What a put needs beyond its key and value.
    fn lease_bytes(&self) -> usize {
        match self {
            Self::Put { lease: Some(_), .. } => 16,
            Self::Put { lease: None, .. } | Self::Delete { .. } | Self::Check { .. } => 0,
        }
    }

    fn value_bytes(&self) -> usize {
        match self {
            Self::Put { value, .. } => value.len(),
            Self::Delete { .. } | Self::Check { .. } => 0,
        }
    }
}

/// Operations that happen together or not at all. Build it, then hand it to a store; a key may appear once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    ops: Vec<Op>,
    urgent: bool,
}

impl Txn {
    /// An empty transaction, which a store refuses until something is added.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a write of `value` in place of what `expect` describes: `Absent` or `At`.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Bytes>, expect: Expect) -> Self {
        self.ops.push(Op::Put { key, value: value.into(), expect, lease: None });
        self
    }

    /// Adds a write of an entry that lives as long as `lease`. If everything is as expected but the lease does not live,
    /// the whole is refused as [`crate::CommitError::LeaseGone`].
    #[must_use]
    pub fn put_leased(mut self, key: Key, value: impl Into<Bytes>, expect: Expect, lease: LeaseId) -> Self {
        self.ops.push(Op::Put { key, value: value.into(), expect, lease: Some(lease) });
        self
    }

    /// Adds the removal of an entry; `expect` has to be `At`.
    #[must_use]
    pub fn delete(mut self, key: Key, expect: Expect) -> Self {
        self.ops.push(Op::Delete { key, expect });
        self
    }

    /// Adds a condition on a key that is not written.
    #[must_use]
    pub fn check(mut self, key: Key, expect: Expect) -> Self {
        self.ops.push(Op::Check { key, expect });
        self
    }

    /// Marks it as one that can't wait until somebody makes room: what takes traffic back, and what stops. A full store
    /// takes it as long as its reserve lasts.
    #[must_use]
    pub fn urgent(mut self) -> Self {
        self.urgent = true;
        self
    }

    /// Whether it may use the reserve.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// The operations in the order they were added.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// What is counted against [`MAX_TXN_BYTES`]: values once, keys four times (a store repeats them in its request), and
    /// a fixed part per operation, greater for one with a lease.
    #[must_use]
    pub fn weight(&self) -> usize {
        let weigh = |op: &Op| 64 + op.lease_bytes() + 4 * op.key().as_str().len() + op.value_bytes();
        self.ops.iter().map(weigh).sum()
    }

    /// The leases its entries are to live by.
    pub fn leases(&self) -> impl Iterator<Item = LeaseId> {
        self.ops.iter().filter_map(|op| match op {
            Op::Put { lease, .. } => *lease,
            Op::Delete { .. } | Op::Check { .. } => None,
        })
    }

    /// Whether it would change anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.ops.iter().any(Op::writes)
    }

    /// Checks every rule a store would refuse it for.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn validate(&self) -> Result<(), TxnInvalid> {
        if self.ops.is_empty() {
            return Err(TxnInvalid::Empty);
        }
        if self.ops.len() > MAX_TXN_OPS {
            return Err(TxnInvalid::TooManyOps { ops: self.ops.len() });
        }
        let mut seen = HashSet::with_capacity(self.ops.len());
        for op in &self.ops {
            if !seen.insert(op.key()) {
                return Err(TxnInvalid::DuplicateKey { key: op.key().clone() });
            }
            let blind = match op {
                Op::Put { expect, .. } => !matches!(expect, Expect::Absent | Expect::At(_)),
                Op::Delete { expect, .. } => !matches!(expect, Expect::At(_)),
                Op::Check { .. } => false,
            };
            if blind {
                return Err(TxnInvalid::BlindWrite { key: op.key().clone() });
            }
            if op.value_bytes() > MAX_VALUE_BYTES {
                return Err(TxnInvalid::ValueTooLarge { key: op.key().clone(), bytes: op.value_bytes() });
            }
        }
        if self.weight() > MAX_TXN_BYTES {
            return Err(TxnInvalid::TooLarge { bytes: self.weight() });
        }
        Ok(())
    }

    /// The first key, in order of the operations, that is not as expected.
    ///
    /// # Errors
    /// Whatever `current`, which tells the stamp of a key's entry, fails with.
    pub fn conflict<E>(&self, mut current: impl FnMut(&Key) -> Result<Option<Stamp>, E>) -> Result<Option<Key>, E> {
        for op in &self.ops {
            if !op.expect().holds(current(op.key())?) {
                return Ok(Some(op.key().clone()));
            }
        }
        Ok(None)
    }
}

/// Why a store will never accept a transaction as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxnInvalid {
    /// Nothing in it.
    #[error("a transaction needs at least one operation")]
    Empty,
    /// More than [`MAX_TXN_OPS`].
    #[error("a transaction has at most {MAX_TXN_OPS} operations, this one has {ops}")]
    TooManyOps {
        /// How many there are.
        ops: usize,
    },
    /// A key appears twice; a write already carries its own check.
    #[error("key {key} appears twice in one transaction")]
    DuplicateKey {
        /// The key.
        key: Key,
    },
    /// A put that does not say `Absent` or `At`, or a delete that does not say `At`.
    #[error("the write of {key} does not say what it replaces")]
    BlindWrite {
        /// The key.
        key: Key,
    },
    /// A value above [`MAX_VALUE_BYTES`].
    #[error("a value has at most {MAX_VALUE_BYTES} bytes, the one for {key} has {bytes}")]
    ValueTooLarge {
        /// The key.
        key: Key,
        /// Size of its value.
        bytes: usize,
    },
    /// Above [`MAX_TXN_BYTES`] in all.
    #[error("a transaction has at most {MAX_TXN_BYTES} bytes, this one has {bytes}")]
    TooLarge {
        /// Its weight.
        bytes: usize,
    },
}

/// A transaction that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The revision it made, or for one of checks only, the head at which they held.
    pub revision: Revision,
}
