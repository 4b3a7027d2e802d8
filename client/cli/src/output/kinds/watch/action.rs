//! Actions and lessons.

use meridian_client::WatchView;
use meridian_core::time::Timestamp;
use meridian_core::watch::state::number;
use meridian_core::watch::{Action, Retrospective, Signature};
use serde_json::{Value, json};

use super::signature_json;
use crate::clock;
use crate::output::kinds::moment_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

/// An action of a watch.
pub(crate) struct ActionShown<'a> {
    view: &'a WatchView,
    action: &'a Action,
    number: u32,
}

/// A lesson of a watch.
pub(crate) struct LessonShown<'a> {
    view: &'a WatchView,
    lesson: &'a Retrospective,
    number: u32,
}

/// The actions of a watch, in order.
pub(crate) fn actions(view: &WatchView) -> Vec<ActionShown<'_>> {
    let all = view.watch.actions.iter().enumerate();
    all.map(|(place, action)| ActionShown { view, action, number: number(place) }).collect()
}

/// The lessons of a watch, in order.
pub(crate) fn retrospectives(view: &WatchView) -> Vec<LessonShown<'_>> {
    let all = view.watch.retrospectives.iter().enumerate();
    all.map(|(place, lesson)| LessonShown { view, lesson, number: number(place) }).collect()
}

impl Shown for ActionShown<'_> {
    const HEADERS: &'static [&'static str] = &["ACTION", "KIND", "OWNER", "DUE", "STATE", "REVIEW", "TEXT"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let Action { kind, text, owner, due, review, closed, .. } = self.action;
        let state = match closed {
            Some(_) => toned(Tone::Good, "closed"),
            None if *due < now => toned(Tone::Bad, "late"),
            None => toned(Tone::Warning, "open"),
        };
        vec![
            cell(self.number),
            cell(kind.as_str()),
            cell(owner),
            cell(clock::iso(*due)),
            state,
            or_dash(review.map(|review| review.to_string()).unwrap_or_default()),
            cell(text),
        ]
    }

    fn name(&self) -> String {
        format!("{}/watch/actions/{}", self.view.rollout(), self.number)
    }

    fn json(&self) -> Value {
        let Action { kind, text, owner, due, review, added, closed } = self.action;
        json!({
            "rollout": self.view.rollout().to_string(),
            "action": self.number,
            "kind": kind.as_str(),
            "text": text,
            "owner": owner,
            "due": moment_json(Some(*due)),
            "review": review,
            "added": signature_json(Some(added)),
            "closed": signature_json(closed.as_ref()),
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("action", cell(self.number)).field("text", cell(&self.action.text));
        page
    }
}

impl Shown for LessonShown<'_> {
    const HEADERS: &'static [&'static str] = &["NUMBER", "TIME", "BY", "TEXT"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let Signature { by, at, text } = &self.lesson.said;
        vec![cell(self.number), cell(clock::iso(*at)), cell(by), cell(text)]
    }

    fn name(&self) -> String {
        format!("{}/watch/retrospectives/{}", self.view.rollout(), self.number)
    }

    fn json(&self) -> Value {
        let rollout = self.view.rollout().to_string();
        json!({ "rollout": rollout, "number": self.number, "said": signature_json(Some(&self.lesson.said)) })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("by", cell(&self.lesson.said.by)).field("text", cell(&self.lesson.said.text));
        page
    }
}
