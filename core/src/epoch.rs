//! Epochs: the fencing tokens of decisions. An epoch only ever grows; there is no way to lower one.

use std::fmt;

/// `(generation, counter)`, strictly increasing per service. Every decision raises the counter by exactly one;
/// restoring a backup raises the generation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Epoch {
    generation: u64,
    counter: u64,
}

impl Epoch {
    /// Before any decision.
    pub const ZERO: Self = Self { generation: 0, counter: 0 };

    /// An epoch read back from a record or a message.
    #[must_use]
    pub const fn new(generation: u64, counter: u64) -> Self {
        Self { generation, counter }
    }

    /// The epoch of the next decision; `None` at the end of the counter, where the service must freeze.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.counter.checked_add(1) {
            Some(counter) if counter < u64::MAX => Some(Self { generation: self.generation, counter }),
            Some(_) | None => None,
        }
    }

    /// The epoch of the decision that goes on after a restore from a backup: of a generation above this one and not
    /// below `generation`. Two restores of one backup must not meet, so the caller takes that from a clock. `None` at
    /// the end of the counter or of the generations.
    #[must_use]
    pub const fn restored(self, generation: u64) -> Option<Self> {
        let Some(next) = self.next() else { return None };
        let Some(above) = self.generation.checked_add(1) else { return None };
        Some(Self { generation: if generation > above { generation } else { above }, counter: next.counter })
    }

    /// The high part, raised by a restore.
    #[must_use]
    pub const fn generation(self) -> u64 {
        self.generation
    }

    /// The low part, raised by each decision.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.counter
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_grow_by_one_and_stop_before_the_end() {
        let epoch = Epoch::new(2, 7);
        assert_eq!(epoch.next(), Some(Epoch::new(2, 8)));
        assert!(Epoch::new(3, 0) > Epoch::new(2, u64::MAX));
        assert_eq!(Epoch::new(0, u64::MAX - 1).next(), None);
        assert_eq!(Epoch::new(0, u64::MAX).next(), None);
    }

    #[test]
    fn a_restore_is_above_all_that_was_issued() {
        let backed_up = Epoch::new(2, 7);
        for (given, generation) in [(0, 3), (3, 3), (1_000, 1_000)] {
            let restored = backed_up.restored(given).unwrap();
            assert_eq!(restored, Epoch::new(generation, 8));
            assert!(restored > Epoch::new(2, u64::MAX - 1));
        }
        assert_eq!(Epoch::new(2, u64::MAX - 1).restored(9), None);
        assert_eq!(Epoch::new(u64::MAX, 7).restored(9), None);
    }
}
