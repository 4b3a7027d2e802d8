//! Whether a version says what its notes say: a breaking change, a feature and a fix each need a step of their size. It
//! does not know where the other versions are kept.

use semver::{BuildMetadata, Prerelease, Version};

use super::{Note, NoteKind, Release};

/// The size of the step from one version to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Bump {
    /// None of the three numbers.
    Nothing,
    /// The third.
    Patch,
    /// The second.
    Minor,
    /// The first.
    Major,
}

/// A version that promises less change than its notes tell of.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("version {version} is no {} step from {previous}, and the notes tell of one ({note}); take {least} or higher", .needed.as_str())]
pub struct BumpTooSmall {
    /// As given.
    pub version: Version,
    /// The newest release before it.
    pub previous: Version,
    /// What the notes ask for.
    pub needed: Bump,
    /// The first entry that asks for it.
    pub note: Note,
    /// The lowest version that says so.
    pub least: Version,
}

impl Bump {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    /// What a change asks for after `previous`. Before 1.0.0 nothing is promised, so that breaking it is a minor step.
    const fn needed_by(note: &Note, previous: &Version) -> Self {
        match (note.breaking, note.kind) {
            (true, _) if previous.major == 0 => Self::Minor,
            (true, _) => Self::Major,
            (false, NoteKind::Feature) => Self::Minor,
            (false, NoteKind::Fix | NoteKind::Performance) => Self::Patch,
            (false, NoteKind::Other) => Self::Nothing,
        }
    }

    /// What was made of `previous`; the later of the two comes second.
    #[must_use]
    pub fn between(previous: &Version, version: &Version) -> Self {
        if version.major != previous.major {
            Self::Major
        } else if version.minor != previous.minor {
            Self::Minor
        } else if version.patch != previous.patch {
            Self::Patch
        } else {
            Self::Nothing
        }
    }

    /// The lowest version that is this much higher.
    fn after(self, previous: &Version) -> Version {
        let Version { major, minor, patch, .. } = *previous;
        match self {
            Self::Nothing => Version::new(major, minor, patch),
            Self::Patch => Version::new(major, minor, patch.saturating_add(1)),
            Self::Minor => Version::new(major, minor.saturating_add(1), 0),
            Self::Major => Version::new(major.saturating_add(1), 0, 0),
        }
    }
}

impl BumpTooSmall {
    /// The stable code.
    pub const CODE: &'static str = "BUMP_TOO_SMALL";
}

/// Holds a release against the newest one of its service before it, pre-releases left aside: they are on the way to the
/// version that they name. Plain notes say no kinds and are not checked, nor is the first release of all.
///
/// # Errors
/// If the step to its version is smaller than its notes ask for.
pub fn check_bump<'v>(
    release: &Release,
    known: impl IntoIterator<Item = &'v Version>,
) -> Result<(), Box<BumpTooSmall>> {
    let version = &release.version;
    let target = bare(version);
    let earlier = known.into_iter().filter(|other| *other != version && other.pre.is_empty() && bare(other) <= target);
    let Some(previous) = earlier.max() else {
        return Ok(());
    };
    let asked = release.notes.entries().iter().map(|note| (Bump::needed_by(note, previous), note));
    // The first of the largest: `max_by_key` would take the last.
    let Some((needed, note)) = asked.rev().max_by_key(|(needed, _)| *needed) else {
        return Ok(());
    };
    if Bump::between(previous, version) >= needed {
        return Ok(());
    }
    let (version, previous) = (version.clone(), previous.clone());
    let least = needed.after(&previous);
    Err(Box::new(BumpTooSmall { version, previous, needed, note: note.clone(), least }))
}

