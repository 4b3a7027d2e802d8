//! Release notes: entries that say what kind of change each is, or plain text. It knows neither versions nor commits.

use std::fmt;

/// The longest release notes, all entries together: they travel in lists and must not crowd out the rest.
pub const NOTES_BYTES_MAX: usize = 64 * 1024;
/// The longest entry: a line or two, not a page.
pub const NOTE_BYTES_MAX: usize = 1024;
/// The most entries: nobody reads more.
pub const NOTES_MAX: usize = 500;

/// What kind of change an entry speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum NoteKind {
    /// Something that could not be done before.
    Feature,
    /// Something that was wrong.
    Fix,
    /// Something that costs less than before.
    Performance,
    /// Anything else worth telling.
    Other,
}

/// One change.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Note {
    /// What kind of change.
    pub kind: NoteKind,
    /// Whether those who use the service have to change something too.
    pub breaking: bool,
    /// In words, 1 to [`NOTE_BYTES_MAX`] bytes.
    pub text: String,
}

/// What is new in a release, at most [`NOTES_BYTES_MAX`] bytes.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Notes {
    /// Text that says no kinds; nothing can be checked against it.
    Plain(String),
    /// At least one entry, at most [`NOTES_MAX`].
    Typed(Vec<Note>),
}

impl NoteKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Feature, Self::Fix, Self::Performance, Self::Other];

    /// The word used in manifests and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Fix => "fix",
            Self::Performance => "performance",
            Self::Other => "other",
        }
    }
}

impl Notes {
    /// Of entries; none of them are no notes.
    #[must_use]
    pub fn of(entries: Vec<Note>) -> Self {
        if entries.is_empty() { Self::default() } else { Self::Typed(entries) }
    }

    /// The entries; none if it is plain text.
    #[must_use]
    pub fn entries(&self) -> &[Note] {
        match self {
            Self::Plain(_) => &[],
            Self::Typed(entries) => entries,
        }
    }

    /// How long they are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Typed(entries) => entries.iter().map(|entry| entry.text.len()).sum(),
        }
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breaking = if self.breaking { ", breaking" } else { "" };
        write!(f, "{}{breaking}: {}", self.kind.as_str(), self.text)
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Typed(entries) => {
                let lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}
