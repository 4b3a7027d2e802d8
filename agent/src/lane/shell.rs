//! The loop of a lane: take the goal, look, move, confirm, tell. It is the same after a start, a crash, a reconnect and a
//! tick, because it begins with what is on disk and what is there, never with what it was about to do.

use std::net::SocketAddr;
use std::time::Duration;

use meridian_core::agent::{Accepted, LaneMemory};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::{SlotSeen, SlotState};
use meridian_core::planted;
use meridian_core::slot::{Slot, Slots};
use meridian_drivers::RouteSeen;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info, warn};

use super::LaneParts;
use super::pace::{Pace, Rest};
use super::trouble::{Complaint, Source, Troubles, code};
use super::work::{Finished, Work};
use super::world::{self, Known, Seen};
use crate::board::Urgency;
use crate::journal::JournalError;
use crate::measure::Order;
use crate::metrics::RefusedAs;

/// Moves of one pass. A goal needs three at most (route, stop, confirm); more is a world that does not hold still, and is
/// looked at again after a rest.
const MOVES_MAX: usize = 8;

/// How long a goal waits for a look at the slots, before it goes by what was seen a moment ago. A release that works
/// answers its probe in a millisecond or two.
const QUICK_LOOK: Duration = Duration::from_millis(25);

/// How old a look may be when the goal that it was made for has gone to disk: as long as a disk takes that works. After a
/// slow one the region is looked at again, or traffic would be moved by what was there a second ago.
const LOOK_HOLDS: Duration = Duration::from_millis(50);

/// A lane at work.
pub struct Shell {
    pub(super) parts: LaneParts,
    /// What is on disk, never more.
    pub(super) memory: LaneMemory,
    /// Came, and is neither on disk nor refused yet.
    offered: Option<Goal>,
    pub(super) known: Known,
    pub(super) sight: Sight,
    pub(super) work: Work,
    pub(super) troubles: Troubles,
    pub(super) pace: Pace,
    /// Where the data plane was last told that the slots are; nothing is known of it after a start.
    pub(super) pointed: Slots<Option<SocketAddr>>,
    /// When the goal was taken; for its metric.
    taken: Option<Instant>,
    /// When this process first saw the goal in effect.
    effect: Option<Instant>,
}

/// What could be read in the last look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sight {
    pub slots: bool,
    pub route: bool,
    /// Whether the slots were read in this pass: good enough to move on, not to confirm, if not.
    pub is_fresh: bool,
}

/// What follows from a move.
pub(super) enum Moved {
    /// Decide again: the world has changed and was read back.
    Again,
    /// Nothing more to do now.
    Rest(Rest),
}

impl Shell {
    /// A lane that remembers what is on disk.
    #[must_use]
    pub fn new(parts: LaneParts, mut memory: LaneMemory) -> Self {
        let _news = planted::is("redo-forgotten") && memory.mark_done(memory.accepted());
        Self {
            parts,
            memory,
            offered: None,
            known: Known::default(),
            sight: Sight::default(),
            work: Work::default(),
            troubles: Troubles::default(),
            pace: Pace::default(),
            pointed: Slots::default(),
            taken: None,
            effect: None,
        }
    }

    /// Works for ever. May be dropped at any moment.
    pub async fn run(mut self) {
        if let Some(goal) = self.memory.intent() {
            let state = match (self.memory.went_back(), self.memory.is_done()) {
                (Some(_), _) => "taken back alone",
                (None, true) => "confirmed",
                (None, false) => "unfinished",
            };
            info!(epoch = %goal.epoch, rollout = %goal.rollout, state, "going on with the goal of before");
        }
        loop {
            let rest = self.pass().await;
            let now = Instant::now();
            let pause = self.pace.pause(rest, self.troubles.next_try(now), now);
            tokio::select! {
                // Left for the pass to take, like a goal.
                Ok(()) = self.parts.arriving.vetoes.changed() => self.parts.arriving.vetoes.mark_changed(),
                changed = self.parts.arriving.goals.changed() => match changed {
                    // Left for the pass to take.
                    Ok(()) => self.parts.arriving.goals.mark_changed(),
                    // Without its inbox a lane goes on with what it has; the agent is ending.
                    Err(_) => sleep(pause).await,
                },
                finished = self.work.finished() => self.note(finished),
                () = sleep(pause) => {}
            }
        }
    }

