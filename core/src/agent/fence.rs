//! The fence: per lane the highest epoch ever accepted. What is lower is refused, loudly, over every crash, reconnect
//! and change of server.

use super::vetoes::VetoList;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::evidence::Verdict;
use crate::goal::Goal;
use crate::observation::{DoneMark, WentBack};
use crate::planted;

/// What an agent keeps on disk for a lane. Written before the first action of a goal and after the last.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LaneMemory {
    intent: Option<Goal>,
    /// Whether the intent was confirmed; never after the lane went back alone.
    done: bool,
    went_back: Option<Alone>,
    vetoes: VetoList,
}

/// That the lane went back alone under its intent, for the rest of that epoch.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Alone {
    /// Why.
    pub verdict: Verdict,
    /// Whether it was read back.
    pub confirmed: bool,
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
    pub fn recalled(intent: Goal, done: bool) -> Self {
        Self { intent: Some(intent), done, ..Self::default() }
    }

    /// A memory as read from disk, of a lane that went back alone.
    #[must_use]
    pub fn recalled_alone(intent: Goal, alone: Alone) -> Self {
        Self { intent: Some(intent), went_back: Some(alone), ..Self::default() }
    }

    /// The same memory with what it knew of its service's vetoes.
    #[must_use]
    pub fn with_vetoes(self, vetoes: VetoList) -> Self {
        Self { vetoes, ..self }
    }

    /// What it knows of its service's vetoes.
    #[must_use]
    pub const fn vetoes(&self) -> &VetoList {
        &self.vetoes
    }

    /// Takes what was heard of its service's vetoes. Says whether that is news to be persisted.
    pub fn hear_vetoes(&mut self, heard: VetoList) -> bool {
        self.vetoes.renew(heard)
    }

    /// What the agent works toward, or has confirmed: the intent, or the way back if it went back alone.
    #[must_use]
    pub fn target(&self) -> Option<Goal> {
        let intent = self.intent.as_ref()?;
        let back = self.went_back.as_ref().and_then(|_| intent.turned_back());
        Some(back.unwrap_or_else(|| intent.clone()))
    }

    /// That it went back alone, if it did.
    #[must_use]
    pub const fn went_back(&self) -> Option<&Alone> {
        self.went_back.as_ref()
    }

    /// Whether the target was confirmed by read-back, whatever it is.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.done || self.went_back.as_ref().is_some_and(|alone| alone.confirmed)
    }

    /// That it went back alone, for a report.
    #[must_use]
    pub fn alone_mark(&self) -> Option<WentBack> {
        let (intent, alone) = (self.intent.as_ref()?, self.went_back.as_ref()?);
        let Alone { verdict, confirmed } = alone.clone();
        Some(WentBack { rollout: intent.rollout.clone(), epoch: intent.epoch, verdict, confirmed })
    }

    /// Turns the intent back: from here on the lane works toward where it came from, until a higher epoch decides.
    /// Says whether there is a way back; nothing changes if not.
    pub fn go_back(&mut self, verdict: Verdict) -> bool {
        let can = self.went_back.is_none() && self.intent.as_ref().is_some_and(|goal| goal.turned_back().is_some());
        if can {
            self.done = false;
            self.went_back = Some(Alone { verdict, confirmed: false });
        }
        can
    }

    /// The goal accepted last.
    #[must_use]
    pub const fn intent(&self) -> Option<&Goal> {
        self.intent.as_ref()
    }

    /// The highest epoch ever accepted.
    #[must_use]
    pub fn accepted(&self) -> Epoch {
        self.intent.as_ref().map_or(Epoch::ZERO, |goal| goal.epoch)
    }

    /// Whether the intent was confirmed by read-back, and holds.
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
        self.went_back = None;
        Ok(Accepted::New)
    }

    /// Notes that the target was confirmed. Says whether that is news to be persisted.
    pub fn mark_done(&mut self, epoch: Epoch) -> bool {
        let current = self.intent.as_ref().is_some_and(|goal| goal.epoch == epoch);
        if let Some(alone) = &mut self.went_back {
            // What was ordered is not done: it was turned back.
            let news = current && !alone.confirmed;
            alone.confirmed |= current;
            return news;
        }
        let news = current && !self.done;
        self.done |= current;
        news
    }
}
