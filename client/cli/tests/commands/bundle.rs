//! Evidence bundles: what is exported holds, and whatever is changed in it afterwards is found without a server.

use meridian_client::fake::FakeServer;
use serde_json::Value;

use super::run::{Ran, Reader, meridian, with};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn exported() -> String {
    let server = FakeServer::start().await;
    server.put_export();
    let ran = meridian(&server, &["rollout", "export", "checkout/r-1"]).await;
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{ran:?}");
    ran.stdout
}

async fn verify(file: &[u8]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.jsonl");
    std::fs::write(&path, file).unwrap();
    with(NOWHERE, &["audit", "verify", path.to_str().unwrap()], "", Reader::Program).await
}

#[tokio::test]
async fn an_export_holds_and_says_what_was_decided() {
    let text = exported().await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().filter_map(|line| line["entry"]["kind"].as_str()).collect();
    // The decision of another rollout after the last one of its own is left out, the one between is not.
    assert_eq!(kinds, ["start", "pause", "advance", "resume", "advance", "rollback", "veto"]);
    let voted = &lines[6]["entry"]["changed"]["lanes"]["us-east"]["vote"]["ballot"];
    assert_eq!((voted["outcome"].as_str(), voted["samples"].as_u64()), (Some("fail"), Some(1200)), "{}", lines[6]);
    assert_eq!(lines[7]["entry"]["changed"]["cause"]["code"], "OPERATOR");
    let ran = verify(text.as_bytes()).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.stdout.contains("7 decisions in the chain, 6 of them its own, 5 records rebuilt"), "{}", ran.stdout);
    let head = lines[0]["head"].as_str().unwrap();
    let piped = with(NOWHERE, &["audit", "verify", "-", "-o", "json"], &text, Reader::Program).await;
    assert_eq!(serde_json::from_str::<Value>(&piped.stdout).unwrap()["head"], head);
}

#[tokio::test]
async fn a_thousand_edits_are_all_found() {
    let text = exported().await;
    let mut chance = Chance(7);
    for edit in 0..1_000 {
        let edited = edited(text.as_bytes(), edit, &mut chance);
        let ran = verify(&edited).await;
        assert_eq!(ran.exit, 6, "edit {edit}: {ran:?}\n{}", String::from_utf8_lossy(&edited));
        assert!(ran.stderr.contains(": line "), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn what_was_changed_with_care_is_found_where_it_is() {
    let text = exported().await;
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let counted = |n: usize| lines[0].replace("\"entries\":7", &format!("\"entries\":{n}"));
    // A decision left out, and counted out.
    let head = counted(6);
    let left_out = [&[head.as_str()], &lines[1..4], &lines[5..]].concat();
    // The beginning left out.
    let late = [&[head.as_str()], &lines[1..2], &lines[3..]].concat();
    // The end left out, with the head that the chain then has.
    let end: Value = serde_json::from_str(lines[6]).unwrap();
    let last: Value = serde_json::from_str(lines[0]).unwrap();
    let head = counted(5).replace(last["head"].as_str().unwrap(), end["entry"]["digest"].as_str().unwrap());
    let early = [&[head.as_str()], &lines[1..7], &lines[9..]].concat();
    // What is there for people alone.
    let told = lines[7].replace("\"actor\":\"anna\"", "\"actor\":\"otto\"");
    let retold = [&lines[..7], &[told.as_str()], &lines[8..]].concat();
    let table = [
        (left_out, "line 5: decision 1.45 can't follow decision 1.43"),
        (late, "line 3: the chain begins with decision 1.43"),
        (early, "the last record, of decision 1.47, is not what was committed last"),
        (retold, "line 8: it says something else than its bytes"),
    ];
    for (lines, why) in table {
        let ran = verify(joined(&lines).as_bytes()).await;
        assert!(ran.exit == 6 && ran.stderr.contains(why), "{why}: {}", ran.stderr);
    }
}

/// Numbers that look random and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// The file after one edit; another file in any case.
fn edited(file: &[u8], kind: usize, chance: &mut Chance) -> Vec<u8> {
    loop {
        let edited = edit(file, kind % 8, chance);
        if edited != file {
            return edited;
        }
    }
}

fn edit(file: &[u8], kind: usize, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let mut lines: Vec<Vec<u8>> = file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (at, line, other) = (chance.below(bytes.len()), chance.below(lines.len()), chance.below(lines.len()));
    match kind {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, b' ' + u8::try_from(chance.below(95)).unwrap()),
        3 => bytes.truncate(at),
        4 => drop(lines.remove(line)),
        5 => lines.swap(line, other),
        6 => lines.insert(line, lines[other].clone()),
        _ => lines[line] = revalued(&lines[line], chance),
    }
    if kind < 4 { bytes } else { lines.concat() }
}

/// A line of JSON with one of its values changed.
fn revalued(line: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(line).unwrap();
    let count = leaves(&value);
    let mut left = chance.below(count);
    change(&mut value, &mut left);
    format!("{value}\n").into_bytes()
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(items) => items.values().map(leaves).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn change(value: &mut Value, left: &mut usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, left)),
        Value::Object(items) => items.values_mut().for_each(|item| change(item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if *left == 0 {
                *value = match &*value {
                    Value::String(text) => Value::String(format!("{text}0")),
                    Value::Null => Value::Bool(true),
                    Value::Number(number) => Value::from(number.as_u64().unwrap_or(0) + 1),
                    Value::Bool(told) => Value::Bool(!told),
                    Value::Array(_) | Value::Object(_) => unreachable!(),
                };
            }
            *left = left.wrapping_sub(1);
        }
    }
}
