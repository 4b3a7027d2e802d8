//! Calls to a Meridian server, typed in the words of `core`: names, releases, plans and plain views of what the server
//! knows. Retries, deadlines and failover are here; what an answer means for a terminal or a script is not.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alerts;
pub mod analysis;
pub mod bundle;
pub mod connect;
pub mod error;
#[cfg(feature = "test-util")]
pub mod fake;
pub mod name;
pub mod plans;
pub mod playbooks;
pub mod regions;
pub mod releases;
mod retry;
pub mod rollouts;
pub mod services;
mod sets;
pub mod stops;
pub mod watch;
pub mod watches;
mod wire;

pub use alerts::{AlertsView, RouteView, ToldView};
pub use connect::{Client, Endpoint, Tls};
pub use error::{ClientError, FieldViolation, Refusal, RefusalKind};
pub use name::{ReleaseName, RequestId, RolloutName};
pub use plans::{DepartureView, PlanView, PlanWanted, SupersedeWanted, WaveForecastView};
pub use playbooks::PlaybookView;
pub use regions::{ContactView, DoubtView, DrainView, JoinView, RegionChange, RegionLaneView, RegionView, UndrainView};
pub use releases::{ReleaseView, VetoView};
pub use rollouts::queue::{LeftView, QueueHoldView, QueueView, QueueWaitView, QueuedView, Requested, RolloutWanted};
pub use rollouts::{
    ApprovalView, DecisionView, EntryView, LanePosition, LaneView, OperatorOrder, ReasonView, RolloutStart,
    RolloutState, RolloutView, SignOffView, WaveView,
};
pub use services::{ServiceChange, ServiceView};
pub use sets::{SetMemberView, SetMemberWanted, SetView, SetWanted};
pub use stops::StopView;
pub use watch::{Watch, WatchItem, WatchTarget};
pub use watches::{FeedbackGiven, FeedbackView, KpiView, MilestoneState, MilestoneView, WatchDecisionView, WatchView};

/// Whether a change is made or only checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Intent {
    /// Make it.
    Commit,
    /// Check everything, change nothing.
    Check,
}

impl Intent {
    /// The wire's flag for it.
    const fn is_check(self) -> bool {
        match self {
            Self::Commit => false,
            Self::Check => true,
        }
    }
}
