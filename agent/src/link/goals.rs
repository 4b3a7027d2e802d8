//! From a message to the lane that it is for, goal or list of vetoes. It knows which lanes are here; it does not know what
//! they remember.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::id::{RegionId, ServiceId};
use meridian_proto::convert::{goal_from_wire, vetoes_from_wire};
use meridian_proto::r#gen::agent::v1 as wire;
use tracing::{error, warn};

use crate::lane::inbox::GoalInbox;
use crate::metrics::{Metrics, RefusedAs};

/// The inboxes of all lanes of this region.
pub struct Goals {
    /// Whose goals; a session is for one region, so goals do not name it.
    pub region: RegionId,
    /// Where they go.
    pub inboxes: BTreeMap<ServiceId, GoalInbox>,
    /// What is counted about them.
    pub metrics: Arc<Metrics>,
}

impl Goals {
    /// Hands what a service has vetoed to its lane. A list that makes no sense leaves the one before in force.
    pub(super) fn deliver_vetoes(&self, wire: wire::VetoList) {
        match vetoes_from_wire(wire) {
            Ok((service, list)) => {
                if let Some(inbox) = self.inboxes.get(&service) {
                    inbox.hear_vetoes(list);
                }
            }
            Err(why) => error!(%why, "a list of vetoes is not understood"),
        }
    }

    /// Hands a goal to its lane, or says why not.
    pub(super) fn deliver(&self, wire: wire::Goal) {
        let goal = match goal_from_wire(&self.region, wire) {
            Ok(goal) => goal,
            Err(why) => {
                error!(%why, "a goal is not understood");
                return self.metrics.goal_refused(None, RefusedAs::Invalid);
            }
        };
        let service = goal.lane.service.clone();
        let Some(inbox) = self.inboxes.get(&service) else {
            warn!(%service, epoch = %goal.epoch, "a goal is for a service that is not run here");
            return self.metrics.goal_refused(None, RefusedAs::NotHere);
        };
        if let Err(refused) = inbox.offer(goal) {
            error!(%service, %refused, "goal refused");
            self.metrics.goal_refused(Some(&service), RefusedAs::from(&refused));
        }
    }
}
