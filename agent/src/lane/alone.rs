//! What a lane does without being told: back, if its goal gives leave and nobody can be asked; and nothing, or the same
//! again, where somebody has changed its region. `core` decides both; here it is remembered first and then done.

use std::time::Duration;

use meridian_core::agent::{DeadMan, Drift, Solitude, dead_man, drifts};
use meridian_core::goal::Goal;
use meridian_core::playbook::DriftPolicy;
use tokio::time::Instant;
use tracing::{error, warn};

use super::shell::Shell;
use super::trouble::{Complaint, Source, code};
use crate::measure::{Breach, span};

/// A verdict that was not renewed for so long says nothing about now: the data plane could not be read.
const VERDICT_FRESH: Duration = Duration::from_secs(3);

impl Shell {
    /// Takes the lane back if it may and must. From then on it works toward where it came from, over every crash, until
    /// a higher epoch decides.
    pub(super) async fn go_back_if_alone(&mut self) {
        let may_write = self.troubles.may_try(Source::Journal, Instant::now());
        let DeadMan::GoBack(verdict) = dead_man(&self.memory, &self.known.world(), &self.solitude()) else {
            return;
        };
        let mut memory = self.memory.clone();
        if !may_write || !memory.go_back(verdict.clone()) {
            return;
        }
        match self.parts.journal.write(&self.parts.lane.service, &memory).await {
            Ok(()) => {
                let epoch = memory.accepted();
                error!(%epoch, %verdict, "no server can be reached and the release fails: going back alone");
                self.parts.metrics.went_back_alone(&self.parts.lane.service);
                self.work_toward(memory).await;
            }
            Err(why) => self.not_written(&why),
        }
    }

    fn solitude(&self) -> Solitude {
        let alone = self.parts.contact.lost_for().map(span);
        let breach = self.parts.breaches.borrow().clone().filter(|breach| self.counts(breach));
        Solitude { alone, breach: breach.map(|breach| (span(breach.latest - breach.since), breach.verdict)) }
    }

    fn counts(&self, breach: &Breach) -> bool {
        breach.epoch == self.memory.accepted() && breach.latest.elapsed() <= VERDICT_FRESH
    }

    /// Looks whether somebody has changed the region since the goal was reached. Says whether the lane may do something
    /// about it now: a tug of war is not fought at full speed.
    pub(super) fn may_mend(&mut self, goal: &Goal) -> bool {
        let drift = if self.memory.is_reached() { drifts(goal, &self.known.world()) } else { Vec::new() };
        let now = Instant::now();
        let Some(first) = drift.first() else {
            self.troubles.calm(Source::Drift, now);
            return true;
        };
        self.note_drift(first);
        match goal.drift_policy() {
            // What is no drift is mended beside it.
            DriftPolicy::Hold | DriftPolicy::Adopt => true,
            DriftPolicy::Revert => {
                let may = self.troubles.may_try(Source::Drift, now);
                if may {
                    self.troubles.tried(Source::Drift, now);
                }
                may
            }
        }
    }

    fn note_drift(&mut self, drift: &Drift) {
        let complaint = Complaint::passing(code::DRIFTED, format!("somebody has changed the region: {drift}"));
        if self.troubles.noted(Source::Drift, complaint) {
            warn!(%drift, epoch = %self.memory.accepted(), "the region is not as it was confirmed");
            self.parts.metrics.drifted(&self.parts.lane.service);
        }
    }
}
