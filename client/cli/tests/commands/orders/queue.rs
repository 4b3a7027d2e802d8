//! The queue: a start that waits says so, and what waits can be seen, taken out and let go on.

use meridian_client::fake::{FakeServer, sample};
use meridian_client::{
    LeftView, QueueHoldView, QueueView, QueueWaitView, QueuedView, RefusalKind, RolloutState, RolloutView,
};

use crate::look::plan;
use crate::run::meridian;

/// What waits is the release of the plan that the server knows.
pub(crate) fn queue() -> QueueView {
    let release = plan().plan.release.version;
    let name = sample::name("r-2");
    let hold = "rollout r-1 holds us-east".to_owned();
    let wait = QueueWaitView { code: "LANE_HELD".to_owned(), message: hold, rollout: sample::name("r-1").to_string() };
    let (actor, reason, at) = ("ann".to_owned(), "the next one".to_owned(), sample::rollout().created);
    let playbook = "playbooks/careful".to_owned();
    let queued = QueuedView { name, release, playbook, actor, reason, at, place: 2, waits: vec![wait] };
    let gone = QueuedView { name: sample::name("r-3"), place: 0, waits: Vec::new(), ..queued.clone() };
    let (code, message, actor) = ("DIGEST_VETOED".to_owned(), "it eats orders".to_owned(), "meridian".to_owned());
    let left = LeftView { request: gone, code, message, actor, at };
    let hold = QueueHoldView { actor: "carla".to_owned(), reason: "restored".to_owned(), at };
    QueueView { service: sample::name("r-1").service, waiting: vec![queued], left: vec![left], hold: Some(hold) }
}

#[tokio::test]
async fn a_start_over_held_lanes_does_what_the_playbook_says() {
    let server = FakeServer::start().await;
    server.put_plan(&plan());
    let version = plan().plan.release.version.to_string();
    let start = ["rollout", "start", "checkout", "--release", &version, "--playbook", "careful", "--id", "r-2"];
    let refused = meridian(&server, &start).await;
    assert_eq!(refused.exit, 5, "{refused:?}");
    let asked = |server: &FakeServer| server.seen().last().unwrap().clone();
    let release = format!("services/checkout/releases/{version}");
    assert_eq!(
        (asked(&server).call, asked(&server).words[3].as_str()),
        ("RequestRollout", "0"),
        "as the playbook says"
    );
    server.put_queue(&queue());
    let ran = meridian(&server, &[&start[..], &["--queue"]].concat()).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.stdout.contains("queued: 2nd, waits: rollout r-1 holds us-east"), "{ran:?}");
    assert_eq!(asked(&server).words, [release.as_str(), "playbooks/careful", "ann", "2"]);
    let json = meridian(&server, &[&start[..], &["--queue", "-o", "json"]].concat()).await.stdout;
    assert!(json.contains("\"queued\": true") && json.contains("\"LANE_HELD\""), "{json}");
    let hash = "0".repeat(64);
    let planned = meridian(&server, &["rollout", "start", "checkout", "--plan", &hash, "--queue"]).await;
    assert_eq!(planned.exit, 2);
    assert!(planned.stderr.contains("PLAN_CANT_WAIT"), "{planned:?}");
    server.refuse_next([(RefusalKind::Precondition, "REGION_CORDONED")]);
    let cordoned = meridian(&server, &[&start[..], &["--queue"]].concat()).await;
    assert_eq!((cordoned.exit, asked(&server).call), (5, "CreatePlan"), "no end of a rollout changes that");
}

#[tokio::test]
async fn watching_a_request_that_is_taken_out_ends_with_why() {
    let server = FakeServer::start().await;
    let mut view = queue();
    view.left[0].request.name = view.waiting[0].name.clone();
    server.put_plan(&plan());
    server.put_queue(&view);
    let version = plan().plan.release.version.to_string();
    let address = server.address();
    let start = ["rollout", "start", "checkout", "--release", &version, "--playbook", "careful", "--id", "r-2"];
    let waiting = [&start[..], &["--watch", "--queue"]].concat();
    let (ran, ()) = tokio::join!(crate::run::with(&address, &waiting, "", crate::run::Reader::Program), async {
        while server.seen().iter().all(|seen| seen.call != "ListQueue") {
            tokio::task::yield_now().await;
        }
        view.waiting.clear();
        server.put_queue(&view);
    });
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert!(ran.stderr.contains("DIGEST_VETOED") && ran.stderr.contains("queued: 2nd"), "{ran:?}");
}

