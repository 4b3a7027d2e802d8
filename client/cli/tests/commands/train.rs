//! `train …`: departures in the train's zone and in UTC, what `lint` says of trains, and boarding.

use meridian_client::RefusalKind;
use meridian_client::fake::{FakeServer, sample};

use crate::look::plan;
use crate::run::{Reader, meridian, with};

const PLAYBOOK: &str = "apiVersion: meridian.dev/v1
kind: Playbook
metadata: {name: timely}
spec:
  stages:
    - kind: production
      waves:
        - {name: all, regions: rest, steps: [{weight: 100%, bake: 5s}]}
  trains:
    - {name: fortnightly, zone: Asia/Tokyo, departs: 0 9 * * TUE, boarding: 2h, every: 2, from: 2024-01-02}
    - {name: night, zone: Europe/Berlin, departs: 0 23 * * *, boarding: 30m}
  train: fortnightly
  freezes:
    - {name: always, zone: UTC, from: 2020-01-01, to: 2020-01-02}
";

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn the_next_departures_are_shown_and_exported() {
    let server = FakeServer::start().await;
    let next = ["train", "next", "-f", "-", "-n", "2", "-o", "json"];
    let of_file = with(&server.address(), &next, PLAYBOOK, Reader::Program).await;
    assert_eq!(of_file.exit, 0, "{of_file:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    std::fs::write(&file, PLAYBOOK).unwrap();
    assert_eq!(meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await.exit, 0);
    let of_playbook = meridian(&server, &["train", "next", "--playbook", "timely", "-n", "2", "-o", "json"]).await;
    for told in [json(&of_file.stdout), json(&of_playbook.stdout)] {
        let told = told.as_array().unwrap();
        let trains: Vec<&str> = told.iter().map(|it| it["train"].as_str().unwrap()).collect();
        assert_eq!(trains, ["fortnightly", "fortnightly", "night", "night"]);
        for departure in &told[..2] {
            assert!(departure["departs"].as_str().unwrap().ends_with("T00:00:00Z"), "{departure}");
            assert!(departure["departsLocal"].as_str().unwrap().ends_with("09:00 JST"), "{departure}");
            assert!(departure["closesLocal"].as_str().unwrap().ends_with("11:00 JST"), "{departure}");
            assert_eq!((&departure["increment"], &departure["freezes"]), (&json("null"), &json("[]")));
        }
    }
    let listed = json(&meridian(&server, &["train", "list", "-o", "json"]).await.stdout);
    let first = &listed[0];
    assert_eq!(
        (&first["taken"], &first["every"], &first["playbook"]),
        (&json("true"), &json("2"), &json("\"timely\""))
    );
    assert_eq!(first["next"]["train"], "fortnightly");
    let exported = meridian(&server, &["window", "export", "timely", "--days", "15"]).await.stdout;
    let unfolded = exported.replace("\r\n ", "");
    assert!(unfolded.contains("SUMMARY:train fortnightly: timely\\, rollouts may begin\r\n"), "{unfolded}");
    assert!((15..=16).contains(&unfolded.matches("SUMMARY:train night").count()), "{unfolded}");
}

#[tokio::test]
async fn increments_are_exported_with_their_quiet_days() {
    let server = FakeServer::start().await;
    let increments = "  increments:
    - name: long
      zone: UTC
      from: 2020-01-01
      to: 9000-01-01
      planning: {from: 2020-01-01, to: 2020-02-01}
      innovation: {from: 8000-01-01, to: 9000-01-01}
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    std::fs::write(&file, format!("{PLAYBOOK}{increments}")).unwrap();
    assert_eq!(meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await.exit, 0);
    let exported = meridian(&server, &["window", "export", "timely", "--days", "1"]).await.stdout;
    assert!(exported.contains("DTSTART:20200101T000000Z\r\nDTEND:90000101T000000Z"), "{exported}");
    assert_eq!(exported.matches("SUMMARY:increment long").count(), 1, "{exported}");
    assert_eq!(exported.matches("SUMMARY:quiet").count(), 0, "neither reaches into the day: {exported}");
    let next = json(&meridian(&server, &["train", "next", "--playbook", "timely", "-o", "json"]).await.stdout);
    assert_eq!(next[0]["increment"], "long");
}

#[tokio::test]
async fn what_never_departs_is_refused_and_what_is_left_out_is_told() {
    let lint = async |manifest: String| {
        let ran = with("http://127.0.0.1:9", &["lint", "-f", "-"], &manifest, Reader::Program).await;
        (ran.exit, format!("{}{}", ran.stdout, ran.stderr))
    };
    assert_eq!(lint(PLAYBOOK.to_owned()).await.0, 0);
    let frozen = PLAYBOOK.replace("to: 2020-01-02", "to: 9000-01-01");
    let (exit, told) = lint(frozen).await;
    assert_ne!(exit, 0);
    assert!(told.contains("TRAIN_NEVER_DEPARTS") && told.contains("spec.trains[1].departs"), "{told}");
    let over = |from: &str, to: &str| {
        format!("{PLAYBOOK}  increments:\n    - {{name: pi, zone: UTC, from: {from}, to: {to}}}\n")
    };
    let (exit, told) = lint(over("2020-01-01", "2020-04-01")).await;
    assert_ne!(exit, 0);
    assert!(told.contains("the last one ends 2020-04-01"), "{told}");
    let (exit, told) = lint(over("2020-01-01", "9000-01-01")).await;
    assert_eq!((exit, told.contains("outside every increment")), (0, false), "{told}");
    for (from, to, code, field) in [
        ("boarding: 2h", "boarding: 0s", "DURATION_INVALID", "trains[0].boarding"),
        ("train: fortnightly", "train: express", "TRAIN_UNKNOWN", "train = express"),
        ("departs: 0 23", "departs: 30 2", "CRON_INVALID", "trains[1].departs"),
        (", from: 2024-01-02", "", "DURATION_INVALID", "trains[0].every"),
        ("Asia/Tokyo", "Asia/Tokio", "TIME_ZONE_UNKNOWN", "trains[0].zone"),
    ] {
        let (exit, told) = lint(PLAYBOOK.replace(from, to)).await;
        assert_ne!(exit, 0, "{to}");
        assert!(told.contains(code) && told.contains(field), "{to}: {told}");
    }
}

#[tokio::test]
async fn a_train_is_boarded_and_left_with_a_reason() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let last = |server: &FakeServer| server.seen().last().unwrap().clone();
    let name = "services/checkout/rollouts/r-1";
    let ran = meridian(&server, &["train", "board", "checkout", "--train", "night"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(last(&server).words, [name, "ann", "operator", "night"]);
    assert_eq!(meridian(&server, &["train", "leave", "checkout/r-1"]).await.exit, 2, "a reason is needed");
    assert_eq!(meridian(&server, &["train", "leave", "checkout/r-1", "--reason", "urgent"]).await.exit, 0);
    assert_eq!(last(&server).words, [name, "ann", "urgent", ""]);
    server.refuse_next([(RefusalKind::Precondition, "TRAIN_DEPARTED")]);
    assert_eq!(meridian(&server, &["train", "board", "checkout/r-1", "--train", "night"]).await.exit, 5);
}

#[tokio::test]
async fn a_rollout_may_be_started_without_its_train() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let plan = plan();
    server.put_plan(&plan);
    let hash = plan.hash.hex();
    let start = ["rollout", "start", "checkout", "--plan", &hash, "--id", "r-1", "--no-train"];
    assert_eq!(meridian(&server, &start).await.exit, 2, "a reason is needed");
    let ran = meridian(&server, &[&start[..], &["--reason", "urgent"]].concat()).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let seen = server.seen();
    let calls: Vec<&str> = seen.iter().map(|seen| seen.call).collect();
    assert_eq!(calls[calls.len() - 2..], ["CreateRollout", "BoardTrain"]);
    assert_eq!(seen.last().unwrap().words[2..], ["urgent", ""]);
}
