//! Decisions.

use meridian_client::DecisionView;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{moment_cell, moment_json};
use crate::clock;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

impl Shown for DecisionView {
    const HEADERS: &'static [&'static str] = &["EPOCH", "TIME", "DECISION", "BY", "ROLLOUT", "MESSAGE"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let rollout = self.rollout.rsplit('/').next().unwrap_or_default();
        vec![
            cell(self.name.epoch),
            cell(clock::iso(self.time)),
            cell(&self.kind),
            or_dash(&self.actor),
            or_dash(rollout),
            or_dash(&self.message),
        ]
    }

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name.to_string(),
            "service": self.name.service.as_str(),
            "epoch": self.name.epoch.to_string(),
            "rollout": self.rollout,
            "time": moment_json(Some(self.time)),
            "kind": self.kind,
            "actor": self.actor,
            "message": self.message,
            "digest": self.digest,
            "previousDigest": self.previous,
        })
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("decision", toned(Tone::Strong, &self.name)).field("what", cell(&self.kind));
        page.field("rollout", or_dash(&self.rollout)).field("by", or_dash(&self.actor));
        page.field("when", moment_cell(Some(self.time), now)).field("message", or_dash(&self.message));
        page.field("digest", or_dash(&self.digest)).field("previous", or_dash(&self.previous));
        page
    }
}
