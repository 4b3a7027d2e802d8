//! A rollout to export in tests: decided by core, held, resumed, voted down and taken back, with a decision of another
//! rollout and one about the vetoes in its chain, in the bytes that a server keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::audit::AuditEntry;
use meridian_core::calendar::Timetable;
use meridian_core::canon::Canonical as _;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{EvidencePolicy, Outcome, StepRef};
use meridian_core::id::{PlaybookId, RegionId, RolloutId, WaveId};
use meridian_core::plan::{HashedPlan, Inventory, Plan, RegionFacts, compile};
use meridian_core::playbook::{
    Electorate, Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Scope, Stage, StageKind, Step,
    VotePolicy, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::open::open;
use meridian_core::rollout::state::{Ballot, Rollout, Vote};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::rollout::veto::Vetoes;
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_proto::convert::record::{audit_to_record, change_to_bytes, rollout_to_record};
use meridian_proto::r#gen::v1;
use prost::Message as _;
use semver::Version;

use super::sample::{STARTED, region, service, verdict};

/// A chain in the making.
struct Chain {
    record: Rollout,
    entries: Vec<AuditEntry>,
}

impl Chain {
    fn moment(&self) -> Moment {
        let now = STARTED.after(Span::from_secs(60).times(self.entries.len() as u64));
        Moment { now, head: self.entries.last().map_or(Epoch::new(1, 41), |last| last.epoch) }
    }

    fn bytes(&self) -> Vec<u8> {
        rollout_to_record(&self.record).encode_to_vec()
    }

    /// An entry on top of the last one; the record's own if it brings a change.
    fn put(&mut self, kind: &str, rollout: Option<RolloutId>, change: Vec<u8>) {
        let Moment { now, head } = self.moment();
        let record = if change.is_empty() { Digest::of(kind.as_bytes()) } else { Digest::of(&self.bytes()) };
        let entry = AuditEntry {
            service: service(),
            rollout,
            epoch: head.next().expect("the sample is short"),
            time: now,
            kind: kind.to_owned(),
            actor: "anna".to_owned(),
            message: "to \"see\" it".to_owned(),
            record,
            previous: self.entries.last().map(|last| last.digest()),
            change,
        };
        self.entries.push(entry);
    }

    fn became(&mut self, kind: &str, next: Rollout) {
        let change = change_to_bytes(Some(&self.record), &next);
        self.record = next;
        self.put(kind, Some(self.record.id.clone()), change);
    }

    fn decide(&mut self, event: Event) {
        let answer = step(&self.record, event, self.moment()).expect("the sample's orders fit");
        self.became(answer.kind, answer.next.expect("orders decide"));
    }

    /// A vote in one region, as a look at its evidence would record it.
    fn vote(&mut self, region: &RegionId) {
        let Moment { now, head } = self.moment();
        let mut next = self.record.clone();
        next.epoch = head.next().expect("the sample is short");
        let lane = next.lanes.get_mut(region).expect("a region of the sample");
        let ballot = Ballot::Evidence(verdict(Outcome::Fail));
        lane.vote = Some(Vote { step: StepRef { wave: 0, step: 0 }, epoch: lane.goal_epoch, at: now, ballot });
        self.became("advance", next);
    }
}

fn plan() -> Plan {
    let weight = |points| Weight::from_basis_points(points).expect("below the whole");
    let step = |points| Step { weight: weight(points), cohort: None, bake: Span::from_secs(60), requests: 0 };
    let wave = Wave {
        id: WaveId::new("all").expect("a good name"),
        regions: RegionSelector::Names(["eu-west", "us-east"].map(region).into_iter().collect()),
        max_parallel: 2,
        max_skew: 2,
        steps: vec![step(1_000), step(10_000)],
        soak: Span::ZERO,
        approvals: Vec::new(),
        callbacks: Vec::new(),
        spread: None,
    };
    let playbook = Playbook {
        watch: meridian_core::watch::WatchPolicy::default(),
        checklist: Vec::new(),
        hotfix: None,
        joiners: meridian_core::playbook::Joiners::default(),
        concurrency: meridian_core::playbook::Concurrency::Reject,
        id: PlaybookId::new("careful").expect("a good name"),
        stages: vec![Stage { kind: StageKind::Production, staging: None, waves: vec![wave] }],
        evidence: EvidencePolicy { checks: Vec::new(), window: Span::from_secs(60), extend_max: Span::from_secs(60) },
        rollback: RollbackPolicy {
            votes: VotePolicy::Any,
            over: Electorate::of(true),
            pooled: None,
            fleet: true,
            retention: Span::from_secs(60),
            pace: None,
        },
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
        timetable: Timetable::default(),
    };
    let release = Release {
        service: service(),
        version: Version::new(1, 8, 2),
        digest: Digest::of(b"1.8.2"),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    };
    let regions = ["eu-west", "us-east"].map(|name| (region(name), RegionFacts::default())).into_iter().collect();
    let inventory = Inventory { regions, ..Inventory::default() };
    compile(&validate(playbook).expect("the sample is well made"), 1, &release, &inventory).expect("it compiles")
}

/// `r-1` of `checkout`, as a server exports it.
///
/// # Panics
/// Never.
#[must_use]
pub fn rollout() -> v1::ExportRolloutResponse {
    let (plan, id) = (Arc::new(HashedPlan::from(plan())), RolloutId::new("r-1").expect("a good name"));
    let moment = Moment { now: STARTED, head: Epoch::new(1, 41) };
    let (lanes, vetoes) = (BTreeMap::new(), Vetoes::default());
    let record = open(id.clone(), plan.clone(), "anna".to_owned(), &lanes, &vetoes, moment).expect("lanes are free");
    let mut chain = Chain { record, entries: Vec::new() };
    let change = change_to_bytes(None, &chain.record);
    chain.put("start", Some(id.clone()), change);
    let order = || Order { actor: "anna".to_owned(), reason: "to \"see\" it".to_owned() };
    chain.decide(Event::Pause(order()));
    chain.put("advance", RolloutId::new("r-0").ok(), Vec::new());
    chain.decide(Event::Resume(order()));
    chain.vote(&region("us-east"));
    chain.decide(Event::Rollback(order(), Scope::Fleet));
    chain.put("veto", Some(id), Vec::new());
    chain.put("advance", RolloutId::new("r-2").ok(), Vec::new());
    v1::ExportRolloutResponse {
        plan: v1::Plan::from(&**plan).encode_to_vec(),
        record: chain.bytes(),
        entries: chain.entries.iter().map(|entry| audit_to_record(entry).encode_to_vec()).collect(),
        next_page_token: String::new(),
    }
}
