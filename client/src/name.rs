//! Names of resources as the API spells them, and request ids. It knows the spelling, not what exists.

use std::fmt;
use std::str::FromStr;

use meridian_core::canon::Canon;
use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_proto::convert::name as wire;
use semver::Version;

/// Why a text names nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} names nothing: {why}")]
pub struct InvalidResourceName {
    /// As given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// `services/{service}/rollouts/{rollout}`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RolloutName {
    /// Whose.
    pub service: ServiceId,
    /// Which.
    pub rollout: RolloutId,
}

/// `services/{service}/releases/{version}`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ReleaseName {
    /// Whose.
    pub service: ServiceId,
    /// Which.
    pub version: Version,
}

/// `services/{service}/decisions/{generation}.{counter}`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DecisionName {
    /// Whose.
    pub service: ServiceId,
    /// Which.
    pub epoch: Epoch,
}

/// The id of one change: sent again with the same content, the change has the effect of once.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// Parses a UUID.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidResourceName> {
        uuid::Uuid::parse_str(text).map(Self).map_err(|why| invalid(text, why))
    }

    /// The id of one of several changes made under this one: the same every time for the same label.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        let mut canon = Canon::default();
        canon.text("meridian.request.v1").text(&self.to_string()).text(label);
        let digest = canon.finish();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RolloutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wire::rollout(&self.service, &self.rollout))
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wire::release(&self.service, &self.version))
    }
}

impl fmt::Display for DecisionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wire::decision(&self.service, self.epoch))
    }
}

impl FromStr for RolloutName {
    type Err = InvalidResourceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = wire::parse_rollout(text).map_err(|why| invalid(text, why))?;
        Ok(Self { service: parsed.0, rollout: parsed.1 })
    }
}

impl FromStr for ReleaseName {
    type Err = InvalidResourceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = wire::parse_release(text).map_err(|why| invalid(text, why))?;
        Ok(Self { service: parsed.0, version: parsed.1 })
    }
}

impl FromStr for DecisionName {
    type Err = InvalidResourceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = wire::parse_decision(text).map_err(|why| invalid(text, why))?;
        Ok(Self { service: parsed.0, epoch: parsed.1 })
    }
}

fn invalid(text: &str, why: impl ToString) -> InvalidResourceName {
    InvalidResourceName { text: text.chars().take(128).collect(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_alike() {
        let text = "services/checkout/rollouts/r-1";
        assert_eq!(text.parse::<RolloutName>().unwrap().to_string(), text);
        let text = "services/checkout/releases/1.2.3-rc.1+build.5";
        assert_eq!(text.parse::<ReleaseName>().unwrap().to_string(), text);
        let text = "services/checkout/decisions/0.17";
        assert_eq!(text.parse::<DecisionName>().unwrap().to_string(), text);
    }

    #[test]
    fn other_texts_are_no_names() {
        for text in [
            "",
            "checkout",
            "services/a/rollouts/",
            "services/A/rollouts/b",
            "services/a/rollouts/b/c",
            "x/a/rollouts/b",
        ] {
            assert!(text.parse::<RolloutName>().is_err(), "{text}");
        }
        assert!("services/a/releases/v1.2.3".parse::<ReleaseName>().is_err());
        assert!("services/a/decisions/1".parse::<DecisionName>().is_err());
    }

    #[test]
    fn derived_ids_are_stable_and_differ() {
        let id = RequestId::random();
        assert_eq!(id.derive("a"), id.derive("a"));
        assert_ne!(id.derive("a"), id.derive("b"));
        assert_eq!(RequestId::parse(&id.to_string()).unwrap(), id);
        assert!(RequestId::parse("1").is_err());
    }
}
