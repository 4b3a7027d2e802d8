//! The launch of the example, whole, in virtual time: from the first item of its checklist to the signed evaluation, into a
//! freeze, and back from its last wave.

use serde_json::Value;

use crate::run::{Reader, with};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/skyoptima");

/// The example's launch from a moment on; people take four hours over everything.
async fn launch(from: &str, arguments: &[&str]) -> (u8, Value) {
    let (folder, evidence) = (format!("{EXAMPLE}/launch"), format!("{EXAMPLE}/evidence.yaml"));
    let fixed = ["simulate", "-f", &folder, "--playbook", "launch", "--evidence", &evidence, "--approve-after", "4h"];
    let words = [&fixed[..], &["--from", from, "-o", "json"], arguments].concat();
    // Nobody listens there.
    let ran = with("http://127.0.0.1:9", &words, "", Reader::Program).await;
    let told = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.exit, told)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name].as_array().unwrap()
}

/// All waits of a kind.
fn waits<'v>(course: &'v Value, code: &str) -> Vec<&'v Value> {
    list(course, "waits").iter().filter(|wait| wait["code"] == code).collect()
}

fn hours(from: &Value, to: &Value) -> i64 {
    let moment = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    (moment(to).as_second() - moment(from).as_second()) / 3600
}

#[tokio::test]
async fn it_goes_from_the_checklist_to_the_signed_evaluation() {
    let (exit, told) = launch("2026-11-30T09:00", &[]).await;
    let course = &told["course"];
    assert_eq!((exit, &course["end"]["state"]), (0, &"stable".into()), "{}", course["end"]);
    let why = |decided: &Value| decided["why"].as_str().unwrap_or_default().to_owned();
    let signed = list(course, "decisions").iter().filter(|decided| why(decided).contains("signs off")).count();
    assert_eq!(signed, 12, "every item of the checklist");
    assert_eq!(hours(&waits(course, "CHECKLIST")[0]["from"], &waits(course, "CHECKLIST")[0]["to"]), 4);
    assert_eq!((waits(course, "APPROVALS").len(), waits(course, "FEEDBACK").len()), (3, 1));
    let stages: Vec<&Value> = list(course, "waves").iter().map(|wave| &wave["stage"]).collect();
    assert_eq!(stages, ["staging", "pilot", "production", "production", "production"]);
    let pilot = &list(course, "waves")[1]["steps"][0];
    assert_eq!((hours(&pilot["moved"], &pilot["baked"]), &pilot["cohort"]), (48, &true.into()));
    let exposed: Vec<u64> = list(course, "waves")
        .iter()
        .flat_map(|wave| list(wave, "steps"))
        .map(|step| step["exposed"].as_u64().unwrap())
        .collect();
    assert!(exposed.is_sorted() && exposed.last() == Some(&10_000), "gradually: {exposed:?}");

    let last = list(&list(course, "waves")[4], "steps")[1].clone();
    // Two days of 14 100 requests a minute, 2 in 10 000 failed: a fifth of a budget of 1 in 1 000, for a fifteenth of its time.
    let served = hours(&last["began"], &course["end"]["time"]);
    let failed = last["failedRequests"].as_i64().unwrap();
    assert!((failed - served * 60 * 14_100 / 5_000).abs() < 500, "{failed} in {served} h");
    assert!((145..155).contains(&last["ofBudget"].as_u64().unwrap()), "{last}");

    let watch = &told["watch"];
    let kinds: Vec<&str> = list(watch, "reviews").iter().map(|review| review["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, [&["every 1d"; 7][..], &["every 7d"; 3], &["evaluation"]].concat());
    for review in list(watch, "reviews") {
        assert_eq!(review["state"], "signed", "{review}");
        let figures = list(&review["filled"], "figures");
        assert!(figures.len() == 3 && figures.iter().all(|figure| figure["outcome"] == "met"), "{review}");
    }
    let switched = list(course, "decisions").iter().find(|decided| decided["state"] == "switched").unwrap();
    assert_eq!(watch["switched"], switched["time"]);
    assert_eq!(hours(&watch["switched"], &watch["closed"]), 30 * 24 + 4);
    assert!(list(watch, "milestones").iter().all(|milestone| milestone["state"] == "reached"), "{watch}");
}

#[tokio::test]
async fn a_freeze_holds_it_over_the_turn_of_the_year() {
    let (exit, told) = launch("2026-12-14T09:00", &[]).await;
    let course = &told["course"];
    assert_eq!((exit, &course["end"]["state"]), (0, &"stable".into()), "{}", course["end"]);
    let began = |wave: usize| list(course, "waves")[wave]["began"].as_str().unwrap().to_owned();
    assert!(began(1).as_str() < "2026-12-18" && began(3).as_str() > "2027-01-04", "{} {}", began(1), began(3));
    assert!(!waits(course, "FREEZE").is_empty(), "what it waits for has its name");
}

#[tokio::test]
async fn a_failure_in_the_last_wave_takes_every_region_back() {
    let (exit, told) = launch("2026-11-30T09:00", &["--fail", "us-east@world-2/1"]).await;
    assert_eq!(exit, 0, "the exit is that of the course without the failure");
    let back = &list(&told, "failures")[0]["course"];
    assert_eq!(back["end"]["state"], "rolled-back");
    let regions: Vec<&Value> = list(back, "returns").iter().map(|it| &it["region"]).collect();
    assert_eq!(regions.len(), 4, "finished regions too: {regions:?}");
    assert!(list(back, "returns").iter().all(|it| it["back"].is_string()), "each is confirmed");
}
