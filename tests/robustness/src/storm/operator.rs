//! The operator: launches good and bad releases one after the other, and pauses, resumes and takes back through whichever
//! replica chance names; some starts race each other. Every order is kept with its times and its answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use meridian_client::{
    Client, ClientError, Intent, OperatorOrder, PlanWanted, RefusalKind, ReleaseName, RequestId, RolloutName,
    RolloutStart, ServiceChange,
};
use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RolloutId, ServiceId};
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::{Playbook, Scope};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_harness::launch::{judged, playbook};
use meridian_harness::{Artifact, wait_until};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::time::{Instant, sleep};

use crate::history::{Call, Order, Outcome};
use crate::record::Recorder;
use crate::site::{SERVICE, Site};

/// How long what is no order (a release, a plan) is tried for.
const PREPARE_MAX: Duration = Duration::from_secs(60);
/// After so long a person takes a rollout back that does not end by itself.
const PATIENCE: Duration = Duration::from_secs(45);

/// Gives orders.
pub struct Operator<'a> {
    site: &'a Site,
    recorder: &'a Recorder,
    /// One per replica, and one that knows all.
    each: Vec<Client>,
    all: Client,
    service: ServiceId,
    calls: Mutex<Vec<Call>>,
}

impl<'a> Operator<'a> {
    /// One that reaches every replica.
    ///
    /// # Errors
    /// If an address is none.
    pub async fn new(site: &'a Site, recorder: &'a Recorder) -> anyhow::Result<Self> {
        let mut each = Vec::new();
        for index in 0..site.servers.len() {
            each.push(site.client(Some(index)).await?);
        }
        let (all, service) = (site.client(None).await?, ServiceId::new(SERVICE)?);
        Ok(Self { site, recorder, each, all, service, calls: Mutex::default() })
    }

    /// Every order so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes service and playbooks, and launches the first release everywhere.
    ///
    /// # Errors
    /// If that does not end well: nothing is broken yet.
    pub async fn install(&self) -> anyhow::Result<()> {
        let (id, description, owner) = (self.service.clone(), String::new(), String::new());
        let change = ServiceChange {
            id,
            description,
            owner,
            labels: std::collections::BTreeMap::new(),
            parameters: Parameters::default(),
            etag: None,
        };
        self.all.apply_service(&change, Intent::Commit, &RequestId::random()).await?;
        for playbook in self.playbooks() {
            self.all.apply_playbook(&playbook, None, Intent::Commit, &RequestId::random()).await?;
        }
        let release = self.release(&Artifact::good("1.0.0")).await?;
        let plan = self.plan(&release, "install").await?;
        let rollout = self.start(&self.all, plan, "r0").await;
        let ended = wait_until("the first release to be stable", PREPARE_MAX, || async {
            self.recorder.phase(&rollout).filter(|(_, is_end)| *is_end)
        });
        let (word, _) = ended.await?;
        anyhow::ensure!(word == "stable", "the first release ended as {word}");
        Ok(())
    }

    fn playbooks(&self) -> [Playbook; 3] {
        let regions: Vec<&str> = self.site.agents.keys().map(String::as_str).collect();
        let (first, rest) = regions.split_at(regions.len().min(2));
        let waves: Vec<&[&str]> = [first, rest].into_iter().filter(|wave| !wave.is_empty()).collect();
        let careful = judged(playbook("careful", &waves, &[30, 100], 400), 10, 10);
        let bold = judged(playbook("bold", &[&regions], &[50, 100], 800), 10, 10);
        [playbook("install", &[&regions], &[100], 0), careful, bold]
    }

