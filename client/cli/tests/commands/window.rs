//! `window next` and `window export`: openings in local time and in UTC, and as a calendar for other programs.

use meridian_client::fake::FakeServer;

use crate::run::{Reader, meridian, with};

const PLAYBOOK: &str = "apiVersion: meridian.dev/v1
kind: Playbook
metadata: {name: timely}
spec:
  stages:
    - kind: production
      waves:
        - {name: all, regions: rest, steps: [{weight: 100%, bake: 5s}]}
  windows:
    - {name: far, from: 9000-01-04T09:00, to: 9000-01-04T17:00}
    - {name: farther, zone: Asia/Tokyo, from: 9000-07-04T09:00, to: 9000-07-04T17:00}
  freezes:
    - {name: rest, zone: UTC, from: 9000-01-04T10:00, to: 9000-01-04T11:00}
---
apiVersion: meridian.dev/v1
kind: Region
metadata:
  name: eu-west
  labels: {time-zone: Europe/Berlin}
spec: {}
";

#[tokio::test]
async fn the_next_openings_are_shown_by_a_regions_clock() {
    let server = FakeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    std::fs::write(&file, PLAYBOOK.replace("9000-", "2026-")).unwrap();
    let applied = meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!(applied.exit, 0, "{applied:?}");
    // What is over is not shown.
    let over = meridian(&server, &["window", "next", "timely", "--region", "eu-west", "-o", "name"]).await;
    assert_eq!((over.exit, over.stdout.as_str()), (0, ""), "{over:?}");
    let refused = meridian(&server, &["window", "next", "timely"]).await;
    assert_ne!(refused.exit, 0);
    assert!(refused.stderr.contains("--region"), "{refused:?}");
}

#[tokio::test]
async fn repeated_openings_are_as_many_as_were_asked_for() {
    let server = FakeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    let daily = "    - {name: daily, zone: Asia/Tokyo, cron: 0 9 * * *, duration: 8h}\n  freezes: []\n---";
    let (head, rest) = PLAYBOOK.split_once("    - {name: far,").unwrap();
    let (_, region) = rest.split_once("---").unwrap();
    std::fs::write(&file, format!("{head}{daily}{region}")).unwrap();
    let applied = meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!(applied.exit, 0, "{applied:?}");
    let shown = meridian(&server, &["window", "next", "timely", "-n", "2", "-o", "json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let openings = shown.as_array().unwrap();
    assert_eq!(openings.len(), 2);
    for opening in openings {
        assert!(opening["opens"].as_str().unwrap().ends_with("T00:00:00Z"), "{opening}");
        assert!(opening["opensLocal"].as_str().unwrap().ends_with("09:00 JST"), "{opening}");
        assert!(opening["closesLocal"].as_str().unwrap().ends_with("17:00 JST"), "{opening}");
    }
}

#[tokio::test]
async fn windows_and_freezes_are_a_calendar_for_other_programs() {
    let server = FakeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    let daily = "    - {name: daily, cron: 0 9 * * *, duration: 8h}\n  freezes:\n    \
                 - {name: always, zone: UTC, from: 2026-01-01T00:00, to: 9000-01-01T00:00}\n---";
    let (head, rest) = PLAYBOOK.split_once("    - {name: far,").unwrap();
    let (_, region) = rest.split_once("---").unwrap();
    std::fs::write(&file, format!("{head}{daily}{region}").replace("Europe/Berlin", "Asia/Tokyo")).unwrap();
    let applied = meridian(&server, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!(applied.exit, 0, "{applied:?}");
    let refused = meridian(&server, &["window", "export", "timely"]).await;
    assert_ne!(refused.exit, 0);
    assert!(refused.stderr.contains("windows[0].zone") && refused.stderr.contains("--region"), "{refused:?}");
    let told = meridian(&server, &["window", "export", "timely", "--region", "eu-west", "--days", "3"]).await;
    assert_eq!(told.exit, 0, "{told:?}");
    let unfolded = told.stdout.replace("\r\n ", "");
    let lines: Vec<&str> = unfolded.split("\r\n").collect();
    assert_eq!((lines[0], lines[lines.len() - 2]), ("BEGIN:VCALENDAR", "END:VCALENDAR"), "{told:?}");
    let all = |begin: &str| lines.iter().filter(|line| line.starts_with(begin)).copied().collect::<Vec<_>>();
    let windows = all("SUMMARY:window daily").len();
    // One that is open now reaches into three days as a fourth.
    assert!((3..=4).contains(&windows), "{told:?}");
    assert_eq!(all("SUMMARY:freeze always").len(), 1, "{told:?}");
    let starts = all("DTSTART:");
    assert_eq!(
        starts.iter().filter(|start| start.ends_with("T000000Z")).count(),
        windows + 1,
        "nine in Tokyo: {starts:?}"
    );
    assert!(starts.contains(&"DTSTART:20260101T000000Z") && all("DTEND:").contains(&"DTEND:90000101T000000Z"));
    let uids: std::collections::BTreeSet<&str> = all("UID:").into_iter().collect();
    assert_eq!(uids.len(), windows + 1, "each event has a name of its own");
}

#[tokio::test]
async fn a_window_that_no_clock_shows_is_refused_where_it_is_written() {
    let server = FakeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timely.yaml");
    std::fs::write(&file, PLAYBOOK.replace("Asia/Tokyo", "Asia/Tokio")).unwrap();
    let refused = meridian(&server, &["lint", "-f", file.to_str().unwrap()]).await;
    assert_ne!(refused.exit, 0);
    let told = format!("{}{}", refused.stdout, refused.stderr);
    assert!(told.contains("timely.yaml:11:") && told.contains("TIME_ZONE_UNKNOWN"), "{told}");
    assert!(told.contains("spec.windows[1].zone = Asia/Tokio"), "{told}");
}

#[tokio::test]
async fn what_never_opens_is_refused_by_lint() {
    let lint = async |manifest: String| {
        let ran = with("http://127.0.0.1:9", &["lint", "-f", "-"], &manifest, Reader::Program).await;
        (ran.exit, format!("{}{}", ran.stdout, ran.stderr))
    };
    let (exit, told) = lint(PLAYBOOK.to_owned()).await;
    assert_eq!(exit, 6, "{told}");
    let expected = "WINDOWS_NEVER_OPEN: nothing ever starts under these (spec.windows = far, farther); fix: none opens";
    assert!(told.contains(expected), "{told}");
    // 9 to 10 is open, and so is 11 to 17.
    let soon =
        PLAYBOOK.replace("    - {name: far,", "    - {name: daily, cron: 0 9 * * *, duration: 8h}\n    - {name: far,");
    assert_eq!(lint(soon.clone()).await.0, 0);
    let frozen =
        soon.replace("from: 9000-01-04T10:00, to: 9000-01-04T11:00", "from: 2020-01-01T00:00, to: 9000-01-01T00:00");
    let (exit, told) = lint(frozen).await;
    assert!(exit == 6 && told.contains("a freeze lies over every window"), "{told}");
    let (exit, told) = lint(soon.replace("to: 9000-01-04T11:00", "to: 9999-01-04T11:00")).await;
    assert!(exit == 6 && told.contains("RANGE_INVALID: the year lies between 1970 and 9998"), "{told}");
}
