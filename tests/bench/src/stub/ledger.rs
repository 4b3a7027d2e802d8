//! When goals came and acknowledgements left: of the first service by epoch, of the crowd of others in sums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::ServiceId;

/// The epochs of one run.
#[derive(Debug, Default)]
pub struct Ledger {
    epochs: Mutex<BTreeMap<Epoch, Times>>,
    crowd: Mutex<Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    acks: u64,
    /// How many services are to go back, once that was asked.
    wanted: usize,
    back: BTreeSet<ServiceId>,
    first_breach: Option<u64>,
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

    /// From now on services of the crowd go back, so many.
    pub fn expect_back(&self, wanted: usize) {
        let acks = self.crowd().acks;
        *self.crowd() = Crowd { acks, wanted, ..Crowd::default() };
    }

    /// Somebody reports breaches of the crowd.
    pub fn breached(&self, at: u64) {
        let mut crowd = self.crowd();
        crowd.first_breach = Some(crowd.first_breach.map_or(at, |first| first.min(at)));
    }

    /// A goal of the crowd was acknowledged. Returns the first breach and this acknowledgement once all have gone back.
    pub fn note_crowd(&self, goal: &Goal, ack: u64) -> Option<(u64, u64)> {
        let mut crowd = self.crowd();
        crowd.acks += 1;
        let first = crowd.first_breach?;
        // Whoever goes back measures nothing any more.
        let is_last = goal.measurement.is_none() && crowd.back.insert(goal.lane.service.clone());
        (is_last && crowd.back.len() == crowd.wanted).then_some((first, ack))
    }

    /// How many goals of the crowd were acknowledged.
    pub fn crowd_acks(&self) -> u64 {
        self.crowd().acks
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        // Whole after every statement.
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
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
