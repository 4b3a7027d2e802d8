//! What an operator names: kinds, `KIND/NAME`, rollouts by service. It parses; it does not know what exists.

use meridian_client::name::DecisionName;
use meridian_client::{ReleaseName, RolloutName};
use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RegionId, RolloutId, RouteId, ServiceId};
use semver::Version;

use crate::error::CliError;

/// A kind of thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Kind {
    /// Services.
    Service,
    /// Playbooks.
    Playbook,
    /// Releases.
    Release,
    /// Regions.
    Region,
    /// Notification routes.
    Route,
    /// Rollouts.
    Rollout,
    /// Plans.
    Plan,
    /// Decisions.
    Decision,
}

/// A kind, or one thing of it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Reference {
    /// Of which kind.
    pub kind: Kind,
    /// Which; `None`: all.
    pub name: Option<String>,
}

/// A rollout as an operator names it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RolloutReference {
    /// The newest of a service.
    NewestOf(ServiceId),
    /// This one.
    Exact(RolloutName),
}

impl Reference {
    /// Parses `KIND`, `KIND/NAME`, `KIND NAME`, or a resource's full name.
    ///
    /// # Errors
    /// If the kind is unknown.
    pub fn parse(what: &str, name: Option<&str>) -> Result<Self, CliError> {
        let nested = [("/releases/", Kind::Release), ("/rollouts/", Kind::Rollout), ("/decisions/", Kind::Decision)];
        if what.starts_with("services/")
            && let Some((_, kind)) = nested.into_iter().find(|(part, _)| what.contains(part))
        {
            return Ok(Self { kind, name: Some(what.to_owned()) });
        }
        let (kind, rest) = match what.split_once('/') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (what, None),
        };
        let name = match (rest, name) {
            (Some(_), Some(second)) => {
                return Err(usage(format!("{what} already has a name; what is {second:?}?")));
            }
            (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
            (None, None) => None,
        };
        Ok(Self { kind: Kind::parse(kind)?, name })
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, CliError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "service" | "services" | "svc" => Self::Service,
            "playbook" | "playbooks" | "pb" => Self::Playbook,
            "release" | "releases" | "rel" => Self::Release,
            "region" | "regions" => Self::Region,
            "route" | "routes" | "notificationroute" | "notificationroutes" => Self::Route,
            "rollout" | "rollouts" | "ro" => Self::Rollout,
            "plan" | "plans" => Self::Plan,
            "decision" | "decisions" => Self::Decision,
            other => {
                let kinds = "service, playbook, release, region, route, rollout, plan, decision";
                return Err(usage(format!("{other:?} is no kind; kinds are {kinds}")));
            }
        })
    }
}

/// Parses a service's name.
///
/// # Errors
/// If it is none.
pub fn service(text: &str) -> Result<ServiceId, CliError> {
    let name = text.strip_prefix("services/").unwrap_or(text);
    ServiceId::new(name).map_err(|error| usage(format!("service {text:?}: {error}")))
}

/// Parses a region's name.
///
/// # Errors
/// If it is none.
pub fn region(text: &str) -> Result<RegionId, CliError> {
    let name = text.strip_prefix("regions/").unwrap_or(text);
    RegionId::new(name).map_err(|error| usage(format!("region {text:?}: {error}")))
}

/// Parses a route's name.
///
/// # Errors
/// If it is none.
pub fn route(text: &str) -> Result<RouteId, CliError> {
    let name = text.strip_prefix("routes/").unwrap_or(text);
    RouteId::new(name).map_err(|error| usage(format!("route {text:?}: {error}")))
}

