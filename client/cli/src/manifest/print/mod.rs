//! Domain types back to YAML, in the one form that we write: blocks, the order of the documentation, defaults left out
//! where they say nothing. Whatever is printed here reads back as the same value.

mod evidence;
mod playbook;
mod scalar;
mod timetable;
mod wave;

use std::collections::BTreeMap;

use meridian_core::alert::{Match, Receiver, Route};
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::parameters::Layer;
use meridian_core::release::{Note, Notes, Release, Reversibility};
use meridian_core::watch::Direction;

use super::{API_VERSION, Manifest, RegionManifest, ServiceManifest};
use scalar::{block, quoted, scalar};

/// Prints one document, without `---` before it.
#[must_use]
pub fn to_yaml(manifest: &Manifest) -> String {
    let mut page = Page::default();
    page.line(0, format!("apiVersion: {API_VERSION}"));
    page.line(0, format!("kind: {}", manifest.kind()));
    page.line(0, "metadata:");
    page.line(1, format!("name: {}", scalar(&manifest.name())));
    match manifest {
        Manifest::Service(service) => page.service(service),
        Manifest::Playbook(playbook) => page.playbook(playbook),
        Manifest::Release(release) => page.release(release),
        Manifest::Region(region) => page.region(region),
        Manifest::Route(route) => page.route(route),
    }
    page.text
}

/// The notes of a release alone.
#[must_use]
pub(crate) fn notes_to_yaml(notes: &Notes) -> String {
    let mut page = Page::default();
    page.notes(0, notes);
    page.text
}

/// The field that says on which side of its number a target is met.
#[must_use]
pub(crate) const fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::AtLeast => "atLeast",
        Direction::AtMost => "atMost",
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, level: usize, line: impl AsRef<str>) {
        for _ in 0..level {
            self.text.push_str("  ");
        }
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn optional(&mut self, level: usize, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        match block(value) {
            Some((header, lines)) => {
                self.line(level, format!("{key}: {header}"));
                for line in lines {
                    // An indented empty line would be trailing white space.
                    let level = if line.is_empty() { 0 } else { level + 1 };
                    self.line(level, line);
                }
            }
            None => self.line(level, format!("{key}: {}", scalar(value))),
        }
    }

    fn labels(&mut self, labels: &BTreeMap<String, String>) {
        if !labels.is_empty() {
            self.line(1, "labels:");
        }
        for (key, value) in labels {
            self.line(2, format!("{}: {}", scalar(key), scalar(value)));
        }
    }

    fn service(&mut self, service: &ServiceManifest) {
        self.labels(&service.labels);
        let layers = service.parameters.layers();
        if service.description.is_empty() && service.owner.is_empty() && layers.is_empty() {
            return;
        }
        self.line(0, "spec:");
        self.optional(1, "description", &service.description);
        self.optional(1, "owner", &service.owner);
        if !layers.is_empty() {
            self.line(1, "parameters:");
        }
        for Layer { regions, labels, values } in layers {
            let pair = |(key, value): (&String, &String)| format!("{}: {}", quoted(key), quoted(value));
            let pairs = |all: &BTreeMap<String, String>| all.iter().map(pair).collect::<Vec<_>>().join(", ");
            self.line(2, format!("- values: {{{}}}", pairs(values)));
            if !regions.is_empty() {
                let names: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
                self.line(3, format!("regions: [{}]", names.join(", ")));
            }
            if !labels.is_empty() {
                self.line(3, format!("labels: {{{}}}", pairs(labels)));
            }
        }
    }

    fn region(&mut self, region: &RegionManifest) {
        self.labels(&region.labels);
        self.line(0, "spec:");
        self.optional(1, "description", &region.description);
        self.line(1, format!("cordoned: {}", region.cordoned));
        if let Some(share) = region.traffic_share {
            self.line(1, format!("trafficShare: {}", share.get()));
        }
    }

    fn route(&mut self, route: &Route) {
        let Route { id: _, matches, template, receivers } = route;
        self.line(0, "spec:");
        if *matches != Match::default() {
            self.line(1, "match:");
        }
        let Match { severity, services, regions, labels } = matches;
        if let Some(severity) = severity {
            self.line(2, format!("severity: {}", severity.as_str()));
        }
        let services: Vec<&str> = services.iter().map(ServiceId::as_str).collect();
        let regions: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
        for (key, names) in [("services", services), ("regions", regions)] {
            if !names.is_empty() {
                let names: Vec<String> = names.into_iter().map(scalar).collect();
                self.line(2, format!("{key}: [{}]", names.join(", ")));
            }
        }
        if !labels.is_empty() {
            self.line(2, "labels:");
        }
        for (key, value) in labels {
            self.line(3, format!("{}: {}", scalar(key), scalar(value)));
        }
        self.optional(1, "template", template);
        self.line(1, "receivers:");
        for Receiver { name, target } in receivers {
            self.line(2, format!("- name: {}", scalar(name)));
            let url = target.url().map(|url| format!("url: {}", scalar(url)));
            let secret = target.secret().map(|secret| format!("secret: {}", scalar(secret.as_str())));
            let fields: Vec<String> = url.into_iter().chain(secret).collect();
            self.line(3, format!("{}: {{{}}}", target.as_str(), fields.join(", ")));
        }
    }

    fn release(&mut self, release: &Release) {
        self.line(0, "spec:");
        self.line(1, format!("service: {}", scalar(release.service.as_str())));
        // Three numbers with dots are text to every YAML reader.
        self.line(1, format!("version: {}", release.version));
        self.line(1, format!("digest: {}", scalar(&release.digest.to_string())));
        if release.reversibility != Reversibility::default() {
            self.line(1, format!("reversibility: {}", release.reversibility.as_str()));
        }
        if let Some(prepares) = &release.prepares {
            self.line(1, format!("prepares: {prepares}"));
        }
        self.notes(1, &release.notes);
    }

    fn notes(&mut self, level: usize, notes: &Notes) {
        let entries = match notes {
            Notes::Plain(text) => return self.optional(level, "notes", text),
            Notes::Typed(entries) => entries,
        };
        self.line(level, "notes:");
        for Note { kind, breaking, text } in entries {
            self.line(level + 1, format!("- kind: {}", kind.as_str()));
            if *breaking {
                self.line(level + 2, "breaking: true");
            }
            self.optional(level + 2, "text", text);
        }
    }
}
