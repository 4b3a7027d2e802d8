//! Watches after launches, over the API and over restarts: a month passes on a clock that the test sets.

mod given;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meridian_core::playbook::Playbook;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::{Decimal, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::review::State as ReviewState;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_proto::r#gen::v1::watch::State as WatchState;
use meridian_proto::r#gen::v1::watch_service_client::WatchServiceClient;
use meridian_server::clock::Clock;
use meridian_server::{Config, StoreChoice, Surroundings, start_in};
use meridian_store::Store;
use meridian_store::memory::MemoryStore;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::agent::Obedient;
use crate::support::fixture::{SERVICE, playbook};
use crate::support::{Server, config, connect, until, uuid, why};

const HOUR: Span = Span::from_secs(3600);

/// A clock that moves when the test says so.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A store, a clock, and whichever server runs on them now.
struct Month {
    store: Arc<dyn Store>,
    clock: Arc<Hands>,
}

impl Month {
    fn begin() -> Self {
        let clock = Arc::new(Hands(AtomicU64::new(1_795_431_600_000)));
        Self { store: Arc::new(MemoryStore::default()), clock }
    }

    async fn server(&self) -> Server {
        let config = Config { store: StoreChoice::Given(self.store.clone()), ..config() };
        let surroundings = Surroundings { clock: self.clock.clone(), ..Surroundings::machine() };
        let running = start_in(config, surroundings).await.unwrap();
        let channel = connect(running.grpc_addr).await;
        Server { running, channel }
    }

