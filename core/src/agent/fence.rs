//! The fence: per lane the highest epoch ever accepted. What is lower is refused, loudly, over every crash, reconnect
//! and change of server.

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::goal::Goal;
use crate::observation::DoneMark;
use crate::planted;

/// What an agent keeps on disk for a lane. Written before the first action of a goal and after the last.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LaneMemory {
    intent: Option<Goal>,
    done: bool,
}

/// Why a goal was not taken.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum GoalRefused {
    /// A higher epoch was accepted before.
    #[error("epoch {offered} is older than {accepted}, which this agent has accepted")]
    Stale {
        /// What came.
        offered: Epoch,
        /// What was accepted before.
        accepted: Epoch,
    },
    /// The same epoch with other content: somebody issued an epoch twice.
    #[error("epoch {epoch} was accepted with goal {accepted:?}, and now comes with {offered:?}")]
    Conflict {
        /// The epoch.
        epoch: Epoch,
        /// The goal accepted.
        accepted: Digest,
        /// The goal offered.
        offered: Digest,
    },
}

/// What follows from a goal that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Accepted {
    /// It is new: persist the memory, then act.
    New,
    /// It was known: nothing to persist.
    Known,
}

impl LaneMemory {
    /// A memory as read from disk.
    #[must_use]
    pub const fn recalled(intent: Goal, done: bool) -> Self {
        Self { intent: Some(intent), done }
    }

    /// The goal accepted last: what the agent works toward, or has confirmed.
    #[must_use]
    pub const fn intent(&self) -> Option<&Goal> {
        self.intent.as_ref()
    }

    /// The highest epoch ever accepted.
    #[must_use]
    pub fn accepted(&self) -> Epoch {
        self.intent.as_ref().map_or(Epoch::ZERO, |goal| goal.epoch)
    }

    /// Whether the intent was confirmed by read-back.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// The mark to report, once the intent is done.
    #[must_use]
    pub fn done_mark(&self) -> Option<DoneMark> {
        let goal = self.intent.as_ref().filter(|_| self.done)?;
        Some(DoneMark { epoch: goal.epoch, hash: goal.hash() })
    }

    /// Takes a goal, or refuses it.
    ///
    /// # Errors
    /// If it is older than what was accepted, or the same epoch with other content. Nothing changes then.
    pub fn accept(&mut self, goal: Goal) -> Result<Accepted, GoalRefused> {
        let accepted = self.accepted();
        // No decision has epoch zero, so a goal that claims it is older than everything.
        if (goal.epoch < accepted && !planted::is("no-fence")) || goal.epoch == Epoch::ZERO {
            return Err(GoalRefused::Stale { offered: goal.epoch, accepted });
        }
        if let Some(known) = self.intent.as_ref().filter(|known| known.epoch == goal.epoch) {
            let (accepted, offered) = (known.hash(), goal.hash());
            if accepted != offered {
                return Err(GoalRefused::Conflict { epoch: goal.epoch, accepted, offered });
            }
            return Ok(Accepted::Known);
        }
        assert!(goal.epoch > accepted || planted::is("no-fence"), "only a higher epoch replaces an intent");
        self.intent = Some(goal);
        self.done &= planted::is("done-kept");
        Ok(Accepted::New)
    }

    /// Notes that the intent was confirmed. Says whether that is news to be persisted.
    pub fn mark_done(&mut self, epoch: Epoch) -> bool {
        let current = self.intent.as_ref().is_some_and(|goal| goal.epoch == epoch);
        let news = current && !self.done;
        self.done |= current;
        news
    }
}
