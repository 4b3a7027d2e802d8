//! Services and regions: what is registered and then launched or launched into.

use std::collections::BTreeMap;

use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::parameters::{Layer, Parameters, ParametersRefused, VALUE_BYTES_MAX, Values, check};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use super::labels;
use crate::manifest::envelope::Metadata;
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Refused};
use crate::manifest::{RegionManifest, ServiceManifest, values};

pub(in crate::manifest) fn service(
    metadata: &Metadata<'_>,
    spec: Option<Cursor<'_>>,
    report: &mut Report<'_>,
) -> Option<ServiceManifest> {
    let id = metadata.name(report, ServiceId::new);
    let labels = metadata.labels.clone();
    let Some(spec) = spec else {
        let (description, owner, parameters) = (String::new(), String::new(), Parameters::default());
        return Some(ServiceManifest { id: id?, labels, description, owner, parameters });
    };
    let fields = spec.fields(report, &["description", "owner", "parameters"])?;
    let description = fields.value_or(report, "description", String::new(), values::text(TEXT_BYTES_MAX));
    let owner = fields.value_or(report, "owner", String::new(), values::text(TEXT_BYTES_MAX));
    let parameters = fields.get("parameters").map_or(Some(Parameters::default()), |it| parameters(&it, report));
    let (description, owner, parameters) = (description?, owner?, parameters?);
    Some(ServiceManifest { id: id?, labels, description, owner, parameters })
}

/// Layers of values, each checked where it stands.
fn parameters(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Parameters> {
    let layers = given.each(report, layer)?;
    match Parameters::new(layers) {
        Ok(parameters) => Some(parameters),
        Err(why) => refuse(given, report, &why),
    }
}

fn layer(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Layer> {
    let fields = given.fields(report, &["regions", "labels", "values"])?;
    let regions = match fields.get("regions") {
        Some(given) => given.each(report, |item, report| item.value(report, values::name(RegionId::new))),
        None => Some(Vec::new()),
    };
    let labels = fields.get("labels").map_or(Some(BTreeMap::new()), |it| labels::read(&it, report));
    let values = fields.need(report, "values", "{NAME: value}").and_then(|it| {
        let entries = it.entries(report)?.iter();
        let mut text = |entry| labels::value(&it, entry).value(report, values::text(VALUE_BYTES_MAX));
        let read: Vec<Option<(String, String)>> =
            entries.map(|entry| Some((entry.key.clone(), text(entry)?))).collect();
        let values = read.into_iter().collect::<Option<Values>>()?;
        match check(&values) {
            Ok(()) => Some(values),
            Err(why) => refuse(&it, report, &why),
        }
    });
    Some(Layer { regions: regions?, labels: labels?, values: values? })
}

fn refuse<T>(at: &Cursor<'_>, report: &mut Report<'_>, why: &ParametersRefused) -> Option<T> {
    let fix = "see docs/manifests.md, Service";
    at.refuse(report, Refused::new(why.code(), why.to_string(), fix));
    None
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
