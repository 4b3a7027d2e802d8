//! Gates: what keeps a rollout from going forward, and what people say to it.

mod approval;
mod callback;
mod checklist;
mod stop;

pub use approval::{approval_to_wire, consent_from_wire};
pub use checklist::{checklist_to_wire, item_from_wire, sign_off_from_wire};
pub use stop::{scope_from_wire, stop_entry_to_wire, stops_to_wire};

pub(crate) use approval::RULES_MAX;
