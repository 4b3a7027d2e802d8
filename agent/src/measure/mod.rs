//! Evidence: what the data plane and probes say about a step, from the moment it took effect here.
//!
//! It samples, counts and pins. It judges only to know when a report cannot wait; who decides is the control plane.

mod ask;
mod ledger;
mod load;
mod probe;
mod ring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meridian_core::cohort::Cohort;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{
    AskFailure, Check, Evidence, EvidencePolicy, Measure, Outcome, Pin, ProbeCount, Verdict, judge,
};
use meridian_core::goal::{Goal, LoadOrder};
use meridian_core::id::ServiceId;
use meridian_core::slot::Slot;
use meridian_drivers::{SlotCounters, TrafficCounters, TrafficDriver, WorkloadDriver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, info, warn};

use crate::board::{Board, Urgency};
use crate::metrics::{Metrics, Sampling};
pub use ask::Asker;
use ask::{Subject, Told};
use ledger::Ledger;
use load::Driven;
pub(crate) use ring::span;
use ring::{Reading, Ring};

/// A reading that takes longer is given up; the next one counts for both.
const READ_MAX: Duration = Duration::from_secs(1);

/// How often is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cadence {
    /// Between two readings of the counters. A breach is told after this at the latest; a reading costs well under a
    /// millisecond.
    pub sample: Duration,
    /// Between two probes of one check.
    pub probe: Duration,
    /// Between two questions for one check to somebody else's metrics, which are seldom newer than that.
    pub ask: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { sample: Duration::from_millis(250), probe: Duration::from_secs(1), ask: Duration::from_secs(5) }
    }
}

/// What is to be measured, and since when it is in effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// What evidence is pinned to.
    pub pin: Pin,
    /// The slot of the new release.
    pub slot: Slot,
    /// What is asked.
    pub policy: EvidencePolicy,
    /// What others are asked about.
    pub subject: Option<Subject>,
    /// What the region is put under meanwhile.
    pub load: Option<LoadOrder>,
    /// In whose name.
    pub cohort: Option<Cohort>,
    /// When it took effect, by this machine's steady clock.
    pub since: Instant,
}

impl Order {
    /// What a goal asks for; `None` if nothing.
    #[must_use]
    pub fn of(goal: &Goal, since: Instant) -> Option<Self> {
        let measurement = goal.measurement.as_ref()?;
        let (policy, subject) = (measurement.policy.clone(), Subject::of(goal, measurement.slot));
        let (load, cohort) = (measurement.load.clone(), goal.cohort.clone());
        Some(Self { pin: goal.pin()?, slot: measurement.slot, policy, subject, load, cohort, since })
    }
}

/// A release that fails its checks, for as long as it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// Of the goal in effect.
    pub epoch: Epoch,
    /// Since when every verdict was a fail.
    pub since: Instant,
    /// When the last one was made.
    pub latest: Instant,
    /// The last one.
    pub verdict: Verdict,
}

/// Measures for one lane.
pub struct Measurer {
    /// Whose lane.
    pub service: ServiceId,
    /// Says where the slots are.
    pub workload: Arc<dyn WorkloadDriver>,
    /// Counts.
    pub traffic: Arc<dyn TrafficDriver>,
    /// Asks others.
    pub asker: Arc<Asker>,
    /// What to measure.
    pub orders: watch::Receiver<Option<Order>>,
    /// How often.
    pub cadence: Cadence,
    /// Where evidence goes.
    pub board: Arc<Board>,
    /// Where a breach is told to the lane.
    pub breaches: watch::Sender<Option<Breach>>,
    /// What is counted about it.
    pub metrics: Arc<Metrics>,
}

/// The state of one order.
struct Measuring {
    order: Order,
    ring: Ring,
    probes: BTreeMap<String, ProbeCount>,
    ledgers: BTreeMap<String, Ledger>,
    /// Ends with the order.
    driven: Option<Driven>,
    told: Option<Outcome>,
    breach: Option<Breach>,
}

