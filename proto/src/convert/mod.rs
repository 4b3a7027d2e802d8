//! Conversions between the wire and core, one file per family of messages. Wire to core checks every field and says
//! exactly which one is wrong; core to wire cannot fail.
//!
//! Every message is taken apart field by field, so that a field added to a `.proto` does not compile until somebody has
//! decided what it means. What is optional in core is optional on the wire; everything else has to be set.

mod alert;
#[cfg(any(test, feature = "test-util"))]
pub mod arbitrary;
mod calendar;
mod concurrency;
mod evidence;
mod field;
mod gate;
mod goal;
mod invalid;
pub mod name;
mod parameters;
mod plan;
mod playbook;
pub mod record;
mod release;
mod report;
mod safety;
mod time;
mod types;
mod watch;

#[cfg(test)]
mod tests;

pub use concurrency::{concurrency_from_wire, concurrency_to_wire};
pub use field::{
    LABEL_KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, RECORD_TEXT_BYTES_MAX, TEXT_BYTES_MAX, VERSION_BYTES_MAX,
    WORD_BYTES_MAX, labels, share_or_none, text,
};
pub use gate::{
    approval_to_wire, checklist_to_wire, consent_from_wire, item_from_wire, scope_from_wire, sign_off_from_wire,
    stop_entry_to_wire, stops_to_wire,
};
pub use goal::{goal_from_wire, vetoes_from_wire, vetoes_to_wire};
pub use invalid::{At, Invalid, InvalidKind, VALUE_SHOWN_BYTES_MAX};
pub use parameters::{parameters_from_wire, parameters_to_wire};
pub use plan::forecast_to_wire;
pub use plan::hotfix::{supersede_from_wire, supersede_to_wire};
pub use playbook::parse_playbook_or_revision;
pub use release::release_from_wire;
pub use report::{
    BUCKETS_MAX, CAPABILITIES_MAX, Hello, LANES_MAX, lane_from_wire, lane_to_wire, report_from_wire, report_to_wire,
};
pub use time::{span_from_wire, span_to_wire, timestamp_from_wire, timestamp_to_wire};
pub use watch::{decimal, new_action_from_wire};
