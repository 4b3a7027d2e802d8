//! Finding out what became of a commit whose answer was lost. Not known is not failed: the entry is read before anything
//! else is done, and a late arrival of the first attempt is harmless because it carries the same expectations.

use std::time::Duration;

use crate::{CommitError, Committed, Expect, Key, Op, Revision, Store, StoreError, Txn, Versioned};

/// How often a transaction whose fate is not known is sent again.
const ATTEMPTS: u32 = 4;
/// Pause before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What a read tells about an earlier put whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The entry holds what was put, so the whole transaction was applied.
    Applied(Committed),
    /// The entry is still as the put expected to find it. Not applied so far; it may yet be, until the entry changes.
    Open,
    /// The entry is something else. If entries of this kind are written once, the put was never applied and cannot be; if
    /// not, it may have been applied and overwritten.
    Overtaken {
        /// What is there now.
        item: Option<Versioned>,
    },
}

/// Reads `probe` and compares it with what a put of `value` under `expect` would have left there. The value must be one no
/// other writer would put.
///
/// # Errors
/// As [`Store::get`].
pub async fn standing(store: &dyn Store, probe: &Key, value: &[u8], expect: Expect) -> Result<Standing, StoreError> {
    let item = store.get(probe).await?.item;
    let current = item.as_ref().map(Versioned::stamp);
    Ok(match item {
        // Under `At(r)` an entry still at `r` is the one before, even if it happens to hold the same bytes.
        Some(item) if item.value == value && !expect.holds(Some(item.stamp())) => {
            Standing::Applied(Committed { revision: item.mod_revision })
        }
        _ if expect.holds(current) => Standing::Open,
        item => Standing::Overtaken { item },
    })
}

/// Commits, and if the answer is lost, finds out: reads `probe`, one of the keys the transaction puts, and sends the same
/// transaction again while the entry is as it was before. The value put there must be one no other writer would put, such
/// as one that carries the writer's and the attempt's identity; best is a key that is written once. May be called again
/// with the same transaction after `Unknown`: an attempt that was applied meanwhile counts as success.
///
/// # Errors
/// As [`Store::commit`], with two differences. `Unknown` is returned only if the store could not be read either, or all
/// attempts were lost. `Conflict` means that `probe` was read and does not hold our value: exact for keys written once,
/// while for others the transaction may have been applied and overwritten since.
///
/// With a `probe` that the transaction does not put there is nothing to read, and this is a plain commit.
pub async fn commit_known(store: &dyn Store, txn: Txn, probe: &Key) -> Result<Committed, CommitError> {
    let put = txn.ops().iter().find_map(|op| match op {
        Op::Put { key, value, expect, .. } if key == probe => Some((value.clone(), *expect)),
        Op::Put { .. } | Op::Delete { .. } | Op::Check { .. } => None,
    });
    let Some((value, expect)) = put else {
        return store.commit(txn).await;
    };
    let mut pause = FIRST_PAUSE;
    let mut lost: Option<CommitError> = None;
    for attempt in 1..=ATTEMPTS {
        let failure = match store.commit(txn.clone()).await {
            Ok(committed) => return Ok(committed),
            Err(CommitError::Unknown { .. }) if meridian_core::planted::is("unknown-is-done") => {
                return Ok(Committed { revision: Revision::ZERO });
            }
            Err(failure) => failure,
        };
        match (&failure, &lost) {
            (CommitError::Unknown { .. }, _) => lost = Some(failure.clone()),
            // What is in the way may be an attempt of ours: one made here, or one the caller made before.
            (CommitError::Conflict { .. }, _) | (_, Some(_)) => {}
            // Nothing was lost before, so this answer is the whole truth.
            (_, None) => return Err(failure),
        }
        let conflict = matches!(failure, CommitError::Conflict { .. });
        match standing(store, probe, &value, expect).await {
            Ok(Standing::Applied(committed)) => return Ok(committed),
            // With the probe untouched another key has moved on, which no attempt, late or new, survives.
            Ok(Standing::Open | Standing::Overtaken { .. }) if conflict => return Err(failure),
            Ok(Standing::Overtaken { .. }) => return Err(CommitError::Conflict { key: probe.clone() }),
            Ok(Standing::Open) => {}
            Err(error) => lost = lost.or(Some(CommitError::Unknown { reason: error.to_string() })),
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    Err(lost.unwrap_or(CommitError::Unknown { reason: "no attempt was answered".to_owned() }))
}
