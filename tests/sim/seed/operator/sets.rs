//! The operator launches releases of both services as sets, and sees all members to their ends.

use std::collections::BTreeSet;

use meridian_client::{Intent, ReleaseName, RolloutName, SetMemberWanted, SetWanted};
use meridian_core::id::{ServiceId, SetId};
use meridian_core::playbook::Playbook;
use rand::RngExt;

use super::{HOST, LOOK_EVERY, Operator, has_ended, pause, pause_for};
use crate::scenario::{ROLLOUTS, install, partner, service};

impl Operator {
    /// One set after another.
    pub(super) async fn in_sets(&mut self, playbook: &Playbook) {
        let name = self.release(&partner(), 1).await;
        if let Some(rollout) = self.start(1, name, install().id, None).await {
            self.see(1, rollout, playbook).await;
        }
        for number in 2..2 + ROLLOUTS {
            if self.is_calm() {
                break;
            }
            if let Some((set, members)) = self.start_set(number, playbook).await {
                self.see_set(number, &set, members).await;
            }
        }
    }

    async fn start_set(&mut self, number: u64, playbook: &Playbook) -> Option<(SetId, Vec<RolloutName>)> {
        let (one, other) = (self.release(&service(), number).await, self.release(&partner(), number).await);
        let follows = |of: &ServiceId| BTreeSet::from([of.clone()]);
        let (mut after_one, mut after_other) = (BTreeSet::new(), BTreeSet::new());
        match self.rng.random_range(0..3) {
            0 => after_one = follows(&partner()),
            1 => after_other = follows(&service()),
            _ => {}
        }
        let member = |release: &ReleaseName, after: &BTreeSet<ServiceId>| {
            let (release, playbook, after) = (release.clone(), playbook.id.clone(), after.clone());
            SetMemberWanted { release, playbook, revision: None, after }
        };
        for attempt in 0..6 {
            let id = SetId::new(format!("s{number}-{attempt}")).ok()?;
            let members = vec![member(&one, &after_one), member(&other, &after_other)];
            let wanted = SetWanted { id: id.clone(), members, digest: None };
            let wanted = &wanted;
            let started = self
                .insist("set", |client, request| async move {
                    client.create_set(wanted, "anna", Intent::Commit, &request).await
                })
                .await;
            match started {
                Ok(view) => return Some((id, view.members.into_iter().map(|member| member.rollout).collect())),
                Err(error) if error.code() == "AUTOMATION_HELD" => {
                    self.release_hold(&service()).await;
                    self.release_hold(&partner()).await;
                }
                // The plans are made again: something has moved since.
                Err(_) => pause(300).await,
            }
        }
        None
    }

    async fn see_set(&mut self, number: u64, set: &SetId, mut members: Vec<RolloutName>) {
        // Orders at bad moments are given half as often as to a rollout alone: each takes back all members.
        let mut wanted = 2;
        while !members.is_empty() {
            pause_for(LOOK_EVERY).await;
            for rollout in members.clone() {
                let Ok(view) = self.client.rollout(&rollout).await else { continue };
                self.tell(&view);
                if has_ended(view.state) || self.attend(number, &view, &mut wanted).await {
                    members.retain(|member| *member != rollout);
                }
            }
            if !self.is_calm() && self.rng.random_range(0..100) < 1 {
                let order = super::looked_at();
                let came = self.client.roll_back_set(set, &order).await;
                let came = came.map_or_else(|error| error.code().to_owned(), |_| "done".to_owned());
                self.story.note(HOST, format_args!("roll back {set}: {came}"));
            }
        }
    }
}
