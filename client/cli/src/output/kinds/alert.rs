//! Alerts, the routes that they take, and what came of telling somebody.

use meridian_client::{RouteView, ToldView};
use meridian_core::alert::{Alert, Match, Receiver, Route, Saying, Severity};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::{age_cell, moment_cell, moment_json};
use crate::manifest::{self, API_VERSION, Manifest};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

/// An alert that stands.
pub(crate) struct StandingAlert {
    alert: Alert,
    /// Whether somebody is still to be told.
    pending: bool,
}

impl StandingAlert {
    /// With what is still to be said.
    pub(crate) fn of(alert: Alert, pending: &[Saying]) -> Self {
        let pending = pending.iter().any(|saying| saying.alert.key() == alert.key());
        Self { alert, pending }
    }
}

const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Bad,
    }
}

impl Shown for StandingAlert {
    const HEADERS: &'static [&'static str] =
        &["SEVERITY", "KIND", "SERVICE", "ROLLOUT", "REGION", "TOLD", "AGE", "WHY"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let Alert { service, rollout, release: _, topic, summary, since } = &self.alert;
        let severity = topic.kind.severity();
        let region = topic.region.as_ref().map_or_else(|| or_dash(""), cell);
        let told = if self.pending { toned(Tone::Warning, "not all") } else { cell("yes") };
        vec![
            toned(tone(severity), severity.as_str()),
            cell(topic.kind.as_str()),
            cell(service),
            cell(rollout),
            region,
            told,
            age_cell(Some(*since), now),
            cell(summary),
        ]
    }

    fn name(&self) -> String {
        self.alert.key()
    }

    fn json(&self) -> Value {
        let Alert { service, rollout, release, topic, summary, since } = &self.alert;
        json!({
            "key": self.alert.key(),
            "kind": topic.kind.as_str(),
            "severity": topic.kind.severity().as_str(),
            "service": service.as_str(),
            "rollout": rollout.as_str(),
            "release": release.version.to_string(),
            "region": topic.region.as_ref().map(|region| region.as_str()),
            "summary": summary,
            "since": moment_json(Some(*since)),
            "pending": self.pending,
        })
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("alert", toned(Tone::Strong, self.name())).field("why", cell(&self.alert.summary));
        page.field("since", moment_cell(Some(self.alert.since), now));
        page
    }
}

impl Shown for ToldView {
    const HEADERS: &'static [&'static str] = &["RECEIVER", "TOLD", "WHY NOT"];

    fn row(&self, _: Timestamp) -> Vec<Cell> {
        let told = if self.failure.is_none() { toned(Tone::Good, "yes") } else { toned(Tone::Bad, "no") };
        vec![cell(&self.receiver), told, or_dash(self.failure.as_deref().unwrap_or_default())]
    }

    fn name(&self) -> String {
        self.receiver.clone()
    }

    fn json(&self) -> Value {
        json!({ "receiver": self.receiver, "told": self.failure.is_none(), "failure": self.failure })
    }

    fn describe(&self, _: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("receiver", cell(&self.receiver));
        page
    }
}

fn receivers_text(receivers: &[Receiver]) -> String {
    let one = |receiver: &Receiver| format!("{} ({})", receiver.name, receiver.target.as_str());
    receivers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn match_text(matches: &Match) -> String {
    let Match { severity, services, regions, labels } = matches;
    let mut parts: Vec<String> = severity.iter().map(|least| format!("at least {}", least.as_str())).collect();
    let list = |names: Vec<String>| names.join(" or ");
    if !services.is_empty() {
        parts.push(list(services.iter().map(ToString::to_string).collect()));
    }
    if !regions.is_empty() {
        parts.push(format!("in {}", list(regions.iter().map(ToString::to_string).collect())));
    }
    parts.extend(labels.iter().map(|(key, value)| format!("{key}={value}")));
    if parts.is_empty() { "every alert".to_owned() } else { parts.join(", ") }
}

fn receiver_json(Receiver { name, target }: &Receiver) -> Value {
    let mut how = json!({});
    if let Some(url) = target.url() {
        how["url"] = url.as_str().into();
    }
    if let Some(secret) = target.secret() {
        how["secret"] = secret.as_str().into();
    }
    json!({ "name": name, (target.as_str()): how })
}

impl Shown for RouteView {
    const HEADERS: &'static [&'static str] = &["NAME", "TAKES", "RECEIVERS", "AGE"];

    fn row(&self, now: Timestamp) -> Vec<Cell> {
        let Route { id, matches, template: _, receivers } = &self.route;
        let age = age_cell(self.created, now);
        vec![cell(id), cell(match_text(matches)), cell(receivers_text(receivers)), age]
    }

    fn name(&self) -> String {
        format!("routes/{}", self.route.id)
    }

    fn json(&self) -> Value {
        let Route { id, matches: Match { severity, services, regions, labels }, template, receivers } = &self.route;
        let services: Vec<&str> = services.iter().map(|service| service.as_str()).collect();
        let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        let severity = severity.map(Severity::as_str);
        json!({
            "apiVersion": API_VERSION,
            "kind": "NotificationRoute",
            "metadata": { "name": id.as_str() },
            "spec": {
                "match": { "severity": severity, "services": services, "regions": regions, "labels": labels },
                "template": template,
                "receivers": receivers.iter().map(receiver_json).collect::<Vec<_>>(),
            },
            "status": {
                "etag": self.etag,
                "created": moment_json(self.created),
                "updated": moment_json(self.updated),
            },
        })
    }

    fn yaml(&self) -> String {
        manifest::to_yaml(&Manifest::Route(self.route.clone()))
    }

    fn describe(&self, now: Timestamp) -> Page {
        let Route { id, matches, template, receivers } = &self.route;
        let mut page = Page::default();
        page.field("route", toned(Tone::Strong, id)).field("takes", cell(match_text(matches)));
        page.field("says", or_dash(template)).field("etag", or_dash(&self.etag));
        page.field("created", moment_cell(self.created, now)).field("changed", moment_cell(self.updated, now));
        let row = |Receiver { name, target }: &Receiver| {
            let secret = target.secret().map_or_else(|| or_dash(""), cell);
            vec![cell(name), cell(target.as_str()), or_dash(target.url().cloned().unwrap_or_default()), secret]
        };
        page.table("receivers", &["NAME", "FORMAT", "URL", "SECRET"], receivers.iter().map(row).collect());
        page
    }
}
