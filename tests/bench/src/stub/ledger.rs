//! When goals came and acknowledgements left, by epoch. It does not know whose.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use meridian_core::epoch::Epoch;

/// The epochs of one run.
#[derive(Debug, Default)]
pub struct Ledger {
    epochs: Mutex<BTreeMap<Epoch, Times>>,
}

/// What happened under one epoch, in microseconds of the machine's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// How many acknowledgements left.
    pub count: usize,
    /// The first goal came.
    pub first_goal: u64,
    /// The last acknowledgement left.
    pub last_ack: u64,
}

impl Ledger {
    /// One goal was acknowledged. Returns what is known of the epoch now.
    pub fn note(&self, epoch: Epoch, goal: u64, ack: u64) -> Times {
        let mut epochs = self.epochs();
        let times = epochs.entry(epoch).or_insert(Times { count: 0, first_goal: goal, last_ack: ack });
        times.count += 1;
        times.first_goal = times.first_goal.min(goal);
        times.last_ack = times.last_ack.max(ack);
        *times
    }

    /// Everything noted, by epoch; forgotten with this.
    pub fn take(&self) -> BTreeMap<Epoch, Times> {
        std::mem::take(&mut *self.epochs())
    }

    fn epochs(&self) -> MutexGuard<'_, BTreeMap<Epoch, Times>> {
        // Whole after every statement.
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_spans_from_its_first_goal_to_its_last_ack() {
        let (ledger, epoch) = (Ledger::default(), Epoch::new(0, 3));
        ledger.note(epoch, 20, 25);
        let times = ledger.note(epoch, 10, 22);
        assert_eq!(times, Times { count: 2, first_goal: 10, last_ack: 25 });
        assert_eq!(ledger.take().len(), 1);
        assert!(ledger.take().is_empty());
    }
}
