//! What the operator orders: at bad moments whatever comes to mind, once all is well what a human would.

use meridian_client::{OperatorOrder, RequestId, RolloutState, RolloutView};
use meridian_core::playbook::Scope;
use rand::RngExt;
use rand::seq::IndexedRandom as _;

use super::{CALL_MAX, Called, HOST, Operator, is_refused};

impl Operator {
    /// Orders at a bad moment, perhaps two at once.
    pub(super) async fn interfere(&mut self, view: &RolloutView) {
        const ORDERS: [&str; 6] = ["pause", "resume", "rollback", "part", "pause", "abandon"];
        let first = ORDERS.choose(&mut self.rng).copied().unwrap_or("pause");
        if self.rng.random_range(0..3) == 0 {
            let second = ORDERS.choose(&mut self.rng).copied().unwrap_or("pause");
            let (one, other) = (RequestId::random(), RequestId::random());
            let _both = tokio::join!(self.ask(view, first, &one), self.ask(view, second, &other));
            self.story.note(HOST, format_args!("{first} and {second} {}", view.name.rollout));
        } else {
            self.order(view, first).await;
        }
    }

    /// What a human would do who sees a region lost: takes everything back. Says whether that is all that can be done.
    pub(super) async fn takes_back(&mut self, view: &RolloutView) -> bool {
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
    pub(super) async fn decide(&mut self, view: &RolloutView) {
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

    /// Gives an order, now and then twice under one id; the servers have to see that it is one.
    pub(super) async fn order(&mut self, view: &RolloutView, what: &str) -> String {
        let (request, is_twice) = (RequestId::random(), self.rng.random_range(0..4) == 0);
        let first = self.ask(view, what, &request);
        let called = if is_twice {
            let (one, other) = tokio::join!(first, self.ask(view, what, &request));
            // One may come too early or too late, and be refused alone.
            if other.as_ref().is_err_and(is_refused) { one } else { other }
        } else {
            first.await
        };
        // What a server judges by a stale read is true of the past.
        let now = self.story.now();
        let is_stale = self.scenario.stale.iter().any(|(from, to)| *from <= now && now <= *to + CALL_MAX);
        if called.as_ref().is_err_and(is_refused) && !is_stale {
            self.oracle.is_refused(&request.to_string());
        }
        let came = called.map_or_else(|error| error.code().to_owned(), |view| format!("{:?}", view.state));
        self.story.note(HOST, format_args!("{what} {}: {came}", view.name.rollout));
        came
    }

    async fn ask(&self, view: &RolloutView, what: &str, request: &RequestId) -> Called<RolloutView> {
        let order = OperatorOrder { actor: "anna".to_owned(), reason: "to see what happens".to_owned(), etag: None };
        let (name, order) = (&view.name, &order);
        let region = view.lanes.first().map(|lane| lane.region.clone());
        match what {
            "resume" => self.client.resume_rollout(name, order, request).await,
            "rollback" => self.client.roll_back_rollout(name, &Scope::Fleet, order, request).await,
            "part" => {
                let scope = region.map_or(Scope::Wave, Scope::Region);
                self.client.roll_back_rollout(name, &scope, order, request).await
            }
            "abandon" => self.client.abandon_rollout(name, order, request).await,
            _ => self.client.pause_rollout(name, order, request).await,
        }
    }

    /// Vouches for agents that are not believed. Says whether there were any.
    pub(super) async fn vouch(&self) -> bool {
        let Ok(regions) = self.client.regions().await else { return true };
        let mut has_doubts = false;
        for region in regions.iter().filter(|region| !region.doubts.is_empty()) {
            has_doubts = true;
            let (id, request) = (&region.id, RequestId::random());
            let called = self.client.confirm_region(id, "anna", "the disk was taken back", &request).await;
            let came = called.map_or_else(|error| error.code().to_owned(), |_| "done".to_owned());
            self.story.note(HOST, format_args!("confirm {id}: {came}"));
        }
        has_doubts
    }
}