    /// Moves as far as it can without waiting, and tells.
    async fn pass(&mut self) -> Rest {
        if !self.take_and_look().await {
            return Rest::Skip;
        }
        self.go_back_if_alone().await;
        let rest = self.advance().await;
        self.publish();
        self.order_measurement();
        rest
    }

    async fn advance(&mut self) -> Rest {
        for _ in 0..MOVES_MAX {
            let Some(goal) = self.memory.target() else {
                return Rest::Tick;
            };
            if !self.sight.slots {
                return Rest::Poll;
            }
            match self.make_move(&goal).await {
                Moved::Again => {}
                Moved::Rest(rest) => return rest,
            }
        }
        warn!("the region does not hold still");
        Rest::Poll
    }

    /// Takes what is waiting, if anything, and looks at the region while it goes to disk: looking has no effects.
    /// Says whether the region was looked at; a newer goal does not wait for that.
    async fn take_and_look(&mut self) -> bool {
        let Some(memory) = self.memory_with_offer() else {
            return self.look().await;
        };
        let (workload, traffic) = (self.parts.drivers.workload.clone(), self.parts.drivers.traffic.clone());
        // A goal may be there to take traffic off a slot that hangs, so it does not wait for that slot's answer.
        let quick_look = async || {
            let slots = timeout(QUICK_LOOK, world::look_at_slots(workload.as_ref()));
            tokio::join!(slots, world::look_at_route(traffic.as_ref()))
        };
        let begun = Instant::now();
        let (written, mut seen) = tokio::join!(self.keep(&memory, "intent-not-written"), quick_look());
        let was_idle = self.work.is_idle();
        match written {
            Ok(()) if memory.intent() == self.memory.intent() => self.heed(memory).await,
            Ok(()) => self.adopt(memory).await,
            Err(why) => self.not_written(&why),
        }
        // What ran until now may have changed the region after the look.
        if !was_idle {
            return self.look().await;
        }
        if begun.elapsed() > LOOK_HOLDS {
            seen = quick_look().await;
        }
        let (slots, route) = seen;
        match slots {
            Ok(slots) => self.absorb_slots(slots),
            Err(_) if self.known.has_recent_slots() => self.sight.is_fresh = false,
            Err(_) => return self.look().await,
        }
        self.absorb_route(route);
        true
    }

    /// Looks at the whole region, unless a goal comes in between.
    pub(super) async fn look(&mut self) -> bool {
        let (workload, traffic) = (self.parts.drivers.workload.clone(), self.parts.drivers.traffic.clone());
        let seen = tokio::select! {
            biased;
            seen = world::look(workload.as_ref(), traffic.as_ref()) => seen,
            Ok(()) = self.parts.arriving.goals.changed() => {
                self.parts.arriving.goals.mark_changed();
                return false;
            }
        };
        let Seen { slots, route } = seen;
        self.absorb_slots(slots);
        self.absorb_route(route);
        true
    }

    /// The memory as it will be with the goal and the vetoes that are waiting; `None` if there are none, or all is refused
    /// or known.
    fn memory_with_offer(&mut self) -> Option<LaneMemory> {
        if self.parts.arriving.goals.has_changed().unwrap_or(false) {
            self.offered = self.parts.arriving.goals.borrow_and_update().clone();
        }
        let vetoes = self.parts.arriving.vetoes.borrow_and_update().clone();
        if !self.troubles.may_try(Source::Journal, Instant::now()) {
            return None;
        }
        let mut memory = self.memory.clone();
        let is_news = memory.hear_vetoes(vetoes);
        match self.offered.clone().map(|goal| memory.accept(goal)) {
            Some(Ok(Accepted::New)) => return Some(memory),
            Some(Ok(Accepted::Known)) => debug!("the goal is known"),
            Some(Err(refused)) => {
                error!(%refused, "goal refused");
                self.parts.metrics.goal_refused(Some(&self.parts.lane.service), RefusedAs::from(&refused));
            }
            None => {}
        }
        self.offered = None;
        is_news.then_some(memory)
    }

