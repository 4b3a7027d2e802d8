//! What is stored: opaque bytes under a key, each with the revisions at which it came to be and last changed.
//! Knows nothing about what the bytes mean or how keys are laid out.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

/// Longest key in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// Largest value in bytes.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// Most items one page of a listing holds.
pub const MAX_PAGE_ITEMS: usize = 1000;
/// A page that has reached so many bytes of keys and values is closed, however many items were asked for.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The name of an entry: 1 to [`MAX_KEY_BYTES`] bytes of printable ASCII, the first one a slash. Keys are ordered by their
/// bytes. Also used as a prefix, where `/` stands for every key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Checks and wraps a key.
    ///
    /// # Errors
    /// [`KeyInvalid`] says which rule the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyInvalid> {
        let text = text.into();
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyInvalid::TooLong { bytes: text.len() });
        }
        if !text.starts_with('/') {
            return Err(KeyInvalid::NoLeadingSlash);
        }
        if let Some(at) = text.bytes().position(|byte| !(0x20..=0x7e).contains(&byte)) {
            return Err(KeyInvalid::NotPrintable { at });
        }
        Ok(Self(text))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this key begins with all of `prefix`.
    #[must_use]
    pub fn starts_with(&self, prefix: &Key) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyInvalid {
    /// Empty, or the first byte is something else.
    #[error("a key starts with '/'")]
    NoLeadingSlash,
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("a key has at most {MAX_KEY_BYTES} bytes, this one has {bytes}")]
    TooLong {
        /// Length of the refused text.
        bytes: usize,
    },
    /// Holds something other than printable ASCII.
    #[error("a key is printable ASCII, byte {at} is not")]
    NotPrintable {
        /// Offset of the first such byte.
        at: usize,
    },
}

/// A point in the life of the whole store. Every commit that changes something gets a greater one than all before it;
/// gaps mean nothing. [`Revision::ZERO`] is before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(u64);

impl Revision {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// Wraps a number that came from a store.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An entry as it stood at some revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Its name.
    pub key: Key,
    /// Its bytes, at most [`MAX_VALUE_BYTES`].
    pub value: Bytes,
    /// The commit that last wrote it.
    pub mod_revision: Revision,
    /// The commit that created it; a delete and a later put make a new one.
    pub create_revision: Revision,
}

impl Versioned {
    /// When it came to be and last changed.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { modified: self.mod_revision, created: self.create_revision }
    }
}

/// The commits behind an entry, which is all that an expectation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The one that last wrote it.
    pub modified: Revision,
    /// The one that created it.
    pub created: Revision,
}

/// The answer to a read of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The entry, if there is one.
    pub item: Option<Versioned>,
    /// The head of the store at the time of the read.
    pub revision: Revision,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Entries in byte order of their keys.
    pub items: Vec<Versioned>,
    /// The head of the store at the time this page was read; later pages may show a later one.
    pub revision: Revision,
    /// Where the next page begins: pass it as `after`. `None` means the listing is complete.
    pub next: Option<Key>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked() {
        assert_eq!(Key::new(""), Err(KeyInvalid::NoLeadingSlash));
        assert_eq!(Key::new("a/b"), Err(KeyInvalid::NoLeadingSlash));
        assert_eq!(Key::new("/a\n"), Err(KeyInvalid::NotPrintable { at: 2 }));
        assert_eq!(Key::new("/é"), Err(KeyInvalid::NotPrintable { at: 1 }));
        assert_eq!(Key::new(format!("/{}", "x".repeat(512))), Err(KeyInvalid::TooLong { bytes: 513 }));
        assert_eq!(Key::new(format!("/{}", "x".repeat(511))).unwrap().as_str().len(), 512);
        assert_eq!(Key::new("/").unwrap().as_str(), "/");
    }
}
