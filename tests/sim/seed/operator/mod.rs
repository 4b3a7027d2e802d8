//! The operator: starts rollouts through the shipped client and gives orders at bad moments, several at once. It waits
//! for the end of each rollout; once the faults are over it takes decisions a human would be asked for.

mod orders;
mod queue;
mod sets;

use std::time::Duration;

use meridian_client::{
    Client, ClientError, Endpoint, Intent, LanePosition, LaneView, OperatorOrder, PlanWanted, RefusalKind, ReleaseName,
    RequestId, RolloutName, RolloutStart, RolloutState, RolloutView, ServiceChange, SupersedeWanted,
};
use meridian_core::id::{PlaybookId, RolloutId, ServiceId};
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::Playbook;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::hosts::{PORT, server_host};
use crate::net;
use crate::oracle::Oracle;
use crate::scenario::{self, Ending, Play, Scenario, service};
use crate::story::Story;

/// Its host.
pub const HOST: &str = "operator";
/// Between two looks at a rollout.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// After the faults every agent is heard within this.
const HEARD_MAX: Duration = Duration::from_secs(8);
/// Answers that a human tries again although a client may not. `RECORD_CORRUPT` is what a member of etcd that is behind
/// looks like.
const AGAIN: [&str; 5] = ["OUTCOME_UNKNOWN", "CONTENDED", "OVERLOADED", "STORE_FULL", "RECORD_CORRUPT"];
/// For one call with its retries.
const CALL_MAX: Duration = Duration::from_secs(6);

/// Who gives orders.
pub struct Operator {
    client: Client,
    rng: StdRng,
    story: Story,
    oracle: Oracle,
    scenario: Scenario,
    /// When the faults are over.
    calm: Duration,
    /// Rollouts that were asked for and not yet seen to begin.
    asked: Vec<RolloutName>,
}

/// What a call came to.
type Called<T> = Result<T, ClientError>;

impl Operator {
    /// The operator's process: ends when every rollout has.
    pub async fn run(scenario: Scenario, oracle: Oracle, calm: Duration) -> turmoil::Result {
        let address = |number| format!("http://{}:{PORT}", server_host(number));
        let addresses = (0..scenario.servers).map(address).collect();
        let endpoint = Endpoint { addresses, tls: None, timeout: CALL_MAX };
        let client = Client::connect_by(endpoint, &net::lazy).await?;
        let rng = StdRng::seed_from_u64(scenario.operator);
        let (story, asked) = (oracle.story.clone(), Vec::new());
        let mut operator = Self { client, rng, story, oracle, scenario, calm, asked };
        operator.prepare().await;
        let install = scenario::install();
        operator.launch(1, &install).await;
        let playbook = operator.scenario.playbook.clone();
        match operator.scenario.play {
            Play::Plain => {
                for release in 2..2 + scenario::ROLLOUTS {
                    if operator.is_calm() {
                        break;
                    }
                    operator.launch(release, &playbook).await;
                }
            }
            Play::Queue => operator.in_line(&playbook).await,
            Play::Sets => operator.in_sets(&playbook).await,
        }
        operator.stay().await;
        operator.story.note(HOST, format_args!("is done"));
        Ok(())
    }

    /// Somebody vouches for agents whose disks were taken back, until all have been heard again.
    async fn stay(&self) {
        while self.scenario.forgets && (self.vouch().await || self.story.now() < self.calm + HEARD_MAX) {
            pause_for(LOOK_EVERY).await;
        }
    }

    fn is_calm(&self) -> bool {
        self.story.now() >= self.calm
    }

