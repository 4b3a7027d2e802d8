//! Gates: what keeps a rollout from going forward, and what people say to it.

mod approval;

pub use approval::{approval_to_wire, consent_from_wire};

pub(crate) use approval::RULES_MAX;
