//! Services.

use meridian_client::ServiceView;
use meridian_core::id::RegionId;
use meridian_core::plan::parameters::Layer;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{age_cell, labels_cell, moment_cell, moment_json, veto_json, veto_text};
use crate::manifest::{self, API_VERSION, Manifest, ServiceManifest};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

/// The manifest of a service that is there.
pub(crate) fn to_manifest(view: &ServiceView) -> Manifest {
    let ServiceView { id, description, owner, labels, parameters, .. } = view.clone();
    Manifest::Service(ServiceManifest { id, labels, description, owner, parameters })
}

fn spec_json(view: &ServiceView) -> Value {
    let mut spec = json!({ "description": view.description, "owner": view.owner });
    let layer = |layer: &Layer| {
        let regions: Vec<&str> = layer.regions.iter().map(RegionId::as_str).collect();
        json!({ "regions": regions, "labels": layer.labels, "values": layer.values })
    };
    if !view.parameters.layers().is_empty() {
        spec["parameters"] = view.parameters.layers().iter().map(layer).collect();
    }
    spec
}

/// Where a layer counts, and what it gives.
fn layer_row(layer: &Layer) -> Vec<Cell> {
    let regions: Vec<&str> = layer.regions.iter().map(RegionId::as_str).collect();
    let values: Vec<String> = layer.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let everywhere = layer.regions.is_empty() && layer.labels.is_empty();
    let regions = if everywhere { cell("all") } else { or_dash(regions.join(", ")) };
    vec![regions, labels_cell(&layer.labels), cell(values.join(" "))]
}

impl Shown for ServiceView {
    const HEADERS: &'static [&'static str] = &["NAME", "OWNER", "LABELS", "HELD", "VETOED", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let vetoed = if self.vetoed.is_empty() { or_dash("") } else { toned(Tone::Warning, self.vetoed.len()) };
        let held = self.hold.as_ref().map_or_else(|| or_dash(""), |_| toned(Tone::Warning, "held"));
        let age = age_cell(self.created, now);
        vec![cell(&self.id), or_dash(&self.owner), labels_cell(&self.labels), held, vetoed, age]
    }

    fn name(&self) -> String {
        format!("services/{}", self.id)
    }

    fn json(&self) -> Value {
        let vetoed: Vec<_> = self.vetoed.iter().map(ToString::to_string).collect();
        json!({
            "apiVersion": API_VERSION,
            "kind": "Service",
            "metadata": { "name": self.id.as_str(), "labels": self.labels },
            "spec": spec_json(self),
            "status": {
                "etag": self.etag,
                "created": moment_json(self.created),
                "updated": moment_json(self.updated),
                "vetoedDigests": vetoed,
                "hold": veto_json(self.hold.as_ref()),
            },
        })
    }

    fn yaml(&self) -> String {
        manifest::to_yaml(&to_manifest(self))
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("service", toned(Tone::Strong, &self.id));
        page.field("owner", or_dash(&self.owner)).field("description", or_dash(&self.description));
        page.field("labels", labels_cell(&self.labels)).field("etag", or_dash(&self.etag));
        page.field("created", moment_cell(self.created, now)).field("changed", moment_cell(self.updated, now));
        let held = self.hold.as_ref().map(|veto| toned(Tone::Warning, veto_text(veto)));
        page.field("automation held", held.unwrap_or_else(|| or_dash("")));
        let layers = self.parameters.layers().iter().map(layer_row).collect();
        page.table("parameters", &["REGIONS", "LABELS", "VALUES"], layers);
        let vetoed = self.vetoed.iter().map(|digest| vec![toned(Tone::Warning, digest)]).collect();
        page.table("vetoed: no agent may start these", &[], vetoed);
        page
    }
}
