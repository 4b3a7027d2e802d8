//! The operator: starts rollouts through the shipped client and gives orders at bad moments, several at once. It waits
//! for the end of each rollout; once the faults are over it takes decisions a human would be asked for.

use std::time::Duration;

use meridian_client::{
    Client, ClientError, Endpoint, Intent, OperatorOrder, PlanWanted, ReleaseName, RequestId, RolloutName,
    RolloutStart, RolloutState, RolloutView, ServiceChange,
};
use meridian_core::id::{PlaybookId, RolloutId};
use meridian_core::playbook::{Playbook, Scope};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};

use crate::hosts::{PORT, server_host};
use crate::net;
use crate::scenario::{self, Ending, Scenario, service};
use crate::story::Story;

/// Its host.
pub const HOST: &str = "operator";
/// Between two looks at a rollout.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// For one call with its retries.
const CALL_MAX: Duration = Duration::from_secs(6);

/// Who gives orders.
pub struct Operator {
    client: Client,
    rng: StdRng,
    story: Story,
    scenario: Scenario,
    /// When the faults are over.
    calm: Duration,
}

/// What a call came to.
type Called<T> = Result<T, ClientError>;

impl Operator {
    /// The operator's process: ends when every rollout has.
    pub async fn run(scenario: Scenario, story: Story, calm: Duration) -> turmoil::Result {
        let address = |number| format!("http://{}:{PORT}", server_host(number));
        let addresses = (0..scenario.servers).map(address).collect();
        let endpoint = Endpoint { addresses, tls: None, timeout: CALL_MAX };
        let client = Client::connect_by(endpoint, &net::lazy).await?;
        let rng = StdRng::seed_from_u64(scenario.operator);
        let mut operator = Self { client, rng, story, scenario, calm };
        operator.prepare().await;
        let install = scenario::install();
        operator.launch(1, &install).await;
        let playbook = operator.scenario.playbook.clone();
        for release in 2..2 + scenario::ROLLOUTS {
            if operator.is_calm() {
                break;
            }
            operator.launch(release, &playbook).await;
        }
        operator.story.note(HOST, format_args!("is done"));
        Ok(())
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
        let change = ServiceChange {
            id: service(),
            description: String::new(),
            owner: "anna".to_owned(),
            labels: std::collections::BTreeMap::new(),
            etag: None,
        };
        let change = &change;
        let _known =
            self.insist("service", |client, request| async move {
                client.apply_service(change, Intent::Commit, &request).await
            })
            .await;
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
        let release = scenario::release(number);
        let stored = &release;
        let _known = self
            .insist("release", |client, request| async move {
                client.create_release(stored, Intent::Commit, &request).await
            })
            .await;
        let name = ReleaseName { service: service(), version: release.version.clone() };
        let Some(rollout) = self.start(number, name, playbook.id.clone()).await else {
            return;
        };
        let mut wanted = 0;
        loop {
            pause_for(LOOK_EVERY).await;
            let Ok(view) = self.client.rollout(&rollout).await else {
                continue;
            };
            let waits: Vec<&str> = view.waits.iter().map(|wait| wait.message.as_str()).collect();
            let (name, waits) = (&view.name.rollout, waits.join("; "));
            self.story
                .note(HOST, format_args!("{name} is {:?} at {}: {}; {waits}", view.state, view.epoch, view.summary));
            if has_ended(view.state) {
                return;
            }
            if self.is_calm() && self.scenario.ending != Ending::AllWell {
                if self.takes_back(&view).await {
                    return;
                }
            } else if self.is_calm() {
                self.decide(&view).await;
            } else if number > 1 && wanted < 4 && self.rng.random_range(0..100) < 12 {
                wanted += 1;
                self.interfere(&view).await;
            } else if number > 1 && view.state == RolloutState::Held && self.rng.random_range(0..100) < 35 {
                self.order(&view, "resume").await;
            } else if number > 1 && view.state == RolloutState::Frozen && self.rng.random_range(0..100) < 30 {
                self.decide(&view).await;
            }
        }
    }

