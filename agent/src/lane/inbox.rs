//! Where a lane's goals arrive, and what its service has vetoed. It holds one of each: the latest wins, so a lane that is
//! busy never works through a queue. It does not know what the lane has on disk.

use meridian_core::agent::{GoalRefused, VetoList};
use meridian_core::goal::Goal;
use tokio::sync::watch;

/// The sending side; the lane holds the other.
#[derive(Clone, Debug)]
pub struct GoalInbox {
    latest: watch::Sender<Option<Goal>>,
    vetoes: watch::Sender<VetoList>,
}

/// Where a lane reads its inbox.
#[derive(Clone, Debug)]
pub struct Arriving {
    /// The latest goal.
    pub goals: watch::Receiver<Option<Goal>>,
    /// The latest vetoes of its service.
    pub vetoes: watch::Receiver<VetoList>,
}

impl GoalInbox {
    /// An empty inbox and where its lane reads it.
    #[must_use]
    pub fn new() -> (Self, Arriving) {
        let ((latest, goals), (vetoes, heard)) = (watch::channel(None), watch::channel(VetoList::default()));
        (Self { latest, vetoes }, Arriving { goals, vetoes: heard })
    }

    /// Puts a list of vetoes in place of an older one; one that is not newer wakes nobody.
    pub fn hear_vetoes(&self, list: VetoList) {
        self.vetoes.send_if_modified(|latest| latest.renew(list));
    }

    /// Puts a goal in place of one that came before. The same goal again wakes nobody.
    ///
    /// # Errors
    /// If the goal before has a higher epoch, or the same and other content: it stays.
    pub fn offer(&self, goal: Goal) -> Result<(), GoalRefused> {
        let mut refused = None;
        self.latest.send_if_modified(|latest| {
            if let Some(waiting) = latest.as_ref() {
                refused = refusal(waiting, &goal);
                if refused.is_some() || *waiting == goal {
                    return false;
                }
            }
            *latest = Some(goal);
            true
        });
        refused.map_or(Ok(()), Err)
    }
}

fn refusal(waiting: &Goal, offered: &Goal) -> Option<GoalRefused> {
    if offered.epoch < waiting.epoch {
        return Some(GoalRefused::Stale { offered: offered.epoch, accepted: waiting.epoch });
    }
    if offered.epoch == waiting.epoch && offered != waiting {
        let (accepted, offered) = (waiting.hash(), offered.hash());
        return Some(GoalRefused::Conflict { epoch: waiting.epoch, accepted, offered });
    }
    None
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use meridian_core::epoch::Epoch;
    use meridian_core::goal::SlotGoal;
    use meridian_core::id::{Lane, RegionId, RolloutId, ServiceId};
    use meridian_core::slot::Slots;

    use super::*;

    fn goal(counter: u64, rollout: &str) -> Goal {
        Goal {
            parameters: Slots::default(),
            lane: Lane { service: ServiceId::new("shop").unwrap(), region: RegionId::new("eu").unwrap() },
            epoch: Epoch::new(1, counter),
            rollout: RolloutId::new(rollout).unwrap(),
            slots: Slots { blue: SlotGoal::Empty, green: SlotGoal::Empty },
            split: None,
            cohort: None,
            measurement: None,
            mandate: None,
        }
    }

    #[test]
    fn a_late_goal_never_replaces_a_higher_one() {
        let (inbox, Arriving { goals: mut reader, .. }) = GoalInbox::new();
        inbox.offer(goal(2, "a")).unwrap();
        assert!(matches!(inbox.offer(goal(1, "a")), Err(GoalRefused::Stale { .. })));
        assert!(matches!(inbox.offer(goal(2, "b")), Err(GoalRefused::Conflict { .. })));
        assert_eq!(reader.borrow_and_update().as_ref().unwrap(), &goal(2, "a"));
        inbox.offer(goal(2, "a")).unwrap();
        assert!(reader.changed().now_or_never().is_none(), "the same goal again wakes nobody");
        inbox.offer(goal(3, "a")).unwrap();
        assert!(reader.changed().now_or_never().is_some());
    }
}