    /// Calls until it is answered; the same request each time.
    async fn insist<T, F, Fut>(&self, what: &str, call: F) -> Called<T>
    where
        F: Fn(Client, RequestId) -> Fut,
        Fut: Future<Output = Called<T>>,
    {
        let request = RequestId::random();
        loop {
            match call(self.client.clone(), request.clone()).await {
                Ok(answer) => {
                    self.oracle.is_answered(what, &request.to_string());
                    self.story.note(HOST, format_args!("{what}: done"));
                    return Ok(answer);
                }
                Err(error) if may_try_again(&error) => {
                    self.story.note(HOST, format_args!("{what}: {}", error.code()));
                    pause(300).await;
                }
                Err(error) => {
                    self.story.note(HOST, format_args!("{what}: {}", error.code()));
                    return Err(error);
                }
            }
        }
    }

    async fn prepare(&self) {
        for id in self.scenario.services() {
            let change = ServiceChange {
                parameters: Parameters::default(),
                id,
                description: String::new(),
                owner: "anna".to_owned(),
                labels: std::collections::BTreeMap::new(),
                etag: None,
            };
            let change = &change;
            let _known = self
                .insist("service", |client, request| async move {
                    client.apply_service(change, Intent::Commit, &request).await
                })
                .await;
        }
        for playbook in [scenario::install(), self.scenario.playbook.clone()] {
            let playbook = &playbook;
            let _known = self
                .insist("playbook", |client, request| async move {
                    client.apply_playbook(playbook, None, Intent::Commit, &request).await
                })
                .await;
        }
        // Plans are made of the regions that are there.
        while self.client.regions().await.map_or(0, |regions| regions.len()) < self.scenario.regions.len() {
            pause(200).await;
        }
    }

    /// Makes a release, plans it, starts it, and sees it to its end.
    async fn launch(&mut self, number: u64, playbook: &Playbook) {
        let name = self.release(&service(), number).await;
        if let Some(rollout) = self.start(number, name, playbook.id.clone(), None).await {
            self.see(number, rollout, playbook).await;
        }
    }

    /// Sees a rollout to its end.
    async fn see(&mut self, number: u64, mut rollout: RolloutName, playbook: &Playbook) {
        let (mut wanted, mut supersedes) = (0, self.scenario.supersedes && number == 2);
        loop {
            pause_for(LOOK_EVERY).await;
            let Ok(view) = self.client.rollout(&rollout).await else {
                continue;
            };
            self.tell(&view);
            if let Some(by) = view.superseded_by.clone() {
                rollout.rollout = by;
                continue;
            }
            if has_ended(view.state) {
                return;
            }
            if supersedes && !self.is_calm() && has_moved(&view) {
                supersedes = false;
                self.supersede(number, &view, playbook).await;
                continue;
            }
            if self.scenario.play == Play::Queue && number == 2 && !self.is_calm() {
                self.ask_for_next().await;
            }
            if self.attend(number, &view, &mut wanted).await {
                return;
            }
        }
    }

    fn tell(&self, view: &RolloutView) {
        let waits: Vec<&str> = view.waits.iter().map(|wait| wait.message.as_str()).collect();
        let (name, waits) = (&view.name.rollout, waits.join("; "));
        self.story.note(HOST, format_args!("{name} is {:?} at {}: {}; {waits}", view.state, view.epoch, view.summary));
    }

    /// What is done about a rollout that has not ended, now or never. Says whether that is all that can be done.
    async fn attend(&mut self, number: u64, view: &RolloutView, wanted: &mut u32) -> bool {
        if self.scenario.forgets && (self.is_calm() || self.rng.random_range(0..100) < 20) {
            self.vouch().await;
        }
        if self.is_calm() && self.scenario.ending != Ending::AllWell {
            return self.takes_back(view).await;
        }
        if self.is_calm() {
            self.decide(view).await;
        } else if number > 1 && *wanted < 4 && self.rng.random_range(0..100) < 12 {
            *wanted += 1;
            self.interfere(view).await;
        } else if number > 1 && view.state == RolloutState::Held && self.rng.random_range(0..100) < 35 {
            self.order(view, "resume").await;
        } else if number > 1 && view.state == RolloutState::Frozen && self.rng.random_range(0..100) < 30 {
            self.decide(view).await;
        }
        false
    }

