//! Why an operator's order was refused.

use crate::digest::Digest;
use crate::id::{CallbackId, ItemId, RegionId, RoleId, ServiceId, WaveId};

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
