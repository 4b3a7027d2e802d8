//! Routes: who is told what, and in which words. A route is declared; a secret in it is a name of a file that only servers can
//! read, never the secret.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alert, Saying, Severity};
use crate::id::{RegionId, RouteId, SecretId, ServiceId};
use crate::playbook::Violation;
use crate::playbook::query::check_address;
use crate::text::template::{Template, TemplateError};

/// The most receivers of a route.
pub const RECEIVERS_MAX: usize = 16;
/// The most names or labels that a route is matched by.
pub const MATCHES_MAX: usize = 64;
/// The longest template.
pub const TEMPLATE_BYTES_MAX: usize = 1024;
/// What is said where a route has no words of its own.
pub const TEMPLATE: &str = "[{{severity}}] {{service}} {{release}} {{kind}} {{turn}}: {{summary}}";
/// What may stand between `{{` and `}}` in a template.
pub const PLACES: [&str; 8] = ["service", "release", "rollout", "region", "kind", "severity", "turn", "summary"];

/// Where `PagerDuty` listens.
pub const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// A declared way from alerts to people.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Route {
    /// Its name.
    pub id: RouteId,
    /// Which alerts take it.
    pub matches: Match,
    /// What is said; empty: [`TEMPLATE`].
    pub template: String,
    /// Who is told.
    pub receivers: Vec<Receiver>,
}

/// Which alerts take a route: those that fit everything that is said here.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Match {
    /// At least as severe; `None`: any.
    pub severity: Option<Severity>,
    /// Of one of these services; empty: of any.
    pub services: BTreeSet<ServiceId>,
    /// About one of these regions, or about a whole rollout; empty: about any.
    pub regions: BTreeSet<RegionId>,
    /// Of a service with all of these labels.
    pub labels: BTreeMap<String, String>,
}

/// Somebody who is told.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Receiver {
    /// Its name, unique in the route.
    pub name: String,
    /// Where and how.
    pub target: Target,
}

/// Where and how somebody is told.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Target {
    /// An Alertmanager, by its API v2.
    Alertmanager {
        /// Below which its API is.
        url: String,
    },
    /// Anything that takes JSON; signed with a secret.
    Webhook {
        /// Where.
        url: String,
        /// The key of the signature.
        secret: SecretId,
    },
    /// `PagerDuty`, by its Events API v2.
    PagerDuty {
        /// Where.
        url: String,
        /// The routing key.
        secret: SecretId,
    },
    /// A chat that takes what Slack takes.
    Slack {
        /// The whole address: whoever knows it may write there.
        secret: SecretId,
    },
}

impl Target {
    /// The word used in manifests.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Alertmanager { .. } => "alertmanager",
            Self::Webhook { .. } => "webhook",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Slack { .. } => "slack",
        }
    }

    /// The secret that it needs.
    #[must_use]
    pub const fn secret(&self) -> Option<&SecretId> {
        match self {
            Self::Alertmanager { .. } => None,
            Self::Webhook { secret, .. } | Self::PagerDuty { secret, .. } | Self::Slack { secret } => Some(secret),
        }
    }

    /// The address that is written down.
    #[must_use]
    pub const fn url(&self) -> Option<&String> {
        match self {
            Self::Alertmanager { url } | Self::Webhook { url, .. } | Self::PagerDuty { url, .. } => Some(url),
            Self::Slack { .. } => None,
        }
    }
}

impl Route {
    /// Whether an alert of a service with these labels takes it.
    #[must_use]
    pub fn takes(&self, alert: &Alert, labels: &BTreeMap<String, String>) -> bool {
        let Match { severity, services, regions, labels: wanted } = &self.matches;
        severity.is_none_or(|least| alert.topic.kind.severity() >= least)
            && (services.is_empty() || services.contains(&alert.service))
            && (regions.is_empty() || alert.topic.region.as_ref().is_none_or(|region| regions.contains(region)))
            && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// What is said, in this route's words.
    #[must_use]
    pub fn words(&self, saying: &Saying) -> String {
        let text = if self.template.is_empty() { TEMPLATE } else { &self.template };
        match Template::parse(text, &PLACES) {
            Ok(template) => template.fill(|place| value(saying, place)),
            // Valid routes have none; what has to be said is said all the same.
            Err(_) => saying.alert.summary.clone(),
        }
    }
}

fn value(Saying { turn, alert }: &Saying, place: &str) -> String {
    match place {
        "service" => alert.service.to_string(),
        "release" => alert.release.version.to_string(),
        "rollout" => alert.rollout.to_string(),
        "region" => alert.topic.region.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
        "kind" => alert.topic.kind.as_str().to_owned(),
        "severity" => alert.topic.kind.severity().as_str().to_owned(),
        "turn" => turn.as_str().to_owned(),
        // Templates know no other place.
        _ => alert.summary.clone(),
    }
}

/// Checks a route.
///
/// # Errors
/// Every violation; never an empty list.
pub fn validate(route: &Route) -> Result<(), Vec<Violation>> {
    let mut found = Vec::new();
    let mut add = |code, field: String, value: String, fix: &str| {
        found.push(Violation { code, field, value, fix: fix.to_owned() });
    };
    let Match { severity: _, services, regions, labels } = &route.matches;
    for (name, count) in [("services", services.len()), ("regions", regions.len()), ("labels", labels.len())] {
        if count > MATCHES_MAX {
            add("TOO_MANY_MATCHES", format!("match.{name}"), count.to_string(), "at most 64; declare a second route");
        }
    }
    if route.template.len() > TEMPLATE_BYTES_MAX {
        add("TEXT_TOO_LONG", "template".to_owned(), route.template.len().to_string(), "at most 1024 bytes");
    }
    match Template::parse(&route.template, &PLACES) {
        Ok(_) => {}
        Err(TemplateError::Unknown(place)) => {
            let fix = "write one of service, release, rollout, region, kind, severity, turn, summary in `{{…}}`";
            add("PLACEHOLDER_UNKNOWN", "template".to_owned(), place.escape_debug().to_string(), fix);
        }
        Err(TemplateError::Unclosed) => {
            add("PLACEHOLDER_UNKNOWN", "template".to_owned(), "{{".to_owned(), "close it with `}}`");
        }
    }
    if !(1..=RECEIVERS_MAX).contains(&route.receivers.len()) {
        add("RECEIVERS_OUT_OF_RANGE", "receivers".to_owned(), route.receivers.len().to_string(), "give 1 to 16");
    }
    let mut names = BTreeSet::new();
    for (index, Receiver { name, target }) in route.receivers.iter().enumerate() {
        let at = format!("receivers[{index}]");
        if crate::id::check_name(name).is_err() {
            let fix = "use a-z, 0-9 and inner dashes";
            add("NAME_INVALID", format!("{at}.name"), name.escape_debug().to_string(), fix);
        }
        if !names.insert(name) {
            add("RECEIVER_TWICE", format!("{at}.name"), name.clone(), "give every receiver its own name");
        }
        let is_base = matches!(target, Target::Alertmanager { .. });
        if let Some(url) = target.url()
            && let Err(fix) = check_address(url, is_base)
        {
            add("URL_INVALID", format!("{at}.{}.url", target.as_str()), url.escape_debug().to_string(), fix);
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}