    /// What its service has vetoed is on disk: from here on it is not started on the way forward. What runs is left alone.
    async fn heed(&mut self, memory: LaneMemory) {
        self.memory = memory;
        let vetoes = self.memory.vetoes();
        info!(at = %vetoes.at, count = vetoes.digests.len(), "vetoes heard");
        self.troubles.cleared(Source::Journal);
        if let Some(goal) = self.memory.target() {
            self.work.keep_only_for(&goal, self.memory.vetoes()).await;
        }
    }

    /// A goal is on disk: from here on it is obeyed, over every crash.
    async fn adopt(&mut self, memory: LaneMemory) {
        self.offered = None;
        self.parts.metrics.goal_accepted(&self.parts.lane.service);
        if let Some(goal) = memory.intent() {
            // With its hash: the log is the account that a fault run holds against the decisions.
            info!(epoch = %goal.epoch, rollout = %goal.rollout, hash = %goal.hash(), "goal taken");
        }
        self.work_toward(memory).await;
    }

    /// Begins anew, toward what is on disk now.
    pub(super) async fn work_toward(&mut self, memory: LaneMemory) {
        self.memory = memory;
        self.troubles.forget();
        self.pace.quicken();
        (self.taken, self.effect) = (Some(Instant::now()), None);
        self.parts.orders.send_replace(None);
        if let Some(goal) = self.memory.target() {
            self.work.keep_only_for(&goal, self.memory.vetoes()).await;
        }
    }

    async fn keep(&self, memory: &LaneMemory, forgotten: &'static str) -> Result<(), JournalError> {
        if planted::is(forgotten) {
            return Ok(());
        }
        self.parts.journal.write(&self.parts.lane.service, memory).await
    }

    pub(super) fn not_written(&mut self, why: &dyn std::fmt::Display) {
        let complaint = Complaint::passing(code::JOURNAL_UNWRITABLE, why.to_string());
        if self.troubles.failed(Source::Journal, complaint, Instant::now()) {
            error!(%why, "the goal is not on disk, so it is not acted on");
        }
    }

    fn absorb_slots(&mut self, slots: Result<Slots<Option<SlotSeen>>, Complaint>) {
        (self.sight.slots, self.sight.is_fresh) = (slots.is_ok(), true);
        match slots {
            Ok(slots) => {
                let slots = self.with_parameters(slots);
                if slots != self.known.slots {
                    self.pace.quicken();
                }
                (self.known.slots, self.known.slots_at) = (slots, Some(Instant::now()));
                self.judge_slots();
            }
            Err(complaint) => self.cannot_look(complaint),
        }
    }

    /// What was started with other parameters than the goal wants is something else.
    fn with_parameters(&self, slots: Slots<Option<SlotSeen>>) -> Slots<Option<SlotSeen>> {
        let Some(goal) = self.memory.target() else { return slots };
        Slots::from_fn(|slot| {
            let seen = (*slots.get(slot))?;
            let Some(started_with) = self.parts.drivers.workload.started_with(slot) else { return Some(seen) };
            Some(SlotSeen { digest: goal.counts_as(slot, seen.digest, &started_with), ..seen })
        })
    }

    /// Takes the route that was read as what is known, or notes that it could not be read.
    pub(super) fn absorb_route(&mut self, route: Result<Option<RouteSeen>, Complaint>) {
        self.sight.route = route.is_ok();
        match route {
            Ok(route) => self.known.route = route,
            Err(complaint) => self.cannot_look(complaint),
        }
        if self.sight.slots && self.sight.route {
            self.troubles.cleared(Source::Look);
        }
    }

    fn cannot_look(&mut self, complaint: Complaint) {
        let (code, why) = (complaint.code, complaint.message.clone());
        if self.troubles.failed(Source::Look, complaint, Instant::now()) {
            warn!(code, why, "the region cannot be read back");
        }
    }

