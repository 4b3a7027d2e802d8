//! Routes: which alerts, in which words, to whom. A secret is written as its name, never as itself.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::alert::route::{PAGER_DUTY, validate};
use meridian_core::alert::{Match, Receiver, Route, Severity, Target};
use meridian_core::id::{RegionId, RouteId, SecretId, ServiceId};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use super::{labels, playbook};
use crate::manifest::envelope::Metadata;
use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

/// The fields of a receiver that say how it is told; a receiver has one of them.
const TARGETS: [&str; 4] = ["alertmanager", "webhook", "pagerduty", "slack"];

pub(in crate::manifest) fn read(metadata: &Metadata<'_>, spec: &Cursor<'_>, report: &mut Report<'_>) -> Option<Route> {
    let id = metadata.name(report, RouteId::new);
    let fields = spec.fields(report, &["match", "template", "receivers"])?;
    let matches = fields.get("match").map_or(Some(Match::default()), |it| matching(&it, report));
    let template = fields.value_or(report, "template", String::new(), values::text(TEXT_BYTES_MAX));
    let receivers = fields.need(report, "receivers", "[{name: …, webhook: {…}}]");
    let receivers = receivers.and_then(|it| it.each(report, receiver));
    let route = Route { id: id?, matches: matches?, template: template?, receivers: receivers? };
    let Err(violations) = validate(&route) else { return Some(route) };
    violations.into_iter().for_each(|violation| playbook::add(violation, spec, report));
    None
}

fn matching(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Match> {
    let fields = given.fields(report, &["severity", "services", "regions", "labels"])?;
    let words = [("warning", Some(Severity::Warning)), ("critical", Some(Severity::Critical))];
    let severity = fields.value_or(report, "severity", None, values::word(&words));
    let services = fields
        .get("services")
        .map_or(Some(Vec::new()), |it| it.each(report, |it, report| it.value(report, values::name(ServiceId::new))));
    let regions = fields
        .get("regions")
        .map_or(Some(Vec::new()), |it| it.each(report, |it, report| it.value(report, values::name(RegionId::new))));
    let labels = fields.get("labels").map_or(Some(BTreeMap::new()), |it| labels::read(&it, report));
    let (services, regions) = (BTreeSet::from_iter(services?), BTreeSet::from_iter(regions?));
    Some(Match { severity: severity?, services, regions, labels: labels? })
}

fn receiver(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Receiver> {
    let mut known = vec!["name"];
    known.extend(TARGETS);
    let fields = given.fields(report, &known)?;
    let name = fields.need(report, "name", "on-call").and_then(|it| it.value(report, values::text(TEXT_BYTES_MAX)));
    let told: Vec<_> = TARGETS.iter().filter_map(|target| Some((*target, fields.get(target)?))).collect();
    let [(target, given)] = told.as_slice() else {
        let fix = format!("give exactly one of {}", TARGETS.join(", "));
        fields.refuse(report, "", Refused::new("FIELDS_CONFLICT", "a receiver is told in exactly one way", fix));
        return None;
    };
    let target = match *target {
        "alertmanager" => {
            let fields = given.fields(report, &["url"])?;
            Target::Alertmanager { url: url(&fields, report)? }
        }
        "webhook" => {
            let fields = given.fields(report, &["url", "secret"])?;
            let (url, secret) = (url(&fields, report), secret(&fields, report));
            Target::Webhook { url: url?, secret: secret? }
        }
        "pagerduty" => {
            let fields = given.fields(report, &["url", "secret"])?;
            let url = fields.value_or(report, "url", PAGER_DUTY.to_owned(), values::text(TEXT_BYTES_MAX));
            let secret = secret(&fields, report);
            Target::PagerDuty { url: url?, secret: secret? }
        }
        _ => Target::Slack { secret: secret(&given.fields(report, &["secret"])?, report)? },
    };
    Some(Receiver { name: name?, target })
}

fn url(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    fields.need(report, "url", "https://alerts.example")?.value(report, values::text(TEXT_BYTES_MAX))
}

fn secret(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<SecretId> {
    fields.need(report, "secret", "on-call-key")?.value(report, values::name(SecretId::new))
}
