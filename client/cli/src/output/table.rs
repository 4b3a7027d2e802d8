//! Columns of text, as wide as their widest cell. It knows widths of characters, not what they say.

use console::measure_text_width;

use super::Cell;
use crate::style::{Paint, Tone};

/// Between columns.
const GAP: &str = "   ";

/// Headers and rows under each other; no headers: rows alone.
pub(crate) fn print(headers: &[&str], rows: Vec<Vec<Cell>>, paint: Paint) -> String {
    let mut all = Vec::with_capacity(rows.len() + 1);
    if !headers.is_empty() {
        let header = |text: &&str| Cell { tone: Tone::Faint, text: (*text).to_owned() };
        all.push(headers.iter().map(header).collect());
    }
    all.extend(rows);
    let widths = widths(&all);
    let mut text = String::new();
    for row in &all {
        text.push_str(&line(row, &widths, paint));
        text.push('\n');
    }
    text
}

/// The width of each column.
pub(crate) fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(&cell.text)).max().unwrap_or_default()
    };
    (0..columns).map(width).collect()
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let mut line = String::new();
    let last = row.len().saturating_sub(1);
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        line.push_str(&paint.apply(cell.tone, &cell.text));
        if index != last {
            line.push_str(&" ".repeat(width - measure_text_width(&cell.text)));
            line.push_str(GAP);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::super::cell;
    use super::*;

    #[test]
    fn columns_stand_under_each_other_whatever_the_characters() {
        let rows = vec![vec![cell("a"), cell("✔ done"), cell("x")], vec![cell("long"), cell("日本"), cell("")]];
        let text = print(&["N", "STATE", "Z"], rows, Paint::Plain);
        assert_eq!(text, "N      STATE    Z\na      ✔ done   x\nlong   日本\n");
    }
}
