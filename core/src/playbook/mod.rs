//! Playbooks: how a service is launched, as an operator writes it. A playbook names waves and regions but knows no
//! release and no present state; [`crate::plan`] joins the three.

pub mod approval;
pub mod callback;
pub mod checklist;
pub mod hotfix;
mod load;
pub mod pace;
pub mod query;
pub mod safety;
pub mod shorten;
pub mod spec;
pub mod spread;
pub mod staging;
pub mod validate;

pub use crate::queue::concurrency::Concurrency;
pub use approval::ApprovalRule;
pub use callback::Callback;
pub use checklist::{ChecklistItem, ItemKind};
pub use hotfix::{Earns, HotfixPolicy};
pub use pace::BackPace;
pub use safety::{DeadManPolicy, DriftPolicy, SafetyPolicy};
pub use shorten::shortened;
pub use spec::{
    Electorate, Joiners, Limits, Playbook, Pooling, RegionSelector, RollbackPolicy, Scope, Stage, StageKind, Step,
    VotePolicy, Wave,
};
pub use spread::{Spread, SpreadOrder};
pub use staging::{Load, LoadRequest, Method, Staging};
pub use validate::{BAKE_REQUESTS_MAX, SAMPLE_MAX, ValidPlaybook, Violation, validate};
