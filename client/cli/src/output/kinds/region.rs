//! Regions.

use meridian_client::{DoubtView, DrainView, JoinView, RegionLaneView, RegionView, UndrainView};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{labels_cell, moment_cell, moment_json, placed_cell, placed_json, split_json};
use crate::clock;
use crate::manifest::{self, API_VERSION, Manifest, RegionManifest};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, marked, or_dash, toned};
use crate::style::{self, Tone};

/// The manifest of a region that is there.
pub(crate) fn to_manifest(view: &RegionView) -> Manifest {
    let RegionView { id, labels, description, cordoned, traffic_share, .. } = view.clone();
    Manifest::Region(RegionManifest { id, labels, description, cordoned, traffic_share })
}

fn contact(view: &RegionView, now: Timestamp) -> Cell {
    let mut contact = marked(style::of_contact(view.contact), view.contact.as_str());
    if let Some(seen) = view.last_seen {
        contact.text.push_str(&format!(", seen {} ago", clock::age(seen, now)));
    }
    contact
}

fn cordon(view: &RegionView) -> Cell {
    if let Some(drain) = &view.drain {
        return toned(Tone::Warning, if drain.drained { "drained" } else { "draining" });
    }
    if view.cordoned { toned(Tone::Warning, "cordoned") } else { cell("open") }
}

fn spec_json(view: &RegionView) -> Value {
    let mut value = json!({ "description": view.description, "cordoned": view.cordoned });
    // Written down it would be a share that nobody declared.
    if let Some(share) = view.traffic_share {
        value["trafficShare"] = Value::from(share.get());
    }
    value
}

fn lane_json(lane: &RegionLaneView) -> Value {
    json!({
        "service": lane.service.as_str(),
        "stable": placed_json(lane.stable.as_ref()),
        "rollout": lane.rollout.as_ref().map(ToString::to_string),
        "epoch": lane.epoch.to_string(),
        "observed": split_json(lane.observed),
        "drift": lane.drift,
        "alone": lane.alone,
    })
}

fn doubt_json(doubt: &DoubtView) -> Value {
    json!({ "service": doubt.service.as_str(), "code": doubt.code, "message": doubt.message })
}

fn drain_json(drain: &DrainView) -> Value {
    json!({
        "actor": drain.actor,
        "reason": drain.reason,
        "since": moment_json(drain.since),
        "drained": drain.drained,
        "waits": drain.waits,
    })
}

fn undrain_json(undrain: &UndrainView) -> Value {
    let DrainView { actor, reason, since, .. } = &undrain.drain;
    json!({
        "drained": { "actor": actor, "reason": reason, "since": moment_json(*since) },
        "actor": undrain.actor,
        "reason": undrain.reason,
        "at": moment_json(undrain.at),
    })
}

fn undrain_row(undrain: &UndrainView, now: Timestamp) -> Vec<Cell> {
    let UndrainView { drain, actor, reason, at } = undrain;
    vec![
        cell(&drain.actor),
        or_dash(&drain.reason),
        moment_cell(drain.since, now),
        cell(actor),
        or_dash(reason),
        moment_cell(*at, now),
    ]
}

fn join_json(join: &JoinView) -> Value {
    json!({
        "service": join.service.as_str(),
        "code": join.code,
        "message": join.message,
        "rollout": join.rollout.as_ref().map(ToString::to_string),
    })
}

/// Who has taken it out of the fleet, and what it waits for.
fn drain_text(drain: &DrainView) -> String {
    let DrainView { actor, reason, since: _, drained, waits } = drain;
    let left = if *drained { "no rollout holds it".to_owned() } else { format!("waits for {}", waits.join(", ")) };
    format!("by {actor}: {reason}; {left}")
}

/// What the agent read back, and whether that is anybody's order.
fn observed(lane: &RegionLaneView) -> Cell {
    match (lane.observed, &lane.drift) {
        (None, _) => toned(Tone::Warning, "unknown"),
        (Some(_), Some(drift)) => toned(Tone::Warning, format!("drifted: {drift}")),
        (Some(split), None) if lane.alone => toned(Tone::Warning, format!("{split}, taken back alone")),
        (Some(split), None) => cell(split),
    }
}

fn lane_row(lane: &RegionLaneView) -> Vec<Cell> {
    vec![
        cell(&lane.service),
        placed_cell(lane.stable.as_ref()),
        observed(lane),
        or_dash(lane.rollout.as_ref().map(ToString::to_string).unwrap_or_default()),
        cell(lane.epoch),
    ]
}

impl Shown for RegionView {
    const HEADERS: &'static [&'static str] = &["NAME", "AGENT", "PLANS", "LANES", "LABELS", "VERSION"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        vec![
            cell(&self.id),
            contact(self, now),
            cordon(self),
            cell(self.lanes.len()),
            labels_cell(&self.labels),
            or_dash(&self.agent_version),
        ]
    }

    fn name(&self) -> String {
        format!("regions/{}", self.id)
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "apiVersion": API_VERSION,
            "kind": "Region",
            "metadata": { "name": self.id.as_str(), "labels": self.labels },
            "spec": spec_json(self),
            "status": {
                "etag": self.etag,
                "created": moment_json(self.created),
                "updated": moment_json(self.updated),
                "contact": self.contact.as_str(),
                "lastSeen": moment_json(self.last_seen),
                "agentVersion": self.agent_version,
                "capabilities": self.capabilities,
                "lanes": self.lanes.iter().map(lane_json).collect::<Vec<_>>(),
                "quarantine": self.doubts.iter().map(doubt_json).collect::<Vec<_>>(),
                "joins": self.joins.iter().map(join_json).collect::<Vec<_>>(),
                "undrains": self.undrains.iter().map(undrain_json).collect::<Vec<_>>(),
            },
        });
        if let Some(drain) = &self.drain {
            value["status"]["drain"] = drain_json(drain);
        }
        value
    }

    fn yaml(&self) -> String {
        manifest::to_yaml(&to_manifest(self))
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("region", toned(Tone::Strong, &self.id)).field("agent", contact(self, now));
        let share = self.traffic_share.map(|share| share.get().to_string());
        page.field("traffic share", or_dash(share.unwrap_or_default()));
        page.field("plans", cordon(self)).field("description", or_dash(&self.description));
        if let Some(drain) = &self.drain {
            page.field("drain", cell(drain_text(drain))).field("since", moment_cell(drain.since, now));
        }
        page.field("labels", labels_cell(&self.labels)).field("version", or_dash(&self.agent_version));
        page.field("can do", or_dash(self.capabilities.join(", "))).field("etag", or_dash(&self.etag));
        page.field("created", moment_cell(self.created, now)).field("changed", moment_cell(self.updated, now));
        let headers = &["SERVICE", "STABLE", "OBSERVED", "ROLLOUT", "EPOCH"];
        let doubts = self.doubts.iter();
        let doubt = |it: &DoubtView| vec![cell(&it.service), toned(Tone::Warning, &it.message)];
        page.table("in quarantine", &[], doubts.map(doubt).collect());
        let join = |it: &JoinView| vec![cell(&it.service), or_dash(&it.code), cell(&it.message)];
        page.table("has not got yet", &[], self.joins.iter().map(join).collect());
        let drains = &["DRAINED BY", "WHY", "WHEN", "TAKEN BACK BY", "WHY", "WHEN"];
        page.table("was drained", drains, self.undrains.iter().map(|it| undrain_row(it, now)).collect());
        page.table("lanes", headers, self.lanes.iter().map(lane_row).collect());
        page
    }
}
