//! `get`, `describe`, `plan`, `explain`, `status`: what is there, in every form.

use std::collections::BTreeMap;

use meridian_client::fake::{FakeServer, sample};
use meridian_client::name::DecisionName;
use meridian_client::{DecisionView, PlanView, RefusalKind, RegionChange, WaveForecastView};
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, WaveId};
use meridian_core::lane::Placed;
use meridian_core::plan::{Plan, PlannedLane, PlannedStep, PlannedWave, PlaybookRef, TrafficShare};
use meridian_core::playbook::{Limits, RollbackPolicy, StageKind};
use meridian_core::release::Reversibility;
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::run::{Ran, meridian};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/skyoptima/manifests");

pub fn plan() -> PlanView {
    let view = sample::rollout();
    let weight = |points| Weight::from_basis_points(points).unwrap();
    let step = |points| PlannedStep { weight: weight(points), cohort: None, bake: Span::from_secs(60), requests: 0 };
    let wave = |name: &str, regions: &[&str]| PlannedWave {
        staging: None,
        id: WaveId::new(name).unwrap(),
        stage: StageKind::Production,
        regions: regions.iter().map(|name| sample::region(name)).collect(),
        max_parallel: 1,
        max_skew: u32::MAX,
        steps: vec![step(1000), step(10_000)],
        soak: Span::from_secs(300),
        approvals: Vec::new(),
        callbacks: Vec::new(),
    };
    let base = view.lanes[0].base.clone();
    let lane = |base: Option<Placed>| PlannedLane {
        zone: None,
        slot: Slot::Green,
        base,
        epoch: Epoch::new(0, 3),
        share: TrafficShare::EQUAL,
        parameters: BTreeMap::new(),
    };
    let plan = Plan {
        timetable: meridian_core::calendar::Timetable::default(),
        checklist: Vec::new(),
        feedback: None,
        supersedes: None,
        set: None,
        join: None,
        service: sample::service(),
        release: view.release,
        reversibility: Reversibility::Free,
        playbook: PlaybookRef { id: PlaybookId::new("waves").unwrap(), revision: 2 },
        parent: None,
        lanes: BTreeMap::from([(sample::region("eu-west"), lane(base)), (sample::region("us-east"), lane(None))]),
        waves: vec![wave("first", &["eu-west"]), wave("rest", &["us-east"])],
        evidence: EvidencePolicy {
            checks: vec![Check {
                name: "errors".to_owned(),
                measure: Measure::ErrorRatio { max: weight(100) },
                sample_min: 50,
            }],
            window: EvidencePolicy::WINDOW,
            extend_max: EvidencePolicy::EXTEND_MAX,
        },
        rollback: RollbackPolicy::default(),
        limits: Limits::default(),
        mandate: None,
    };
    let forecast = |wave: &str, begins, exposed| WaveForecastView {
        wave: wave.to_owned(),
        begins: Span::from_secs(begins),
        settles: Span::from_secs(begins + 120),
        exposed,
    };
    PlanView {
        hash: plan.hash(),
        plan,
        created: None,
        forecast: vec![forecast("first", 0, 1), forecast("rest", 420, 2)],
        warnings: vec!["us-east has no way back".to_owned()],
        departure: None,
    }
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[tokio::test]
async fn every_kind_has_every_form() {
    let server = FakeServer::start().await;
    meridian(&server, &["apply", "-f", EXAMPLES]).await;
    server.put_rollout(&sample::rollout());
    for kind in ["services", "playbooks", "releases", "regions", "rollouts"] {
        let table = meridian(&server, &["get", kind]).await;
        let rows = table.stdout.lines().count() - 1;
        assert!(rows > 0, "{table:?}");
        let bare = meridian(&server, &["get", kind, "--no-headers"]).await;
        assert_eq!(bare.stdout.lines().count(), rows);
        assert_eq!(json(&meridian(&server, &["get", kind, "-o", "json"]).await).as_array().unwrap().len(), rows);
        let lines = meridian(&server, &["get", kind, "-o", "jsonl"]).await;
        assert_eq!(lines.stdout.lines().count(), rows);
        let names = meridian(&server, &["get", kind, "-o", "name"]).await;
        for name in names.stdout.lines() {
            let one = meridian(&server, &["get", name, "-o", "name"]).await;
            assert_eq!(one.stdout.trim(), name);
            assert_eq!(meridian(&server, &["describe", name]).await.exit, 0);
        }
    }
}

#[tokio::test]
async fn yaml_and_json_of_manifest_kinds_can_be_applied_again() {
    let server = FakeServer::start().await;
    meridian(&server, &["apply", "-f", EXAMPLES]).await;
    let folder = tempfile::tempdir().unwrap();
    for kind in ["services", "playbooks", "releases", "regions"] {
        let yaml = meridian(&server, &["get", kind, "-o", "yaml"]).await.stdout;
        std::fs::write(folder.path().join(format!("{kind}.yaml")), yaml).unwrap();
    }
    let again = meridian(&server, &["apply", "-f", folder.path().to_str().unwrap()]).await;
    assert_eq!(again.exit, 0, "{again:?}");
    assert!(again.stdout.lines().all(|line| line.ends_with(" unchanged")), "{again:?}");
    let mut playbook = json(&meridian(&server, &["get", "playbook/wave-by-wave", "-o", "json"]).await);
    playbook.as_object_mut().unwrap().remove("status");
    let file = folder.path().join("playbook.json");
    std::fs::write(&file, playbook.to_string()).unwrap();
    let again = meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!(again.stdout, "playbook/wave-by-wave unchanged\n", "{again:?}");
}

#[tokio::test]
async fn a_plan_shows_waves_ways_back_warnings_and_its_hash() {
    let server = FakeServer::start().await;
    let view = plan();
    server.put_plan(&view);
    let ran = meridian(&server, &["plan", "checkout", "1.8.2", "--playbook", "waves@2"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    insta::assert_snapshot!(ran.stdout);
    let hash = view.hash.hex();
    assert!(ran.stderr.contains(&format!("meridian rollout start checkout --plan {hash} --watch")));
    let name = meridian(&server, &["get", "plan", &hash, "-o", "name"]).await;
    assert_eq!(name.stdout, format!("plans/{hash}\n"));
    assert_eq!(json(&meridian(&server, &["describe", "plan", &hash, "-o", "json"]).await)["hash"], hash);
    let refused = meridian(&server, &["plan", "checkout", "9.9.9", "--playbook", "waves"]).await;
    assert_eq!(refused.exit, 5);
    assert!(refused.stderr.contains("PLAN_REFUSED"));
}

#[tokio::test]
async fn rollouts_are_found_by_service_and_explained() {
    let server = FakeServer::start().await;
    let mut old = sample::rollout();
    old.name = sample::name("r-0");
    old.created = meridian_core::time::Timestamp::from_millis(1000);
    server.put_rollout(&sample::rollout());
    server.put_rollout(&old);
    let newest = meridian(&server, &["rollout", "status", "checkout", "-o", "name"]).await;
    assert_eq!(newest.stdout, "services/checkout/rollouts/r-1\n");
    let exact = meridian(&server, &["rollout", "status", "checkout/r-0", "-o", "name"]).await;
    assert_eq!(exact.stdout, "services/checkout/rollouts/r-0\n");
    let picture = meridian(&server, &["rollout", "status", "checkout"]).await;
    assert!(picture.stdout.contains("◌ RUNNING") && picture.stdout.contains("us-east"), "{picture:?}");
    let why = meridian(&server, &["explain", "checkout"]).await.stdout;
    for part in ["MAX_PARALLEL", "other regions of the wave", "1.8.1 in blue", "meridian rollout pause checkout/r-1"] {
        assert!(why.contains(part), "{part} is missing in\n{why}");
    }
    let why = json(&meridian(&server, &["explain", "checkout", "-o", "json"]).await);
    assert_eq!(why["waits"][0]["onWhom"], "time");
    assert_eq!(meridian(&server, &["rollout", "status", "nobody"]).await.exit, 3);
}

#[tokio::test]
async fn decisions_are_listed_and_found() {
    let server = FakeServer::start().await;
    let name = DecisionName { service: sample::service(), epoch: Epoch::new(0, 7) };
    server.put_decision(&DecisionView {
        name,
        rollout: sample::name("r-1").to_string(),
        time: sample::STARTED,
        kind: "pause".to_owned(),
        actor: "ann".to_owned(),
        message: "ann: errors".to_owned(),
        digest: "d7".to_owned(),
        previous: "d6".to_owned(),
    });
    let history = meridian(&server, &["rollout", "history", "checkout/r-1"]).await;
    assert!(history.stdout.contains("0.7") && history.stdout.contains("ann: errors"), "{history:?}");
    let one = meridian(&server, &["describe", "decision", "checkout/0.7", "-o", "json"]).await;
    assert_eq!(json(&one)["previousDigest"], "d6");
    assert_eq!(meridian(&server, &["get", "decision", "checkout/0.8"]).await.exit, 3);
    assert_eq!(meridian(&server, &["get", "decisions"]).await.exit, 2);
}

#[tokio::test]
async fn failed_calls_end_with_their_number() {
    let server = FakeServer::start().await;
    let table = [
        (RefusalKind::NotFound, 3),
        (RefusalKind::Unauthenticated, 4),
        (RefusalKind::PermissionDenied, 4),
        (RefusalKind::Conflict, 5),
        (RefusalKind::AlreadyExists, 5),
        (RefusalKind::Precondition, 5),
        (RefusalKind::Invalid, 1),
        (RefusalKind::Exhausted, 1),
        (RefusalKind::Internal, 1),
        (RefusalKind::Deadline, 7),
    ];
    for (kind, exit) in table {
        server.refuse_next([(kind, "AS_TOLD")]);
        let ran = meridian(&server, &["get", "service/a"]).await;
        assert_eq!(ran.exit, exit, "{kind:?}");
        assert!(ran.stderr.contains("AS_TOLD") && ran.stderr.contains("trace-1"), "{ran:?}");
    }
    server.hang_next();
    assert_eq!(meridian(&server, &["get", "services", "--timeout", "200ms"]).await.exit, 7);
    for wrong in [&["get"][..], &["get", "pods"], &["get", "plans"], &["nothing"], &["get", "service/A"]] {
        assert_eq!(meridian(&server, wrong).await.exit, 2, "{wrong:?}");
    }
    let help = meridian(&server, &["--help"]).await;
    assert_eq!(help.exit, 0);
    assert!(help.stdout.contains("rollout") && help.stderr.is_empty());
}

#[tokio::test]
async fn regions_are_cordoned_without_losing_anything() {
    let server = FakeServer::start().await;
    let labels = BTreeMap::from([("tier".to_owned(), "low".to_owned())]);
    let (id, description) = (sample::region("eu-west"), "Dublin".to_owned());
    server.put_region(&RegionChange { id, labels, description, cordoned: false, traffic_share: None, etag: None });
    let ran = meridian(&server, &["region", "cordon", "eu-west"]).await;
    assert_eq!(ran.stdout, "region/eu-west cordoned\n");
    let view = json(&meridian(&server, &["get", "region/eu-west", "-o", "json"]).await);
    assert_eq!(view["spec"], serde_json::json!({ "cordoned": true, "description": "Dublin" }));
    assert_eq!(view["metadata"]["labels"]["tier"], "low");
    let ran = meridian(&server, &["region", "cordon", "eu-west"]).await;
    assert_eq!(ran.stdout, "region/eu-west unchanged, cordoned already\n");
    assert_eq!(meridian(&server, &["region", "uncordon", "eu-west"]).await.stdout, "region/eu-west uncordoned\n");
}

#[tokio::test]
async fn regions_go_and_come_late() {
    let server = FakeServer::start().await;
    let id = sample::region("eu-west");
    let (labels, description) = (BTreeMap::new(), String::new());
    server.put_region(&RegionChange { id, labels, description, cordoned: false, traffic_share: None, etag: None });
    let ran = meridian(&server, &["region", "drain", "eu-west", "--reason", "the site is given up"]).await;
    assert!(ran.stdout.contains("is drained") && ran.stdout.contains("meridian delete region/eu-west"), "{ran:?}");
    let told = meridian(&server, &["describe", "region/eu-west"]).await.stdout;
    assert!(told.contains("drained") && told.contains("the site is given up; no rollout holds it"), "{told}");
    let view = json(&meridian(&server, &["get", "region/eu-west", "-o", "json"]).await);
    assert_eq!(view["status"]["drain"]["reason"], "the site is given up");
    assert_eq!(meridian(&server, &["region", "drain", "eu-west"]).await.exit, 2, "nothing goes without a reason");
    let ran = meridian(&server, &["region", "undrain", "eu-west", "--reason", "it stays"]).await;
    assert_eq!(ran.stdout, "region/eu-west undrained\n");
    let view = json(&meridian(&server, &["get", "region/eu-west", "-o", "json"]).await);
    assert_eq!(view["status"]["drain"], serde_json::Value::Null);
    let was = &view["status"]["undrains"][0];
    assert_eq!((&was["drained"]["reason"], &was["actor"]), (&"the site is given up".into(), &"ann".into()));
    let told = meridian(&server, &["describe", "region/eu-west"]).await.stdout;
    assert!(told.contains("was drained") && told.contains("it stays"), "{told}");
    let ran = meridian(&server, &["region", "join", "eu-west"]).await;
    assert_eq!(ran.stdout, "region/eu-west unchanged, it has what the fleet has\n");
    let ran = meridian(&server, &["region", "join", "eu-west", "--service", "checkout"]).await;
    assert!(ran.exit != 0 && ran.stderr.contains("NOTHING_TO_JOIN"), "{ran:?}");
}

#[tokio::test]
async fn the_analysis_tells_number_limit_test_and_why() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    server.put_findings();
    let ran = meridian(&server, &["analysis", "explain", "checkout/r-1"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    for word in ["us-east", "error-ratio", "1200 of 100", "threshold: at most 1.00 %", "0.12 % is within", "nothing"] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
    let ran = meridian(&server, &["analysis", "explain", "checkout/r-1", "--region", "us-east", "-o", "json"]).await;
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!((found[0]["measured"].as_u64(), found[0]["limit"].as_u64()), (Some(12), Some(100)), "{found}");
    let ran = meridian(&server, &["analysis", "explain", "checkout/r-1", "--region", "nowhere"]).await;
    assert_eq!(ran.exit, 3, "{ran:?}");
}

#[tokio::test]
async fn the_report_tells_what_the_load_of_each_step_came_to() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    server.put_findings();
    let ran = meridian(&server, &["analysis", "report", "checkout/r-1"]).await;
    assert_eq!(ran.exit, 3, "no step was under load: {ran:?}");
    server.put_loads();
    let ran = meridian(&server, &["analysis", "report", "checkout/r-1"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    for word in ["us-east", "rehearsed/3", "0% (down)", "2000", "1980", "1.2 ms", "61.0 ms", "98.7 ms", "pass"] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
    let ran = meridian(&server, &["analysis", "report", "checkout/r-1", "-o", "json"]).await;
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((found[0]["offered"].as_u64(), found[0]["notSent"].as_u64()), (Some(2000), Some(10)), "{found}");
    assert_eq!((found[0]["leg"].as_str(), found[0]["latencyMicros"]["p999"].as_u64()), (Some("down"), Some(61_000)));
}
