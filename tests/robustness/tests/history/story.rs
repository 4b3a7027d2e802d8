//! Tells histories: rollouts forward and back over two regions, their agents, orders and answers, with a clock of its own.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;
use meridian_robustness::history::{
    Act, ActKind, Audit, Call, Decision, History, LaneSeen, Micros, Order, Outcome, Probe, RegionEnd,
};

pub const SERVICE: &str = "shop";
pub const REGIONS: [&str; 2] = ["eu", "us"];
/// Between two things that happen.
const TICK: Micros = 2_000;

/// A history in the making.
pub struct Story {
    pub history: History,
    pub epoch: Epoch,
    pub clock: Micros,
    revision: u64,
    lanes: BTreeMap<String, LaneSeen>,
    ordered: Vec<String>,
    serving: String,
    stable: String,
}

impl Story {
    pub fn new() -> Self {
        let mut story = Self {
            history: History::default(),
            epoch: Epoch::new(1, 0),
            clock: 10_000_000,
            revision: 4,
            lanes: BTreeMap::new(),
            ordered: Vec::new(),
            serving: "0.9.0".to_owned(),
            stable: "0.9.0".to_owned(),
        };
        // A restore raised the generation once; the service's first epoch is above it.
        story.answers(5);
        story
    }

    /// The next decision of a rollout, with everything that was ordered since the last one.
    pub fn decide(&mut self, rollout: &str, kind: &str, actor: &str, phase: &str) {
        self.clock += TICK;
        self.revision += 3;
        self.epoch = self.epoch.next().unwrap();
        for region in std::mem::take(&mut self.ordered) {
            let lane = self.lanes.get_mut(&region).unwrap();
            (lane.epoch, lane.hash) = (self.epoch, format!("goal-{}-{}", self.epoch, lane.weight_new));
        }
        let content = format!("record-{}", self.epoch);
        let is_end = ["stable", "rolled-back", "aborted", "failed"].contains(&phase);
        self.history.decisions.push(Decision {
            revision: self.revision,
            seen: self.clock + TICK / 4,
            service: SERVICE.to_owned(),
            rollout: rollout.to_owned(),
            epoch: self.epoch,
            content: content.clone(),
            phase: phase.to_owned(),
            is_end,
            lanes: self.lanes.clone(),
        });
        let previous = self.history.audits.last().map(|audit: &Audit| audit.digest.clone());
        self.history.audits.push(Audit {
            revision: self.revision,
            service: SERVICE.to_owned(),
            rollout: rollout.to_owned(),
            epoch: self.epoch,
            kind: kind.to_owned(),
            actor: actor.to_owned(),
            record: content,
            previous,
            digest: format!("entry-{}", self.epoch),
        });
    }

    fn order(&mut self, region: &str, weight_new: u64) {
        let lane = LaneSeen { epoch: self.epoch, hash: String::new(), weight_new, is_confirmed: false };
        self.lanes.insert(region.to_owned(), lane);
        self.ordered.push(region.to_owned());
    }

    pub fn act(&mut self, region: &str, kind: ActKind) {
        self.clock += TICK;
        let lane = self.lanes[region].clone();
        let rollout = self.history.decisions.last().unwrap().rollout.clone();
        let act = Act { kind, epoch: lane.epoch, rollout, hash: Some(lane.hash) };
        self.history.acts.entry(region.to_owned()).or_default().push(act);
    }

    fn confirm(&mut self, region: &str) {
        self.act(region, ActKind::Took);
        self.act(region, ActKind::Reached);
        self.lanes.get_mut(region).unwrap().is_confirmed = true;
    }

    /// An order with its answer; `decide` in between is the caller's.
    pub fn call(&mut self, actor: &str, rollout: &str, order: Order, outcome: Outcome, during: impl FnOnce(&mut Self)) {
        self.clock += TICK;
        let invoked = self.clock;
        during(self);
        self.clock += TICK;
        let (actor, rollout) = (actor.to_owned(), rollout.to_owned());
        self.history.calls.push(Call { actor, rollout, order, invoked, returned: self.clock, outcome });
    }

    /// Opens a rollout on order of `actor`.
    pub fn open(&mut self, rollout: &str, actor: &str) {
        self.call(actor, rollout, Order::Start, Outcome::Acked, |story| {
            REGIONS.iter().for_each(|region| story.order(region, 0));
            story.decide(rollout, "open", actor, "running");
        });
        REGIONS.iter().for_each(|region| self.confirm(region));
    }

    /// One step of all regions: ordered, taken, answered while it goes, confirmed.
    pub fn step(&mut self, rollout: &str, weight: u64, version: &str) {
        REGIONS.iter().for_each(|region| self.order(region, weight));
        self.decide(rollout, "shift", "meridian", "running");
        self.serving = version.to_owned();
        self.answers(10);
        REGIONS.iter().for_each(|region| self.confirm(region));
        self.decide(rollout, "bake", "meridian", "running");
    }

    /// The last two decisions of a good rollout.
    pub fn settle(&mut self, rollout: &str, version: &str) {
        self.decide(rollout, "switched", "meridian", "switched");
        REGIONS.iter().for_each(|region| self.order(region, 10_000));
        self.decide(rollout, "stable", "meridian", "stable");
        self.stable = version.to_owned();
        REGIONS.iter().for_each(|region| self.confirm(region));
        self.answers(10);
    }

    /// A rollback decided by `actor`, and its way to the end.
    pub fn go_back(&mut self, rollout: &str, actor: &str) {
        REGIONS.iter().for_each(|region| self.order(region, 0));
        self.decide(rollout, "rollback", actor, "rolling-back");
        self.serving = self.stable.clone();
        self.answers(10);
        REGIONS.iter().for_each(|region| self.confirm(region));
    }

    pub fn back(&mut self, rollout: &str) {
        self.decide(rollout, "finish", "meridian", "rolled-back");
    }

    /// Answers of every region's probe, each in time.
    pub fn answers(&mut self, count: usize) {
        for _ in 0..count {
            self.clock += 10_000;
            for region in REGIONS {
                let (slot, version) = (Some("blue".to_owned()), Some(self.serving.clone()));
                let probe = Probe { start: self.clock - 4_000, end: self.clock, slot, version, timed_out: false };
                self.history.probes.entry(region.to_owned()).or_default().push(probe);
            }
        }
    }

    /// The history, with what serves at its end.
    pub fn told(mut self) -> History {
        self.answers(5);
        for region in REGIONS {
            let end = RegionEnd { stable: Some(self.stable.clone()), serves: Some(self.serving.clone()) };
            self.history.ends.insert(region.to_owned(), end);
        }
        self.history
    }

    /// A good rollout from start to end.
    pub fn good(&mut self, rollout: &str, version: &str) {
        self.open(rollout, &format!("start-{rollout}"));
        self.step(rollout, 3_000, version);
        self.step(rollout, 10_000, version);
        self.settle(rollout, version);
    }

    /// A bad one that votes take back.
    pub fn bad(&mut self, rollout: &str, version: &str) {
        self.open(rollout, &format!("start-{rollout}"));
        self.step(rollout, 3_000, version);
        self.go_back(rollout, "meridian");
        self.back(rollout);
    }
}