    async fn start(&mut self, number: u64, release: ReleaseName, playbook: PlaybookId) -> Option<RolloutName> {
        let wanted = PlanWanted { release, playbook, revision: None };
        let wanted = &wanted;
        for attempt in 0..6 {
            let planned =
                self.insist("plan", |client, request| async move {
                    client.create_plan(wanted, Intent::Commit, &request).await
                })
                .await;
            let Ok(plan) = planned else { return None };
            let id = RolloutId::new(format!("r{number}-{attempt}")).ok()?;
            let start = RolloutStart { service: service(), plan: plan.hash, id: Some(id), actor: "anna".to_owned() };
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

    /// Orders at a bad moment, perhaps two at once.
    async fn interfere(&mut self, view: &RolloutView) {
        const ORDERS: [&str; 6] = ["pause", "resume", "rollback", "part", "pause", "abandon"];
        let first = ORDERS.choose(&mut self.rng).copied().unwrap_or("pause");
        if self.rng.random_range(0..3) == 0 {
            let second = ORDERS.choose(&mut self.rng).copied().unwrap_or("pause");
            tokio::join!(self.order(view, first), self.order(view, second));
        } else {
            self.order(view, first).await;
        }
    }

    /// What a human would do who sees a region lost: takes everything back. Says whether that is all that can be done.
    async fn takes_back(&self, view: &RolloutView) -> bool {
        match view.state {
            RolloutState::RollingBack | RolloutState::Unknown => true,
            RolloutState::Running | RolloutState::Soaking | RolloutState::Held | RolloutState::Switched => {
                self.order(view, "rollback").await == "NO_WAY_BACK"
            }
            RolloutState::Frozen => {
                self.order(view, "rollback").await;
                true
            }
            RolloutState::Stable
            | RolloutState::RolledBack
            | RolloutState::Aborted
            | RolloutState::Superseded
            | RolloutState::Failed => true,
        }
    }

    /// What a human would do who wants it over.
    async fn decide(&self, view: &RolloutView) {
        match view.state {
            RolloutState::Held => {
                self.order(view, "rollback").await;
            }
            RolloutState::Frozen => {
                self.order(view, "rollback").await;
                self.order(view, "abandon").await;
            }
            RolloutState::Running
            | RolloutState::Soaking
            | RolloutState::RollingBack
            | RolloutState::Switched
            | RolloutState::Stable
            | RolloutState::RolledBack
            | RolloutState::Aborted
            | RolloutState::Superseded
            | RolloutState::Failed
            | RolloutState::Unknown => {}
        }
    }

    async fn order(&self, view: &RolloutView, what: &str) -> String {
        let order = OperatorOrder { actor: "anna".to_owned(), reason: "to see what happens".to_owned(), etag: None };
        let (name, order, request) = (&view.name, &order, &RequestId::random());
        let region = view.lanes.first().map(|lane| lane.region.clone());
        let called = match what {
            "resume" => self.client.resume_rollout(name, order, request).await,
            "rollback" => self.client.roll_back_rollout(name, &Scope::Fleet, order, request).await,
            "part" => {
                let scope = region.map_or(Scope::Wave, Scope::Region);
                self.client.roll_back_rollout(name, &scope, order, request).await
            }
            "abandon" => self.client.abandon_rollout(name, order, request).await,
            _ => self.client.pause_rollout(name, order, request).await,
        };
        let came = called.map_or_else(|error| error.code().to_owned(), |view| format!("{:?}", view.state));
        self.story.note(HOST, format_args!("{what} {}: {came}", name.rollout));
        came
    }
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
            error.retryable() || ["OUTCOME_UNKNOWN", "CONTENDED", "OVERLOADED", "STORE_FULL"].contains(&code)
        }
        ClientError::Address { .. } | ClientError::Pem { .. } | ClientError::Answer { .. } => false,
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } => true,
    }
}

async fn pause(millis: u64) {
    pause_for(Duration::from_millis(millis)).await;
}

async fn pause_for(time: Duration) {
    tokio::time::sleep(time).await; // tidy: paced
}
