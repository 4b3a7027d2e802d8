//! Starts and stops under way, at most one per slot. They take long, so the lane goes on while they run: a goal that comes
//! in between is obeyed at once, and work that it does not want is broken off first. It does not decide what is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meridian_core::agent::VetoList;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::Slot;
use meridian_drivers::WorkloadDriver;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::trouble::{Complaint, code};

/// Longer than any artifact takes to copy and any release to drain; what takes longer hangs.
const WORK_MAX: Duration = Duration::from_secs(600);

/// What is done to a slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Task {
    /// Bring a release up, with these parameters.
    Start(ReleaseRef, Values),
    /// Drain and stop what is there.
    Stop,
}

/// What came of a task.
#[derive(Debug)]
pub struct Finished {
    /// Where.
    pub slot: Slot,
    /// How it went.
    pub outcome: Result<(), Complaint>,
}

/// The tasks of one lane. Dropping it breaks them off.
#[derive(Default)]
pub struct Work {
    tasks: JoinSet<Result<(), Complaint>>,
    running: BTreeMap<Slot, Running>,
}

struct Running {
    handle: AbortHandle,
    task: Task,
    /// What the slot was wanted for when it began.
    wanted: SlotGoal,
}

impl Running {
    fn is_wanted_by(&self, goal: &Goal, vetoes: &VetoList, slot: Slot) -> bool {
        let kept = *goal.slots.get(slot) == self.wanted;
        kept && match &self.task {
            Task::Start(release, _) => !vetoes.forbids(goal, slot, release),
            Task::Stop => !goal.serves(slot),
        }
    }
}

impl Work {
    /// Whether something is done to the slot.
    #[must_use]
    pub fn is_busy(&self, slot: Slot) -> bool {
        self.running.contains_key(&slot)
    }

    /// Whether nothing is done to any slot.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Begins a task on a slot that is not busy.
    pub fn begin(&mut self, workload: &Arc<dyn WorkloadDriver>, goal: &Goal, slot: Slot, task: Task) {
        debug_assert!(!self.is_busy(slot), "one task per slot");
        let (workload, todo) = (Arc::clone(workload), task.clone());
        let handle = self.tasks.spawn(async move { perform(workload.as_ref(), slot, &todo).await });
        self.running.insert(slot, Running { handle, task, wanted: goal.slots.get(slot).clone() });
    }

    /// Breaks off what the goal does not want or a veto forbids, and waits until it has ended: from then on it touches
    /// nothing.
    pub async fn keep_only_for(&mut self, goal: &Goal, vetoes: &VetoList) {
        let unwanted = self.running.iter().filter(|(slot, run)| !run.is_wanted_by(goal, vetoes, **slot));
        let unwanted: Vec<Slot> = unwanted.map(|(slot, _)| *slot).collect();
        for slot in unwanted {
            let Some(running) = self.running.get(&slot) else {
                continue;
            };
            running.handle.abort();
            while self.is_busy(slot) {
                // What ends beside it is looked at in the world like everything else.
                let Some(ended) = self.tasks.join_next_with_id().await else {
                    break;
                };
                self.ended(ended);
            }
        }
    }

    /// Waits for the next task to end; for ever if there is none. Nothing is lost when the wait is given up.
    pub async fn finished(&mut self) -> Finished {
        loop {
            let Some(ended) = self.tasks.join_next_with_id().await else {
                return std::future::pending().await;
            };
            if let Some(finished) = self.ended(ended) {
                return finished;
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), Complaint>), JoinError>) -> Option<Finished> {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => {
                let broke = Complaint::passing(code::DRIVER_PANIC, format!("a driver broke off: {error}"));
                (error.id(), if error.is_cancelled() { Ok(()) } else { Err(broke) })
            }
        };
        let slot = self.running.iter().find(|(_, running)| running.handle.id() == id).map(|(slot, _)| *slot)?;
        self.running.remove(&slot);
        Some(Finished { slot, outcome })
    }
}

async fn perform(workload: &dyn WorkloadDriver, slot: Slot, task: &Task) -> Result<(), Complaint> {
    let work = match task {
        Task::Start(release, parameters) => workload.start(slot, release, parameters),
        Task::Stop => workload.stop(slot),
    };
    match timeout(WORK_MAX, work).await {
        Ok(done) => done.map_err(|error| Complaint::from(&error)),
        Err(_) => Err(Complaint::passing(code::DRIVER_TIMEOUT, format!("{slot}: no end after {WORK_MAX:?}"))),
    }
}
