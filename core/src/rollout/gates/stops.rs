//! Stop-the-line: somebody has said that nothing goes forward in a scope until it is lifted. What goes back never asks.
//! Who hears of it, and that no decision gets past it, is the shell's to see to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::id::{RegionId, RolloutId, ServiceId};
use crate::person::is_nobody;
use crate::time::Timestamp;

/// The most stops that stand at once.
pub const STOPS_MAX: usize = 200;
/// The most rollouts that one stop exempts.
pub const EXEMPT_MAX: usize = 50;
/// The longest reason of a stop; it is told with every wait.
pub const REASON_BYTES_MAX: usize = 1024;

/// How far a stop reaches, the widest first.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum StopScope {
    /// Everything.
    Organisation,
    /// All rollouts of a service.
    Service(ServiceId),
    /// All rollouts, in this region.
    Region(RegionId),
    /// One rollout.
    Rollout(RolloutId),
}

/// Who said something, why and when.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Said {
    /// Who, as declared.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A stop that stands.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Stop {
    /// Who raised it.
    pub said: Said,
    /// Rollouts that go on all the same, and who let them.
    pub exempt: BTreeMap<RolloutId, Said>,
}

/// Everything that is stopped, and the end of the log of how that came about.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Stops {
    /// How many orders were carried out.
    pub number: u64,
    /// The digest of the last entry of the log.
    pub log: Option<Digest>,
    /// What stands.
    pub standing: BTreeMap<StopScope, Stop>,
}

/// What somebody orders.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum StopOrder {
    /// Nothing goes forward there.
    Raise(StopScope),
    /// It may again.
    Lift(StopScope),
    /// This rollout goes on all the same.
    Exempt(StopScope, RolloutId),
}

/// An entry of the log: one order, chained to the one before.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct StopEntry {
    /// Its place, from one.
    pub number: u64,
    /// `raise`, `lift` or `exempt`.
    pub kind: String,
    /// Where.
    pub scope: StopScope,
    /// Which rollout is exempt.
    pub rollout: Option<RolloutId>,
    /// Who, why and when.
    pub said: Said,
    /// The digest of the entry before.
    pub previous: Option<Digest>,
}

/// That nothing goes forward in a lane.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Halt {
    /// By the stop of this scope.
    pub scope: StopScope,
    /// Who raised it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Why an order was refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum StopRefused {
    /// Nobody gives it.
    #[error("this needs the name of who gives it; say who you are")]
    Nameless,
    /// No reason is given, or too long a one.
    #[error("this needs a reason of 1 to {REASON_BYTES_MAX} bytes")]
    Reasonless,
    /// There is such a stop.
    #[error("{scope} is stopped already, by {actor}")]
    Standing {
        /// Where.
        scope: StopScope,
        /// Who raised it.
        actor: String,
    },
    /// There is no such stop.
    #[error("{0} is not stopped")]
    NotStopped(StopScope),
    /// It is exempt already.
    #[error("rollout {0} is exempt already")]
    Exempt(RolloutId),
    /// There are as many as can be kept.
    #[error("there are as many stops or exemptions as can be kept; lift some")]
    TooMany,
}

impl StopRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nameless => "STOPPER_UNNAMED",
            Self::Reasonless => "REASON_NEEDED",
            Self::Standing { .. } => "ALREADY_STOPPED",
            Self::NotStopped(_) => "NOT_STOPPED",
            Self::Exempt(_) => "ALREADY_EXEMPT",
            Self::TooMany => "TOO_MANY_STOPS",
        }
    }
}

impl StopOrder {
    /// The stable word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Raise(_) => "raise",
            Self::Lift(_) => "lift",
            Self::Exempt(..) => "exempt",
        }
    }

    /// Where.
    #[must_use]
    pub const fn scope(&self) -> &StopScope {
        match self {
            Self::Raise(scope) | Self::Lift(scope) | Self::Exempt(scope, _) => scope,
        }
    }
}