    /// Launches one release after the other until `end`, the last one to its own end.
    ///
    /// # Errors
    /// If a release or plan can't be made for a whole minute.
    pub async fn work(&self, end: Instant, chance: &mut StdRng) -> anyhow::Result<()> {
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            self.lift().await;
            let version = format!("1.1.{number}");
            let is_good = chance.random_bool(0.6);
            let artifact = if is_good { Artifact::good(&version) } else { Artifact::failing(&version, 0.4) };
            let release = self.release(&artifact).await?;
            let name = if chance.random_bool(0.5) { "careful" } else { "bold" };
            let plan = self.plan(&release, name).await?;
            let (one, other) = (self.any(chance), self.any(chance));
            let first = format!("r{number}");
            if chance.random_bool(0.3) {
                let second = format!("r{number}-too");
                tokio::join!(self.start(one, plan, &first), self.start(other, plan, &second));
                self.drive(&[first, second], chance).await;
            } else {
                self.start(one, plan, &first).await;
                self.drive(&[first], chance).await;
            }
        }
        Ok(())
    }

    /// Lets launches go on after a rollback; a service that is not held refuses, which is as good.
    async fn lift(&self) {
        let words = OperatorOrder { actor: "storm".to_owned(), reason: "the next release".to_owned(), etag: None };
        let _held_or_not = self.all.release_hold(&self.service, &words, &RequestId::random()).await;
    }

    fn any(&self, chance: &mut StdRng) -> &Client {
        self.each.choose(chance).unwrap_or(&self.all)
    }

    async fn release(&self, artifact: &Artifact) -> anyhow::Result<ReleaseName> {
        let release = Release {
            service: self.service.clone(),
            version: artifact.version.parse()?,
            digest: self.site.artifacts.add(artifact)?,
            notes: Notes::default(),
            reversibility: Reversibility::Free,
            prepares: None,
        };
        let request = RequestId::random();
        wait_until("a release to be made", PREPARE_MAX, || async {
            self.all.create_release(&release, Intent::Commit, &request).await.ok()
        })
        .await?;
        Ok(ReleaseName { service: self.service.clone(), version: release.version })
    }

    async fn plan(&self, release: &ReleaseName, playbook: &str) -> anyhow::Result<Digest> {
        let wanted = PlanWanted {
            release: release.clone(),
            playbook: PlaybookId::new(playbook)?,
            revision: None,
            supersede: None,
        };
        let plan = wait_until("a plan to be made", PREPARE_MAX, || async {
            self.all.create_plan(&wanted, Intent::Commit, &RequestId::random()).await.ok()
        });
        Ok(plan.await.context("no fault lasts as long")?.hash)
    }

    async fn start(&self, client: &Client, plan: Digest, name: &str) -> String {
        let id = RolloutId::new(name).expect("our names are short and plain");
        let (service, request) = (self.service.clone(), RequestId::random());
        self.called(name, Order::Start, |actor| async move {
            let start = RolloutStart { service, plan, id: Some(id), actor };
            client.start_rollout(&start, Intent::Commit, &request).await.map(|_| ())
        })
        .await;
        name.to_owned()
    }

    /// Sees to it that these rollouts end, with orders as chance has them.
    async fn drive(&self, names: &[String], chance: &mut StdRng) {
        let began = Instant::now();
        loop {
            sleep(Duration::from_millis(chance.random_range(200..900))).await; // tidy: paced
            let open: Vec<(&String, String)> = names
                .iter()
                .filter_map(|name| Some((name, self.recorder.phase(name)?)))
                .filter_map(|(name, (word, is_end))| (!is_end).then_some((name, word)))
                .collect();
            // A start of unknown outcome may still come to be.
            if open.is_empty() && began.elapsed() > Duration::from_secs(2) {
                return;
            }
            for (name, word) in open {
                let order = match word.as_str() {
                    "held" if chance.random_bool(0.3) => Some(Order::Resume),
                    "held" | "frozen" if chance.random_bool(0.1) => Some(Order::RollBack),
                    "running" | "soaking" | "switched" if chance.random_bool(0.04) => Some(Order::RollBack),
                    "running" | "soaking" if chance.random_bool(0.1) => Some(Order::Pause),
                    _ if began.elapsed() > PATIENCE && word != "rolling-back" => Some(Order::RollBack),
                    _ => None,
                };
                if let Some(order) = order {
                    self.order(self.any(chance), name, order).await;
                }
            }
            if began.elapsed() > 3 * PATIENCE {
                return;
            }
        }
    }

    /// Gives one order through one replica.
    pub async fn order(&self, client: &Client, name: &str, order: Order) {
        let Ok(rollout) = RolloutId::new(name) else { return };
        let (rollout, request) = (RolloutName { service: self.service.clone(), rollout }, RequestId::random());
        let (rollout, request) = (&rollout, &request);
        self.called(name, order, |actor| async move {
            let words = OperatorOrder { actor, reason: "as chance has it".to_owned(), etag: None };
            let answer = match order {
                Order::Start => return Ok(()),
                Order::Pause => client.pause_rollout(rollout, &words, request).await,
                Order::Resume => client.resume_rollout(rollout, &words, request).await,
                Order::RollBack => client.roll_back_rollout(rollout, &Scope::Fleet, &words, request).await,
                Order::Abandon => client.abandon_rollout(rollout, &words, request).await,
            };
            answer.map(|_| ())
        })
        .await;
    }

    /// A caller who knows all replicas.
    #[must_use]
    pub const fn all(&self) -> &Client {
        &self.all
    }

    async fn called<F>(&self, rollout: &str, order: Order, call: impl FnOnce(String) -> F)
    where
        F: Future<Output = Result<(), ClientError>>,
    {
        let actor = format!("op-{}", RequestId::random());
        let invoked = self.site.now();
        let outcome = outcome(call(actor.clone()).await);
        let (rollout, returned) = (rollout.to_owned(), self.site.now());
        let call = Call { actor, rollout, order, invoked, returned, outcome };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// A refusal says that nothing was done; whatever else is no answer says nothing.
fn outcome(answer: Result<(), ClientError>) -> Outcome {
    let error = match answer {
        Ok(()) => return Outcome::Acked,
        Err(error) => error,
    };
    let says_no = match &error {
        ClientError::Refused { refusal, .. } => match refusal.kind {
            RefusalKind::Unavailable | RefusalKind::Deadline | RefusalKind::Internal => false,
            RefusalKind::NotFound
            | RefusalKind::AlreadyExists
            | RefusalKind::Unauthenticated
            | RefusalKind::PermissionDenied
            | RefusalKind::Conflict
            | RefusalKind::Precondition
            | RefusalKind::Invalid
            | RefusalKind::OutOfRange
            | RefusalKind::Exhausted
            | RefusalKind::Unimplemented => true,
        },
        ClientError::Address { .. } | ClientError::Pem { .. } => true,
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } | ClientError::Answer { .. } => false,
    };
    let text = error.to_string();
    if says_no { Outcome::Refused(text) } else { Outcome::Unknown(text) }
}
