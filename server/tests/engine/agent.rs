//! Agents that obey at once: what they are told is what they then see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meridian_core::agent::LaneMemory;
use meridian_core::evidence::{Evidence, Histogram};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::{Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::slot::Slots;
use meridian_core::time::Span;
use meridian_server::clock::{Clock, SystemClock};
use meridian_server::engine::Engine;
use meridian_server::session::{AgentFacts, SessionTicket};

/// The agents of a stage; dropped, they vanish.
pub struct Agents {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    holding: Arc<AtomicBool>,
}

impl Agents {
    pub async fn connect(engine: &Engine, regions: &[meridian_core::id::RegionId]) -> Self {
        let holding = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for region in regions {
            let service = super::stage::service();
            let facts = AgentFacts { services: [service].into(), ..AgentFacts::default() };
            let ticket = engine.greet(region, facts).await.unwrap();
            tasks.push(tokio::spawn(obey(engine.clone(), ticket, holding.clone())));
        }
        Self { tasks, holding }
    }

    /// From now on nothing is measured, so bakes with checks do not end.
    pub fn hold_evidence(&self) {
        self.holding.store(true, Ordering::SeqCst);
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn obey(engine: Engine, ticket: SessionTicket, holding: Arc<AtomicBool>) {
    let mut memory = LaneMemory::default();
    let mut slots = Slots::default();
    while let Some(goals) = ticket.outbox.take().await {
        for goal in goals {
            memory.accept(goal.clone()).unwrap();
            memory.mark_done(goal.epoch);
            for slot in meridian_core::slot::Slot::BOTH {
                match goal.slots.get(slot) {
                    SlotGoal::Empty => *slots.get_mut(slot) = None,
                    SlotGoal::Keep => {}
                    SlotGoal::Run(release) => {
                        let seen = SlotSeen { digest: release.digest, state: SlotState::Ready };
                        *slots.get_mut(slot) = Some(seen);
                    }
                }
            }
            let observed = Observed {
                accepted: memory.accepted(),
                done: memory.done_mark(),
                slots,
                traffic: goal.split.map(|split| TrafficSeen { split, cohort: goal.cohort.clone() }),
                trouble: None,
                evidence: (!holding.load(Ordering::SeqCst)).then(|| evidence(&goal)).flatten(),
            };
            let now = SystemClock.now();
            let service = goal.lane.service.clone();
            let (speaks, lying) = engine.sessions().report(&ticket, vec![(service, observed)], now);
            assert!(lying.is_empty());
            if !speaks {
                return;
            }
        }
    }
}

fn evidence(goal: &Goal) -> Option<Evidence> {
    Some(Evidence {
        pin: goal.pin()?,
        from: Span::ZERO,
        to: Span::from_secs(1),
        requests: 1000,
        errors: 0,
        latency: Histogram { buckets: [(1000, 1000)].into() },
        probes: std::collections::BTreeMap::new(),
    })
}
