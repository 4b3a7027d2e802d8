//! Decisions about watches, feedback, KPIs and milestones.

use meridian_client::{KpiView, MilestoneState, MilestoneView, WatchDecisionView};
use meridian_core::time::Timestamp;
use meridian_core::watch::{Feedback, Severity};
use serde_json::{Value, json};

use crate::clock;
use crate::output::kinds::{moment_cell, moment_json};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

impl Shown for WatchDecisionView {
    const HEADERS: &'static [&'static str] = &["TIME", "DECISION", "BY", "MESSAGE"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        vec![cell(clock::iso(self.time)), cell(&self.kind), or_dash(&self.actor), or_dash(&self.message)]
    }

    fn name(&self) -> String {
        self.digest.clone()
    }

    fn json(&self) -> Value {
        json!({
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
        page.field("what", cell(&self.kind)).field("by", or_dash(&self.actor));
        page.field("when", moment_cell(Some(self.time), now)).field("message", or_dash(&self.message));
        page
    }
}

impl Shown for Feedback {
    const HEADERS: &'static [&'static str] = &["TIME", "SCORE", "SEVERITY", "FROM", "COHORT", "TEXT"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let tone = match self.severity {
            Severity::Note => Tone::Plain,
            Severity::Blocker => Tone::Bad,
        };
        vec![
            cell(clock::iso(self.at)),
            cell(self.score.get()),
            toned(tone, self.severity.as_str()),
            cell(format!("{} ({})", self.from, self.source.as_str())),
            or_dash(&self.cohort),
            or_dash(&self.text),
        ]
    }

    fn name(&self) -> String {
        format!("services/{}/releases/{}", self.service, self.version)
    }

    fn json(&self) -> Value {
        json!({
            "service": self.service.as_str(),
            "version": self.version.to_string(),
            "time": moment_json(Some(self.at)),
            "score": self.score.get(),
            "severity": self.severity.as_str(),
            "from": self.from,
            "source": self.source.as_str(),
            "cohort": self.cohort,
            "text": self.text,
        })
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("score", cell(self.score.get())).field("from", cell(&self.from));
        page.field("when", moment_cell(Some(self.at), now)).field("text", or_dash(&self.text));
        page
    }
}

impl Shown for KpiView {
    const HEADERS: &'static [&'static str] = &["KPI", "LAST", "AT", "SAMPLES"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let (at, value) = self.last.map(|(at, value)| (clock::iso(at), value.to_string())).unwrap_or_default();
        vec![cell(&self.kpi), or_dash(value), or_dash(at), cell(self.samples)]
    }

    fn name(&self) -> String {
        self.kpi.to_string()
    }

    fn json(&self) -> Value {
        json!({
            "kpi": self.kpi.as_str(),
            "samples": self.samples,
            "lastTime": moment_json(self.last.map(|(at, _)| at)),
            "lastValue": self.last.map(|(_, value)| value.to_string()),
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("KPI", cell(&self.kpi)).field("samples", cell(self.samples));
        page
    }
}

impl Shown for MilestoneView {
    const HEADERS: &'static [&'static str] = &["MILESTONE", "STATE", "SINCE", "WHY"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let tone = match self.state {
            MilestoneState::Reached => Tone::Good,
            MilestoneState::Pending => Tone::Busy,
            MilestoneState::Missed => Tone::Bad,
        };
        vec![
            cell(&self.milestone),
            toned(tone, self.state.as_str()),
            or_dash(self.reached.map(clock::iso).unwrap_or_default()),
            or_dash(&self.reason),
        ]
    }

    fn name(&self) -> String {
        format!("{}/milestones/{}", self.rollout, self.milestone)
    }

    fn json(&self) -> Value {
        json!({
            "rollout": self.rollout.to_string(),
            "milestone": self.milestone,
            "state": self.state.as_str(),
            "reached": moment_json(self.reached),
            "reason": self.reason,
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("milestone", cell(&self.milestone)).field("state", cell(self.state.as_str()));
        page.field("why", or_dash(&self.reason));
        page
    }
}
