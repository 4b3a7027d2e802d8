//! Records: what the store and an agent's journal keep. Each names the schema it was written with; a newer major is
//! refused and never half-read. How they become bytes under a key is the store's matter.
//!
//! Record to value needs what the record does not repeat: a rollout its plan, an audit entry its service.

mod alert;
mod audit;
mod cause;
mod entry;
mod gate;
mod head;
mod journal;
mod lanes;
mod phase;
mod progress;
mod quarantine;
mod replica;
mod restore;
mod rollout;
mod set;
mod watch;

use super::invalid::{At, Invalid, InvalidKind};
use crate::r#gen::records::v1::Schema;

pub use alert::{Outgoing, Stands, StoredRoute};
pub use audit::change::{Changed, Fold, audit_entry_from_bytes, change_to_bytes, epoch_of_record, plan_from_bytes};
pub use audit::{audit_from_record, audit_to_record};
pub use entry::{Region, RequestDone, Service, StoredPlan, StoredPlaybook, StoredRelease, UNDRAINS_MAX};
pub use gate::{
    queue_from_record, queue_to_record, stop_entry_from_record, stop_entry_to_record, stops_from_record,
    stops_to_record,
};
pub use head::Head;
pub use journal::{decode_journal, encode_journal};
pub use lanes::{LANES_MAX, lanes_from_record, lanes_to_record};
pub use quarantine::{Confirmed, Drain, Quarantine, Undrain};
pub use replica::{Heard, Member, SessionHeld, owner_from_record, owner_to_record};
pub use restore::Restore;
pub use rollout::{Outline, rollout_from_record, rollout_to_record};
pub use set::StoredSet;
pub use watch::{
    StoredWatch, feedback_from_record, feedback_to_record, history_from_record, history_to_record, opinion_from_record,
    opinion_to_record,
};

/// The schema that this version writes. Raised when old readers would misread a record.
pub const SCHEMA_MAJOR: u32 = 1;
/// Raised when something was added that old readers may ignore.
pub const SCHEMA_MINOR: u32 = 0;

/// The schema of this version.
pub(crate) fn schema() -> Option<Schema> {
    Some(Schema { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR })
}

/// Whether a record with this schema may be read by this version.
///
/// # Errors
/// None at all, or a major that this version does not know.
pub fn check_schema(wire: Option<Schema>) -> Result<(), Invalid> {
    let Some(Schema { major, minor: _ }) = wire else {
        return Err(Invalid::missing("schema"));
    };
    match major {
        0 => Err(Invalid::missing("major")).at("schema"),
        SCHEMA_MAJOR => Ok(()),
        newer => Err(Invalid::of(newer, InvalidKind::SchemaTooNew)).at("major").at("schema"),
    }
}
