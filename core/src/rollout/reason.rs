//! Why nothing moved, and why an order was refused: typed, each naming what and whom it waits for.

use crate::agent::DIGEST_VETOED;
use crate::digest::Digest;
use crate::evidence::{Outcome, Verdict};
use crate::id::{CallbackId, ItemId, RegionId, RoleId, ServiceId, WaveId};
use crate::playbook::Scope;
use crate::time::Timestamp;
use crate::watch::{FeedbackPolicy, Opinion};

use super::gates::stops::Halt;
use super::state::Cause;
use super::together::Standing;

/// Why a rollout or a region does not move at this moment.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Wait {
    /// Held until somebody resumes it.
    Held(Cause),
    /// Frozen until somebody rolls back again or abandons it.
    Human(Cause),
    /// Too few people of a role have consented to the wave.
    Approvals {
        /// Which wave.
        wave: WaveId,
        /// Whose consent.
        role: RoleId,
        /// Of how many.
        have: u32,
        /// Of how many it is needed.
        need: u32,
    },
    /// No server owns the rollout's shard, so nobody moves it forward. Said by servers: the rules know none.
    Owner,
    /// Items of the checklist are not signed off for this release.
    Checklist {
        /// Which, and whose they are.
        missing: Vec<(ItemId, String)>,
    },
    /// What people say of the release does not pass, so the pilot is not left.
    Feedback {
        /// What they say.
        opinion: Opinion,
        /// What they would have to say.
        policy: FeedbackPolicy,
        /// Too little is said, or too little good.
        verdict: Outcome,
    },
    /// The line is stopped there.
    Stopped {
        /// Which.
        region: RegionId,
        /// By what.
        halt: Halt,
    },
    /// The wave rests.
    Soak {
        /// Until then.
        until: Timestamp,
    },
    /// The old slots stay warm.
    Retention {
        /// Until then.
        until: Timestamp,
    },
    /// The region's agent can't be reached.
    Contact {
        /// Which.
        region: RegionId,
        /// It last spoke then; `None`: never to this server.
        since: Option<Timestamp>,
    },
    /// The region's agent is not believed.
    Quarantine {
        /// Which.
        region: RegionId,
        /// Since when.
        since: Timestamp,
    },
    /// As many regions as allowed are on their way.
    Parallel {
        /// Which waits.
        region: RegionId,
    },
    /// Another region is too far behind.
    Skew {
        /// Which waits.
        region: RegionId,
        /// For which.
        behind: RegionId,
    },
    /// The new release is not ready in its slot yet.
    Ready {
        /// Where.
        region: RegionId,
    },
    /// The agent knows the new release to be vetoed, and does not start it.
    Vetoed {
        /// Where.
        region: RegionId,
        /// In its words.
        trouble: String,
    },
    /// The agent has not confirmed its goal yet.
    Confirm {
        /// Which.
        region: RegionId,
        /// What stands in its way, in its words.
        trouble: Option<String>,
    },
    /// The way back is not open: the old slot is not ready. No forward move without it.
    WayBack {
        /// Where.
        region: RegionId,
    },
    /// The bake is not over.
    Bake {
        /// Where.
        region: RegionId,
        /// Until then.
        until: Timestamp,
    },
    /// The bake is over, the evidence can't say yet.
    Evidence {
        /// Where.
        region: RegionId,
        /// What it says; `None`: nothing that counts came in.
        verdict: Option<Verdict>,
    },
    /// The bake is over and the checks pass, but the new release has not answered as many requests as the step asks for.
    Requests {
        /// Where.
        region: RegionId,
        /// How many it has answered.
        have: u64,
        /// How many it must have.
        need: u64,
    },
    /// The lane is no longer as it was confirmed; it goes no further.
    Drift {
        /// Where.
        region: RegionId,
        /// What was found instead.
        found: String,
    },
    /// No window of the region is open for as long as its next steps take.
    Window {
        /// Where.
        region: RegionId,
        /// When one opens that is; `None`: none that is known.
        opens: Option<Timestamp>,
    },
    /// A freeze is on in the region, or begins before its next steps would end.
    Freeze {
        /// Where.
        region: RegionId,
        /// Which.
        name: String,
        /// When it ends.
        until: Timestamp,
    },
    /// The train has not departed, or nothing of the first wave may start while it takes rollouts aboard.
    Train {
        /// Which.
        train: String,
        /// When something may begin with it; `None`: not with any departure that is known.
        departs: Option<Timestamp>,
        /// Inside which increment that is.
        increment: Option<String>,
    },
    /// A callback has not answered.
    Callback {
        /// Before which wave.
        wave: WaveId,
        /// Which.
        callback: CallbackId,
        /// Until then it is waited for; then a human is.
        until: Timestamp,
    },
    /// As many regions as allowed are on their way back; the worst go first.
    BackPace {
        /// Which waits.
        region: RegionId,
    },
    /// Other members of its set are not where they have to be.
    Members {
        /// Which, and how far they are; nobody: all are, and they end together now.
        missing: Vec<(ServiceId, Standing)>,
    },
    /// A fail vote stands, the policy asks for more of them.
    Votes {
        /// Whose.
        region: RegionId,
    },
}

