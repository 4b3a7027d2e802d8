//! What follows a decision, one's own or another replica's: goals are told, and whoever looks hears of it.

use std::sync::Arc;

use meridian_core::id::RegionId;
use meridian_core::rollout::event::{Effect, Notice, Transition};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::time::Timestamp;

use super::{Held, Runner};
use crate::engine::Changed;
use crate::engine::trace::EndedStep;
use crate::error::EngineError;

impl Runner {
    /// Takes over what another replica has decided.
    pub(super) async fn catch_up(&mut self) {
        let waiting = self.news.record.lock().expect("no holder of this lock panics").take();
        let Some(item) = waiting.filter(|item| item.mod_revision > self.held.1) else { return };
        match self.engine.shared.books.decode_rollout(&item.key, &item.value).await {
            Ok(record) => self.adopt((Arc::new(record), item.mod_revision)),
            Err(error) => tracing::error!(%error, "what another replica has written can't be read"),
        }
    }

    pub(super) async fn reload(&mut self) -> Result<(), EngineError> {
        let newer = self.engine.shared.books.rollout(&self.id).await?;
        self.adopt(newer);
        Ok(())
    }

    fn adopt(&mut self, newer: Held) {
        self.head = None;
        let before = std::mem::replace(&mut self.held, newer);
        self.publish.send_replace(Some(self.held.clone()));
        self.engine.tell_others(&self.held.0);
        for (region, lane) in &self.held.0.lanes {
            if before.0.lanes.get(region).is_none_or(|was| was.goal_epoch != lane.goal_epoch) {
                self.push_goal(region);
            }
        }
        let _nobody = self.engine.shared.changes.send(Changed { id: self.id.clone() });
    }

    pub(super) fn push_goal(&self, region: &RegionId) {
        if let Some(goal) = goal(&self.held.0, region) {
            self.engine.shared.sessions.push(goal);
        }
    }

    /// Only after the commit. Each effect can be derived again from the record.
    pub(super) fn perform(&self, before: &Rollout, transition: &Transition, now: Timestamp) {
        let record = &self.held.0;
        for effect in &transition.effects {
            if let Effect::PushGoal(region) = effect {
                self.push_goal(region);
            }
        }
        let going_back = matches!(record.phase, Phase::RollingBack { .. } | Phase::Frozen { .. })
            && !matches!(before.phase, Phase::RollingBack { .. } | Phase::Frozen { .. });
        for effect in &transition.effects {
            match effect {
                Effect::PushGoal(_) => {}
                Effect::StepEnded { region, what, step, began } => {
                    let (region, step, began) = (Some(region), *step, *began);
                    let ended = EndedStep { region, what, step, began, ended: now, failed: going_back };
                    self.engine.shared.trace.step_ended(record, ended);
                }
                Effect::Notify(notice) => self.tell(notice, now),
            }
        }
        tracing::info!(
            epoch = %record.epoch, kind = transition.kind, phase = record.phase.as_str(), "decided"
        );
        let _nobody = self.engine.shared.changes.send(Changed { id: self.id.clone() });
    }

    fn tell(&self, notice: &Notice, now: Timestamp) {
        let record = &self.held.0;
        match notice {
            Notice::RollbackDecided(cause) => {
                self.engine.shared.metrics.rollbacks.inc();
                tracing::warn!(%cause, "every region concerned goes back");
            }
            Notice::HumanNeeded(cause) => tracing::error!(%cause, "a human is needed"),
            Notice::Ended(word) => {
                tracing::info!(end = word, "reached");
                if record.phase.is_terminal() {
                    self.engine.shared.trace.ended(record, now);
                }
            }
        }
    }
}
