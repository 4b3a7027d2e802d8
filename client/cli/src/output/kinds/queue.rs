//! Queues, and requests that wait in them.

use meridian_client::{LeftView, QueueHoldView, QueueView, QueueWaitView, QueuedView, RolloutName};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::moment_json;
use crate::clock;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

const LEFT_HEADERS: &[&str] = &["ROLLOUT", "RELEASE", "BY", "OUT BY", "WHY", "AGE"];

/// `1st`, `2nd`, `3rd`, `4th`.
pub(crate) fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// Everything that a request waits for.
pub(crate) fn waits_text(queued: &QueuedView) -> String {
    queued.waits.iter().map(|wait| wait.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl Shown for QueuedView {
    const HEADERS: &'static [&'static str] = &["PLACE", "ROLLOUT", "RELEASE", "BY", "WAITS FOR", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        vec![
            cell(ordinal(self.place)),
            cell(&self.name.rollout),
            cell(&self.release),
            cell(&self.actor),
            or_dash(waits_text(self)),
            cell(clock::age(self.at, now)),
        ]
    }

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn json(&self) -> Value {
        let wait =
            |wait: &QueueWaitView| json!({ "code": wait.code, "message": wait.message, "rollout": wait.rollout });
        json!({
            "name": self.name.to_string(),
            "queued": true,
            "place": self.place,
            "version": self.release.to_string(),
            "playbook": self.playbook,
            "actor": self.actor,
            "reason": self.reason,
            "asked": moment_json(Some(self.at)),
            "waits": self.waits.iter().map(wait).collect::<Vec<_>>(),
        })
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        let RolloutName { service, rollout } = &self.name;
        page.field("rollout", toned(Tone::Strong, &self.name));
        page.field("state", cell(format!("has not begun: {} in the queue of {service}", ordinal(self.place))));
        page.field("launches", cell(format!("{service} {} by {}", self.release, self.playbook)));
        page.field("asked by", cell(format!("{}, {} ago", self.actor, clock::age(self.at, now))));
        page.field("why", or_dash(&self.reason));
        let wait = |QueueWaitView { code, message, rollout }: &QueueWaitView| {
            vec![cell(code), cell(message), or_dash(rollout)]
        };
        page.table("it waits for", &["CODE", "WHAT", "ROLLOUT"], self.waits.iter().map(wait).collect());
        let commands = [
            format!("meridian rollout watch {service}/{rollout}"),
            format!("meridian rollout queue list {service}"),
            format!("meridian rollout queue remove {service}/{rollout} --reason REASON"),
        ];
        page.table("you can", &[], commands.map(|command| vec![cell(command)]).into());
        page
    }
}

fn left_row(left: &LeftView, now: Timestamp) -> Vec<Cell> {
    vec![
        cell(&left.request.name.rollout),
        cell(&left.request.release),
        cell(&left.request.actor),
        cell(&left.actor),
        cell(format!("{}: {}", left.code, left.message)),
        cell(clock::age(left.at, now)),
    ]
}

impl Shown for QueueView {
    const HEADERS: &'static [&'static str] = &["SERVICE", "WAITING", "HELD"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let hold = self.hold.as_ref().map(|hold| hold.reason.clone()).unwrap_or_default();
        vec![cell(&self.service), cell(self.waiting.len()), or_dash(hold)]
    }

    fn name(&self) -> String {
        format!("services/{}/queue", self.service)
    }

    fn json(&self) -> Value {
        let hold = |QueueHoldView { actor, reason, at }: &QueueHoldView| json!({ "actor": actor, "reason": reason, "since": moment_json(Some(*at)) });
        let left = |left: &LeftView| {
            json!({
                "request": left.request.json(),
                "code": left.code,
                "message": left.message,
                "actor": left.actor,
                "at": moment_json(Some(left.at)),
            })
        };
        json!({
            "service": self.service.as_str(),
            "waiting": self.waiting.iter().map(Shown::json).collect::<Vec<_>>(),
            "left": self.left.iter().map(left).collect::<Vec<_>>(),
            "hold": self.hold.as_ref().map(hold),
        })
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("queue of", toned(Tone::Strong, &self.service)).field("waiting", cell(self.waiting.len()));
        if let Some(QueueHoldView { actor, reason, at }) = &self.hold {
            let held = format!("by {actor}, {} ago: {reason}; `meridian rollout queue resume`", clock::age(*at, now));
            page.field("held", toned(Tone::Warning, held));
        }
        page.table("waiting", QueuedView::HEADERS, self.waiting.iter().map(|queued| queued.row(now)).collect());
        page.table("taken out", LEFT_HEADERS, self.left.iter().map(|left| left_row(left, now)).collect());
        page
    }
}
