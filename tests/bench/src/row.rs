//! One line of the table: a figure, its floor of the same run, its target, and how busy the machine was.

use std::fmt;
use std::io::Write;

use crate::machine;

/// One figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// As in the list of targets: `P1`.
    pub id: &'static str,
    /// What the machine alone would take.
    pub floor: f64,
    /// What we take.
    pub ours: f64,
    /// Of both.
    pub unit: &'static str,
    /// Written as it stands: `0.80`, `5ms`, `0`.
    pub target: String,
    /// What was measured, with what else was seen.
    pub what: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, floor, ours, unit, target, what } = self;
        let number = |value: f64| {
            if unit.is_empty() { format!("{value}") } else { format!("{value:.3}{unit}") }
        };
        let ratio = if *floor > 0.0 { format!("{:.2}", ours / floor) } else { "-".to_owned() };
        let (floor, ours, load) = (number(*floor), number(*ours), machine::load_average());
        write!(f, "{id} floor={floor} ours={ours} ratio={ratio} target={target} load={load} {what}")
    }
}

impl Row {
    /// Prints the line at once, whoever reads it.
    pub fn print(&self) {
        let mut out = std::io::stdout();
        // A reader that hung up must not end the run: processes have to be ended.
        let _hung_up = writeln!(out, "{self}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line_and_a_floor_of_zero_has_no_ratio() {
        let row =
            |floor, unit| Row { id: "P0", floor, ours: 3.0, unit, target: "1".to_owned(), what: "x y".to_owned() };
        let text = row(2.0, "ms").to_string();
        assert!(text.starts_with("P0 floor=2.000ms ours=3.000ms ratio=1.50 target=1 load="), "{text}");
        assert!(text.ends_with(" x y") && !text.contains('\n'), "{text}");
        assert!(row(0.0, "").to_string().starts_with("P0 floor=0 ours=3 ratio=- "), "{}", row(0.0, ""));
    }
}
