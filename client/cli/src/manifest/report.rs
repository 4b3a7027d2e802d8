//! Collects what is refused in one text, so that an operator sees everything at once and not the first thing ten times.

use super::ERRORS_MAX;
use super::error::{Finding, ManifestError};
use super::yaml::{Place, Refusal};

/// The refusals of one text.
pub(super) struct Report<'t> {
    pub(super) file: &'t str,
    text: &'t str,
    errors: Vec<ManifestError>,
}

impl<'t> Report<'t> {
    pub(super) const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, errors: Vec::new() }
    }

    /// Adds a refusal; past [`ERRORS_MAX`] it is dropped, see [`cap`].
    pub(super) fn add(&mut self, place: Place, finding: Finding) {
        if self.errors.len() <= ERRORS_MAX {
            self.errors.push(ManifestError::at(self.file, self.text, place, finding));
        }
    }

    /// Adds a refusal without the lines that stand there.
    pub(super) fn add_unshown(&mut self, place: Place, finding: Finding) {
        if self.errors.len() <= ERRORS_MAX {
            self.errors.push(ManifestError::unshown(self.file, place, finding));
        }
    }

    /// Adds what YAML itself refuses.
    pub(super) fn add_refusal(&mut self, refusal: Refusal) {
        let Refusal { at, code, value, message, fix } = refusal;
        self.add(at, Finding { code, field: String::new(), value, message, fix });
    }

    /// In the order of the text.
    pub(super) fn into_errors(mut self) -> Vec<ManifestError> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        self.errors
    }
}

/// Keeps the first [`ERRORS_MAX`] and says so.
pub(super) fn cap(mut errors: Vec<ManifestError>) -> Vec<ManifestError> {
    if errors.len() > ERRORS_MAX {
        errors.truncate(ERRORS_MAX);
        let file = errors.last().map_or_else(String::new, |error| error.file.clone());
        let message = format!("there are more errors than these {ERRORS_MAX}");
        errors.push(ManifestError::of_file(&file, "TOO_MANY_ERRORS", message, "fix these first"));
    }
    errors
}