    /// Nothing keeps a service from further rollouts any more.
    async fn release_hold(&self, of: &ServiceId) {
        let order = looked_at();
        let order = &order;
        let _released = self
            .insist("release-hold", |client, request| async move { client.release_hold(of, order, &request).await })
            .await;
    }

    /// Makes a release, however often that has to be asked for.
    async fn release(&mut self, of: &ServiceId, number: u64) -> ReleaseName {
        let release = scenario::release(of, number);
        let stored = &release;
        let _known = self
            .insist("release", |client, request| async move {
                client.create_release(stored, Intent::Commit, &request).await
            })
            .await;
        ReleaseName { service: of.clone(), version: release.version }
    }

    /// Another release takes the lanes over.
    async fn supersede(&mut self, number: u64, view: &RolloutView, playbook: &Playbook) {
        let number = number + 100;
        let name = self.release(&service(), number).await;
        let over = SupersedeWanted { rollout: view.name.clone(), hotfix: None };
        // Somebody or something may have been faster: then the old one goes on, or back.
        let taken = self.start(number, name, playbook.id.clone(), Some(over)).await;
        self.story.note(HOST, format_args!("supersede {}: {:?}", view.name.rollout, taken.map(|name| name.rollout)));
    }

    async fn start(
        &mut self,
        number: u64,
        release: ReleaseName,
        playbook: PlaybookId,
        supersede: Option<SupersedeWanted>,
    ) -> Option<RolloutName> {
        let service = release.service.clone();
        let wanted = PlanWanted { release, playbook, revision: None, supersede };
        let wanted = &wanted;
        for attempt in 0..6 {
            let planned =
                self.insist("plan", |client, request| async move {
                    client.create_plan(wanted, Intent::Commit, &request).await
                })
                .await;
            let Ok(plan) = planned else { return None };
            let id = RolloutId::new(format!("r{number}-{attempt}")).ok()?;
            let start =
                RolloutStart { service: service.clone(), plan: plan.hash, id: Some(id), actor: "anna".to_owned() };
            let start = &start;
            let started = self
                .insist("start", |client, request| async move {
                    client.start_rollout(start, Intent::Commit, &request).await
                })
                .await;
            match started {
                Ok(view) => return Some(view.name),
                // The plan is made again: something has moved since.
                Err(_) => pause(300).await,
            }
        }
        None
    }
}

fn looked_at() -> OperatorOrder {
    OperatorOrder { actor: "anna".to_owned(), reason: "looked at it".to_owned(), etag: None }
}

/// Whether it has sent traffic to its release, and goes forward.
fn has_moved(view: &RolloutView) -> bool {
    let forward = matches!(view.state, RolloutState::Running | RolloutState::Soaking | RolloutState::Held);
    let moved = |lane: &LaneView| matches!(lane.position, LanePosition::Baking | LanePosition::Settled);
    forward && view.lanes.iter().any(moved)
}

fn has_ended(state: RolloutState) -> bool {
    matches!(
        state,
        RolloutState::Stable
            | RolloutState::RolledBack
            | RolloutState::Aborted
            | RolloutState::Superseded
            | RolloutState::Failed
    )
}

/// Whether the same request may be sent again: it was not refused, or only for now.
fn may_try_again(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { .. } => {
            let code = error.code();
            error.retryable() || AGAIN.contains(&code)
        }
        ClientError::Address { .. } | ClientError::Pem { .. } | ClientError::Answer { .. } => false,
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } => true,
    }
}

/// Whether a server has judged: it was not done, because things are not so that it could be.
fn is_refused(error: &ClientError) -> bool {
    let judged = |kind| matches!(kind, RefusalKind::Precondition);
    matches!(error, ClientError::Refused { refusal, .. } if judged(refusal.kind)) && !may_try_again(error)
}

async fn pause(millis: u64) {
    pause_for(Duration::from_millis(millis)).await;
}

async fn pause_for(time: Duration) {
    tokio::time::sleep(time).await; // tidy: paced
}
