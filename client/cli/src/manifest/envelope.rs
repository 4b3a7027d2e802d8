//! What all documents have in common: `apiVersion`, `kind`, `metadata`, `spec`. It hands `spec` to the reader of the
//! kind and does not look inside.

use std::collections::{BTreeMap, HashMap};

use super::error::{Finding, ManifestError, ManifestErrors};
use super::kinds::{labels, playbook, registered, release, route};
use super::report::{Report, cap};
use super::shape::{Cursor, Fields, Refused};
use super::yaml::{self, Node, Scalar};
use super::{API_VERSION, Document, DocumentPlace, Manifest};
use super::{secrets, source, values};

/// The names, labels and annotations of a document.
pub(super) struct Metadata<'n> {
    /// Where the name is given.
    pub(super) name: Option<Cursor<'n>>,
    /// The mapping itself, to refuse a missing name at.
    pub(super) fields: Option<Fields<'n>>,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy)]
enum Kind {
    Service,
    Playbook,
    Release,
    Region,
    Route,
}

const KINDS: [(&str, Kind); 5] = [
    ("Service", Kind::Service),
    ("Playbook", Kind::Playbook),
    ("Release", Kind::Release),
    ("Region", Kind::Region),
    ("NotificationRoute", Kind::Route),
];

/// Reads one stream of documents. `file` is only named in places, nothing is opened.
///
/// # Errors
/// Everything that is wrong with any document, at most [`super::ERRORS_MAX`] of them.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Document>, ManifestErrors> {
    let (documents, errors) = read(file, bytes);
    finish(documents, errors)
}

/// Refuses what is declared twice, and gives out documents only if nothing was refused.
pub(super) fn finish(
    documents: Vec<Document>,
    mut errors: Vec<ManifestError>,
) -> Result<Vec<Document>, ManifestErrors> {
    errors.extend(declared_twice(&documents));
    if errors.is_empty() { Ok(documents) } else { Err(ManifestErrors::new(cap(errors))) }
}

/// Reads one stream: what was understood of it, and what was not.
pub(super) fn read(file: &str, bytes: &[u8]) -> (Vec<Document>, Vec<ManifestError>) {
    let text = match source::decode(file, bytes) {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![*error]),
    };
    let mut report = Report::new(file, text);
    let mut documents = Vec::new();
    match yaml::documents(text) {
        Ok(roots) => {
            for root in roots {
                let place = DocumentPlace { file: file.to_owned(), line: root.at.line };
                secrets::check(&root, "", &mut report);
                documents.extend(document(&root, &mut report).map(|manifest| Document { place, manifest }));
            }
        }
        Err(refusals) => {
            refusals.into_iter().for_each(|refusal| report.add_refusal(refusal));
        }
    }
    (documents, report.into_errors())
}

fn declared_twice(documents: &[Document]) -> Vec<ManifestError> {
    let mut seen: HashMap<(&str, String), &DocumentPlace> = HashMap::new();
    let mut errors = Vec::new();
    for Document { place, manifest } in documents {
        let first = seen.entry((manifest.kind(), manifest.name())).or_insert(place);
        if *first != place {
            let finding = Finding {
                code: "DECLARED_TWICE",
                field: "metadata.name".to_owned(),
                value: manifest.name(),
                message: format!("this {} is already declared at {first}", manifest.kind()),
                fix: "keep one of the two".to_owned(),
            };
            errors.push(ManifestError::of_document(place, finding));
        }
    }
    errors
}

fn document(root: &Node, report: &mut Report<'_>) -> Option<Manifest> {
    let fields = Cursor::root(root).fields(report, &["apiVersion", "kind", "metadata", "spec"])?;
    let version = fields.need(report, "apiVersion", API_VERSION).and_then(|it| it.value(report, api_version));
    let kind = fields.need(report, "kind", "Playbook").and_then(|it| it.value(report, kind));
    let (version, kind) = (version, kind?);
    let metadata = metadata(&fields, kind, report);
    let spec = fields.get("spec");
    let manifest = match kind {
        Kind::Service => registered::service(&metadata?, spec, report).map(Manifest::Service),
        Kind::Region => registered::region(&metadata?, spec, report).map(Manifest::Region),
        Kind::Playbook => {
            let spec = fields.need(report, "spec", "{stages: […]}");
            playbook::read(&metadata?, &spec?, report).map(Manifest::Playbook)
        }
        Kind::Route => {
            let spec = fields.need(report, "spec", "{receivers: […]}");
            route::read(&metadata?, &spec?, report).map(Manifest::Route)
        }
        Kind::Release => {
            let spec = fields.need(report, "spec", "{service: …, version: …, digest: …}");
            release::read(&metadata?, &spec?, report).map(Manifest::Release)
        }
    };
    version.and(manifest)
}

fn metadata<'n>(fields: &Fields<'n>, kind: Kind, report: &mut Report<'_>) -> Option<Metadata<'n>> {
    // Only what is registered can be selected; labels of the others would be lost without a word.
    let (known, needed): (&[&str], bool) = match kind {
        Kind::Service | Kind::Region => (&["name", "labels", "annotations"], true),
        Kind::Playbook | Kind::Route => (&["name", "annotations"], true),
        Kind::Release => (&["name", "annotations"], false),
    };
    let given = match needed {
        true => Some(fields.need(report, "metadata", "{name: …}")?),
        false => fields.get("metadata"),
    };
    let Some(given) = given else {
        return Some(Metadata { name: None, fields: None, labels: BTreeMap::new() });
    };
    let fields = given.fields(report, known)?;
    let labels = fields.get("labels").map_or(Some(BTreeMap::new()), |it| labels::read(&it, report));
    let annotations = fields.get("annotations").map_or(Some(()), |it| labels::check_annotations(&it, report));
    annotations?;
    Some(Metadata { name: fields.get("name"), fields: Some(fields), labels: labels? })
}

impl Metadata<'_> {
    /// The name, where a kind needs one.
    pub(super) fn name<T>(
        &self,
        report: &mut Report<'_>,
        new: impl FnOnce(String) -> Result<T, meridian_core::id::InvalidName>,
    ) -> Option<T> {
        match (&self.name, &self.fields) {
            (Some(name), _) => name.value(report, values::name(new)),
            (None, Some(fields)) => fields.need(report, "name", "my-name").and(None),
            (None, None) => None,
        }
    }
}

fn api_version(scalar: &Scalar) -> Result<(), Refused> {
    if scalar.text == API_VERSION {
        return Ok(());
    }
    let message = "this version of the manifest language is not known here";
    Err(Refused::new("API_VERSION_UNKNOWN", message, format!("write `{API_VERSION}`")))
}

fn kind(scalar: &Scalar) -> Result<Kind, Refused> {
    let known = KINDS.iter().find(|(name, _)| *name == scalar.text);
    known.map(|(_, kind)| *kind).ok_or_else(|| {
        let names = KINDS.map(|(name, _)| name).join(", ");
        Refused::new("KIND_UNKNOWN", "there is no such kind", format!("write one of: {names}"))
    })
}
