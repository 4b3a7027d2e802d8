//! `simulate`: a plan in virtual time from manifests alone, as a timeline, as JSON and as a picture.

use serde_json::Value;

use crate::run::{Ran, Reader, with};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

const MANIFESTS: &str = "apiVersion: meridian.dev/v1
kind: Playbook
metadata: {name: sunwards}
spec:
  stages:
    - kind: production
      waves:
        - name: first
          regions: [tokyo]
          steps: [{weight: 10%, bake: 5m}, {weight: 100%, bake: 10m}]
          soak: 1h
        - {name: rest, regions: rest, maxParallel: 2, strategy: blue-green, bake: 10m}
  windows:
    - {name: office, cron: 0 9 * * MON-FRI, duration: 8h}
  evidence:
    checks: [{name: errors, errorRatio: {max: 1%}, sampleMin: 100}]
---
apiVersion: meridian.dev/v1
kind: Release
spec: {service: checkout, version: 1.0.0, digest: 'sha256:1111111111111111111111111111111111111111111111111111111111111111'}
---
apiVersion: meridian.dev/v1
kind: Release
spec: {service: checkout, version: 1.1.0, digest: 'sha256:2222222222222222222222222222222222222222222222222222222222222222'}
---
apiVersion: meridian.dev/v1
kind: Region
metadata: {name: tokyo, labels: {time-zone: Asia/Tokyo}}
spec: {trafficShare: 1}
---
apiVersion: meridian.dev/v1
kind: Region
metadata: {name: berlin, labels: {time-zone: Europe/Berlin}}
spec: {trafficShare: 2}
---
apiVersion: meridian.dev/v1
kind: Region
metadata: {name: lisbon, labels: {time-zone: Europe/Lisbon}}
spec: {trafficShare: 1}
";

async fn simulate(manifests: &str, arguments: &[&str]) -> Ran {
    let fixed = ["simulate", "-f", "-", "--from", "2026-11-30T03:00"];
    with(NOWHERE, &[&fixed[..], arguments].concat(), manifests, Reader::Program).await
}

async fn as_json(manifests: &str, arguments: &[&str]) -> (u8, Value) {
    let ran = simulate(manifests, &[&["-o", "json"][..], arguments].concat()).await;
    let value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.exit, value)
}

#[tokio::test]
async fn a_plan_follows_the_sun_by_the_minute() {
    let (exit, told) = as_json(MANIFESTS, &[]).await;
    assert_eq!(exit, 0);
    let course = &told["course"];
    // Noon in Tokyo: 30 s up, 2 s of shift and 5 m of bake, 2 s and 10 m.
    assert_eq!(course["waves"][0]["settled"], "2026-11-30T03:15:34Z");
    assert_eq!(course["waves"][0]["beganLocal"]["time"], "2026-11-30 12:00 JST");
    // An hour later it is 05:15 in Berlin, where offices open at 09:00, an hour before those in Lisbon.
    let waits: Vec<&Value> = course["waits"].as_array().unwrap().iter().filter(|wait| wait["gate"] == true).collect();
    let until = |region: &str| waits.iter().find(|wait| wait["region"] == region).unwrap()["to"].clone();
    assert_eq!((until("berlin"), until("lisbon")), ("2026-11-30T08:00:00Z".into(), "2026-11-30T09:00:00Z".into()));
    assert_eq!(course["waves"][1]["settled"], "2026-11-30T09:10:32Z");
    assert_eq!((&course["end"]["state"], &course["end"]["time"]), (&"stable".into(), &"2026-11-30T10:10:32Z".into()));
    let shares: Vec<u64> =
        course["exposure"].as_array().unwrap().iter().map(|it| it["share"].as_u64().unwrap()).collect();
    assert_eq!(shares, [0, 250, 2500, 7500, 10_000], "by declared shares of traffic");
}

#[tokio::test]
async fn failures_say_where_they_lead_each_by_itself() {
    let (exit, told) = as_json(MANIFESTS, &["--fail", "berlin@1", "--fail", "tokyo@first/2,lisbon@1"]).await;
    assert_eq!(exit, 0, "the calm course ends well");
    let failures = told["failures"].as_array().unwrap();
    assert_eq!(failures[0]["fails"], serde_json::json!(["berlin@rest/1"]));
    let back = &failures[0]["course"];
    assert_eq!((&back["end"]["state"], &back["exposedMost"]), (&"rolled-back".into(), &7500.into()));
    let regions: Vec<_> = back["returns"].as_array().unwrap().iter().map(|it| it["region"].clone()).collect();
    assert_eq!(regions, ["berlin", "tokyo"], "lisbon had not begun");
    assert_eq!(failures[1]["course"]["exposedMost"], 2500, "the first of the two ends it");
    let text = simulate(MANIFESTS, &["--fail", "berlin@1"]).await;
    for word in
        ["if berlin@rest/1 fails", "berlin votes fail errors", "tokyo is back", "was settled first/2", "at most 75%"]
    {
        assert!(text.stdout.contains(word), "{word}: {}", text.stdout);
    }
    for word in
        ["2026-11-30 12:00 JST in tokyo", "berlin: waits for the next window", "2026-11-30 09:00 CET", "first/2"]
    {
        assert!(text.stdout.contains(word), "{word}: {}", text.stdout);
    }
    assert!(text.stderr.contains("played in"), "{}", text.stderr);
}

