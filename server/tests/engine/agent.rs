//! Agents that obey at once: what they are told is what they then see.

use meridian_core::agent::LaneMemory;
use meridian_core::evidence::{Answers, Evidence, Histogram, Tally};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::{Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::slot::Slots;
use meridian_core::time::Span;
use meridian_server::clock::{Clock, SystemClock};
use meridian_server::engine::Engine;
use meridian_server::session::{AgentFacts, SessionTicket};
use tokio::sync::watch;

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Measured {
    Good,
    Bad,
    Nothing,
}

/// The agents of a stage; dropped, they vanish.
pub struct Agents {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    measured: watch::Sender<Measured>,
}

impl Agents {
    pub async fn connect(engine: &Engine, regions: &[meridian_core::id::RegionId]) -> Self {
        let measured = watch::Sender::new(Measured::Good);
        let mut tasks = Vec::new();
        for region in regions {
            let service = super::stage::service();
            let facts = AgentFacts { services: [service].into(), ..AgentFacts::default() };
            let standing = engine.standing(region).await.unwrap();
            let ticket = engine.greet(standing, facts).await.unwrap();
            tasks.push(tokio::spawn(obey(engine.clone(), ticket, measured.subscribe())));
        }
        Self { tasks, measured }
    }

    /// From now on nothing is measured, so bakes with checks do not end.
    pub fn hold_evidence(&self) {
        self.measured.send_replace(Measured::Nothing);
    }

    /// What is asked for is measured, and it is good.
    pub fn pass(&self) {
        self.measured.send_replace(Measured::Good);
    }

    /// What is asked for is measured, and it is bad.
    pub fn fail(&self) {
        self.measured.send_replace(Measured::Bad);
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn obey(engine: Engine, ticket: SessionTicket, mut measured: watch::Receiver<Measured>) {
    let mut memory = LaneMemory::default();
    let mut slots = Slots::default();
    let mut goal = None;
    loop {
        tokio::select! {
            waiting = ticket.outbox.take() => {
                let Some(waiting) = waiting else { return };
                for newer in waiting.goals {
                    memory.accept(newer.clone()).unwrap();
                    memory.mark_done(newer.epoch);
                    for slot in meridian_core::slot::Slot::BOTH {
                        match newer.slots.get(slot) {
                            SlotGoal::Empty => *slots.get_mut(slot) = None,
                            SlotGoal::Keep => {}
                            SlotGoal::Run(release) => {
                                let seen = SlotSeen { digest: release.digest, state: SlotState::Ready };
                                *slots.get_mut(slot) = Some(seen);
                            }
                        }
                    }
                    goal = Some(newer);
                }
            }
            Ok(()) = measured.changed() => {}
        }
        let Some(goal) = &goal else { continue };
        let observed = Observed {
            accepted: memory.accepted(),
            done: memory.done_mark(),
            slots,
            traffic: goal.split.map(|split| TrafficSeen { split, cohort: goal.cohort.clone() }),
            trouble: None,
            evidence: evidence(goal, *measured.borrow()),
            alone: memory.alone_mark(),
        };
        let service = goal.lane.service.clone();
        let (speaks, unknown) = engine.sessions().report(&ticket, vec![(service, observed)], SystemClock.now());
        assert!(unknown.is_empty());
        if !speaks {
            return;
        }
    }
}

fn evidence(goal: &Goal, measured: Measured) -> Option<Evidence> {
    let errors = match measured {
        Measured::Nothing => return None,
        Measured::Good => 0,
        Measured::Bad => 500,
    };
    Some(Evidence {
        pin: goal.pin()?,
        from: Span::ZERO,
        to: Span::from_secs(1),
        requests: 1000,
        errors,
        latency: Histogram { buckets: [(1000, 1000)].into() },
        probes: std::collections::BTreeMap::new(),
        other: Tally::default(),
        whole: Answers { requests: 1000, errors: 0 },
        asked: std::collections::BTreeMap::new(),
        load: None,
    })
}
