//! Releases: immutable, pinned by digest. A tag is refused here, before anything else sees it.

use meridian_core::id::ServiceId;
use meridian_core::release::{NOTES_BYTES_MAX, Release};

use super::field::{digest, text, version, word};
use super::invalid::{At, Invalid};
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
    } = wire;
    let semantic = version("version", &semantic)?;
    if !resource.is_empty() && resource != name::release(service, &semantic) {
        return Err(Invalid::contradiction("name", resource, "its service and version"));
    }
    Ok(Release {
        service: service.clone(),
        version: semantic,
        digest: digest("digest", &content)?,
        notes: text("notes", notes, NOTES_BYTES_MAX)?,
        reversibility: word::<v1::Reversibility, _>("reversibility", reversibility)?,
        prepares: if prepares.is_empty() { None } else { Some(version("prepares", &prepares)?) },
    })
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
        Self {
            name: name::release(service, version),
            version: version.to_string(),
            digest: digest.to_string(),
            notes: notes.clone(),
            reversibility: v1::Reversibility::from(*reversibility).into(),
            prepares: prepares.as_ref().map(ToString::to_string).unwrap_or_default(),
            etag: String::new(),
            create_time: None,
            veto: None,
        }
    }
}