impl Wait {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Held(_) => "HELD",
            Self::Human(_) => "NEEDS_HUMAN",
            Self::Approvals { .. } => "APPROVALS",
            Self::Owner => "NO_OWNER",
            Self::Checklist { .. } => "CHECKLIST",
            Self::Feedback { .. } => "FEEDBACK",
            Self::Stopped { .. } => "STOP_THE_LINE",
            Self::Soak { .. } => "SOAK",
            Self::Retention { .. } => "RETENTION",
            Self::Contact { .. } => "NO_CONTACT",
            Self::Quarantine { .. } => "QUARANTINED",
            Self::Parallel { .. } => "MAX_PARALLEL",
            Self::Skew { .. } => "MAX_SKEW",
            Self::Ready { .. } => "SLOT_NOT_READY",
            Self::Vetoed { .. } => DIGEST_VETOED,
            Self::Confirm { .. } => "NOT_CONFIRMED",
            Self::WayBack { .. } => "WAY_BACK_NOT_READY",
            Self::Bake { .. } => "BAKE",
            Self::Evidence { .. } => "INCONCLUSIVE",
            Self::Requests { .. } => "BAKE_REQUESTS",
            Self::Drift { .. } => "DRIFT",
            Self::Window { .. } => "WINDOW",
            Self::Freeze { .. } => "FREEZE",
            Self::Train { .. } => "TRAIN",
            Self::Callback { .. } => "CALLBACK",
            Self::BackPace { .. } => "BACK_PACE",
            Self::Members { .. } => "SET_MEMBERS",
            Self::Votes { .. } => "VOTES_SHORT",
        }
    }

    /// The region it is about; `None`: the whole rollout.
    #[must_use]
    pub const fn region(&self) -> Option<&RegionId> {
        match self {
            Self::Held(_)
            | Self::Human(_)
            | Self::Approvals { .. }
            | Self::Checklist { .. }
            | Self::Feedback { .. }
            | Self::Owner
            | Self::Soak { .. }
            | Self::Train { .. }
            | Self::Callback { .. }
            | Self::Members { .. }
            | Self::Retention { .. } => None,
            Self::Contact { region, .. }
            | Self::Stopped { region, .. }
            | Self::Quarantine { region, .. }
            | Self::Parallel { region }
            | Self::Skew { region, .. }
            | Self::Ready { region }
            | Self::Vetoed { region, .. }
            | Self::Confirm { region, .. }
            | Self::WayBack { region }
            | Self::Bake { region, .. }
            | Self::Evidence { region, .. }
            | Self::Requests { region, .. }
            | Self::Drift { region, .. }
            | Self::Window { region, .. }
            | Self::Freeze { region, .. }
            | Self::BackPace { region }
            | Self::Votes { region } => Some(region),
        }
    }

    /// When it ends by itself, if it does.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Soak { until }
            | Self::Retention { until }
            | Self::Bake { until, .. }
            | Self::Callback { until, .. }
            | Self::Freeze { until, .. } => Some(*until),
            Self::Window { opens, .. } => *opens,
            Self::Train { departs, .. } => *departs,
            Self::Held(_)
            | Self::Approvals { .. }
            | Self::Checklist { .. }
            | Self::Feedback { .. }
            | Self::Stopped { .. }
            | Self::Human(_)
            | Self::Owner
            | Self::Contact { .. }
            | Self::Quarantine { .. }
            | Self::Parallel { .. }
            | Self::Skew { .. }
            | Self::Ready { .. }
            | Self::Vetoed { .. }
            | Self::Confirm { .. }
            | Self::WayBack { .. }
            | Self::Evidence { .. }
            | Self::Requests { .. }
            | Self::Drift { .. }
            | Self::BackPace { .. }
            | Self::Members { .. }
            | Self::Votes { .. } => None,
        }
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
fn members(f: &mut std::fmt::Formatter<'_>, missing: &[(ServiceId, Standing)]) -> std::fmt::Result {
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
fn feedback(
    f: &mut std::fmt::Formatter<'_>,
    opinion: &Opinion,
    policy: &FeedbackPolicy,
    verdict: Outcome,
) -> std::fmt::Result {
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

/// Why an operator's order was refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum Refused {
    /// The rollout has ended.
    #[error("the rollout is {0}; an ended rollout never changes")]
    Ended(&'static str),
    /// The order does not fit the phase.
    #[error("`{order}` does not fit a rollout that is {phase}")]
    NotNow {
        /// What was wanted.
        order: &'static str,
        /// What it is doing.
        phase: &'static str,
    },
    /// The rollout has no such region.
    #[error("region {0} is not part of this rollout")]
    NoSuchRegion(RegionId),
    /// There is nothing to go back to.
    #[error("region {0} has never served another release: there is nothing to go back to")]
    NoWayBack(RegionId),
    /// No wave asks for the role, or not the wave that was named.
    #[error("no such wave asks for approvals of role {role}; see the waves of the plan")]
    NotAsked {
        /// The role.
        role: RoleId,
    },
    /// The wave has begun: what it was approved by is used.
    #[error("wave {wave} has begun; its approvals are used and stay. Pause or roll back instead")]
    WaveBegun {
        /// Which.
        wave: WaveId,
    },
    /// Who asked for the rollout can't approve it.
    #[error("{actor} has started this rollout and can't approve it; ask somebody else")]
    OwnRequest {
        /// Who.
        actor: String,
    },
    /// An approval or a sign-off of nobody.
    #[error("this needs the name of who gives it; say who you are")]
    Nameless,
    /// Another plan was reviewed.
    #[error("this rollout executes plan {plan}, another one was reviewed")]
    OtherPlan {
        /// The plan that is executed.
        plan: Digest,
    },
    /// There is nothing to take back.
    #[error("{actor} has given no approval in role {role} that could be revoked")]
    NoApproval {
        /// Who.
        actor: String,
        /// In which role.
        role: RoleId,
    },
    /// The checklist has no such item.
    #[error("the checklist of this plan has no item {item}")]
    NoSuchItem {
        /// Which.
        item: ItemId,
    },
    /// The item is somebody else's.
    #[error("{item} is signed off by {owner}; ask them")]
    NotOwner {
        /// Which.
        item: ItemId,
        /// Whose.
        owner: String,
    },
    /// There is no sign-off to take back.
    #[error("{item} is not signed off")]
    NotSigned {
        /// Which.
        item: ItemId,
    },
    /// The rollout has begun: what it was signed off by is used.
    #[error("the rollout has begun; its sign-offs are used and stay. Pause or roll back instead")]
    LaunchBegun,
    /// The rollout has begun: there is no train to take any more.
    #[error("the rollout has begun; a train is boarded or left before its first step")]
    TrainDeparted,
    /// The plan has no such train.
    #[error("this plan has no train {train}; `meridian train next` shows those that it has")]
    NoSuchTrain {
        /// Which.
        train: String,
    },
    /// Nobody waits for this answer.
    #[error("no answer of {callback} is waited for")]
    NotAwaited {
        /// Whose.
        callback: CallbackId,
    },
    /// Nothing is heard of a service that is no member.
    #[error("{service} is no other member of this rollout's set")]
    NoMember {
        /// Which.
        service: ServiceId,
    },
    /// The record keeps no more.
    #[error("the rollout has as many approvals as it can keep; revoke some")]
    TooManyApprovals,
    /// The epoch counter has reached its end.
    #[error("the service's epoch counter has reached its end; restore with a higher generation")]
    EpochExhausted,
}

impl Refused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ended(_) => "ROLLOUT_ENDED",
            Self::NotNow { .. } => "TRANSITION_NOT_ALLOWED",
            Self::NoSuchRegion(_) => "UNKNOWN_REGION",
            Self::NoWayBack(_) => "NO_WAY_BACK",
            Self::NotAsked { .. } => "APPROVAL_NOT_ASKED",
            Self::WaveBegun { .. } => "WAVE_BEGUN",
            Self::OwnRequest { .. } => "OWN_REQUEST",
            Self::Nameless => "APPROVER_UNNAMED",
            Self::OtherPlan { .. } => "OTHER_PLAN",
            Self::NoApproval { .. } => "NO_APPROVAL",
            Self::TooManyApprovals => "TOO_MANY_APPROVALS",
            Self::NoSuchItem { .. } => "UNKNOWN_ITEM",
            Self::NotOwner { .. } => "NOT_OWNER",
            Self::NotSigned { .. } => "NOT_SIGNED",
            Self::LaunchBegun => "LAUNCH_BEGUN",
            Self::NotAwaited { .. } => "ANSWER_NOT_AWAITED",
            Self::NoMember { .. } => "NOT_A_MEMBER",
            Self::TrainDeparted => "TRAIN_DEPARTED",
            Self::NoSuchTrain { .. } => "UNKNOWN_TRAIN",
            Self::EpochExhausted => "EPOCH_EXHAUSTED",
        }
    }
}
