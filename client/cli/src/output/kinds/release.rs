//! Releases.

use meridian_client::{ReleaseName, ReleaseView, RolloutView};
use meridian_core::release::{Note, Notes};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{age_cell, moment_cell, moment_json, veto_json, veto_text};
use crate::manifest::{self, API_VERSION, Manifest};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, marked, or_dash, toned};
use crate::style::{self, Tone};

/// Notes as a manifest has them.
pub(crate) fn notes_json(notes: &Notes) -> Value {
    let entry = |Note { kind, breaking, text }: &Note| {
        let mut entry = json!({ "kind": kind.as_str(), "text": text });
        if *breaking {
            entry["breaking"] = Value::Bool(true);
        }
        entry
    };
    match notes {
        Notes::Plain(text) => Value::from(text.as_str()),
        Notes::Typed(entries) => entries.iter().map(entry).collect(),
    }
}

/// A release and every rollout that launched it.
pub(crate) struct ReleaseHistory {
    pub(crate) view: ReleaseView,
    /// The oldest first.
    pub(crate) rollouts: Vec<RolloutView>,
}

impl Shown for ReleaseHistory {
    const HEADERS: &'static [&'static str] = ReleaseView::HEADERS;

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        self.view.row(now)
    }

    fn name(&self) -> String {
        self.view.name()
    }

    fn json(&self) -> Value {
        let mut json = self.view.json();
        let rollout = |rollout: &RolloutView| {
            json!({
                "name": rollout.name.to_string(),
                "state": rollout.state.as_str(),
                "summary": rollout.summary,
                "requester": rollout.requester,
                "created": moment_json(Some(rollout.created)),
                "since": moment_json(Some(rollout.since)),
                "regions": rollout.lanes.iter().map(|lane| lane.region.as_str()).collect::<Vec<_>>(),
            })
        };
        json["status"]["rollouts"] = self.rollouts.iter().map(rollout).collect();
        json
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = self.view.describe(now);
        let row = |rollout: &RolloutView| {
            let regions: Vec<&str> = rollout.lanes.iter().map(|lane| lane.region.as_str()).collect();
            vec![
                cell(&rollout.name.rollout),
                marked(style::of_state(rollout.state), rollout.state.as_str()),
                or_dash(regions.join(", ")),
                or_dash(&rollout.requester),
                moment_cell(Some(rollout.created), now),
                moment_cell(Some(rollout.since), now),
            ]
        };
        let headers = &["ROLLOUT", "STATE", "REGIONS", "BY", "STARTED", "IN THIS STATE SINCE"];
        page.table("rollouts", headers, self.rollouts.iter().map(row).collect());
        page
    }
}

impl Shown for ReleaseView {
    const HEADERS: &'static [&'static str] = &["SERVICE", "VERSION", "DIGEST", "GOING BACK", "PREPARES", "VETO", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let release = &self.release;
        vec![
            cell(&release.service),
            cell(&release.version),
            cell(release.digest.short()),
            cell(release.reversibility.as_str()),
            or_dash(release.prepares.as_ref().map(ToString::to_string).unwrap_or_default()),
            self.veto.as_ref().map_or_else(|| or_dash(""), |_| toned(Tone::Warning, "vetoed")),
            age_cell(self.created, now),
        ]
    }

    fn name(&self) -> String {
        let (service, version) = (self.release.service.clone(), self.release.version.clone());
        ReleaseName { service, version }.to_string()
    }

    fn json(&self) -> Value {
        let release = &self.release;
        let manifest = Manifest::Release(release.clone());
        let mut spec = json!({
            "service": release.service.as_str(),
            "version": release.version.to_string(),
            "digest": release.digest.to_string(),
            "notes": notes_json(&release.notes),
            "reversibility": release.reversibility.as_str(),
        });
        if let Some(prepares) = &release.prepares {
            spec["prepares"] = Value::from(prepares.to_string());
        }
        json!({
            "apiVersion": API_VERSION,
            "kind": "Release",
            "metadata": { "name": manifest.name() },
            "spec": spec,
            "status": {
                "etag": self.etag,
                "created": moment_json(self.created),
                "veto": veto_json(self.veto.as_ref()),
            },
        })
    }

    fn yaml(&self) -> String {
        manifest::to_yaml(&Manifest::Release(self.release.clone()))
    }

    fn describe(&self, now: Timestamp) -> Page {
        let release = &self.release;
        let mut page = Page::default();
        page.field("release", toned(Tone::Strong, format!("{} {}", release.service, release.version)));
        page.field("digest", cell(release.digest)).field("going back", cell(release.reversibility.as_str()));
        page.field("prepares", or_dash(release.prepares.as_ref().map(ToString::to_string).unwrap_or_default()));
        let veto = self.veto.as_ref().map(|veto| toned(Tone::Warning, veto_text(veto)));
        page.field("vetoed", veto.unwrap_or_else(|| or_dash("")));
        page.field("created", moment_cell(self.created, now)).field("notes", or_dash(&release.notes));
        page
    }
}
