//! A lane whose memory cannot be read. It takes no goal, because it cannot tell an old one from a new one; it touches
//! nothing and says so until a human has looked.

use meridian_core::epoch::Epoch;
use meridian_core::observation::Trouble;
use tokio::time::{Duration, timeout};
use tracing::error;

use super::trouble::code;
use super::{LaneParts, world};
use crate::board::Urgency;
use crate::journal::JournalError;

/// How often it looks at the region without being asked.
const LOOK: Duration = Duration::from_secs(1);

/// Reports, for ever.
pub(super) async fn run(mut parts: LaneParts, why: &JournalError) {
    error!(%why, "the lane takes no goals");
    loop {
        let seen = world::look(parts.drivers.workload.as_ref(), parts.drivers.traffic.as_ref()).await;
        // The trouble belongs to the goal that it is in the way of.
        let epoch = parts.arriving.goals.borrow_and_update().as_ref().map_or(Epoch::ZERO, |goal| goal.epoch);
        let (code, message) = (code::JOURNAL_UNREADABLE.to_owned(), why.to_string());
        parts.board.post(&parts.lane.service, Urgency::Now, |observed| {
            if let Ok(slots) = seen.slots {
                observed.slots = slots;
            }
            if let Ok(route) = seen.route {
                observed.traffic = route.map(|route| route.traffic);
            }
            observed.trouble = Some(Trouble { epoch, code, message, permanent: true });
        });
        if let Ok(Err(_)) = timeout(LOOK, parts.arriving.goals.changed()).await {
            // Nobody offers goals any more: the agent is ending.
            return std::future::pending().await;
        }
    }
}