    /// So long after now.
    fn pass(&self, span: Span) {
        self.clock.0.fetch_add(span.millis(), Ordering::SeqCst);
    }
}

fn watched(retention: Span) -> Playbook {
    let mut playbook = playbook(Span::ZERO);
    playbook.rollback.retention = retention;
    let number = |text: &str| Decimal::parse(text).unwrap();
    let target = |name: &str, direction, target: &str| KpiTarget {
        kpi: meridian_core::id::KpiId::new(name).unwrap(),
        direction,
        target: number(target),
    };
    playbook.watch = WatchPolicy {
        targets: vec![target("conversion", Direction::AtLeast, "2.5"), target("p95-ms", Direction::AtMost, "300")],
        feedback: Some(FeedbackPolicy { score_min: number("4"), answers_min: 2, blockers_max: 0, pilot_waits: false }),
        ..WatchPolicy::default()
    };
    playbook
}

async fn launch(server: &Server, version: &str, retention: Span, state: State) -> v1::Rollout {
    server.put_service(SERVICE).await;
    server.put_playbook(&watched(retention)).await;
    server.add_release(version).await;
    let plan = server.plan(version).await;
    let rollout = server.start_rollout(&plan.name).await;
    until(state.as_str_name(), || async {
        let rollout = server.rollout(&rollout.name).await;
        (rollout.state == i32::from(state)).then_some(rollout)
    })
    .await
}

fn calls(server: &Server) -> WatchServiceClient<Channel> {
    WatchServiceClient::new(server.channel.clone())
}

/// The watch of a rollout, once it is as wanted.
async fn watch(server: &Server, rollout: &v1::Rollout, what: &str, fits: impl Fn(&v1::Watch) -> bool) -> v1::Watch {
    let fits = &fits;
    until(what, || async move {
        let request = v1::GetWatchRequest { name: format!("{}/watch", rollout.name) };
        let watch = calls(server).get_watch(request).await.ok()?.into_inner().watch.unwrap();
        fits(&watch).then_some(watch)
    })
    .await
}

fn in_state(watch: &v1::Watch, state: ReviewState) -> usize {
    watch.reviews.iter().filter(|review| review.state == i32::from(state)).count()
}

fn sign(watch: &v1::Watch, review: u32) -> v1::SignReviewRequest {
    let (name, text, actor) = (watch.name.clone(), "looks well".to_owned(), "ann".to_owned());
    v1::SignReviewRequest { name, review, text, actor, ..Default::default() }
}

fn evaluate(watch: &v1::Watch, waive: &str) -> v1::SignEvaluationRequest {
    let (name, actor) = (watch.name.clone(), "ann".to_owned());
    v1::SignEvaluationRequest { name, actor, waive: waive.to_owned(), ..Default::default() }
}

async fn measure(server: &Server, kpi: &str, value: &str, at: Option<Timestamp>) {
    let (parent, kpi, value) = (SERVICE.to_owned(), kpi.to_owned(), value.to_owned());
    let request = v1::RecordKpiRequest { parent, kpi, value, time: at.map(timestamp_to_wire) };
    calls(server).record_kpi(request).await.unwrap();
}

async fn kinds(server: &Server, watch: &v1::Watch) -> Vec<String> {
    let request = v1::ListWatchDecisionsRequest { name: watch.name.clone(), ..Default::default() };
    let decisions = calls(server).list_watch_decisions(request).await.unwrap().into_inner().decisions;
    assert!(decisions.windows(2).all(|pair| pair[1].previous_digest == pair[0].digest), "the chain is broken");
    let epochs: Vec<_> = decisions.iter().map(|decision| decision.epoch.unwrap().counter).collect();
    assert_eq!(epochs, (1..=decisions.len() as u64).collect::<Vec<_>>(), "epochs have no gap");
    decisions.into_iter().map(|decision| decision.kind).collect()
}

async fn milestones(server: &Server, rollout: &v1::Rollout) -> Vec<(String, i32)> {
    let request = v1::ListMilestonesRequest { parent: rollout.name.clone() };
    let all = calls(server).list_milestones(request).await.unwrap().into_inner().milestones;
    all.into_iter().map(|milestone| (milestone.milestone, milestone.state)).collect()
}

#[tokio::test]
async fn no_review_is_lost_over_restarts_and_a_signature_closes_the_watch() {
    let month = Month::begin();
    let server = month.server().await;
    let agent = Obedient::start(server.channel.clone(), "eu").await;
    let rollout = launch(&server, "1.0.0", Span::ZERO, State::Stable).await;
    let opened = watch(&server, &rollout, "it is watched", |_| true).await;
    assert_eq!((opened.reviews.len(), opened.state), (11, i32::from(WatchState::Watching)));
    month.pass(HOUR);
    measure(&server, "conversion", "2.6", None).await;
    let before = month.clock.now().before(HOUR.times(3));
    measure(&server, "conversion", "2.4", Some(before)).await;
    month.pass(HOUR.times(23));
    let first = watch(&server, &rollout, "the first day is over", |watch| in_state(watch, ReviewState::Due) == 1).await;
    let figures = &first.reviews[0].filled.as_ref().unwrap().figures;
    let told: Vec<_> = figures.iter().map(|figure| (figure.kpi.as_str(), figure.outcome())).collect();
    assert_eq!(told, [("conversion", v1::figure::Outcome::Met), ("p95-ms", v1::figure::Outcome::NoData)]);
    let mean = |mean: &Option<v1::figure::Mean>| mean.as_ref().map(|mean| mean.value.clone()).unwrap_or_default();
    assert_eq!((mean(&figures[0].value), mean(&figures[0].before)), ("2.6".to_owned(), "2.4".to_owned()));
    drop(agent);
    server.running.shutdown().await;

    // Nobody is there for more than a week.
    month.pass(HOUR.times(24 * 8));
    let server = month.server().await;
    let late = watch(&server, &rollout, "the week is over", |watch| in_state(watch, ReviewState::Due) == 7).await;
    assert!(late.reviews.iter().take(7).all(|review| review.overdue_time.is_some()), "all of them are overdue");
    assert!(late.waits.iter().any(|wait| wait.code == "REVIEW_OVERDUE"), "{:?}", late.waits);
    assert_eq!(kinds(&server, &late).await, ["open", "due", "overdue"]);
    let early = calls(&server).sign_review(sign(&late, 8)).await.unwrap_err();
    assert_eq!(why(&early), (Code::FailedPrecondition, "REVIEW_NOT_DUE".to_owned()));
    let stale = v1::SignReviewRequest { etag: first.etag.clone(), ..sign(&late, 1) };
    assert_eq!(calls(&server).sign_review(stale).await.unwrap_err().code(), Code::Aborted);
    let once = v1::SignReviewRequest { request_id: uuid(), ..sign(&late, 1) };
    for _ in 0..2 {
        let signed = calls(&server).sign_review(once.clone()).await.unwrap().into_inner().watch.unwrap();
        assert_eq!(in_state(&signed, ReviewState::Signed), 1, "sent twice, signed once");
    }
    month.pass(HOUR.times(24 * 22));
    let last =
        watch(&server, &rollout, "the month is over", |watch| in_state(watch, ReviewState::Scheduled) == 0).await;
    close(&server, &rollout, &last).await;
    assert!(kinds(&server, &last).await.ends_with(&["add-action".to_owned(), "evaluate".to_owned()]));
    server.running.shutdown().await;
    let server = month.server().await;
    let closed = watch(&server, &rollout, "it is there", |_| true).await;
    assert_eq!(closed.state, i32::from(WatchState::Closed), "closed for ever");
    server.running.shutdown().await;
}

/// What is missing is waived with a reason, and the milestones follow.
async fn close(server: &Server, rollout: &v1::Rollout, last: &v1::Watch) {
    let pending = i32::from(v1::milestone::State::Pending);
    assert_eq!(milestones(server, rollout).await[2], ("evaluation".to_owned(), pending));
    let action = v1::Action {
        kind: v1::action::Kind::Training.into(),
        text: "show the new screen".to_owned(),
        owner: "bob".to_owned(),
        due_time: last.switch_time,
        review: 3,
        ..Default::default()
    };
    let add = v1::AddActionRequest {
        name: last.name.clone(),
        action: Some(action),
        actor: "ann".to_owned(),
        ..Default::default()
    };
    let added = calls(server).add_action(add).await.unwrap().into_inner().watch.unwrap();
    assert!(added.waits.iter().any(|wait| wait.code == "ACTION_LATE"), "{:?}", added.waits);
    let refused = calls(server).sign_evaluation(evaluate(last, "")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "EVALUATION_NOT_READY".to_owned()));
    assert!(refused.message().contains("review 2 is not signed") && refused.message().contains("action 1 is open"));
    let closed = calls(server).sign_evaluation(evaluate(last, "a new release is out")).await.unwrap().into_inner();
    let closed = closed.watch.unwrap();
    assert_eq!(closed.state, i32::from(WatchState::Closed));
    assert_eq!(closed.reviews.last().unwrap().waived, "a new release is out");
    let reached = i32::from(v1::milestone::State::Reached);
    let all = milestones(server, rollout).await;
    assert_eq!(all[1..], [("full-production".to_owned(), reached), ("evaluation".to_owned(), reached)]);
    assert_eq!(all[0].1, i32::from(v1::milestone::State::Missed), "its plan has no pilot");
}

