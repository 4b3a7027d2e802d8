//! Alerts and routes. What follows from the kind of an alert is written for readers and not read back.

use std::collections::BTreeSet;

use meridian_core::alert::route::{MATCHES_MAX, RECEIVERS_MAX};
use meridian_core::alert::{Alert, Kind, Match, Receiver, Route, Saying, Severity, Target, Topic, Turn};
use meridian_core::id::{RegionId, SecretId, ServiceId};

use crate::convert::field::{
    RECORD_TEXT_BYTES_MAX, TEXT_BYTES_MAX, WORD_BYTES_MAX, labels, list, list_with, named, named_or_none, optional,
    present, required, text, word,
};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::name;
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::v1;
use crate::r#gen::v1::notification_route::{self as wire, receiver};

impl From<Severity> for v1::AlertSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

impl TryFrom<v1::AlertKind> for Kind {
    type Error = Invalid;

    fn try_from(wire: v1::AlertKind) -> Result<Self, Invalid> {
        match wire {
            v1::AlertKind::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::AlertKind::VerdictFailed => Ok(Self::VerdictFailed),
            v1::AlertKind::RollingBack => Ok(Self::RollingBack),
            v1::AlertKind::Held => Ok(Self::Held),
            v1::AlertKind::Frozen => Ok(Self::Frozen),
            v1::AlertKind::Failed => Ok(Self::Failed),
            v1::AlertKind::RegionUnknown => Ok(Self::RegionUnknown),
            v1::AlertKind::RegionQuarantined => Ok(Self::RegionQuarantined),
            v1::AlertKind::WaitsForPeople => Ok(Self::WaitsForPeople),
        }
    }
}

impl From<Kind> for v1::AlertKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::VerdictFailed => Self::VerdictFailed,
            Kind::RollingBack => Self::RollingBack,
            Kind::Held => Self::Held,
            Kind::Frozen => Self::Frozen,
            Kind::Failed => Self::Failed,
            Kind::RegionUnknown => Self::RegionUnknown,
            Kind::RegionQuarantined => Self::RegionQuarantined,
            Kind::WaitsForPeople => Self::WaitsForPeople,
        }
    }
}

impl TryFrom<v1::alert_saying::Turn> for Turn {
    type Error = Invalid;

    fn try_from(wire: v1::alert_saying::Turn) -> Result<Self, Invalid> {
        match wire {
            v1::alert_saying::Turn::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::alert_saying::Turn::Raised => Ok(Self::Raised),
            v1::alert_saying::Turn::Resolved => Ok(Self::Resolved),
        }
    }
}

impl From<Turn> for v1::alert_saying::Turn {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Raised => Self::Raised,
            Turn::Resolved => Self::Resolved,
        }
    }
}

impl TryFrom<v1::Alert> for Alert {
    type Error = Invalid;

    fn try_from(wire: v1::Alert) -> Result<Self, Invalid> {
        let v1::Alert { key: _, kind, severity: _, rollout, region, release, summary, since } = wire;
        let (service, rollout) = name::parse_rollout(&rollout).at("rollout")?;
        let region = named_or_none("region", region, RegionId::new)?;
        Ok(Self {
            service,
            rollout,
            release: required("release", release)?,
            topic: Topic { kind: word::<v1::AlertKind, _>("kind", kind)?, region },
            summary: text("summary", summary, RECORD_TEXT_BYTES_MAX)?,
            since: moment("since", since)?,
        })
    }
}

impl From<&Alert> for v1::Alert {
    fn from(alert: &Alert) -> Self {
        let Alert { service, rollout, release, topic: Topic { kind, region }, summary, since } = alert;
        Self {
            key: alert.key(),
            kind: v1::AlertKind::from(*kind).into(),
            severity: v1::AlertSeverity::from(kind.severity()).into(),
            rollout: name::rollout(service, rollout),
            region: region.as_ref().map_or_else(String::new, ToString::to_string),
            release: Some(release.into()),
            summary: summary.clone(),
            since: Some(timestamp_to_wire(*since)),
        }
    }
}

impl TryFrom<v1::AlertSaying> for Saying {
    type Error = Invalid;

    fn try_from(wire: v1::AlertSaying) -> Result<Self, Invalid> {
        let v1::AlertSaying { turn, alert } = wire;
        Ok(Self { turn: word::<v1::alert_saying::Turn, _>("turn", turn)?, alert: required("alert", alert)? })
    }
}

impl From<&Saying> for v1::AlertSaying {
    fn from(saying: &Saying) -> Self {
        let Saying { turn, alert } = saying;
        Self { turn: v1::alert_saying::Turn::from(*turn).into(), alert: Some(alert.into()) }
    }
}

