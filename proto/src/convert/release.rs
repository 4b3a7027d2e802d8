//! Releases: immutable, pinned by digest. A tag is refused here, before anything else sees it.

use meridian_core::id::ServiceId;
use meridian_core::release::{NOTE_BYTES_MAX, NOTES_BYTES_MAX, NOTES_MAX, Note, NoteKind, Notes, Release};

use super::field::{digest, list, not_empty, text, version, word};
use super::invalid::{At, Invalid, InvalidKind};
use super::name;
use crate::r#gen::v1;

/// A release as a caller gives it to a service. Its name may be left out, for service and version say it already.
///
/// # Errors
/// The first field that is wrong; a name that says something else.
pub fn release_from_wire(service: &ServiceId, wire: v1::Release) -> Result<Release, Invalid> {
    let v1::Release {
        name: resource,
        version: semantic,
        digest: content,
        notes,
        reversibility,
        prepares,
        etag: _,
        create_time: _,
        veto: _,
        typed_notes,
    } = wire;
    let semantic = version("version", &semantic)?;
    if !resource.is_empty() && resource != name::release(service, &semantic) {
        return Err(Invalid::contradiction("name", resource, "its service and version"));
    }
    Ok(Release {
        service: service.clone(),
        version: semantic,
        digest: digest("digest", &content)?,
        notes: notes_from_wire(notes, typed_notes)?,
        reversibility: word::<v1::Reversibility, _>("reversibility", reversibility)?,
        prepares: if prepares.is_empty() { None } else { Some(version("prepares", &prepares)?) },
    })
}

fn notes_from_wire(plain: String, typed: Vec<v1::Note>) -> Result<Notes, Invalid> {
    if typed.is_empty() {
        return Ok(Notes::Plain(text("notes", plain, NOTES_BYTES_MAX)?));
    }
    if !plain.is_empty() {
        return Err(Invalid::contradiction("notes", plain, "the typed notes beside it"));
    }
    let notes = Notes::of(list("typed_notes", typed, NOTES_MAX)?);
    if notes.bytes() > NOTES_BYTES_MAX {
        return Err(Invalid::of(notes.bytes(), InvalidKind::TooLong { max: NOTES_BYTES_MAX })).at("typed_notes");
    }
    Ok(notes)
}

impl TryFrom<v1::Note> for Note {
    type Error = Invalid;

    fn try_from(wire: v1::Note) -> Result<Self, Invalid> {
        let v1::Note { kind, breaking, text: said } = wire;
        not_empty("text", said.as_bytes())?;
        Ok(Self { kind: word::<v1::NoteKind, _>("kind", kind)?, breaking, text: text("text", said, NOTE_BYTES_MAX)? })
    }
}

impl From<&Note> for v1::Note {
    fn from(note: &Note) -> Self {
        let Note { kind, breaking, text } = note;
        Self { kind: v1::NoteKind::from(*kind).into(), breaking: *breaking, text: text.clone() }
    }
}

impl TryFrom<v1::NoteKind> for NoteKind {
    type Error = Invalid;

    fn try_from(wire: v1::NoteKind) -> Result<Self, Invalid> {
        match wire {
            v1::NoteKind::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::NoteKind::Feature => Ok(Self::Feature),
            v1::NoteKind::Fix => Ok(Self::Fix),
            v1::NoteKind::Performance => Ok(Self::Performance),
            v1::NoteKind::Other => Ok(Self::Other),
        }
    }
}

impl From<NoteKind> for v1::NoteKind {
    fn from(kind: NoteKind) -> Self {
        match kind {
            NoteKind::Feature => Self::Feature,
            NoteKind::Fix => Self::Fix,
            NoteKind::Performance => Self::Performance,
            NoteKind::Other => Self::Other,
        }
    }
}

impl TryFrom<v1::Release> for Release {
    type Error = Invalid;

    /// A release that carries its name, as records and answers do.
    fn try_from(wire: v1::Release) -> Result<Self, Invalid> {
        let (service, _) = name::parse_release(&wire.name).at("name")?;
        release_from_wire(&service, wire)
    }
}

impl From<&Release> for v1::Release {
    /// What only the server knows (etag, time) stays unset.
    fn from(release: &Release) -> Self {
        let Release { service, version, digest, notes, reversibility, prepares } = release;
        let plain = match notes {
            Notes::Plain(text) => text.clone(),
            Notes::Typed(_) => String::new(),
        };
        Self {
            name: name::release(service, version),
            version: version.to_string(),
            digest: digest.to_string(),
            notes: plain,
            reversibility: v1::Reversibility::from(*reversibility).into(),
            prepares: prepares.as_ref().map(ToString::to_string).unwrap_or_default(),
            etag: String::new(),
            create_time: None,
            veto: None,
            typed_notes: notes.entries().iter().map(v1::Note::from).collect(),
        }
    }
}