#[tokio::test]
async fn a_queue_is_listed_cleared_and_resumed() {
    let server = FakeServer::start().await;
    server.put_queue(&queue());
    let listed = meridian(&server, &["rollout", "queue", "list", "checkout"]).await.stdout;
    for word in ["2nd", "r-2", "holds us-east", "taken out", "DIGEST_VETOED: it eats orders", "by carla", "resume"] {
        assert!(listed.contains(word), "{word} is not in\n{listed}");
    }
    let last = |server: &FakeServer| server.seen().last().unwrap().clone();
    let resume = ["rollout", "queue", "resume", "checkout", "--reason", "compared it"];
    assert_eq!(meridian(&server, &resume).await.exit, 0);
    assert_eq!(last(&server).words, ["services/checkout", "ann", "compared it"]);
    let remove = ["rollout", "queue", "remove", "checkout/r-2", "--reason", "not needed"];
    assert_eq!(meridian(&server, &remove).await.exit, 0);
    assert_eq!(last(&server).words, ["services/checkout/rollouts/r-2", "ann", "not needed"]);
    assert_eq!(meridian(&server, &remove).await.exit, 3, "it waits no longer");
    assert_eq!(meridian(&server, &["rollout", "queue", "remove", "checkout", "--reason", "x"]).await.exit, 2, "which?");
    assert_eq!(meridian(&server, &remove[..4]).await.exit, 2, "why?");
}

#[tokio::test]
async fn a_request_that_waits_is_shown_by_every_command_that_looks_at_a_rollout() {
    let server = FakeServer::start().await;
    server.put_queue(&queue());
    for look in [&["rollout", "status"][..], &["describe", "rollout"], &["explain"]] {
        let ran = meridian(&server, &[look, &["checkout/r-2"]].concat()).await;
        assert_eq!(ran.exit, 0, "{ran:?}");
        for word in ["2nd in the queue of checkout", "rollout r-1 holds us-east", "ann, ", "rollout watch checkout/r-2"]
        {
            assert!(ran.stdout.contains(word), "{look:?}: {word} is not in\n{}", ran.stdout);
        }
    }
    let row = meridian(&server, &["get", "rollout", "checkout/r-2"]).await;
    assert!(row.exit == 0 && row.stdout.contains("2nd"), "{row:?}");
    let json = meridian(&server, &["rollout", "status", "checkout/r-2", "-o", "json"]).await.stdout;
    assert!(json.contains("\"queued\": true"), "{json}");
    let order = ["rollout", "pause", "checkout/r-2", "--reason", "wait"];
    let paused = meridian(&server, &order).await;
    assert_eq!(paused.exit, 5, "there is nothing to pause yet");
    assert!(paused.stderr.contains("ROLLOUT_QUEUED"), "{paused:?}");
    let gone = meridian(&server, &["rollout", "status", "checkout/r-3", "--wait"]).await;
    assert_eq!(gone.exit, 5, "{gone:?}");
    assert!(gone.stderr.contains("ROLLOUT_TAKEN_OUT") && gone.stderr.contains("it eats orders"), "{gone:?}");
    assert_eq!(meridian(&server, &["rollout", "status", "checkout/r-4"]).await.exit, 3, "nobody asked for it");
}

#[tokio::test]
async fn waiting_for_a_request_goes_on_through_the_queue_and_follows_its_rollout() {
    for command in [&["rollout", "status", "checkout/r-2", "--wait"][..], &["rollout", "watch", "checkout/r-2"]] {
        let server = FakeServer::start().await;
        server.put_queue(&queue());
        let address = server.address();
        let (ran, ()) = tokio::join!(crate::run::with(&address, command, "", crate::run::Reader::Program), async {
            let looks = |server: &FakeServer| server.seen().iter().filter(|seen| seen.call == "ListQueue").count();
            while looks(&server) < 2 {
                tokio::task::yield_now().await;
            }
            let (name, state) = (sample::name("r-2"), RolloutState::Stable);
            server.put_rollout(&RolloutView { name, state, ..sample::rollout() });
            server.put_queue(&QueueView { waiting: Vec::new(), ..queue() });
        });
        assert_eq!(ran.exit, 0, "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("queued: 2nd") && ran.stderr.contains("started"), "{ran:?}");
    }
    let server = FakeServer::start().await;
    server.put_queue(&queue());
    let late = meridian(&server, &["rollout", "status", "checkout/r-2", "--wait", "--timeout", "1s"]).await;
    assert_eq!(late.exit, 8, "{late:?}");
    assert!(late.stdout.contains("2nd in the queue"), "it is shown as it is then: {late:?}");
}
