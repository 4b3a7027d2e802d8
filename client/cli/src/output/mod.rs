//! Printing: what can be shown, and the forms it is shown in. Data goes to stdout; this folder only makes text.

pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod kinds;
pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod yaml;

use meridian_core::time::Timestamp;
use serde_json::Value;

use crate::style::Tone;
use page::Page;

/// A piece of text and its tone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cell {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// Something that can be listed and described.
pub(crate) trait Shown {
    /// Names of the columns.
    const HEADERS: &'static [&'static str];
    /// One row, as many cells as headers.
    fn row(&self, now: Timestamp) -> Vec<Cell>;
    /// The resource's full name.
    fn name(&self) -> String;
    /// For programs.
    fn json(&self) -> Value;
    /// For `apply`, where that takes it.
    fn yaml(&self) -> String {
        yaml::print(&self.json())
    }
    /// Everything, for people.
    fn describe(&self, now: Timestamp) -> Page;
}

/// Plain text.
pub(crate) fn cell(text: impl ToString) -> Cell {
    Cell { tone: Tone::Plain, text: text.to_string() }
}

/// Text with a tone.
pub(crate) fn toned(tone: Tone, text: impl ToString) -> Cell {
    Cell { tone, text: text.to_string() }
}

/// A glyph and a word.
pub(crate) fn marked((glyph, tone): (&str, Tone), word: &str) -> Cell {
    Cell { tone, text: format!("{glyph} {word}") }
}

/// Text, or a dash where there is none.
pub(crate) fn or_dash(text: impl ToString) -> Cell {
    let text = text.to_string();
    if text.is_empty() { toned(Tone::Faint, "-") } else { cell(text) }
}
