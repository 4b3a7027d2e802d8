//! A wave that is written once and goes in parts, each larger than the one before: 1, 2, 4 regions, and so on. It does not
//! know regions; how many there are, and in which order, is found when a plan is made.

/// The largest factor: what grows faster is not gradual.
pub const FACTOR_MAX: u32 = 10;

/// How a wave is taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Spread {
    /// Regions of the first part; at least one.
    pub first: u32,
    /// How much larger each part is than the one before: `1..=`[`FACTOR_MAX`].
    pub factor: u32,
    /// Who goes first.
    pub order: SpreadOrder,
}

/// The order of the regions of a wave that goes in parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum SpreadOrder {
    /// As they are selected: as named, or by name.
    Selected,
    /// Those with the least traffic first; at the same traffic as they are selected.
    LowTraffic,
}

impl SpreadOrder {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::LowTraffic => "low-traffic",
        }
    }
}

impl Spread {
    /// How many regions each part takes, of so many. Never a part without regions; nothing if there are none.
    #[must_use]
    pub fn parts(self, regions: usize) -> Vec<usize> {
        let mut parts = Vec::new();
        let (mut left, mut next) = (regions, self.first.max(1) as usize);
        while left > 0 {
            let part = next.min(left);
            parts.push(part);
            left -= part;
            next = next.saturating_mul(self.factor.max(1) as usize);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_and_take_everybody_once() {
        let table: [(u32, u32, usize, &[usize]); 7] = [
            (1, 2, 7, &[1, 2, 4]),
            (1, 2, 9, &[1, 2, 4, 2]),
            (2, 3, 20, &[2, 6, 12]),
            (5, 1, 12, &[5, 5, 2]),
            (9, 2, 4, &[4]),
            (1, 2, 0, &[]),
            (u32::MAX, 10, 3, &[3]),
        ];
        for (first, factor, regions, expected) in table {
            let spread = Spread { first, factor, order: SpreadOrder::Selected };
            assert_eq!(spread.parts(regions), expected, "{spread:?} {regions}");
        }
    }
}
