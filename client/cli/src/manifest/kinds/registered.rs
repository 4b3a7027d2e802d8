//! Services and regions: what is registered and then launched or launched into.

use meridian_core::id::{RegionId, ServiceId};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use crate::manifest::envelope::Metadata;
use crate::manifest::report::Report;
use crate::manifest::shape::Cursor;
use crate::manifest::{RegionManifest, ServiceManifest, values};

pub(in crate::manifest) fn service(
    metadata: &Metadata<'_>,
    spec: Option<Cursor<'_>>,
    report: &mut Report<'_>,
) -> Option<ServiceManifest> {
    let id = metadata.name(report, ServiceId::new);
    let labels = metadata.labels.clone();
    let Some(spec) = spec else {
        return Some(ServiceManifest { id: id?, labels, description: String::new(), owner: String::new() });
    };
    let fields = spec.fields(report, &["description", "owner"])?;
    let description = fields.value_or(report, "description", String::new(), values::text(TEXT_BYTES_MAX));
    let owner = fields.value_or(report, "owner", String::new(), values::text(TEXT_BYTES_MAX));
    Some(ServiceManifest { id: id?, labels, description: description?, owner: owner? })
}

pub(in crate::manifest) fn region(
    metadata: &Metadata<'_>,
    spec: Option<Cursor<'_>>,
    report: &mut Report<'_>,
) -> Option<RegionManifest> {
    let id = metadata.name(report, RegionId::new);
    let labels = metadata.labels.clone();
    let Some(spec) = spec else {
        let (description, cordoned, traffic_share) = (String::new(), false, None);
        return Some(RegionManifest { id: id?, labels, description, cordoned, traffic_share });
    };
    let fields = spec.fields(report, &["description", "cordoned", "trafficShare"])?;
    let description = fields.value_or(report, "description", String::new(), values::text(TEXT_BYTES_MAX));
    let cordoned = fields.value_or(report, "cordoned", false, values::boolean);
    let traffic_share = match fields.get("trafficShare") {
        Some(given) => given.value(report, values::share).map(Some),
        None => Some(None),
    };
    let (description, cordoned, traffic_share) = (description?, cordoned?, traffic_share?);
    Some(RegionManifest { id: id?, labels, description, cordoned, traffic_share })
}
