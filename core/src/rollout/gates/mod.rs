//! Gates: what people have to say, or have said, and what a train and a service's own endpoints have to do before a rollout
//! goes forward. A rollback never asks any of them.

pub mod approvals;
pub mod callbacks;
pub mod checklist;
pub mod feedback;
pub mod stops;
pub mod train;