/// Parses `playbook`, `playbook@3` or `playbooks/playbook/revisions/3`.
///
/// # Errors
/// If it is none of them.
pub fn playbook(text: &str) -> Result<(PlaybookId, Option<u64>), CliError> {
    let name = text.strip_prefix("playbooks/").unwrap_or(text);
    let (name, revision) = match name.split_once('@').or_else(|| name.split_once("/revisions/")) {
        Some((name, revision)) => (name, Some(revision)),
        None => (name, None),
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    let revision = match revision {
        None => None,
        Some(text) => {
            let problem = || usage(format!("playbook {name}: revision {text:?} is not a number from 1"));
            Some(number(text).ok_or_else(problem)?)
        }
    };
    let id = PlaybookId::new(name).map_err(|error| usage(format!("playbook {text:?}: {error}")))?;
    Ok((id, revision))
}

/// Parses a semantic version.
///
/// # Errors
/// If it is none.
pub fn version(text: &str) -> Result<Version, CliError> {
    let fix = "write three numbers such as 1.8.2, without a v";
    Version::parse(text).map_err(|error| usage(format!("version {text:?}: {error}; {fix}")))
}

/// Parses `SERVICE/VERSION` or `services/SERVICE/releases/VERSION`.
///
/// # Errors
/// If it is neither.
pub fn release(text: &str) -> Result<ReleaseName, CliError> {
    if let Ok(name) = text.parse() {
        return Ok(name);
    }
    let form = "a release is SERVICE/VERSION or services/SERVICE/releases/VERSION";
    let (service_name, number) = text.split_once('/').ok_or_else(|| usage(format!("{text:?}: {form}")))?;
    Ok(ReleaseName { service: service(service_name)?, version: version(number)? })
}

/// Parses `SERVICE`, `SERVICE/ROLLOUT` or `services/SERVICE/rollouts/ROLLOUT`.
///
/// # Errors
/// If it is none of them.
pub fn rollout(text: &str) -> Result<RolloutReference, CliError> {
    if let Ok(name) = text.parse() {
        return Ok(RolloutReference::Exact(name));
    }
    let Some((service_name, id)) = text.split_once('/').filter(|(first, _)| *first != "services") else {
        return service(text).map(RolloutReference::NewestOf);
    };
    let rollout = RolloutId::new(id).map_err(|error| usage(format!("rollout {text:?}: {error}")))?;
    Ok(RolloutReference::Exact(RolloutName { service: service(service_name)?, rollout }))
}

/// Parses a plan's hash: 64 hexadecimal digits, as printed by `plan`.
///
/// # Errors
/// If it is none.
pub fn plan(text: &str) -> Result<Digest, CliError> {
    let hex = text.strip_prefix("plans/").or_else(|| text.strip_prefix("sha256:")).unwrap_or(text);
    let form = "a plan is named by the 64 hexadecimal digits that `meridian plan` prints";
    Digest::parse(&format!("sha256:{hex}")).map_err(|_| usage(format!("{text:?}: {form}")))
}

/// Parses a decision: `SERVICE/GENERATION.COUNTER` or its full name.
///
/// # Errors
/// If it is neither.
pub fn decision(text: &str) -> Result<DecisionName, CliError> {
    let full = if text.starts_with("services/") {
        text.to_owned()
    } else {
        let (service, epoch) = text.split_once('/').unwrap_or((text, ""));
        format!("services/{service}/decisions/{epoch}")
    };
    full.parse().map_err(|_| usage(format!("{text:?}: a decision is SERVICE/GENERATION.COUNTER")))
}

const fn usage(text: String) -> CliError {
    CliError::Usage(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_in_every_usual_way() {
        let table = [
            ("services", None, Kind::Service, None),
            ("svc/a", None, Kind::Service, Some("a")),
            ("routes/on-call", None, Kind::Route, Some("on-call")),
            ("playbook", Some("p"), Kind::Playbook, Some("p")),
            ("release/a/1.0.0", None, Kind::Release, Some("a/1.0.0")),
            ("services/a/releases/1.0.0", None, Kind::Release, Some("services/a/releases/1.0.0")),
            ("services/a/rollouts/r", None, Kind::Rollout, Some("services/a/rollouts/r")),
            ("services/a", None, Kind::Service, Some("a")),
        ];
        for (what, name, kind, expect) in table {
            let expect = Reference { kind, name: expect.map(str::to_owned) };
            assert_eq!(Reference::parse(what, name).unwrap(), expect, "{what}");
        }
        assert!(Reference::parse("pods", None).is_err());
        assert!(Reference::parse("service/a", Some("b")).is_err());
    }

    #[test]
    fn rollouts_and_the_like_are_named_short_or_in_full() {
        let exact = rollout("services/a/rollouts/r").unwrap();
        assert_eq!(rollout("a/r").unwrap(), exact);
        assert!(matches!(rollout("a").unwrap(), RolloutReference::NewestOf(_)));
        assert!(matches!(rollout("services/a").unwrap(), RolloutReference::NewestOf(_)));
        for bad in ["", "A", "a/", "a/b/c", "../x"] {
            assert!(rollout(bad).is_err(), "{bad}");
        }
        assert_eq!(release("a/1.0.0").unwrap(), release("services/a/releases/1.0.0").unwrap());
        assert!(release("a/v1.0.0").is_err() && release("a").is_err());
        assert_eq!(playbook("p@3").unwrap(), playbook("playbooks/p/revisions/3").unwrap());
        assert!(playbook("p@0").is_err());
        let hex = "ab".repeat(32);
        assert_eq!(plan(&hex).unwrap(), plan(&format!("plans/{hex}")).unwrap());
        assert!(plan("abab").is_err());
        assert_eq!(decision("a/0.7").unwrap().to_string(), "services/a/decisions/0.7");
        assert!(decision("a").is_err());
    }
}
