//! Deals faults: every cell once, in an order made by chance, then all again. So no cell stays empty for long, and which
//! follows which differs from run to run. It does not know how a fault is done.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::Cell;

/// Cells to be dealt.
#[derive(Clone, Debug)]
pub struct Deck {
    cells: Vec<Cell>,
    left: Vec<Cell>,
}

impl Deck {
    /// A deck of these cells.
    #[must_use]
    pub const fn new(cells: Vec<Cell>) -> Self {
        Self { cells, left: Vec::new() }
    }

    /// The next one; `None` of an empty deck.
    pub fn deal(&mut self, chance: &mut StdRng) -> Option<Cell> {
        if self.left.is_empty() {
            self.left.clone_from(&self.cells);
            self.left.shuffle(chance);
        }
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::{Matrix, cells};
    use super::*;

    #[test]
    fn one_round_leaves_nothing_empty() {
        let (mut deck, mut chance) = (Deck::new(cells().collect()), StdRng::seed_from_u64(7));
        let mut matrix = Matrix::default();
        for _ in cells() {
            matrix.add(deck.deal(&mut chance).unwrap(), 1);
        }
        assert!(matrix.empty().is_empty());
        assert_eq!(Deck::new(Vec::new()).deal(&mut chance), None);
    }
}
