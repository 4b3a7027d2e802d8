//! The registry of names: every identifier of the domain is declared here and nowhere else, so that a region can
//! never be passed where a service is meant. It knows the alphabet of names; it does not know what exists.

use std::fmt;

/// Why a text is not a name.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_BYTES_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside `[a-z0-9-]`, or a dash at an end.
    #[error("a name is made of a-z, 0-9 and inner dashes; {0:?} at position {1} is not allowed")]
    Character(char, usize),
}

/// The longest name: the limit of a DNS label, so that names fit everywhere.
pub const NAME_BYTES_MAX: usize = 63;

/// Checks the alphabet `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most [`NAME_BYTES_MAX`] bytes.
///
/// # Errors
/// The first rule that the text breaks.
pub fn check_name(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    let last = text.chars().count() - 1;
    for (position, character) in text.chars().enumerate() {
        let inner = position != 0 && position != last;
        let allowed = matches!(character, 'a'..='z' | '0'..='9') || (inner && character == '-');
        if !allowed {
            return Err(InvalidName::Character(character, position));
        }
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(InvalidName::TooLong(text.len()));
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// See [`InvalidName`].
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                check_name(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A callback: an endpoint of a service that is asked before a wave.
    CallbackId;
    /// An item of a pre-launch checklist.
    ItemId;
    /// A KPI: a named number of a service.
    KpiId;
    /// A playbook: a named, revisioned template.
    PlaybookId;
    /// A region: one cluster with one logical agent.
    RegionId;
    /// A replica: one server process among equals, from its start to its end. Started again, it is another one.
    ReplicaId;
    /// A rollout: one execution of one plan. Unique in the whole installation.
    RolloutId;
    /// A role: whose consent a wave needs.
    RoleId;
    /// A route: who is told of which alerts.
    RouteId;
    /// A secret that servers read from a file of this name.
    SecretId;
    /// A service: the thing being launched.
    ServiceId;
    /// A set: releases of several services that are launched together.
    SetId;
    /// A stage or wave label inside a playbook.
    WaveId;
}

/// A lane: one service in one region. At most one active rollout holds it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Lane {
    /// The service.
    pub service: ServiceId,
    /// The region.
    pub region: RegionId,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.service, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_alphabet() {
        for good in ["a", "eu-west-1", "0", &"x".repeat(63)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let bad = [
            "",
            "../../etc/passwd",
            "a/b",
            ".",
            "-a",
            "a-",
            "A",
            "a\0",
            "a\n",
            "a\u{202e}b",
            "\u{0430}",
            "a b",
            &"x".repeat(64),
        ];
        for text in bad {
            assert!(check_name(text).is_err(), "{text:?} was taken");
        }
    }
}
