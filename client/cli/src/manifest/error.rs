//! Why manifests were refused: one line for programs and logs, a picture with a caret for terminals.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents};
use miette::{SourceCode, SourceSpan, SpanContents};

use super::yaml::Place;

/// The longest value that is repeated in an error, in characters.
const VALUE_CHARS_MAX: usize = 64;
/// Lines beyond this are not drawn: a picture of them would not fit a screen.
const DRAWN_LINE_BYTES_MAX: usize = 200;

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
    excerpt: Option<Excerpt>,
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

    fn new(file: &str, place: Option<(&str, Place)>, finding: Finding) -> Self {
        let Finding { code, field, value, message, fix } = finding;
        let file = safe(file);
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
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false);
        let mut out = String::new();
        for error in &self.0 {
            if error.excerpt.is_none() || handler.render_report(&mut out, error).is_err() {
                out.push_str(&error.to_string());
                out.push('\n');
            }
        }
        out
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

/// The drawn form says the place and the fix in its own lines, so its headline is the message alone.
struct Headline;

impl Headline {
    fn label(error: &ManifestError) -> String {
        if error.field.is_empty() { "here".to_owned() } else { error.field.clone() }
    }
}

impl Diagnostic for ManifestError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fix))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        let label = LabeledSpan::new_with_span(Some(Headline::label(self)), excerpt.marked);
        Some(Box::new(std::iter::once(label)))
    }
}

/// The line of an error and its neighbours: all that is kept of a file for drawing.
#[derive(Clone, Debug)]
struct Excerpt {
    file: String,
    text: String,
    /// How many lines of the file come before.
    before: usize,
    marked: SourceSpan,
}

impl Excerpt {
    fn cut(file: &str, text: &str, place: Place) -> Option<Self> {
        let first = place.line.saturating_sub(2);
        let mut kept = String::new();
        let mut marked = None;
        for (index, line) in text.lines().enumerate().skip(first).take(3) {
            if index + 1 == place.line {
                let column = line.char_indices().nth(place.column - 1).map_or(line.len(), |(offset, _)| offset);
                let length = place.length.min(line.len() - column);
                marked = Some(SourceSpan::from((kept.len() + column, length)));
            }
            if line.len() > DRAWN_LINE_BYTES_MAX {
                if index + 1 == place.line {
                    return None;
                }
            } else {
                kept.push_str(&line.chars().map(drawn).collect::<String>());
            }
            kept.push('\n');
        }
        let marked = marked.unwrap_or_else(|| SourceSpan::from((kept.len(), 0)));
        Some(Self { file: file.to_owned(), text: kept, before: first, marked })
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            inner.data(),
            *inner.span(),
            inner.line() + self.before,
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// Characters that would reorder or hide what a terminal shows; each stand-in has as many bytes, so marks still fit.
const fn drawn(character: char) -> char {
    match character {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        '\u{61c}' => '¿',
        other => other,
    }
}

fn safe(text: &str) -> String {
    let escape = |character: char| match drawn(character) == character && !character.is_control() {
        true => character.to_string(),
        false => character.escape_unicode().to_string(),
    };
    text.chars().map(escape).collect()
}

fn shorten(text: &str, chars_max: usize) -> String {
    let escaped: String = text.chars().take(chars_max + 1).flat_map(char::escape_debug).collect();
    let plain = escaped.replace("\\\"", "\"").replace("\\'", "'");
    if plain.chars().count() <= chars_max {
        return plain;
    }
    plain.chars().take(chars_max - 1).chain(std::iter::once('…')).collect()
}
