//! What is to be sent to one agent: the latest goal per lane. A slow reader costs one goal per lane, never a queue.

use std::collections::BTreeMap;
use std::sync::Mutex;

use meridian_core::goal::Goal;
use meridian_core::id::ServiceId;
use tokio::sync::Notify;

/// Latest-wins goals of one session.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    goals: BTreeMap<ServiceId, Goal>,
    closed: bool,
}

impl Outbox {
    /// Puts a goal in; an older one of the same lane is dropped.
    pub fn put(&self, goal: Goal) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let newer = state.goals.get(&goal.lane.service).is_none_or(|waiting| waiting.epoch <= goal.epoch);
        if newer {
            state.goals.insert(goal.lane.service.clone(), goal);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Takes back what was not taken yet and is not to be sent any more.
    pub fn keep(&self, kept: impl Fn(&Goal) -> bool) {
        self.state.lock().expect("no holder of this lock panics").goals.retain(|_, goal| kept(goal));
    }

    /// Takes what waits now, without waiting for more.
    #[must_use]
    pub fn waiting(&self) -> Vec<Goal> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        std::mem::take(&mut state.goals).into_values().collect()
    }

    /// Ends the session: [`Outbox::take`] answers `None` from now on.
    pub fn close(&self) {
        self.state.lock().expect("no holder of this lock panics").closed = true;
        self.changed.notify_one();
    }

    /// Waits for goals and takes them; `None` once closed. For one reader.
    pub async fn take(&self) -> Option<Vec<Goal>> {
        loop {
            {
                let mut state = self.state.lock().expect("no holder of this lock panics");
                if state.closed {
                    return None;
                }
                if !state.goals.is_empty() {
                    return Some(std::mem::take(&mut state.goals).into_values().collect());
                }
            }
            self.changed.notified().await;
        }
    }
}
