//! What can go wrong in the engine, told apart by what the caller may do. One table says how each is spelled on the wire.

use meridian_core::agent::quarantine::Distrust;
use meridian_core::plan::{JoinWait, PlanRefusal, SetRefused};
use meridian_core::queue::{QueueRefused, Unbegun};
use meridian_core::release::BumpTooSmall;
use meridian_core::rollout::gates::stops::StopRefused;
use meridian_core::rollout::open::OpenRefused;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::veto::VetoRefused;
use meridian_core::watch;
use meridian_core::watch::feedback::FeedbackFull;
use meridian_core::watch::kpi::KpiRefused;
use meridian_store::record::RecordError;
use meridian_store::{CommitError, KeyInvalid, StoreError};

/// Why an order was not carried out. Nothing was changed, but for [`EngineError::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such thing.
    #[error("{kind} {name} does not exist")]
    NotFound {
        /// `rollout`, `plan`, `service`, …
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// There is one already, with other content.
    #[error("{kind} {name} exists already with other content")]
    AlreadyExists {
        /// `rollout`, `release`, …
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The rules do not allow it now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The plan can't be started.
    #[error(transparent)]
    OpenRefused(#[from] OpenRefused),
    /// The vetoes can't be changed so.
    #[error(transparent)]
    VetoRefused(#[from] VetoRefused),
    /// The watch can't be changed so.
    #[error(transparent)]
    WatchRefused(#[from] watch::Refused),
    /// The sample can't be kept.
    #[error(transparent)]
    KpiRefused(#[from] KpiRefused),
    /// The feedback can't be kept.
    #[error(transparent)]
    FeedbackFull(#[from] FeedbackFull),
    /// The line can't be stopped so, nor let go on.
    #[error(transparent)]
    StopRefused(#[from] StopRefused),
    /// The queue can't be changed so.
    #[error(transparent)]
    QueueRefused(#[from] QueueRefused),
    /// The rollout has not begun: its request waits, or was taken out.
    #[error(transparent)]
    Unbegun(#[from] Box<Unbegun>),
    /// The plan can't be made.
    #[error("the plan can't be made: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    PlanRefused(Vec<PlanRefusal>),
    /// The members can't be launched together.
    #[error(transparent)]
    SetRefused(#[from] SetRefused),
    /// What was reviewed is not what would be started.
    #[error("set {name} was reviewed as {given} and would now be {now}; look at it again")]
    SetChanged {
        /// Which.
        name: String,
        /// The digest given.
        given: String,
        /// The digest now.
        now: String,
    },
    /// The release's version says less than its notes.
    #[error(transparent)]
    BumpTooSmall(#[from] Box<BumpTooSmall>),
    /// Something else has changed it since it was read.
    #[error("{name} has changed: the etag {given} is not the current one")]
    StaleEtag {
        /// The resource.
        name: String,
        /// The etag given.
        given: String,
    },
    /// The request id was used for something else.
    #[error("request id {id} was used before with another body; use a new UUID")]
    RequestIdReused {
        /// The id.
        id: String,
    },
    /// It is still in use.
    #[error("{kind} {name} is in use by rollout {by}; wait for its end or roll it back")]
    InUse {
        /// `service`, `region`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Which rollout.
        by: String,
    },
    /// Something serves there, and nobody has said that it is on its way out.
    #[error("region {region} has a stable release of {service}; `meridian region drain {region}` first")]
    NotDrained {
        /// Which region.
        region: String,
        /// One of the services.
        service: String,
    },
    /// The region can't be brought up to the fleet.
    #[error("region {region} can't join {service}: {wait}")]
    JoinRefused {
        /// Which region.
        region: String,
        /// Of which service.
        service: String,
        /// Why.
        wait: Box<JoinWait>,
    },
    /// Nobody can vouch for what its agent claims.
    #[error("region {region}, service {service}: {doubt}; give the agent an empty state folder, then confirm")]
    NotConfirmable {
        /// Which region.
        region: String,
        /// Of which service.
        service: String,
        /// What it claims.
        doubt: Distrust,
    },
    /// Others kept changing the same records.
    #[error("too many others changed {key} at once; try again")]
    Contended {
        /// What everybody wanted.
        key: String,
    },
    /// The store did not answer, or does not take writes.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The store's space is used up.
    #[error("the store is full: {0}")]
    Full(String),
    /// It may have happened or not.
    #[error("it is not known whether this was done: {0}; read before trying again")]
    Unknown(String),
    /// A record can't be read.
    #[error("a stored record can't be trusted: {0}")]
    Corrupt(String),
    /// The server is going away.
    #[error("the server is shutting down; try another one")]
    Draining,
}

impl EngineError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NOT_FOUND",
            Self::AlreadyExists { .. } => "ALREADY_EXISTS",
            Self::Refused(refused) => refused.code(),
            Self::OpenRefused(refused) => refused.code(),
            Self::VetoRefused(refused) => refused.code(),
            Self::WatchRefused(refused) => refused.code(),
            Self::KpiRefused(refused) => refused.code(),
            Self::FeedbackFull(_) => FeedbackFull::CODE,
            Self::StopRefused(refused) => refused.code(),
            Self::QueueRefused(refused) => refused.code(),
            Self::Unbegun(unbegun) => unbegun.code(),
            Self::PlanRefused(refusals) => refusals.first().map_or("PLAN_REFUSED", PlanRefusal::code),
            Self::SetRefused(refused) => refused.code(),
            Self::SetChanged { .. } => "PLAN_STALE",
            Self::BumpTooSmall(_) => BumpTooSmall::CODE,
            Self::StaleEtag { .. } => "STALE_ETAG",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::InUse { .. } => "IN_USE",
            Self::NotDrained { .. } => "REGION_NOT_DRAINED",
            Self::JoinRefused { wait, .. } => wait.code(),
            Self::NotConfirmable { doubt, .. } => doubt.code(),
            Self::Contended { .. } => "CONTENDED",
            Self::Unavailable(_) => "STORE_UNAVAILABLE",
            Self::Full(_) => "STORE_FULL",
            Self::Unknown(_) => "OUTCOME_UNKNOWN",
            Self::Corrupt(_) => "RECORD_CORRUPT",
            Self::Draining => "DRAINING",
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { reason } => Self::Unavailable(reason),
            StoreError::Invalid { reason } | StoreError::Corrupt { reason } => Self::Corrupt(reason),
        }
    }
}

impl From<CommitError> for EngineError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { key } => Self::Contended { key: key.as_str().to_owned() },
            // Whoever commits under a lease takes another one; nobody else is told of it.
            CommitError::LeaseGone { lease } => Self::Unavailable(format!("lease {lease} is gone")),
            CommitError::Unknown { reason } => Self::Unknown(reason),
            CommitError::Unavailable { reason } => Self::Unavailable(reason),
            CommitError::Invalid(invalid) => Self::Corrupt(invalid.to_string()),
            CommitError::Full { reason } => Self::Full(reason),
            CommitError::Corrupt { reason } => Self::Corrupt(reason),
        }
    }
}

impl From<RecordError> for EngineError {
    fn from(error: RecordError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<KeyInvalid> for EngineError {
    fn from(error: KeyInvalid) -> Self {
        Self::Corrupt(error.to_string())
    }
}
