//! Releases: what is launched, pinned by digest. It does not know whether the artifact exists.

use meridian_core::id::ServiceId;
use meridian_core::release::{NOTES_BYTES_MAX, Release, Reversibility};
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
    let notes = fields.value_or(report, "notes", String::new(), values::text(NOTES_BYTES_MAX));
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
