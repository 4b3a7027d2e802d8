//! One thing a rule found: where, which rule, what is wrong and how to mend it. It does not know the rules.

use std::fmt;

/// Whether a finding fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Must be mended.
    Error,
    /// Worth a look; does not fail anything.
    Warning,
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it fails the check.
    pub level: Level,
    /// Path from the workspace's root, with `/`.
    pub file: String,
    /// Line from 1; 0 where the whole file or folder is meant.
    pub line: usize,
    /// The rule's short name.
    pub rule: &'static str,
    /// What is wrong, with the name or number that shows it.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Finding {
    /// A finding that fails the check.
    pub fn error(rule: &'static str, place: (&str, usize), what: impl Into<String>, fix: impl Into<String>) -> Self {
        let (file, line) = place;
        Self { level: Level::Error, file: file.to_owned(), line, rule, what: what.into(), fix: fix.into() }
    }

    /// The same finding, but one that does not fail the check.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.level = Level::Warning;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = match self.level {
            Level::Error => "",
            Level::Warning => "warning: ",
        };
        write!(out, "{}:{}: {note}{}: {}; {}", self.file, self.line, self.rule, self.what, self.fix)
    }
}
