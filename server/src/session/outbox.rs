//! What is to be sent to one agent: the latest goal per lane, and the latest vetoes of its service. A slow reader costs one
//! of each per lane, never a queue.

use std::collections::BTreeMap;
use std::sync::Mutex;

use meridian_core::agent::VetoList;
use meridian_core::goal::Goal;
use meridian_core::id::ServiceId;
use tokio::sync::Notify;

/// What waits for an agent, to be told together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// One per lane.
    pub goals: Vec<Goal>,
    /// One per service; to be kept before those goals are obeyed.
    pub vetoes: BTreeMap<ServiceId, VetoList>,
}

/// Latest-wins words of one session.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    goals: BTreeMap<ServiceId, Goal>,
    vetoes: BTreeMap<ServiceId, VetoList>,
    closed: bool,
}

impl State {
    fn take(&mut self) -> Waiting {
        let (goals, vetoes) = (std::mem::take(&mut self.goals), std::mem::take(&mut self.vetoes));
        Waiting { goals: goals.into_values().collect(), vetoes }
    }
}

impl Outbox {
    /// Puts a list of vetoes in, over an older one.
    pub fn put_vetoes(&self, service: ServiceId, list: VetoList) {
        self.state.lock().expect("no holder of this lock panics").vetoes.entry(service).or_default().renew(list);
        self.changed.notify_one();
    }

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
    pub fn waiting(&self) -> Waiting {
        self.state.lock().expect("no holder of this lock panics").take()
    }

    /// Ends the session: [`Outbox::take`] answers `None` from now on.
    pub fn close(&self) {
        self.state.lock().expect("no holder of this lock panics").closed = true;
        self.changed.notify_one();
    }

    /// Waits for something to tell and takes it; `None` once closed. For one reader.
    pub async fn take(&self) -> Option<Waiting> {
        loop {
            {
                let mut state = self.state.lock().expect("no holder of this lock panics");
                if state.closed {
                    return None;
                }
                if !state.goals.is_empty() || !state.vetoes.is_empty() {
                    return Some(state.take());
                }
            }
            self.changed.notified().await;
        }
    }
}