impl TryFrom<wire::Match> for Match {
    type Error = Invalid;

    fn try_from(matches: wire::Match) -> Result<Self, Invalid> {
        let wire::Match { severity, services, regions, labels: wanted } = matches;
        let severity = match v1::AlertSeverity::try_from(severity) {
            Ok(v1::AlertSeverity::Unspecified) => None,
            Ok(v1::AlertSeverity::Warning) => Some(Severity::Warning),
            Ok(v1::AlertSeverity::Critical) => Some(Severity::Critical),
            Err(_) => return Err(Invalid::of(severity, InvalidKind::UnknownWord("warning, critical"))).at("severity"),
        };
        let services = list_with("services", services, MATCHES_MAX, |id| named("", id, ServiceId::new))?;
        let regions = list_with("regions", regions, MATCHES_MAX, |id| named("", id, RegionId::new))?;
        Ok(Self {
            severity,
            services: BTreeSet::from_iter(services),
            regions: BTreeSet::from_iter(regions),
            labels: labels("labels", wanted)?,
        })
    }
}

impl From<&Match> for wire::Match {
    fn from(matches: &Match) -> Self {
        let Match { severity, services, regions, labels } = matches;
        Self {
            severity: severity.map_or(v1::AlertSeverity::Unspecified, Into::into).into(),
            services: services.iter().map(ToString::to_string).collect(),
            regions: regions.iter().map(ToString::to_string).collect(),
            labels: labels.clone(),
        }
    }
}

impl TryFrom<wire::Receiver> for Receiver {
    type Error = Invalid;

    fn try_from(receiver: wire::Receiver) -> Result<Self, Invalid> {
        let wire::Receiver { name, target } = receiver;
        let address = |url| text("url", url, TEXT_BYTES_MAX);
        let hidden = |secret| named("secret", secret, SecretId::new);
        let target = match present("target", target)? {
            receiver::Target::Alertmanager(wire::Alertmanager { url }) => {
                Target::Alertmanager { url: address(url).at("alertmanager")? }
            }
            receiver::Target::Webhook(wire::Webhook { url, secret }) => {
                Target::Webhook { url: address(url).at("webhook")?, secret: hidden(secret).at("webhook")? }
            }
            receiver::Target::PagerDuty(wire::PagerDuty { url, secret }) => {
                Target::PagerDuty { url: address(url).at("pager_duty")?, secret: hidden(secret).at("pager_duty")? }
            }
            receiver::Target::Slack(wire::Slack { secret }) => Target::Slack { secret: hidden(secret).at("slack")? },
        };
        Ok(Self { name: text("name", name, WORD_BYTES_MAX)?, target })
    }
}

impl From<&Receiver> for wire::Receiver {
    fn from(from: &Receiver) -> Self {
        let Receiver { name, target } = from;
        let target = match target.clone() {
            Target::Alertmanager { url } => receiver::Target::Alertmanager(wire::Alertmanager { url }),
            Target::Webhook { url, secret } => {
                receiver::Target::Webhook(wire::Webhook { url, secret: secret.to_string() })
            }
            Target::PagerDuty { url, secret } => {
                receiver::Target::PagerDuty(wire::PagerDuty { url, secret: secret.to_string() })
            }
            Target::Slack { secret } => receiver::Target::Slack(wire::Slack { secret: secret.to_string() }),
        };
        Self { name: name.clone(), target: Some(target) }
    }
}

impl TryFrom<v1::NotificationRoute> for Route {
    type Error = Invalid;

    /// What only the server writes (etag, times) is left aside.
    fn try_from(wire: v1::NotificationRoute) -> Result<Self, Invalid> {
        let v1::NotificationRoute {
            name: resource,
            r#match: matches,
            template,
            receivers,
            etag: _,
            create_time: _,
            update_time: _,
        } = wire;
        Ok(Self {
            id: name::parse_route(&resource).at("name")?,
            matches: optional("match", matches)?.unwrap_or_default(),
            template: text("template", template, TEXT_BYTES_MAX)?,
            receivers: list("receivers", receivers, RECEIVERS_MAX)?,
        })
    }
}

impl From<&Route> for v1::NotificationRoute {
    /// What only the server knows (etag, times) stays unset.
    fn from(route: &Route) -> Self {
        let Route { id, matches, template, receivers } = route;
        Self {
            name: name::route(id),
            r#match: (*matches != Match::default()).then(|| matches.into()),
            template: template.clone(),
            receivers: receivers.iter().map(Into::into).collect(),
            etag: String::new(),
            create_time: None,
            update_time: None,
        }
    }
}
