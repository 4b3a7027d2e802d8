//! The moves of a lane: what `core` says comes next, handed to the drivers. It does not decide.

use std::time::Duration;

use meridian_core::agent::reconcile::serves_now;
use meridian_core::agent::{Action, Blocked, NextMove, lane_move};
use meridian_core::cohort::Cohort;
use meridian_core::goal::Goal;
use meridian_core::observation::SlotState;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;
use meridian_drivers::{Origin, Route};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::pace::Rest;
use super::shell::{Moved, Shell};
use super::trouble::{Complaint, Source, code};
use super::work::Task;
use super::world::look_at_route;

/// Longer than any acknowledgement of a data plane that works.
const ROUTE_MAX: Duration = Duration::from_secs(10);

/// Shorter, because a newer goal has to wait for it.
const POINT_MAX: Duration = Duration::from_secs(2);

/// What came of a route.
enum Routed {
    Acknowledged,
    Failed,
    /// A newer goal came before the answer.
    Overtaken,
}

impl Shell {
    /// Makes the next move toward the goal on what is known of the region.
    pub(super) async fn make_move(&mut self, goal: &Goal) -> Moved {
        self.finish_stops(goal);
        if !self.may_mend(goal) {
            return Moved::Rest(Rest::Tick);
        }
        let next = lane_move(&self.memory, goal, &self.known.world());
        if !matches!(next, NextMove::Wait(Blocked::Vetoed(..))) {
            self.troubles.cleared(Source::Veto);
        }
        match next {
            // The slots as they were a moment ago were good enough to move on.
            NextMove::Reached if !self.sight.is_fresh => {
                self.publish();
                match self.look().await {
                    true => Moved::Again,
                    false => Moved::Rest(Rest::Skip),
                }
            }
            // What is not read back is not confirmed.
            NextMove::Reached if !self.sight.route => Moved::Rest(Rest::Poll),
            NextMove::Reached => {
                self.troubles.cleared(Source::Route);
                if self.point_again().await {
                    self.confirm(goal).await;
                }
                Moved::Rest(Rest::Tick)
            }
            NextMove::Wait(blocked) => {
                self.point_again().await;
                self.wait(blocked)
            }
            NextMove::Act(actions) => self.act(goal, actions).await,
        }
    }

    fn wait(&mut self, blocked: Blocked) -> Moved {
        match blocked {
            Blocked::SlotNotReady(_) => Moved::Rest(Rest::Poll),
            Blocked::Vetoed(slot, digest) => {
                let message =
                    format!("{slot}: {} is vetoed and not started; unveto its release or go back", digest.short());
                if self.troubles.noted(Source::Veto, Complaint::passing(code::DIGEST_VETOED, message)) {
                    warn!(%slot, %digest, "the goal asks for the start of what is vetoed");
                }
                Moved::Rest(Rest::Tick)
            }
            // It was noted when it was found.
            Blocked::Drifted => Moved::Rest(Rest::Tick),
            Blocked::SlotServes(slot) => {
                let message = format!("{slot} gets traffic and holds something else than the goal wants there");
                if self.troubles.noted(Source::Slot(slot), Complaint::passing(code::SLOT_SERVES, message)) {
                    warn!(%slot, "the goal wants a slot that serves something else");
                }
                Moved::Rest(Rest::Tick)
            }
        }
    }

    async fn act(&mut self, goal: &Goal, actions: Vec<Action>) -> Moved {
        let mut route = None;
        for action in actions {
            match action {
                Action::Start(slot, release) => {
                    self.begin(goal, slot, Task::Start(release, goal.parameters.get(slot).clone()))
                }
                // Unless it is known where traffic goes, nothing is stopped and nothing moved.
                Action::Stop(slot) if self.sight.route => self.begin(goal, slot, Task::Stop),
                Action::Route(split, cohort) if self.sight.route => route = Some((split, cohort)),
                Action::Stop(_) | Action::Route(..) => {}
            }
        }
        let may_route = self.troubles.may_try(Source::Route, Instant::now());
        let Some((split, cohort)) = route.filter(|_| may_route) else {
            self.point_again().await;
            return Moved::Rest(Rest::Poll);
        };
        match self.route(goal, split, cohort).await {
            Routed::Acknowledged => {
                let route = look_at_route(self.parts.drivers.traffic.as_ref()).await;
                self.absorb_route(route);
                Moved::Again
            }
            Routed::Failed => Moved::Rest(Rest::Poll),
            Routed::Overtaken => Moved::Rest(Rest::Skip),
        }
    }

