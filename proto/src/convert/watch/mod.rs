//! Watches: the record as it is served and kept. What only the server knows of a moment (waits, etag) is left aside here.

mod action;
mod feedback;
mod policy;
mod review;

use meridian_core::watch::policy::REVIEWS_MAX;
use meridian_core::watch::state::{ACTIONS_MAX, RETROSPECTIVES_MAX};
use meridian_core::watch::{Phase, Reached, Watch};

use super::field::{list, not_empty, required};
use super::invalid::{Invalid, InvalidKind};
use super::name;
use super::time::{moment, timestamp_to_wire};
use super::types::decided;
use crate::r#gen::v1;

pub use action::new_action_from_wire;
pub use policy::decimal;
pub(crate) use policy::policy_to_wire;

/// What a rollout may have become that ended its watch.
const TAKEN_BACK: [&str; 5] = ["rolling-back", "rolled-back", "aborted", "superseded", "failed"];

impl TryFrom<v1::Watch> for Watch {
    type Error = Invalid;

    fn try_from(wire: v1::Watch) -> Result<Self, Invalid> {
        let v1::Watch {
            name: resource,
            release,
            epoch,
            policy,
            launch_time,
            switch_time,
            state,
            end_time,
            rollout_state,
            reviews,
            actions,
            retrospectives,
            waits: _,
            etag: _,
        } = wire;
        let (service, rollout) = name::parse_watch(&resource).map_err(|invalid| invalid.within("name"))?;
        not_empty("reviews", &reviews)?;
        Ok(Self {
            service,
            rollout,
            release: required("release", release)?,
            epoch: decided("epoch", epoch)?,
            policy: required("policy", policy)?,
            launched: moment("launch_time", launch_time)?,
            switched: moment("switch_time", switch_time)?,
            phase: phase(state, end_time, &rollout_state)?,
            reviews: list("reviews", reviews, REVIEWS_MAX)?,
            actions: list("actions", actions, ACTIONS_MAX)?,
            retrospectives: list("retrospectives", retrospectives, RETROSPECTIVES_MAX)?,
        })
    }
}

fn phase(state: i32, ended: Option<prost_types::Timestamp>, rollout: &str) -> Result<Phase, Invalid> {
    use v1::watch::State;
    let state = State::try_from(state).map_err(|_| Invalid::of(state, InvalidKind::UnknownEnum).within("state"))?;
    match state {
        State::Unspecified => Err(Invalid::missing("state")),
        State::Watching => Ok(Phase::Watching),
        State::Closed => Ok(Phase::Closed { since: moment("end_time", ended)? }),
        State::TakenBack => {
            let known = TAKEN_BACK.into_iter().find(|word| *word == rollout);
            let unknown = || Invalid::of(rollout, InvalidKind::UnknownWord("the ends of a rollout"));
            let rollout = known.ok_or_else(|| unknown().within("rollout_state"))?;
            Ok(Phase::TakenBack { rollout, since: moment("end_time", ended)? })
        }
    }
}

impl From<&Watch> for v1::Watch {
    /// What only the server knows (waits, etag) stays unset.
    fn from(watch: &Watch) -> Self {
        use v1::watch::State;
        let Watch {
            service,
            rollout,
            release,
            epoch,
            policy,
            launched,
            switched,
            phase,
            reviews,
            actions,
            retrospectives,
        } = watch;
        let (state, ended, rollout_state) = match phase {
            Phase::Watching => (State::Watching, None, ""),
            Phase::Closed { since } => (State::Closed, Some(*since), ""),
            Phase::TakenBack { rollout, since } => (State::TakenBack, Some(*since), *rollout),
        };
        Self {
            name: name::watch(service, rollout),
            release: Some(release.into()),
            epoch: Some((*epoch).into()),
            policy: Some(policy.into()),
            launch_time: Some(timestamp_to_wire(*launched)),
            switch_time: Some(timestamp_to_wire(*switched)),
            state: state.into(),
            end_time: ended.map(timestamp_to_wire),
            rollout_state: rollout_state.to_owned(),
            reviews: reviews.iter().map(Into::into).collect(),
            actions: actions.iter().map(Into::into).collect(),
            retrospectives: retrospectives.iter().map(Into::into).collect(),
            waits: Vec::new(),
            etag: String::new(),
        }
    }
}

impl From<Reached> for v1::milestone::State {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Yes(_) => Self::Reached,
            Reached::NotYet(_) => Self::Pending,
            Reached::Never(_) => Self::Missed,
        }
    }
}
