//! Errors drawn for terminals: the lines around the place, a caret, the fix. The only file that knows how pictures are
//! made; it keeps a few lines of a file, never the file.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents};
use miette::{SourceCode, SourceSpan, SpanContents};

use super::error::ManifestError;
use super::yaml::Place;

/// Longer lines are not drawn: a picture of them would not fit a screen.
const LINE_BYTES_MAX: usize = 200;
/// Wide enough for a line of a manifest, narrow enough for half a screen.
const WIDTH: usize = 110;

/// Draws errors one after the other; those without a place print on one line.
pub(super) fn draw(errors: &[ManifestError], color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
    let mut out = String::new();
    for error in errors {
        let mut picture = String::new();
        let drawn = match &error.excerpt {
            Some(excerpt) => handler.render_report(&mut picture, &Drawn { error, excerpt }),
            None => Err(fmt::Error),
        };
        out.push_str(&drawn.map_or_else(|_| error.to_string(), |()| picture));
        out.push('\n');
    }
    out
}

/// The drawn form has lines of their own for place and fix, so its headline is the message alone.
#[derive(Debug, thiserror::Error)]
#[error("{}", error.message)]
struct Drawn<'e> {
    error: &'e ManifestError,
    excerpt: &'e Excerpt,
}

impl Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.error.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.error.fix))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let what = if self.error.field.is_empty() { "here" } else { &self.error.field };
        let label = LabeledSpan::new_with_span(Some(what.to_owned()), self.excerpt.marked);
        Some(Box::new(std::iter::once(label)))
    }
}

/// The line of an error and its neighbours: all that is kept of a file for drawing.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    file: String,
    text: String,
    /// How many lines of the file come before.
    before: usize,
    marked: SourceSpan,
}

impl Excerpt {
    pub(super) fn cut(file: &str, text: &str, place: Place) -> Option<Self> {
        let first = place.line.saturating_sub(2);
        let mut kept = String::new();
        let mut marked = None;
        for (index, line) in text.lines().enumerate().skip(first).take(3) {
            if index + 1 == place.line {
                let column = line.char_indices().nth(place.column - 1).map_or(line.len(), |(offset, _)| offset);
                let length = place.length.min(line.len() - column);
                marked = Some(SourceSpan::from((kept.len() + column, length)));
            }
            if line.len() > LINE_BYTES_MAX {
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
