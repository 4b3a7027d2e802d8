//! A stage for engines: a store with a playbook and plans in it, and ways to wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::audit::AuditEntry;
use meridian_core::calendar::Timetable;
use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, RegionId, ReplicaId, RolloutId, ServiceId, WaveId};
use meridian_core::plan::{Inventory, Plan, RegionFacts, Superseding, compile};
use meridian_core::playbook::{
    Callback, Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage as PlaybookStage, StageKind, Step,
    ValidPlaybook, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::rollout::state::{LaneAt, Phase, Rollout};
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::{FeedbackPolicy, WatchPolicy};
use meridian_core::weight::Weight;
use meridian_outbound::Trust;
use meridian_proto::convert::record::Fold;
use meridian_server::alert::{Bell, Secrets};
use meridian_server::clock::SystemClock;
use meridian_server::engine::{Asker, Engine, EngineParts, NoTrace, OpenOrder, RequestMark, Status};
use meridian_server::metrics::{Metrics, OwnershipMetrics};
use meridian_server::session::Sessions;
use meridian_store::memory::{MemoryLimits, MemoryStore};
use meridian_store::record::{self, Member, StoredPlan};
use meridian_store::{Expect, Key, Store, Txn, Versioned, layout};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::agent::Agents;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn service() -> ServiceId {
    ServiceId::new("checkout").unwrap()
}

pub struct Stage {
    pub store: Arc<dyn Store>,
    /// Of the playbook that rollouts are planned by.
    pub timetable: Timetable,
    /// What the first region waits for, as a pilot.
    pub feedback: Option<FeedbackPolicy>,
    /// What is asked before the first region begins.
    pub callbacks: Vec<Callback>,
    regions: Vec<RegionId>,
    running: Mutex<Vec<(CancellationToken, JoinHandle<()>)>>,
    metrics: Mutex<Option<OwnershipMetrics>>,
}

impl Stage {
    pub async fn set(regions: &[&str]) -> Self {
        let regions = regions.iter().map(|region| RegionId::new(*region).unwrap()).collect();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(MemoryLimits::default()));
        let (running, metrics) = (Mutex::default(), Mutex::default());
        let (timetable, callbacks) = (Timetable::default(), Vec::new());
        Self { store, timetable, feedback: None, callbacks, regions, running, metrics }
    }

    pub fn engine(&self) -> Engine {
        self.engine_on(self.store.clone())
    }

    /// An engine that sees the store through another one.
    pub fn engine_on(&self, store: Arc<dyn Store>) -> Engine {
        let metrics = Metrics::new(|_| ()).0;
        *self.metrics.lock().unwrap() = Some(metrics.ownership.clone());
        let engine = Engine::new(EngineParts {
            store,
            clock: Arc::new(SystemClock),
            sessions: Arc::new(Sessions::default()),
            trace: Arc::new(NoTrace),
            metrics: metrics.engine,
            ownership_metrics: metrics.ownership,
            replica: ReplicaId::new(format!("replica-{}", uuid::Uuid::new_v4().simple())).unwrap(),
            member: Member { address: String::new(), version: String::new() },
            bell: Bell::default(),
            asker: Asker::new(Trust::default(), Secrets::default()),
        });
        let (running, shutdown) = (engine.clone(), CancellationToken::new());
        let token = shutdown.clone();
        let task = tokio::spawn(async move { running.run(shutdown).await });
        self.running.lock().unwrap().push((token, task));
        engine
    }

    pub async fn agents(&self, engine: &Engine) -> Agents {
        Agents::connect(engine, &self.regions).await
    }

    async fn plan(&self, version: &str, over: Option<Rollout>) -> Plan {
        let key = layout::lanes(&service());
        let lanes = match self.store.get(&key).await.unwrap().item {
            None => BTreeMap::new(),
            Some(item) => record::decode_lanes(&key, &item.value).unwrap(),
        };
        let facts = |region: &RegionId| {
            let lane = lanes.get(region).cloned().unwrap_or_default();
            (region.clone(), RegionFacts { lane, ..RegionFacts::default() })
        };
        let regions = self.regions.iter().map(facts).collect();
        let over =
            over.map(|record| Superseding { record: Arc::new(record), hotfix: None, now: Timestamp::from_millis(1) });
        let inventory = Inventory { regions, superseding: over, ..Inventory::default() };
        let release = Release {
            service: service(),
            version: version.parse().unwrap(),
            digest: Digest::of(version.as_bytes()),
            notes: Notes::default(),
            reversibility: Reversibility::Free,
            prepares: None,
        };
        let plan = compile(&self.playbook(), 1, &release, &inventory).unwrap();
        let stored = StoredPlan { plan: plan.clone(), created: Timestamp::from_millis(1) };
        let txn = Txn::new().put(layout::plan(&plan.hash()), record::encode_plan(&stored), Expect::Absent);
        // The same plan may be there already.
        let _present = self.store.commit(txn).await;
        plan
    }

    fn playbook(&self) -> ValidPlaybook {
        let step = |percent: u64| Step {
            weight: Weight::from_basis_points(percent * 100).unwrap(),
            cohort: None,
            bake: Span::ZERO,
            requests: 0,
        };
        let wave = |region: &RegionId| Wave {
            id: WaveId::new(format!("wave-{region}")).unwrap(),
            regions: RegionSelector::Names(vec![region.clone()]),
            max_parallel: 1,
            max_skew: 0,
            steps: vec![step(20), step(100)],
            soak: Span::ZERO,
            approvals: Vec::new(),
            callbacks: if self.regions.first() == Some(region) { self.callbacks.clone() } else { Vec::new() },
            spread: None,
        };
        let mut waves: Vec<Wave> = self.regions.iter().map(wave).collect();
        let pilot = self.feedback.map(|_| PlaybookStage {
            kind: StageKind::Pilot,
            staging: None,
            waves: vec![waves.remove(0)],
        });
        let production = PlaybookStage { kind: StageKind::Production, staging: None, waves };
        let measure = Measure::ErrorRatio { max: Weight::from_basis_points(100).unwrap() };
        let check = Check { name: "errors".to_owned(), measure, sample_min: 100 };
        let playbook = Playbook {
            timetable: self.timetable.clone(),
            watch: WatchPolicy { feedback: self.feedback, ..WatchPolicy::default() },
            checklist: Vec::new(),
            hotfix: None,
            joiners: meridian_core::playbook::Joiners::default(),
            concurrency: meridian_core::playbook::Concurrency::Reject,
            id: PlaybookId::new("steps").unwrap(),
            stages: pilot.into_iter().chain([production]).collect(),
            evidence: EvidencePolicy {
                checks: vec![check],
                window: Span::from_secs(60),
                extend_max: Span::from_secs(600),
            },
            rollback: RollbackPolicy { retention: Span::ZERO, ..RollbackPolicy::default() },
            limits: Limits::default(),
            safety: SafetyPolicy::default(),
        };
        validate(playbook).unwrap()
    }

    fn open_order(&self, plan: &Plan, id: &str, request: Option<RequestMark>) -> OpenOrder {
        let (plan, id) = (plan.hash(), RolloutId::new(id).unwrap());
        let actor = "anna".to_owned();
        OpenOrder { service: service(), plan, id, actor, request, validate_only: false, line: None }
    }

    pub async fn open(&self, engine: &Engine, version: &str) -> RolloutId {
        let plan = self.plan(version, None).await;
        let order = self.open_order(&plan, &format!("r-{}", version.replace('.', "-")), None);
        engine.open(order).await.unwrap().record.id.clone()
    }

    /// An order to take over the lanes of a rollout as it is now.
    pub async fn takeover(&self, old: &RolloutId, version: &str) -> OpenOrder {
        let plan = self.plan(version, Some(self.record(old).await)).await;
        self.open_order(&plan, &format!("r-{}", version.replace('.', "-")), None)
    }

    /// Sends the same request so many times at once; each copy would take a name of its own.
    pub async fn open_many(&self, engine: &Engine, version: &str, copies: usize) -> Vec<Status> {
        let plan = self.plan(version, None).await;
        let mark = RequestMark { id: "4f9c6c5e-0f6e-4c55-9d53-0a8a5b1f3c11".to_owned(), body: Digest::of(b"body") };
        let orders = (0..copies).map(|copy| {
            let order = self.open_order(&plan, &format!("copy-{copy}"), Some(mark.clone()));
            let engine = engine.clone();
            tokio::spawn(async move { engine.open(order).await })
        });
        let answers = futures::future::join_all(orders).await;
        answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect()
    }

    pub async fn until(&self, engine: &Engine, id: &RolloutId, fits: impl Fn(&Phase) -> bool) -> Status {
        self.until_status(engine, id, |status| fits(&status.record.phase)).await
    }

    pub async fn until_moved(&self, engine: &Engine, id: &RolloutId) -> Status {
        let baking = |status: &Status| status.record.lanes.values().any(|lane| matches!(lane.at, LaneAt::Baking(_)));
        self.until_status(engine, id, baking).await
    }

    pub async fn until_status(&self, engine: &Engine, id: &RolloutId, fits: impl Fn(&Status) -> bool) -> Status {
        let mut changes = engine.subscribe();
        let wait = async {
            loop {
                let status = engine.status(id).await.unwrap();
                if fits(&status) {
                    return status;
                }
                // Two engines do not tell one another; a look now and then sees what the other one did.
                let _change = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        match waited {
            Ok(status) => status,
            Err(_) => panic!("in vain: {:?}", engine.status(id).await),
        }
    }

    /// Until the store has refused a forward decision of the engine that was made last.
    pub async fn until_refused(&self) {
        let metrics = self.metrics.lock().unwrap().clone().unwrap();
        let waiting = async {
            while metrics.refused.get() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await; // tidy: paced
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("nothing was refused");
    }

    /// A rollout as the store has it.
    pub async fn record(&self, id: &RolloutId) -> Rollout {
        let key = layout::rollout(id);
        let item = self.store.get(&key).await.unwrap().item.unwrap();
        let at = layout::plan(&record::plan_of_rollout(&key, &item.value).unwrap());
        let plan = self.store.get(&at).await.unwrap().item.unwrap();
        let plan = record::decode_plan(&at, &plan.value).unwrap().plan;
        record::decode_rollout(&key, &item.value, plan.into()).unwrap()
    }

    pub async fn records(&self) -> Vec<Versioned> {
        self.store.list(&Key::new("/").unwrap(), None, 1000).await.unwrap().items
    }

    pub async fn check_audit(&self) {
        let items = self.store.list(&layout::audits(&service()), None, 1000).await.unwrap().items;
        let decode = |item: &Versioned| record::decode_audit(&item.key, &item.value, &service()).unwrap();
        let entries: Vec<_> = items.iter().map(decode).collect();
        meridian_core::audit::verify(&entries).unwrap();
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry.epoch.counter(), index as u64 + 1, "epochs have no gap");
        }
        self.check_changes(&entries).await;
    }

    /// The changes in the audit add up to every record that was committed.
    async fn check_changes(&self, entries: &[AuditEntry]) {
        let mut folds: BTreeMap<RolloutId, Fold> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| !entry.change.is_empty()) {
            let id = entry.rollout.clone().unwrap();
            let key = layout::rollout(&id);
            let item = self.store.get(&key).await.unwrap().item.unwrap();
            let hash = record::plan_of_rollout(&key, &item.value).unwrap();
            let key = layout::plan(&hash);
            let plan = self.store.get(&key).await.unwrap().item.unwrap();
            let plan = record::decode_plan(&key, &plan.value).unwrap().plan;
            let changed = folds.entry(id).or_default().put(entry, &plan, hash).unwrap().unwrap();
            assert_eq!(changed.record, Some(entry.record), "{entry:?}");
        }
        assert!(!folds.is_empty(), "rollouts were decided");
    }

    /// Ends every engine that runs, and joins it.
    pub async fn shut(&self, engine: Engine) {
        drop(engine);
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for (token, task) in running {
            token.cancel();
            task.await.unwrap();
        }
    }
}
