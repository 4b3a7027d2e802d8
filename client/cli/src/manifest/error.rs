//! Why manifests were refused, each on one line for programs and logs. It does not know how errors are drawn.

use std::fmt;

use super::DocumentPlace;
use super::drawing::{Excerpt, draw};
use super::yaml::Place;

/// The longest value that is repeated in an error, in characters.
const VALUE_CHARS_MAX: usize = 64;

/// One refusal: where, what was there, why not, and what to write instead.
///
/// Prints as `file:line:column: CODE: message (field = value); fix: …` on one line; control characters are escaped.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ManifestError {
    /// The file as it was named, or `<stdin>`.
    pub file: String,
    /// Counted from one; zero if the file as a whole is meant.
    pub line: usize,
    /// In characters, counted from one; zero if the file as a whole is meant.
    pub column: usize,
    /// Stable, for programs: `PERCENT_INVALID`.
    pub code: &'static str,
    /// The field's path: `spec.stages[0].waves[1].steps`; empty if no field is meant.
    pub field: String,
    /// What was written, shortened and escaped.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: String,
    pub(super) excerpt: Option<Excerpt>,
}

/// Everything that was refused, in the order of files and lines; never empty.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ManifestErrors(Vec<ManifestError>);

/// What an error says, without its place.
pub(super) struct Finding {
    pub(super) code: &'static str,
    pub(super) field: String,
    pub(super) value: String,
    pub(super) message: String,
    pub(super) fix: String,
}

impl ManifestError {
    /// About a file as a whole.
    pub(super) fn of_file(file: &str, code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), fix.into());
        let finding = Finding { code, field: String::new(), value: String::new(), message, fix };
        Self::new(file, None, finding)
    }

    /// About a place in a text.
    pub(super) fn at(file: &str, text: &str, place: Place, finding: Finding) -> Self {
        Self::new(file, Some((text, place)), finding)
    }

    /// About a place whose text is not shown.
    pub(super) fn unshown(file: &str, place: Place, finding: Finding) -> Self {
        Self { line: place.line, column: place.column, ..Self::new(file, None, finding) }
    }

    /// About a whole document, of which the text is no longer at hand.
    pub(super) fn of_document(place: &DocumentPlace, finding: Finding) -> Self {
        Self { line: place.line, column: 1, ..Self::new(&place.file, None, finding) }
    }

    fn new(file: &str, place: Option<(&str, Place)>, finding: Finding) -> Self {
        let Finding { code, field, value, message, fix } = finding;
        let (file, message) = (safe(file), safe(&message));
        let excerpt = place.and_then(|(text, place)| Excerpt::cut(&file, text, place));
        let (line, column) = place.map_or((0, 0), |(_, place)| (place.line, place.column));
        let (field, value) = (shorten(&field, 4 * VALUE_CHARS_MAX), shorten(&value, VALUE_CHARS_MAX));
        Self { file, line, column, code, field, value, message, fix, excerpt }
    }
}

impl ManifestErrors {
    pub(super) const fn new(errors: Vec<ManifestError>) -> Self {
        assert!(!errors.is_empty(), "a refusal has a reason");
        Self(errors)
    }

    /// Each refusal.
    #[must_use]
    pub fn all(&self) -> &[ManifestError] {
        &self.0
    }

    /// For terminals: each refusal with the lines around it and a caret.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        draw(&self.0, color)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line != 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", self.code, self.message)?;
        match (self.field.is_empty(), self.value.is_empty()) {
            (true, _) => {}
            (false, true) => write!(f, " ({})", self.field)?,
            (false, false) => write!(f, " ({} = {})", self.field, self.value)?,
        }
        write!(f, "; fix: {}", self.fix)
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{error}")?;
        }
        Ok(())
    }
}

/// Text of others, made fit for one line of a terminal: nothing in it moves the cursor or turns the direction.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let hides = matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
        if hides || character.is_control() || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}') {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

fn shorten(text: &str, chars_max: usize) -> String {
    let head: String = text.chars().take(chars_max + 1).collect();
    let plain = safe(&head);
    if plain.chars().count() <= chars_max {
        return plain;
    }
    plain.chars().take(chars_max - 1).chain(std::iter::once('…')).collect()
}