    /// Goes on with a stop that somebody began and did not end: the agent before us, or a goal that was overtaken. What
    /// is on its way down does not come back, so it is ended before it is started again.
    fn finish_stops(&mut self, goal: &Goal) {
        let world = self.known.world();
        for slot in Slot::BOTH {
            let is_stopping = world.slots.get(slot).is_some_and(|seen| seen.state == SlotState::Stopping);
            if is_stopping && self.sight.route && !serves_now(&world, slot) {
                self.begin(goal, slot, Task::Stop);
            }
        }
    }

    fn begin(&mut self, goal: &Goal, slot: Slot, task: Task) {
        let (source, now) = (Source::Slot(slot), Instant::now());
        if self.work.is_busy(slot) || !self.troubles.may_try(source, now) {
            return;
        }
        match &task {
            // A release that comes down again and again is started again later and later.
            Task::Start(..) => self.troubles.tried(source, now),
            Task::Stop => {}
        }
        debug!(%slot, ?task, "begun");
        self.work.begin(&self.parts.drivers.workload, goal, slot, task);
    }

    async fn route(&mut self, goal: &Goal, split: Split, cohort: Option<Cohort>) -> Routed {
        let sticky = self.parts.drivers.sticky.clone();
        let targets = self.targets();
        let origin = if self.memory.went_back().is_some() { Origin::Alone } else { Origin::Goal };
        let route = Route { epoch: goal.epoch, origin, hash: goal.hash(), split, cohort, sticky, targets };
        let traffic = self.parts.drivers.traffic.clone();
        let outcome = tokio::select! {
            biased;
            outcome = timeout(ROUTE_MAX, traffic.route(&route)) => outcome,
            // Only news: the route is given up for the next one, which is at least as new.
            Ok(()) = self.parts.arriving.goals.changed() => {
                self.parts.arriving.goals.mark_changed();
                return Routed::Overtaken;
            }
        };
        match outcome.map_err(|_| overdue(ROUTE_MAX)).and_then(|done| done.map_err(|error| Complaint::from(&error))) {
            Ok(()) => {
                self.pointed = targets;
                self.troubles.cleared(Source::Route);
                Routed::Acknowledged
            }
            Err(complaint) => {
                self.complain(Source::Route, complaint);
                Routed::Failed
            }
        }
    }

    /// Tells the data plane where a serving slot is, if that may have changed: a release that came back elsewhere gets
    /// the traffic that it had. The route is the one in effect, whatever the goal wants next. Says whether the data
    /// plane knows.
    async fn point_again(&mut self) -> bool {
        let Some(seen) = self.known.route.clone().filter(|_| self.sight.route) else {
            return self.sight.route;
        };
        let mut route = Route {
            epoch: seen.epoch,
            origin: seen.origin,
            hash: seen.hash,
            split: seen.traffic.split,
            cohort: seen.traffic.cohort,
            sticky: self.parts.drivers.sticky.clone(),
            targets: self.targets(),
        };
        let moved = Slot::BOTH.into_iter().any(|slot| {
            let is_ready = self.known.slots.get(slot).is_some_and(|seen| seen.state == SlotState::Ready);
            is_ready && route.serves(slot) && route.targets.get(slot) != self.pointed.get(slot)
        });
        if !moved {
            return true;
        }
        if !self.troubles.may_try(Source::Target, Instant::now()) {
            return false;
        }
        route.targets = Slots::from_fn(|slot| route.targets.get(slot).or(*self.pointed.get(slot)));
        let outcome = timeout(POINT_MAX, self.parts.drivers.traffic.route(&route)).await;
        match outcome.map_err(|_| overdue(POINT_MAX)).and_then(|done| done.map_err(|error| Complaint::from(&error))) {
            Ok(()) => {
                self.pointed = route.targets;
                self.troubles.cleared(Source::Target);
                true
            }
            Err(complaint) => {
                // The goal may be reached all the same; this alone must not end a rollout.
                let permanent = false;
                self.complain(Source::Target, Complaint { permanent, ..complaint });
                false
            }
        }
    }

    fn targets(&self) -> Slots<Option<std::net::SocketAddr>> {
        Slots::from_fn(|slot| self.parts.drivers.workload.address(slot))
    }
}

fn overdue(limit: Duration) -> Complaint {
    Complaint::passing(code::DRIVER_TIMEOUT, format!("the data plane did not acknowledge within {limit:?}"))
}