impl Measurer {
    /// Measures for ever. May be dropped at any moment.
    pub async fn run(mut self) {
        loop {
            let order = self.orders.borrow_and_update().clone();
            let orders = &mut self.orders.clone();
            let replaced = async {
                if orders.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            // What was measured under another order says nothing about this one.
            self.breaches.send_replace(None);
            match order {
                None => replaced.await,
                Some(order) => tokio::select! {
                    () = replaced => {}
                    () = self.measure(order) => {}
                },
            }
        }
    }

    async fn measure(&self, order: Order) {
        let ring = Ring::new(Duration::from_millis(order.policy.window.millis()));
        let driven = self.drive(&order);
        let (probes, ledgers) = (BTreeMap::new(), BTreeMap::new());
        let mut state = Measuring { order, ring, probes, ledgers, driven, told: None, breach: None };
        let (mut sample, mut probe) = (interval(self.cadence.sample), interval(self.cadence.probe));
        let mut ask = interval(self.cadence.ask);
        // A late sample is one sample; samples that were missed are not made up for.
        sample.set_missed_tick_behavior(MissedTickBehavior::Delay);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asking: JoinSet<(String, Result<Told, AskFailure>)> = JoinSet::new();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut probing: JoinSet<(String, ProbeCount)> = JoinSet::new();
        loop {
            tokio::select! {
                _ = sample.tick() => self.sample(&mut state).await,
                _ = probe.tick(), if probing.is_empty() => self.probe(&state.order, &mut probing),
                Some(Ok((check, count))) = probing.join_next() => {
                    let sum = state.probes.entry(check).or_default();
                    sum.sent += count.sent;
                    sum.failed += count.failed;
                }
                _ = ask.tick() => self.ask(&state.order, &mut asked, &mut asking),
                Some(Ok((check, told))) = asking.join_next() => {
                    asked.remove(&check);
                    self.answered(&mut state, check, told);
                }
            }
        }
    }

    /// Puts the region under load, if it is to be. Without it a check of the load stays inconclusive.
    fn drive(&self, order: &Order) -> Option<Driven> {
        let load = order.load.as_ref()?;
        let started = Driven::start(load, order.cohort.as_ref(), self.traffic.entrance());
        started.inspect_err(|why| warn!(error = why as &dyn std::error::Error, "no load is driven")).ok()
    }

    async fn sample(&self, state: &mut Measuring) {
        let counters = match timeout(READ_MAX, self.traffic.counters()).await {
            Ok(Ok(counters)) => counters,
            // Nothing is made up: the last evidence grows old, and whoever gates on it sees that.
            Ok(Err(why)) => return self.not_sampled(&why),
            Err(late) => return self.not_sampled(&late),
        };
        self.metrics.sampled(&self.service, Sampling::Taken);
        let TrafficCounters { start_id, slots } = counters;
        let slot = state.order.slot;
        let compared = state.order.policy.checks.iter().any(|check| check.measure.compares());
        let other = if compared { slots.get(slot.other()).clone() } else { SlotCounters::default() };
        let counters = slots.get(slot).clone();
        let at = state.order.since.elapsed();
        state.ring.push(Reading {
            at,
            start_id,
            counters,
            other,
            probes: state.probes.clone(),
            ledgers: state.ledgers.clone(),
        });
        let Some(evidence) = state.ring.evidence(&state.order.pin) else {
            return;
        };
        let evidence = Evidence { load: state.driven.as_ref().map(Driven::tally), ..evidence };
        self.tell(state, evidence);
    }

    fn tell(&self, state: &mut Measuring, evidence: Evidence) {
        let verdict = judge(&state.order.policy, &evidence);
        let outcome = verdict.outcome;
        let (epoch, latest) = (evidence.pin.epoch, Instant::now());
        let since = state.breach.as_ref().map_or(latest, |breach| breach.since);
        state.breach = (outcome == Outcome::Fail).then_some(Breach { epoch, since, latest, verdict });
        self.breaches.send_replace(state.breach.clone());
        let is_news = state.told.replace(outcome).unwrap_or(Outcome::Inconclusive) != outcome;
        let urgency = if is_news { Urgency::Now } else { Urgency::Regular };
        self.board.post(&self.service, urgency, |observed| {
            // A newer goal may have been accepted between the reading and now.
            if observed.done.is_some_and(|done| done.epoch == evidence.pin.epoch) {
                observed.evidence = Some(evidence);
            }
        });
    }

    fn not_sampled(&self, why: &dyn std::fmt::Display) {
        self.metrics.sampled(&self.service, Sampling::Failed);
        debug!(%why, "the data plane's counters could not be read");
    }

    fn probe(&self, order: &Order, probing: &mut JoinSet<(String, ProbeCount)>) {
        for check in &order.policy.checks {
            match &check.measure {
                Measure::Probe { path, max: _ } => {
                    let (name, path) = (check.name.clone(), path.clone());
                    let address = self.workload.address(order.slot);
                    probing.spawn(async move {
                        // A slot that is nowhere does not answer.
                        let answered = match address {
                            Some(address) => probe::is_answered(address, &path).await,
                            None => false,
                        };
                        (name, ProbeCount { sent: 1, failed: u64::from(!answered) })
                    });
                }
                Measure::ErrorRatio { .. }
                | Measure::Latency { .. }
                | Measure::ErrorDifference { .. }
                | Measure::LatencyShift { .. }
                | Measure::ErrorSequence { .. }
                | Measure::BudgetBurn { .. }
                | Measure::Query(_)
                | Measure::Load(_) => {}
            }
        }
    }

    /// Asks for every check whose last question is not on its way any more.
    fn ask(
        &self,
        order: &Order,
        asked: &mut BTreeSet<String>,
        asking: &mut JoinSet<(String, Result<Told, AskFailure>)>,
    ) {
        for Check { name, measure, sample_min: _ } in &order.policy.checks {
            if let Measure::Query(query) = measure
                && asked.insert(name.clone())
            {
                let (name, query, subject) = (name.clone(), query.clone(), order.subject.clone());
                let asker = Arc::clone(&self.asker);
                asking.spawn(async move {
                    let told = match subject {
                        Some(subject) => asker.ask(&name, &query, &subject).await,
                        None => Err(AskFailure::Other),
                    };
                    (name, told)
                });
            }
        }
    }

    fn answered(&self, state: &mut Measuring, check: String, told: Result<Told, AskFailure>) {
        self.metrics.asked(&self.service, told.err());
        let ledger = state.ledgers.entry(check.clone()).or_default();
        let before = ledger.failed();
        ledger.enter(told);
        if let Err(failure) = told
            && before != Some(failure)
        {
            info!(%check, %failure, "asked for metrics, and there is no number");
        }
    }
}

#[cfg(test)]
mod tests;
