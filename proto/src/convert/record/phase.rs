//! Phases: what a rollout is doing.

use meridian_core::id::RolloutId;
use meridian_core::playbook::validate::WAVES_MAX;
use meridian_core::rollout::state::{Cause, Hold, Pace, Phase, Run};
use meridian_core::time::Timestamp;

use crate::convert::field::{named, position, position_to_wire, present, required};
use crate::convert::invalid::{At, Invalid};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;
use crate::r#gen::records::v1::phase::{self as wire_phase, Phase as Wire};

impl TryFrom<records::Phase> for Phase {
    type Error = Invalid;

    fn try_from(wire: records::Phase) -> Result<Self, Invalid> {
        let records::Phase { phase } = wire;
        match present("phase", phase)? {
            Wire::Running(running) => run_from_wire(running).at("running").map(Self::Running),
            Wire::RollingBack(because) => {
                because_from_wire(because).at("rolling_back").map(|(cause, since)| Self::RollingBack { cause, since })
            }
            Wire::Frozen(because) => {
                because_from_wire(because).at("frozen").map(|(cause, since)| Self::Frozen { cause, since })
            }
            Wire::Switched(plain) => plain_from_wire(plain).at("switched").map(|since| Self::Switched { since }),
            Wire::Stable(plain) => plain_from_wire(plain).at("stable").map(|since| Self::Stable { since }),
            Wire::RolledBack(because) => {
                because_from_wire(because).at("rolled_back").map(|(cause, since)| Self::RolledBack { cause, since })
            }
            Wire::Aborted(because) => {
                because_from_wire(because).at("aborted").map(|(cause, since)| Self::Aborted { cause, since })
            }
            Wire::Superseded(wire_phase::Superseded { by, since }) => Ok(Self::Superseded {
                by: named("by", by, RolloutId::new).at("superseded")?,
                since: moment("since", since).at("superseded")?,
            }),
            Wire::Failed(because) => {
                because_from_wire(because).at("failed").map(|(cause, since)| Self::Failed { cause, since })
            }
        }
    }
}

impl From<&Phase> for records::Phase {
    fn from(phase: &Phase) -> Self {
        let phase = match phase {
            Phase::Running(run) => Wire::Running(run_to_wire(run)),
            Phase::RollingBack { cause, since } => Wire::RollingBack(because_to_wire(cause, *since)),
            Phase::Frozen { cause, since } => Wire::Frozen(because_to_wire(cause, *since)),
            Phase::Switched { since } => Wire::Switched(plain_to_wire(*since)),
            Phase::Stable { since } => Wire::Stable(plain_to_wire(*since)),
            Phase::RolledBack { cause, since } => Wire::RolledBack(because_to_wire(cause, *since)),
            Phase::Aborted { cause, since } => Wire::Aborted(because_to_wire(cause, *since)),
            Phase::Superseded { by, since } => {
                let since = Some(timestamp_to_wire(*since));
                Wire::Superseded(wire_phase::Superseded { by: by.to_string(), since })
            }
            Phase::Failed { cause, since } => Wire::Failed(because_to_wire(cause, *since)),
        };
        Self { phase: Some(phase) }
    }
}

fn run_from_wire(wire: wire_phase::Running) -> Result<Run, Invalid> {
    let wire_phase::Running { wave, soaking_since, hold, hold_since } = wire;
    let pace = match soaking_since {
        None => Pace::Moving,
        Some(since) => Pace::Soaking(moment("soaking_since", Some(since))?),
    };
    let hold = match (hold, hold_since) {
        (None, None) => None,
        (cause, since) => Some(Hold { cause: required("hold", cause)?, since: moment("hold_since", since)? }),
    };
    Ok(Run { wave: position("wave", wave, WAVES_MAX)?, pace, hold })
}

fn run_to_wire(run: &Run) -> wire_phase::Running {
    let Run { wave, pace, hold } = run;
    let soaking_since = match pace {
        Pace::Moving => None,
        Pace::Soaking(since) => Some(timestamp_to_wire(*since)),
    };
    let (hold, hold_since) = match hold {
        None => (None, None),
        Some(Hold { cause, since }) => (Some(cause.into()), Some(timestamp_to_wire(*since))),
    };
    wire_phase::Running { wave: position_to_wire(*wave), soaking_since, hold, hold_since }
}

fn because_from_wire(wire: wire_phase::Because) -> Result<(Cause, Timestamp), Invalid> {
    let wire_phase::Because { cause, since } = wire;
    Ok((required("cause", cause)?, moment("since", since)?))
}

fn because_to_wire(cause: &Cause, since: Timestamp) -> wire_phase::Because {
    wire_phase::Because { cause: Some(cause.into()), since: Some(timestamp_to_wire(since)) }
}

fn plain_from_wire(wire: wire_phase::Plain) -> Result<Timestamp, Invalid> {
    let wire_phase::Plain { since } = wire;
    moment("since", since)
}

fn plain_to_wire(since: Timestamp) -> wire_phase::Plain {
    wire_phase::Plain { since: Some(timestamp_to_wire(since)) }
}
