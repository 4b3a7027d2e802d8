//! A line of toned pieces that can be cut to a width. It knows widths of characters, not what they say.

use console::{measure_text_width, truncate_str};

use crate::output::Cell;
use crate::style::{Paint, Tone};

/// Pieces of text, one after the other.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Line(Vec<Cell>);

impl Line {
    /// With one piece more.
    pub(crate) fn with(mut self, tone: Tone, text: impl ToString) -> Self {
        self.add(tone, text);
        self
    }

    /// Adds a piece.
    pub(crate) fn add(&mut self, tone: Tone, text: impl ToString) {
        self.0.push(Cell { tone, text: one_line(&text.to_string()) });
    }

    /// Adds a piece and fills up to a width.
    pub(crate) fn add_padded(&mut self, cell: &Cell, width: usize) {
        let text = one_line(&cell.text);
        let fill = width.saturating_sub(measure_text_width(&text));
        self.0.push(Cell { tone: cell.tone, text });
        self.0.push(Cell { tone: Tone::Plain, text: " ".repeat(fill) });
    }

    /// The text, cut with an ellipsis if it is wider.
    pub(crate) fn print(&self, width: usize, paint: Paint) -> String {
        let mut out = String::new();
        let mut left = width;
        let last = self.0.iter().rposition(|cell| !cell.text.trim().is_empty());
        for (index, cell) in self.0.iter().enumerate() {
            let text = if Some(index) == last { cell.text.trim_end() } else { &cell.text };
            let is_past = last.is_none_or(|last| index > last);
            if is_past {
                break;
            }
            let wide = measure_text_width(text);
            // What follows has to find room for at least the ellipsis.
            if wide > left || (wide == left && Some(index) != last) {
                out.push_str(&paint.apply(cell.tone, &truncate_str(&format!("{text}…"), left, "…")));
                break;
            }
            out.push_str(&paint.apply(cell.tone, text));
            left -= wide;
        }
        out
    }
}

/// Texts of others must not break a line or speak to the terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_width_and_say_so() {
        let line = Line::default().with(Tone::Plain, "abc").with(Tone::Bad, "日本").with(Tone::Plain, "  ");
        assert_eq!(line.print(80, Paint::Plain), "abc日本");
        assert_eq!(line.print(7, Paint::Plain), "abc日本");
        assert_eq!(line.print(6, Paint::Plain), "abc日…");
        assert_eq!(line.print(2, Paint::Plain), "a…");
        assert_eq!(line.print(7, Paint::Color), "abc\u{1b}[31m日本\u{1b}[0m");
    }

    #[test]
    fn texts_of_others_stay_in_their_line() {
        assert_eq!(Line::default().with(Tone::Plain, "a\n\u{1b}[2Jb").print(80, Paint::Plain), "a  [2Jb");
    }
}
