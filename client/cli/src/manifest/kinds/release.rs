//! Releases: what is launched, pinned by digest. It does not know whether the artifact exists.

use meridian_core::id::ServiceId;
use meridian_core::release::{
    NOTE_BYTES_MAX, NOTES_BYTES_MAX, NOTES_MAX, Note, NoteKind, Notes, Release, Reversibility,
};
use semver::Version;

use crate::manifest::envelope::Metadata;
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Refused};
use crate::manifest::values;

const REVERSIBILITIES: [(&str, Reversibility); 3] = [
    (Reversibility::Free.as_str(), Reversibility::Free),
    (Reversibility::Costly.as_str(), Reversibility::Costly),
    (Reversibility::PointOfNoReturn.as_str(), Reversibility::PointOfNoReturn),
];

/// What a release is called: it has no name of its own.
pub(in crate::manifest) fn name(service: &ServiceId, version: &Version) -> String {
    format!("{service}-{version}")
}

pub(in crate::manifest) fn read(
    metadata: &Metadata<'_>,
    spec: &Cursor<'_>,
    report: &mut Report<'_>,
) -> Option<Release> {
    let known = ["service", "version", "digest", "notes", "reversibility", "prepares"];
    let fields = spec.fields(report, &known)?;
    let service = fields.need(report, "service", "my-service");
    let service = service.and_then(|it| it.value(report, values::name(ServiceId::new)));
    let version = fields.need(report, "version", "1.2.3").and_then(|it| it.value(report, values::version));
    let digest = fields.need(report, "digest", "sha256:…").and_then(|it| it.value(report, values::digest));
    let notes = fields.get("notes").map_or(Some(Notes::default()), |given| notes(&given, report));
    let reversibility =
        fields.value_or(report, "reversibility", Reversibility::default(), values::word(&REVERSIBILITIES));
    let prepares = fields.value_or(report, "prepares", None, |scalar| values::version(scalar).map(Some));
    let (service, version) = (service?, version?);
    if let Some(given) = &metadata.name {
        let name = name(&service, &version);
        given.value(report, |scalar| {
            let fix = format!("write `{name}`, or leave the name out");
            let refused = Refused::new("NAME_MISMATCH", "a release is named by its service and version", fix);
            if scalar.text == name { Ok(()) } else { Err(refused) }
        })?;
    }
    let (digest, notes, reversibility, prepares) = (digest?, notes?, reversibility?, prepares?);
    Some(Release { service, version, digest, notes, reversibility, prepares })
}

/// A list of entries, or plain text.
fn notes(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Notes> {
    if !given.is_list() {
        return given.value(report, values::text(NOTES_BYTES_MAX)).map(Notes::Plain);
    }
    let count = given.items(report)?.len();
    if count > NOTES_MAX {
        let message = format!("{count} entries are more than anybody reads");
        given.refuse(report, Refused::new("TOO_MANY_NOTES", message, format!("write at most {NOTES_MAX}")));
        return None;
    }
    let notes = Notes::of(given.each(report, note)?);
    if notes.bytes() > NOTES_BYTES_MAX {
        let message = format!("notes of {} bytes are too long", notes.bytes());
        given.refuse(report, Refused::new("TEXT_TOO_LONG", message, format!("at most {NOTES_BYTES_MAX} bytes")));
        return None;
    }
    Some(notes)
}

fn note(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Note> {
    let fields = given.fields(report, &["kind", "breaking", "text"])?;
    let kind = fields
        .need(report, "kind", "feature")
        .and_then(|it| it.value(report, values::word(&NoteKind::ALL.map(|kind| (kind.as_str(), kind)))));
    let breaking = fields.value_or(report, "breaking", false, values::boolean);
    let text = fields.need(report, "text", "pay by card").and_then(|it| {
        it.value(report, |scalar| match values::text(NOTE_BYTES_MAX)(scalar)? {
            text if text.is_empty() => Err(Refused::new("TEXT_EMPTY", "this entry says nothing", "write what is new")),
            text => Ok(text),
        })
    });
    Some(Note { kind: kind?, breaking: breaking?, text: text? })
}