#[tokio::test]
async fn what_is_assumed_changes_the_course() {
    let (_, slow) = as_json(MANIFESTS, &["--slow", "tokyo=2.5", "--prepare", "1m"]).await;
    assert_eq!(slow["course"]["waves"][0]["settled"], "2026-11-30T03:17:40Z");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.yaml");
    std::fs::write(&file, "everywhere: {requests: 600}\nregions:\n  tokyo: {requests: 6}\n").unwrap();
    let (exit, quiet) = as_json(MANIFESTS, &["--evidence", file.to_str().unwrap()]).await;
    assert_eq!((exit, &quiet["course"]["end"]["state"]), (11, &"held".into()), "{}", quiet["course"]["end"]);
    assert_eq!(quiet["course"]["end"]["time"], "2026-11-30T04:05:32Z", "after the bake and an hour of extension");
    std::fs::write(&file, "everywhere: {new: {errors: 5%}}").unwrap();
    let (exit, bad) = as_json(MANIFESTS, &["--evidence", file.to_str().unwrap()]).await;
    assert_eq!((exit, &bad["course"]["end"]["state"]), (10, &"rolled-back".into()));
    std::fs::write(&file, "everywhere: {nwe: {errors: 5%}}").unwrap();
    let refused = simulate(MANIFESTS, &["--evidence", file.to_str().unwrap()]).await;
    assert!(refused.exit == 6 && refused.stderr.contains("UNKNOWN_FIELD"), "{refused:?}");
}

#[tokio::test]
async fn the_picture_is_drawn_for_each_course() {
    let ran = simulate(MANIFESTS, &["-o", "svg", "--fail", "berlin@1"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let svg = ran.stdout;
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!((svg.matches("<g>").count(), svg.matches("</g>").count()), (2, 2), "one panel for each course");
    assert!(svg.contains("<title>tokyo baking first/1 2026-11-30T03:00:32Z to 2026-11-30T03:05:32Z</title>"), "{svg}");
    assert!(svg.contains("if berlin@rest/1 fails: rolled-back"), "{svg}");
    let elsewhere = with(NOWHERE, &["version", "-o", "svg"], "", Reader::Program).await;
    assert!(elsewhere.exit == 2 && elsewhere.stderr.contains("simulate"), "{elsewhere:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let table: [(&[&str], u8, &str); 8] = [
        (&["--fail", "paris@1"], 2, "the plan has no region paris; its regions are berlin, lisbon, tokyo"),
        (&["--fail", "tokyo@3"], 2, "tokyo has no step 3; it takes prepare, first/1, first/2"),
        (&["--fail", "tokyo"], 2, "write REGION@STEP"),
        (&["--slow", "paris=2"], 2, "the plan has no region paris"),
        (&["--slow", "tokyo=0.5"], 2, "is no factor"),
        (&["--slow", "tokyo"], 2, "write REGION=FACTOR"),
        (&["--playbook", "other"], 3, "there are sunwards"),
        (&["--release", "checkout/9.9.9"], 3, "there are checkout/1.0.0, checkout/1.1.0"),
    ];
    for (arguments, exit, why) in table {
        let ran = simulate(MANIFESTS, arguments).await;
        assert!(ran.exit == exit && ran.stderr.contains(why), "{why}: {ran:?}");
    }
    let soon = with(NOWHERE, &["simulate", "-f", "-", "--from", "soon"], MANIFESTS, Reader::Program).await;
    assert!(soon.exit == 2 && soon.stderr.contains("write a time such as 2026-11-30T09:00"), "{soon:?}");
    let nameless = MANIFESTS.replace(", labels: {time-zone: Asia/Tokyo}", "");
    let refused = simulate(&nameless, &[]).await;
    assert!(refused.exit == 6 && refused.stderr.contains("TIME_ZONE_MISSING: region tokyo"), "{refused:?}");
    let nowhere = simulate(&MANIFESTS.replace("Asia/Tokyo", "Asia/Tokio"), &[]).await;
    assert!(nowhere.exit == 6 && nowhere.stderr.contains("TIME_ZONE_UNKNOWN"), "{nowhere:?}");
    let (head, _) = MANIFESTS.split_once("---").unwrap();
    let bare = simulate(head, &[]).await;
    assert!(bare.exit == 2 && bare.stderr.contains("the manifests hold no Release"), "{bare:?}");
}

#[tokio::test]
async fn what_no_manifest_says_is_assumed_aloud() {
    let manifests = MANIFESTS.replace("1.0.0", "9.0.0").replace("tokyo, labels", "osaka, labels");
    let ran = simulate(
        &manifests.replace("  windows:\n    - {name: office, cron: 0 9 * * MON-FRI, duration: 8h}\n", ""),
        &[],
    )
    .await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.stderr.contains("region tokyo is not declared"), "{}", ran.stderr);
    assert!(ran.stdout.contains("checkout 9.0.0"), "{}", ran.stdout);
    let first = simulate(&MANIFESTS.replace("1.1.0", "0.9.0"), &["--release", "checkout/0.9.0"]).await;
    assert!(first.exit == 0 && first.stderr.contains("no release below 0.9.0 is declared"), "{first:?}");
}
