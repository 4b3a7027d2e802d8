//! The operator asks for releases that have to wait for their lanes, and looks after the queue: takes requests out, lets a
//! held service go on, and sees each rollout that begins from there to its end.

use meridian_client::{Intent, PlanWanted, QueueView, Requested, RolloutName, RolloutStart, RolloutWanted};
use meridian_core::id::RolloutId;
use meridian_core::playbook::{Concurrency, Playbook};
use rand::RngExt;
use rand::seq::IndexedRandom as _;

use super::{HOST, LOOK_EVERY, Operator, looked_at, pause_for};
use crate::scenario::{Ending, ROLLOUTS, service};

/// The release that somebody starts who does not ask who was first.
const PUSHED: u64 = 2 + ROLLOUTS;

impl Operator {
    /// One rollout, while which others are asked for, and then those.
    pub(super) async fn in_line(&mut self, playbook: &Playbook) {
        if self.is_calm() {
            return;
        }
        self.launch(2, playbook).await;
        while let Some(rollout) = self.next_in_line(playbook).await {
            self.see(3, rollout, playbook).await;
        }
    }

    /// Now and then asks for a further release while another one is under way.
    pub(super) async fn ask_for_next(&mut self) {
        let number = 3 + self.asked.len() as u64;
        if number >= PUSHED || self.rng.random_range(0..100) >= 35 {
            return;
        }
        let (release, playbook) = (self.release(&service(), number).await, self.scenario.playbook.id.clone());
        let Ok(id) = RolloutId::new(format!("q{number}")) else { return };
        let wanted = RolloutWanted {
            release,
            playbook,
            revision: None,
            id: Some(id.clone()),
            actor: "ben".to_owned(),
            reason: "the next one".to_owned(),
            concurrency: Some(Concurrency::Queue),
        };
        let wanted = &wanted;
        let asked =
            self.insist("ask", |client, request| async move {
                client.request_rollout(wanted, Intent::Commit, &request).await
            })
            .await;
        let Ok(answer) = asked else { return };
        let (rollout, place) = match answer {
            Requested::Begun(view) => (view.name, 0),
            Requested::Queued(view) => (view.name, view.place),
        };
        self.story.note(HOST, format_args!("{} is asked for, place {place}", rollout.rollout));
        self.asked.push(rollout);
    }

    /// The next rollout that was asked for and has begun; `None`: none will.
    async fn next_in_line(&mut self, playbook: &Playbook) -> Option<RolloutName> {
        while !self.asked.is_empty() {
            pause_for(LOOK_EVERY).await;
            let Ok(queue) = self.client.queue(&service()).await else { continue };
            for at in 0..self.asked.len() {
                if self.client.rollout(&self.asked[at]).await.is_ok() {
                    return Some(self.asked.remove(at));
                }
            }
            let has_left = |name: &RolloutName| queue.left.iter().any(|left| left.request.name == *name);
            self.asked.retain(|name| !has_left(name));
            self.tend(&queue, playbook).await;
        }
        None
    }

    /// What a human would do who looks at what waits.
    async fn tend(&mut self, queue: &QueueView, playbook: &Playbook) {
        let waiting: Vec<&RolloutName> = queue.waiting.iter().map(|request| &request.name).collect();
        let codes = |waits: &[meridian_client::QueueWaitView]| waits.iter().map(|wait| wait.code.clone()).collect();
        let waits: Vec<(&RolloutId, Vec<String>)> =
            queue.waiting.iter().map(|request| (&request.name.rollout, codes(&request.waits))).collect();
        self.story.note(HOST, format_args!("waiting: {waits:?}"));
        let is_held = waits.iter().any(|(_, codes)| codes.iter().any(|code| code == "AUTOMATION_HELD"));
        if self.is_calm() {
            // What a region keeps from its end that is lost for ever is not begun; and all has to be over some time.
            let kept = usize::from(self.scenario.ending == Ending::AllWell);
            for rollout in waiting.iter().skip(kept) {
                self.take_out(rollout).await;
            }
            if is_held && kept > 0 {
                self.release_hold(&service()).await;
            }
        } else if is_held && self.rng.random_range(0..100) < 35 {
            self.push_in(playbook).await;
        } else if self.rng.random_range(0..100) < 8
            && let Some(rollout) = waiting.choose(&mut self.rng)
        {
            self.take_out(rollout).await;
        }
    }

    /// Lets the service go on, and now and then somebody starts a plan at that moment without asking who was first.
    async fn push_in(&mut self, playbook: &Playbook) {
        if self.rng.random_range(0..2) == 0 {
            return self.release_hold(&service()).await;
        }
        let release = self.release(&service(), PUSHED).await;
        let wanted = PlanWanted { release, playbook: playbook.id.clone(), revision: None, supersede: None };
        let wanted = &wanted;
        let planned = self
            .insist("plan", |client, request| async move { client.create_plan(wanted, Intent::Commit, &request).await })
            .await;
        self.release_hold(&service()).await;
        let (Ok(plan), Ok(id)) = (planned, RolloutId::new("pushed")) else { return };
        let start = RolloutStart { service: service(), plan: plan.hash, id: Some(id), actor: "cleo".to_owned() };
        let start = &start;
        let started =
            self.insist("start", |client, request| async move {
                client.start_rollout(start, Intent::Commit, &request).await
            })
            .await;
        self.asked.extend(started.map(|view| view.name));
    }

    async fn take_out(&self, rollout: &RolloutName) {
        let order = looked_at();
        let order = &order;
        let _gone = self
            .insist("remove", |client, request| async move { client.remove_from_queue(rollout, order, &request).await })
            .await;
    }
}