/// The three numbers alone.
fn bare(version: &Version) -> Version {
    Version { pre: Prerelease::EMPTY, build: BuildMetadata::EMPTY, ..version.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::id::ServiceId;
    use crate::release::{Notes, Reversibility};

    fn release(version: &str, entries: &[(NoteKind, bool)]) -> Release {
        let note =
            |(kind, breaking): &(NoteKind, bool)| Note { kind: *kind, breaking: *breaking, text: "x".to_owned() };
        Release {
            service: ServiceId::new("checkout").unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(b"artifact"),
            notes: Notes::of(entries.iter().map(note).collect()),
            reversibility: Reversibility::Free,
            prepares: None,
        }
    }

    /// What the answer is: the lowest version that would do, or nothing to say.
    fn least(known: &[&str], version: &str, entries: &[(NoteKind, bool)]) -> Option<String> {
        let known: Vec<Version> = known.iter().map(|version| version.parse().unwrap()).collect();
        check_bump(&release(version, entries), &known).err().map(|refused| refused.least.to_string())
    }

    #[test]
    fn each_kind_of_change_asks_for_its_step() {
        let (breaking, feature) = ([(NoteKind::Fix, true)], [(NoteKind::Feature, false)]);
        let (fix, faster) = ([(NoteKind::Fix, false)], [(NoteKind::Performance, false)]);
        let other = [(NoteKind::Other, false)];
        let cases = [
            ("1.2.3", "1.3.0", breaking, Some("2.0.0")),
            ("1.2.3", "2.0.0", breaking, None),
            ("0.2.3", "0.2.4", breaking, Some("0.3.0")),
            ("0.2.3", "0.3.0", breaking, None),
            ("0.2.3", "1.0.0", breaking, None),
            ("1.2.3", "1.2.4", feature, Some("1.3.0")),
            ("1.2.3", "1.3.0", feature, None),
            ("0.2.3", "0.2.4", feature, Some("0.3.0")),
            ("1.2.3", "2.0.0", feature, None),
            ("1.2.3", "1.2.4", fix, None),
            ("1.2.3", "1.2.3+again", fix, Some("1.2.4")),
            ("1.2.3", "1.2.3+again", faster, Some("1.2.4")),
            ("1.2.3", "1.2.3+again", other, None),
            ("1.2.3", "1.2.3-rc.4", fix, Some("1.2.4")),
            ("1.2.3", "2.0.0-rc.1", breaking, None),
            ("1.2.3", "1.3.0-rc.1", breaking, Some("2.0.0")),
            ("1.2.3", "1.2.4", other, None),
        ];
        for (known, version, entries, expected) in cases {
            assert_eq!(least(&[known], version, &entries).as_deref(), expected, "{known} to {version}: {entries:?}");
        }
    }

    #[test]
    fn notes_without_kinds_ask_for_nothing() {
        assert_eq!(least(&["1.2.3"], "1.2.3+again", &[]), None);
    }

    #[test]
    fn the_newest_release_before_it_is_what_counts() {
        let feature = [(NoteKind::Feature, false)];
        assert_eq!(least(&[], "0.0.1", &feature), None, "the first of all");
        assert_eq!(least(&["2.0.0"], "1.2.4", &feature), None, "nothing came before it");
        assert_eq!(least(&["2.0.0", "1.2.3", "1.1.0"], "1.2.4", &feature).as_deref(), Some("1.3.0"));
        // A pre-release of the same version is on the way to it.
        assert_eq!(least(&["1.2.3", "1.3.0-rc.1"], "1.3.0", &feature), None);
        assert_eq!(least(&["1.3.0"], "1.3.0", &feature), None, "not held against itself");
    }

    #[test]
    fn the_refusal_names_the_first_entry_that_asks_for_most() {
        let entries = [(NoteKind::Fix, false), (NoteKind::Feature, false), (NoteKind::Other, true)];
        let refused = check_bump(&release("1.2.4", &entries), &["1.2.3".parse().unwrap()]).unwrap_err();
        assert_eq!((refused.needed, refused.note.kind), (Bump::Major, NoteKind::Other));
        let text = "version 1.2.4 is no major step from 1.2.3, and the notes tell of one (other, breaking: x); \
                    take 2.0.0 or higher";
        assert_eq!(refused.to_string(), text);
    }
}