    /// Notes slots that came down, and forgets the trouble of those that are as they should be.
    fn judge_slots(&mut self) {
        let Some(goal) = self.memory.target() else { return };
        let now = Instant::now();
        for slot in Slot::BOTH {
            let source = Source::Slot(slot);
            match (goal.slots.get(slot), self.known.slots.get(slot)) {
                (SlotGoal::Empty, None) | (SlotGoal::Keep, _) => self.troubles.cleared(source),
                (SlotGoal::Run(release), Some(SlotSeen { digest, state: SlotState::Ready }))
                    if *digest == release.digest =>
                {
                    self.troubles.calm(source, now);
                }
                (SlotGoal::Run(release), Some(SlotSeen { digest, state: SlotState::Failed }))
                    if *digest == release.digest =>
                {
                    let message = format!("{slot}: {release} came down by itself or never came up");
                    if self.troubles.noted(source, Complaint::passing(code::SLOT_FAILED, message)) {
                        warn!(%slot, %release, "a release is down");
                    }
                }
                (SlotGoal::Run(_) | SlotGoal::Empty, _) => {}
            }
        }
    }

    fn note(&mut self, finished: Finished) {
        let Finished { slot, outcome } = finished;
        self.pace.quicken();
        if let Err(complaint) = outcome {
            self.complain(Source::Slot(slot), complaint);
        }
    }

    /// A driver did not do what it was asked.
    pub(super) fn complain(&mut self, source: Source, complaint: Complaint) {
        self.parts.metrics.action_failed(&self.parts.lane.service);
        let (code, why) = (complaint.code, complaint.message.clone());
        if self.troubles.failed(source, complaint, Instant::now()) {
            warn!(?source, code, why, "a driver failed");
        }
    }

    /// The region was read back as the goal wants it: remembers that, once.
    pub(super) async fn confirm(&mut self, goal: &Goal) {
        self.effect.get_or_insert_with(Instant::now);
        let mut memory = self.memory.clone();
        if !memory.mark_done(goal.epoch) || !self.troubles.may_try(Source::Journal, Instant::now()) {
            return;
        }
        match self.keep(&memory, "done-not-written").await {
            Ok(()) => {
                self.memory = memory;
                self.troubles.cleared(Source::Journal);
                let took = self.taken.take().map(|taken| taken.elapsed());
                if let Some(took) = took {
                    self.parts.metrics.goal_applied(took);
                }
                info!(epoch = %goal.epoch, rollout = %goal.rollout, took = ?took, "goal reached");
            }
            Err(why) => self.not_written(&why),
        }
    }

    /// Tells what is known, if it is news.
    pub(super) fn publish(&self) {
        let accepted = self.memory.accepted();
        // Trouble with a goal that is not on disk belongs to that goal.
        let epoch = self.offered.as_ref().map_or(accepted, |goal| goal.epoch.max(accepted));
        let traffic = self.known.route.as_ref().map(|route| route.traffic.clone());
        self.parts.board.post(&self.parts.lane.service, Urgency::Now, |observed| {
            observed.accepted = accepted;
            observed.done = self.memory.done_mark();
            observed.slots = self.known.slots;
            observed.traffic = traffic;
            observed.trouble = self.troubles.worst(epoch);
            observed.alone = self.memory.alone_mark();
            observed.evidence = observed
                .evidence
                .take()
                .filter(|evidence| evidence.pin.epoch == accepted || planted::is("foreign-evidence"));
        });
    }

    /// Has measured what the goal asks for, from the moment it took effect. After the report, so that evidence never
    /// comes before the confirmation.
    fn order_measurement(&self) {
        let order = match (self.memory.intent(), self.effect) {
            (Some(goal), Some(since)) if self.memory.is_done() => Order::of(goal, since),
            (Some(_) | None, _) => None,
        };
        self.parts.orders.send_if_modified(|current| {
            let differs = *current != order;
            *current = order;
            differs
        });
    }
}