#[tokio::test]
async fn a_rollback_after_the_switch_ends_the_watch() {
    let month = Month::begin();
    let server = month.server().await;
    let _agent = Obedient::start(server.channel.clone(), "eu").await;
    let first = launch(&server, "1.0.0", Span::ZERO, State::Stable).await;
    watch(&server, &first, "it is watched", |_| true).await;
    let rollout = launch(&server, "1.1.0", HOUR.times(48), State::Switched).await;
    let opened = watch(&server, &rollout, "it is watched", |_| true).await;
    let early = calls(&server).sign_evaluation(evaluate(&opened, "in a hurry")).await.unwrap_err();
    assert_eq!(why(&early).1, "ROLLOUT_NOT_STABLE");
    let back = v1::RollbackRolloutRequest { name: rollout.name.clone(), actor: "bob".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    let taken_back = i32::from(WatchState::TakenBack);
    let ended = watch(&server, &rollout, "it is taken back", |watch| watch.state == taken_back).await;
    assert!(["rolling-back", "rolled-back"].contains(&ended.rollout_state.as_str()), "{}", ended.rollout_state);
    let refused = calls(&server).sign_review(sign(&ended, 1)).await.unwrap_err();
    assert_eq!(why(&refused).1, "WATCH_ENDED");
    let lesson =
        v1::AddRetrospectiveRequest { name: ended.name.clone(), text: "test it".to_owned(), ..Default::default() };
    let kept = calls(&server).add_retrospective(lesson).await.unwrap().into_inner().watch.unwrap();
    assert_eq!(kept.retrospectives.len(), 1);
    let request = v1::ListWatchesRequest { parent: SERVICE.to_owned(), ..Default::default() };
    let listed = calls(&server).list_watches(request).await.unwrap().into_inner().watches;
    let states: Vec<_> = listed.iter().map(|watch| watch.state()).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&WatchState::Watching) && states.contains(&WatchState::TakenBack), "{states:?}");
    server.running.shutdown().await;
}
