//! What a run came to, in one line; and the sums of a run that was made in pieces, kept in a file between them.

use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::fault::{Matrix, cells};

/// What one run, or several pieces of one, came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Minutes of faults.
    pub minutes: u64,
    /// Faults that were done and undone.
    pub faults: u64,
    /// Decisions that were committed.
    pub decisions: u64,
    /// Promises that were not kept.
    pub violations: u64,
    /// Rollouts that never ended after everything had healed.
    pub stuck: u64,
    /// Times in which a switch left no live slot.
    pub live_slot_gaps: u64,
    /// How often which fault.
    pub matrix: Matrix,
}

impl Totals {
    /// Adds another piece.
    pub fn add(&mut self, piece: &Self) {
        let Self { minutes, faults, decisions, violations, stuck, live_slot_gaps, matrix } = piece;
        self.minutes += minutes;
        self.faults += faults;
        self.decisions += decisions;
        self.violations += violations;
        self.stuck += stuck;
        self.live_slot_gaps += live_slot_gaps;
        cells().for_each(|cell| self.matrix.add(cell, matrix.count(cell)));
    }

    /// Whether everything held.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.violations == 0 && self.stuck == 0 && self.live_slot_gaps == 0
    }

    /// Adds what a file holds, and writes the sum back. A file that is not there holds nothing.
    ///
    /// # Errors
    /// If it can't be read, is none of ours, or can't be written.
    pub fn append(&mut self, path: &Path) -> anyhow::Result<()> {
        if path.exists() {
            let text = std::fs::read_to_string(path)?;
            let before = Self::parse(&text).with_context(|| format!("{} is no file of totals", path.display()))?;
            self.add(&before);
        }
        // Beside it first, so that a run that is cut short here loses no piece.
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(&self.json())?)?;
        Ok(std::fs::rename(&beside, path)?)
    }

    fn json(&self) -> Value {
        let done = cells().map(|cell| (key(cell), json!(self.matrix.count(cell))));
        json!({
            "minutes": self.minutes, "faults": self.faults, "decisions": self.decisions, "stuck": self.stuck,
            "violations": self.violations, "live_slot_gaps": self.live_slot_gaps, "matrix": done.collect::<Map<_, _>>(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let mut matrix = Matrix::default();
        for cell in cells() {
            matrix.add(cell, value.get("matrix")?.get(key(cell)).and_then(Value::as_u64).unwrap_or(0));
        }
        Some(Self {
            minutes: number("minutes")?,
            faults: number("faults")?,
            decisions: number("decisions")?,
            violations: number("violations")?,
            stuck: number("stuck")?,
            live_slot_gaps: number("live_slot_gaps")?,
            matrix,
        })
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, faults, decisions, violations, stuck, live_slot_gaps, matrix: _ } = self;
        write!(
            f,
            "robustness minutes={minutes} faults={faults} decisions={decisions} violations={violations} stuck={stuck} \
             live_slot_gaps={live_slot_gaps}"
        )
    }
}

fn key((class, component): crate::fault::Cell) -> String {
    format!("{} {}", class.as_str(), component.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(minutes: u64, violations: u64) -> Totals {
        let mut matrix = Matrix::default();
        cells().for_each(|cell| matrix.add(cell, 1));
        let faults = matrix.total();
        Totals { minutes, faults, decisions: 100, violations, stuck: 0, live_slot_gaps: 0, matrix }
    }

    #[test]
    fn pieces_add_up_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("totals.json");
        let (mut first, mut second) = (piece(3, 0), piece(5, 1));
        first.append(&path).unwrap();
        second.append(&path).unwrap();
        let said = format!(
            "robustness minutes=8 faults={} decisions=200 violations=1 stuck=0 live_slot_gaps=0",
            2 * first.faults
        );
        assert_eq!(second.to_string(), said);
        assert!(first.is_good() && !second.is_good());
        assert_eq!(second.matrix.total(), 2 * first.matrix.total());
        std::fs::write(&path, "{}").unwrap();
        assert!(piece(1, 0).append(&path).is_err(), "a file that is none of ours is left alone");
    }
}
