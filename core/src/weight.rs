//! Weights in basis points and splits over the two slots: a split always sums to the whole.

use std::fmt;

use crate::canon::{Canon, Canonical};
use crate::slot::Slot;

/// A share in basis points: 0 ..= 10 000.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Weight(u16);

/// A number of basis points above the whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("a weight is 0 to 10000 basis points, {0} is not")]
pub struct InvalidWeight(pub u64);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const WHOLE: Self = Self(10_000);

    /// From basis points.
    ///
    /// # Errors
    /// Above 10 000.
    pub fn from_basis_points(basis_points: u64) -> Result<Self, InvalidWeight> {
        u16::try_from(basis_points).ok().filter(|w| *w <= 10_000).map(Self).ok_or(InvalidWeight(basis_points))
    }

    /// In basis points.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// So many basis points of it.
    ///
    /// # Panics
    /// Above 10 000.
    #[must_use]
    pub const fn part(self, basis_points: u16) -> Self {
        assert!(basis_points <= 10_000, "a part never exceeds the whole");
        // At most 10 000 again, so the cast loses nothing.
        Self((self.0 as u32 * basis_points as u32 / 10_000) as u16)
    }

    /// What is left of the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        assert!(self.0 <= 10_000, "a weight never exceeds the whole");
        Self(10_000 - self.0)
    }
}

impl fmt::Display for Weight {
    /// As a percentage: `20%`, `20.5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole}%"),
            _ if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            _ => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// Shares of the traffic over the slots; they sum to [`Weight::WHOLE`] by construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Split {
    blue: Weight,
}

impl Split {
    /// Everything to one slot.
    #[must_use]
    pub const fn all(slot: Slot) -> Self {
        match slot {
            Slot::Blue => Self { blue: Weight::WHOLE },
            Slot::Green => Self { blue: Weight::NONE },
        }
    }

    /// `weight` to `slot`, the rest to the other.
    #[must_use]
    pub const fn toward(slot: Slot, weight: Weight) -> Self {
        match slot {
            Slot::Blue => Self { blue: weight },
            Slot::Green => Self { blue: weight.rest() },
        }
    }

    /// The share of a slot.
    #[must_use]
    pub const fn of(self, slot: Slot) -> Weight {
        match slot {
            Slot::Blue => self.blue,
            Slot::Green => self.blue.rest(),
        }
    }

    /// Whether a slot gets any of the weighted traffic.
    #[must_use]
    pub const fn serves(self, slot: Slot) -> bool {
        self.of(slot).0 > 0
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blue {} green {}", self.of(Slot::Blue), self.of(Slot::Green))
    }
}

impl Canonical for Weight {
    fn feed(&self, canon: &mut Canon) {
        canon.number(u64::from(self.0));
    }
}

impl Canonical for Split {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.blue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_sum_to_the_whole() {
        for basis_points in [0, 1, 2_050, 9_999, 10_000] {
            let weight = Weight::from_basis_points(basis_points).unwrap();
            for slot in Slot::BOTH {
                let split = Split::toward(slot, weight);
                assert_eq!(split.of(slot), weight);
                assert_eq!(split.of(Slot::Blue).0 + split.of(Slot::Green).0, 10_000);
            }
        }
        assert_eq!(Weight::from_basis_points(10_001), Err(InvalidWeight(10_001)));
        assert_eq!(Weight::from_basis_points(u64::MAX), Err(InvalidWeight(u64::MAX)));
    }

    #[test]
    fn weights_print_as_percent() {
        for (bp, text) in [(0, "0%"), (2_000, "20%"), (2_050, "20.5%"), (1, "0.01%")] {
            assert_eq!(Weight(bp).to_string(), text);
        }
    }
}