impl Stops {
    /// What keeps a rollout from going forward in a region: the widest stop that does not exempt it.
    #[must_use]
    pub fn halt(&self, rollout: &RolloutId, service: &ServiceId, region: &RegionId) -> Option<Halt> {
        let reaches = |scope: &StopScope| match scope {
            StopScope::Organisation => true,
            StopScope::Service(stopped) => stopped == service,
            StopScope::Region(stopped) => stopped == region,
            StopScope::Rollout(stopped) => stopped == rollout,
        };
        let (scope, stop) =
            self.standing.iter().find(|(scope, stop)| reaches(scope) && !stop.exempt.contains_key(rollout))?;
        let Said { actor, reason, at: _ } = stop.said.clone();
        Some(Halt { scope: scope.clone(), actor, reason })
    }

    /// Carries out an order: what stands after it, and its entry for the log.
    ///
    /// # Errors
    /// See [`StopRefused`].
    pub fn order(&self, order: &StopOrder, said: Said) -> Result<(Self, StopEntry), StopRefused> {
        if is_nobody(&said.actor) {
            return Err(StopRefused::Nameless);
        }
        if said.reason.trim().is_empty() || said.reason.len() > REASON_BYTES_MAX {
            return Err(StopRefused::Reasonless);
        }
        let mut after = self.clone();
        let mut exempt = None;
        match order {
            StopOrder::Raise(scope) => {
                if let Some(stop) = after.standing.get(scope) {
                    return Err(StopRefused::Standing { scope: scope.clone(), actor: stop.said.actor.clone() });
                }
                after.standing.insert(scope.clone(), Stop { said: said.clone(), exempt: BTreeMap::new() });
            }
            StopOrder::Lift(scope) => {
                after.standing.remove(scope).ok_or_else(|| StopRefused::NotStopped(scope.clone()))?;
            }
            StopOrder::Exempt(scope, rollout) => {
                let stop = after.standing.get_mut(scope).ok_or_else(|| StopRefused::NotStopped(scope.clone()))?;
                if stop.exempt.insert(rollout.clone(), said.clone()).is_some() {
                    return Err(StopRefused::Exempt(rollout.clone()));
                }
                if stop.exempt.len() > EXEMPT_MAX {
                    return Err(StopRefused::TooMany);
                }
                exempt = Some(rollout.clone());
            }
        }
        if after.standing.len() > STOPS_MAX {
            return Err(StopRefused::TooMany);
        }
        let (kind, scope, number) = (order.kind().to_owned(), order.scope().clone(), self.number + 1);
        let entry = StopEntry { number, kind, scope, rollout: exempt, said, previous: self.log };
        (after.number, after.log) = (number, Some(entry.digest()));
        Ok((after, entry))
    }
}

impl fmt::Display for StopScope {
    /// The form in which it is written everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation => f.write_str("organisation"),
            Self::Service(service) => write!(f, "services/{service}"),
            Self::Region(region) => write!(f, "regions/{region}"),
            Self::Rollout(rollout) => write!(f, "rollouts/{rollout}"),
        }
    }
}

/// A text that is no scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a scope is `organisation`, `services/NAME`, `regions/NAME` or `rollouts/NAME`")]
pub struct InvalidScope;

impl FromStr for StopScope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let scope = match text.split_once('/') {
            None => (text == "organisation").then_some(Self::Organisation),
            Some(("services", name)) => ServiceId::new(name).ok().map(Self::Service),
            Some(("regions", name)) => RegionId::new(name).ok().map(Self::Region),
            Some(("rollouts", name)) => RolloutId::new(name).ok().map(Self::Rollout),
            Some(_) => None,
        };
        scope.ok_or(InvalidScope)
    }
}

impl Canonical for StopEntry {
    fn feed(&self, canon: &mut Canon) {
        let Said { actor, reason, at } = &self.said;
        canon.text("meridian.stops.v1").number(self.number).text(&self.kind).text(&self.scope.to_string());
        canon.text(self.rollout.as_ref().map_or("", RolloutId::as_str)).text(actor).text(reason).value(at);
        canon.value(&self.previous);
    }
}
