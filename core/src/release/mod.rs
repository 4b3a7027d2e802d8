//! Releases: what is launched. Immutable, pinned by digest, versioned by semver. It knows no artifact store.

mod bump;
pub mod commits;
mod notes;

use std::fmt;

use semver::Version;

use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::id::ServiceId;

pub use bump::{Bump, BumpTooSmall, check_bump};
pub use notes::{NOTE_BYTES_MAX, NOTES_BYTES_MAX, NOTES_MAX, Note, NoteKind, Notes};

/// How hard it is to go back from a release.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Reversibility {
    /// Going back costs nothing but the switch.
    #[default]
    Free,
    /// Going back works, at a price that the notes explain.
    Costly,
    /// After traffic reached it, going back automatically would do harm: freeze and page instead.
    PointOfNoReturn,
}

/// A version and the exact bytes that it means.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ReleaseRef {
    /// Semantic version.
    pub version: Version,
    /// The artifact's content.
    pub digest: Digest,
}

/// An immutable release of a service.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Release {
    /// Whose release.
    pub service: ServiceId,
    /// Semantic version; unique per service.
    pub version: Version,
    /// The artifact's content.
    pub digest: Digest,
    /// What is new in it.
    pub notes: Notes,
    /// How hard it is to go back.
    pub reversibility: Reversibility,
    /// The release that must be everywhere first.
    pub prepares: Option<Version>,
}

impl Release {
    /// The pair that slots and goals refer to.
    #[must_use]
    pub fn reference(&self) -> ReleaseRef {
        ReleaseRef { version: self.version.clone(), digest: self.digest }
    }
}

impl Reversibility {
    /// The word used in manifests and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Costly => "costly",
            Self::PointOfNoReturn => "point-of-no-return",
        }
    }
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.version)
    }
}

impl Canonical for ReleaseRef {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.version).value(&self.digest);
    }
}
