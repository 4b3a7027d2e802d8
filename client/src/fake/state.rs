//! What the server in memory keeps. Etags and revisions only ever grow.

use std::collections::{BTreeMap, VecDeque};

use meridian_proto::r#gen::v1;
use tokio::sync::broadcast;

use super::SeenCall;
use crate::error::RefusalKind;

/// Changes that a slow watch may lag behind; tests make fewer.
const LAG_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct State {
    pub(super) services: Shelf<v1::Service>,
    pub(super) playbooks: Shelf<v1::Playbook>,
    pub(super) releases: Shelf<v1::Release>,
    pub(super) regions: Shelf<v1::Region>,
    pub(super) plans: BTreeMap<String, v1::CreatePlanResponse>,
    pub(super) rollouts: BTreeMap<String, v1::Rollout>,
    pub(super) decisions: Vec<v1::Decision>,
    pub(super) findings: BTreeMap<String, Vec<v1::CheckFinding>>,
    pub(super) loads: BTreeMap<String, Vec<v1::StepLoad>>,
    pub(super) exports: BTreeMap<String, v1::ExportRolloutResponse>,
    pub(super) stops: Vec<v1::Stop>,
    pub(super) sets: BTreeMap<String, v1::LaunchSet>,
    pub(super) queue: v1::ListQueueResponse,
    pub(super) refusals: VecDeque<(RefusalKind, &'static str)>,
    pub(super) hangs: usize,
    pub(super) seen: Vec<SeenCall>,
    pub(super) revision: u64,
    /// Revisions up to this one are forgotten.
    pub(super) compacted: u64,
    /// All changes of rollouts since then.
    pub(super) history: Vec<v1::Rollout>,
    signals: broadcast::Sender<Signal>,
}

/// What open watches are told.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    Delta(Box<v1::Rollout>),
    Cut,
}

/// Things of one kind by name; each write gives an etag.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    pub(super) items: BTreeMap<String, T>,
    writes: u64,
}

/// A message that carries an etag.
pub(super) trait Tagged: Clone + Default + PartialEq {
    fn etag(&mut self) -> &mut String;
    /// Whether two say the same to whoever wrote them.
    fn says_as(&self, other: &Self) -> bool {
        let (mut one, mut two) = (self.clone(), other.clone());
        two.etag().clone_from(one.etag());
        one.etag();
        one == two
    }
}

impl<T: Tagged> Shelf<T> {
    /// Keeps a thing; the same content keeps its etag.
    pub(super) fn put(&mut self, name: String, mut item: T) -> T {
        if let Some(kept) = self.items.get(&name)
            && kept.says_as(&item)
        {
            return kept.clone();
        }
        self.writes += 1;
        *item.etag() = format!("\"{}\"", self.writes);
        self.items.insert(name, item.clone());
        item
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), writes: 0 }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            services: Shelf::default(),
            playbooks: Shelf::default(),
            releases: Shelf::default(),
            regions: Shelf::default(),
            plans: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            decisions: Vec::new(),
            findings: BTreeMap::new(),
            loads: BTreeMap::new(),
            exports: BTreeMap::new(),
            stops: Vec::new(),
            sets: BTreeMap::new(),
            queue: v1::ListQueueResponse::default(),
            refusals: VecDeque::new(),
            hangs: 0,
            seen: Vec::new(),
            revision: 0,
            compacted: 0,
            history: Vec::new(),
            signals: broadcast::Sender::new(LAG_MAX),
        }
    }
}

impl State {
    pub(super) fn put_rollout(&mut self, mut rollout: v1::Rollout) -> v1::Rollout {
        self.revision += 1;
        rollout.revision = self.revision;
        rollout.etag = format!("\"{}\"", self.revision);
        self.rollouts.insert(rollout.name.clone(), rollout.clone());
        self.history.push(rollout.clone());
        self.signal(Signal::Delta(Box::new(rollout.clone())));
        rollout
    }

    pub(super) fn signal(&self, signal: Signal) {
        // Nobody watches: nobody is told.
        let _ = self.signals.send(signal);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.signals.subscribe()
    }

    pub(super) fn watches(&self) -> usize {
        self.signals.receiver_count()
    }

    pub(super) fn compact(&mut self) {
        self.revision += 1;
        self.compacted = self.revision;
        self.history.clear();
    }
}

impl Tagged for v1::Service {
    fn etag(&mut self) -> &mut String {
        &mut self.etag
    }
}

impl Tagged for v1::Playbook {
    fn etag(&mut self) -> &mut String {
        &mut self.etag
    }
}

impl Tagged for v1::Release {
    fn etag(&mut self) -> &mut String {
        &mut self.etag
    }
}

impl Tagged for v1::Region {
    fn etag(&mut self) -> &mut String {
        &mut self.etag
    }
}
