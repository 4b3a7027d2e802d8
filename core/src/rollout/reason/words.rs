//! Waits in words.

use std::fmt;

use super::wait::Wait;
use crate::evidence::Outcome;
use crate::id::ServiceId;
use crate::rollout::gates::stops::Halt;
use crate::rollout::together::Standing;
use crate::watch::{FeedbackPolicy, Opinion};

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(cause) => write!(f, "held: {cause}; resume or roll back"),
            Self::Human(cause) => write!(f, "needs a human: {cause}; roll back again or abandon"),
            Self::Approvals { wave, role, have, need } => {
                write!(f, "wave {wave}: {have} of {need} approvals of role {role}; who started it does not count")
            }
            Self::Owner => f.write_str("no server owns its shard yet; going back waits for none"),
            Self::Checklist { missing } => {
                f.write_str("not signed off for this release: ")?;
                for (index, (item, owner)) in missing.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{item} ({owner})")?;
                }
                Ok(())
            }
            Self::Feedback { opinion, policy, verdict } => feedback(f, opinion, policy, *verdict),
            Self::Stopped { region, halt: Halt { scope, actor, reason } } => {
                write!(f, "{region}: {scope} is stopped by {actor}: {reason}")
            }
            Self::Soak { until: _ } => f.write_str("the wave rests before the next one"),
            Self::Retention { until: _ } => f.write_str("the old slots stay warm"),
            Self::Contact { region, since: _ } => write!(f, "{region}: its agent can't be reached"),
            Self::Quarantine { region, since: _ } => {
                write!(f, "{region}: its agent is in quarantine; look at it, then `meridian region confirm {region}`")
            }
            Self::Parallel { region } => write!(f, "{region}: as many regions as allowed are on their way"),
            Self::Skew { region, behind } => write!(f, "{region}: would be too far ahead of {behind}"),
            Self::Ready { region } => write!(f, "{region}: the new release is not ready in its slot yet"),
            Self::Vetoed { region, trouble } => write!(f, "{region}: {trouble}"),
            Self::Confirm { region, trouble: None } => write!(f, "{region}: the agent has not confirmed its goal yet"),
            Self::Confirm { region, trouble: Some(trouble) } => write!(f, "{region}: not confirmed yet: {trouble}"),
            Self::WayBack { region } => {
                write!(f, "{region}: the old slot is not ready, so there is no way back")
            }
            Self::Bake { region, until: _ } => write!(f, "{region}: bakes"),
            Self::Evidence { region, verdict: None } => write!(f, "{region}: no evidence that counts came in yet"),
            Self::Evidence { region, verdict: Some(verdict) } => write!(f, "{region}: {verdict}"),
            Self::Requests { region, have, need } => {
                write!(f, "{region}: bakes until the new release has answered {need} requests, {have} so far")
            }
            Self::Drift { region, found } => write!(f, "{region}: has drifted: {found}"),
            Self::Window { region, opens: Some(_) } => write!(f, "{region}: waits for the next window"),
            Self::Window { region, opens: None } => {
                write!(f, "{region}: no window that is known is open for long enough")
            }
            Self::Freeze { region, name, until: _ } => write!(f, "{region}: freeze {name} lets nothing start"),
            Self::Train { train, departs: None, increment: _ } => {
                write!(f, "train {train}: no departure that is known takes it; board another one, or leave it")
            }
            Self::Train { train, departs: Some(_), increment } => {
                write!(f, "train {train}: begins with its next departure")?;
                increment.as_ref().map_or(Ok(()), |increment| write!(f, ", in increment {increment}"))
            }
            Self::Callback { wave, callback, until: _ } => write!(f, "wave {wave}: {callback} has not answered"),
            Self::BackPace { region } => {
                write!(f, "{region}: as many regions as allowed are on their way back; worse ones go first")
            }
            Self::Members { missing } => members(f, missing),
            Self::Votes { region } => write!(f, "{region}: voted to go back; the policy asks for more votes"),
        }
    }
}

/// Which members of a set are not where they have to be.
fn members(f: &mut fmt::Formatter<'_>, missing: &[(ServiceId, Standing)]) -> fmt::Result {
    if missing.is_empty() {
        return f.write_str("all members of the set are ripe; they end together");
    }
    f.write_str("waits for members of its set: ")?;
    for (index, (service, standing)) in missing.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{service} ({})", standing.as_str())?;
    }
    Ok(())
}

/// What is missing: answers, or good ones.
fn feedback(f: &mut fmt::Formatter<'_>, opinion: &Opinion, policy: &FeedbackPolicy, verdict: Outcome) -> fmt::Result {
    let FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits: _ } = policy;
    let missing = u64::from(*answers_min).saturating_sub(opinion.answers);
    write!(f, "feedback of the pilot: {opinion}; ")?;
    match verdict {
        Outcome::Inconclusive | Outcome::Pass => write!(f, "{missing} of {answers_min} answers are missing"),
        Outcome::Fail => {
            write!(f, "it fails: at least {score_min} of 5 and at most {blockers_max} blockers are asked for")
        }
    }
}
