//! A description: named lines, and tables under headings.

use super::Cell;
use super::table;
use crate::style::{Paint, Tone};
use crate::view::Line;

/// A description, built line by line.
#[derive(Debug, Default)]
pub(crate) struct Page {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Field(String, Vec<Cell>),
    Table(String, &'static [&'static str], Vec<Vec<Cell>>),
    Line(Line),
}

impl Page {
    /// A named value.
    pub(crate) fn field(&mut self, name: &str, value: Cell) -> &mut Self {
        self.cells(name, vec![value])
    }

    /// A named value of several pieces.
    pub(crate) fn cells(&mut self, name: &str, values: Vec<Cell>) -> &mut Self {
        self.parts.push(Part::Field(name.to_owned(), values));
        self
    }

    /// A table under a heading; left out if it has no rows.
    pub(crate) fn table(&mut self, heading: &str, headers: &'static [&'static str], rows: Vec<Vec<Cell>>) -> &mut Self {
        if !rows.is_empty() {
            self.parts.push(Part::Table(heading.to_owned(), headers, rows));
        }
        self
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, line: Line) -> &mut Self {
        self.parts.push(Part::Line(line));
        self
    }

    /// The text.
    pub(crate) fn print(self, paint: Paint) -> String {
        let fields = self.parts.iter().filter_map(|part| match part {
            Part::Field(name, _) => Some(name.chars().count()),
            Part::Table(..) | Part::Line(_) => None,
        });
        let width = fields.max().unwrap_or_default();
        let mut out = String::new();
        for part in self.parts {
            match part {
                Part::Field(name, cells) => {
                    let cells: Vec<_> = cells.iter().map(|cell| paint.apply(cell.tone, &cell.text)).collect();
                    let name = paint.apply(Tone::Faint, &format!("{name:width$}"));
                    // A value of several lines goes on under its first.
                    let value = cells.join(" ").replace('\n', &format!("\n{}", " ".repeat(width + 3)));
                    out.push_str(format!("{name}   {value}").trim_end());
                    out.push('\n');
                }
                Part::Table(heading, headers, rows) => {
                    out.push_str(&format!("\n{}\n", paint.apply(Tone::Strong, &heading)));
                    for line in table::print(headers, rows, paint).lines() {
                        out.push_str(&format!("  {line}\n"));
                    }
                }
                Part::Line(line) => {
                    out.push_str(&line.print(usize::MAX, paint));
                    out.push('\n');
                }
            }
        }
        out
    }
}
