//! Gates as records keep them: what was approved and signed off for a rollout, where the line is stopped, and what waits.

mod approval;
mod inquiry;
mod queue;
mod stops;

pub use queue::{queue_from_record, queue_to_record};
pub use stops::{stop_entry_from_record, stop_entry_to_record, stops_from_record, stops_to_record};

pub(super) use approval::{approval_from_wire, approval_to_wire, signed_from_wire, signed_to_wire};
pub(super) use inquiry::{INQUIRIES_MAX, inquiry_from_wire, inquiry_to_wire};
