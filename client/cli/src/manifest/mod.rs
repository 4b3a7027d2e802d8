//! Manifests: what an operator writes in YAML, read into the domain's own types, with every refusal at its place
//! (`file:line:column`), and written back. It knows files and text; it does not know servers or what already exists.

mod drawing;
mod envelope;
mod error;
mod kinds;
mod measured;
mod print;
mod report;
mod secrets;
mod shape;
mod source;
pub(crate) mod timely;
mod values;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use meridian_core::alert::Route;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::TrafficShare;
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::Playbook;
use meridian_core::release::Release;

pub use envelope::parse;
pub use error::{ManifestError, ManifestErrors};
pub(crate) use measured::MeasuredFile;
pub use print::to_yaml;
pub(crate) use print::{notes_to_yaml, side};
pub use source::{Origin, load};

/// The version of the manifest language that is read and written.
pub const API_VERSION: &str = "meridian.dev/v1";
/// The largest file or stream, in bytes: checked before anything is parsed.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting of lists and mappings in a document.
pub const DEPTH_MAX: usize = 32;
/// The most documents of one stream.
pub const DOCUMENTS_MAX: usize = 1000;
/// The most files of one [`load`].
pub const FILES_MAX: usize = 1000;
/// The most errors that are reported at once; the last one says that there are more.
pub const ERRORS_MAX: usize = 100;
/// The most labels, or annotations, of one thing.
pub const LABELS_MAX: usize = 64;
/// The longest key or value of a label, in bytes.
pub const LABEL_BYTES_MAX: usize = 128;

/// A manifest and where it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// Where its first field stands.
    pub place: DocumentPlace,
    /// What it says.
    pub manifest: Manifest,
}

/// Where a document begins. Prints as `file:line`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DocumentPlace {
    /// The file as it was named, or `<stdin>`.
    pub file: String,
    /// Counted from one.
    pub line: usize,
}

/// One thing that an operator declares.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a file holds few, and each is read once")]
pub enum Manifest {
    /// The thing being launched.
    Service(ServiceManifest),
    /// How it is launched. It passed every rule that can be checked without knowing the regions.
    Playbook(Playbook),
    /// What is launched.
    Release(Release),
    /// Where it is launched.
    Region(RegionManifest),
    /// Who is told of which alerts.
    Route(Route),
}

/// A service as declared.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ServiceManifest {
    /// Its name.
    pub id: ServiceId,
    /// For selecting; at most [`LABELS_MAX`].
    pub labels: BTreeMap<String, String>,
    /// What it does, for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// What its workloads are started with.
    pub parameters: Parameters,
}

/// A region as declared.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RegionManifest {
    /// Its name.
    pub id: RegionId,
    /// What waves select it by; at most [`LABELS_MAX`].
    pub labels: BTreeMap<String, String>,
    /// Where it is, for people.
    pub description: String,
    /// Taken out of new plans.
    pub cordoned: bool,
    /// Its part of the traffic, relative to the other regions.
    pub traffic_share: Option<TrafficShare>,
}

impl Manifest {
    /// The kind, as written in manifests.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "Service",
            Self::Playbook(_) => "Playbook",
            Self::Release(_) => "Release",
            Self::Region(_) => "Region",
            Self::Route(_) => "NotificationRoute",
        }
    }

    /// The name, unique within the kind; of a release `service-version`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Service(service) => service.id.to_string(),
            Self::Playbook(playbook) => playbook.id.to_string(),
            Self::Release(release) => kinds::release::name(&release.service, &release.version),
            Self::Region(region) => region.id.to_string(),
            Self::Route(route) => route.id.to_string(),
        }
    }
}

impl fmt::Display for DocumentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
