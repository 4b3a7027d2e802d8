//! A process that commits to an embedded store is killed in the middle of it, several times over. Whatever it was told is
//! committed must be there afterwards, and nothing half done.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]
#![cfg(feature = "embedded")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;
use meridian_store::embedded::{EmbeddedLimits, EmbeddedStore};
use meridian_store::{Change, Expect, Key, Revision, Store, Txn, WatchItem};

/// Set for the process that is to be killed: where its store is, and how it names its keys.
const PATH: &str = "MERIDIAN_TEST_CRASH_PATH";
const ROUND: &str = "MERIDIAN_TEST_CRASH_ROUND";
const WRITERS: usize = 8;
const ROUNDS: usize = 4;
/// Commits heard of before the kill.
const HEARD: usize = 150;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn open(path: &Path) -> EmbeddedStore {
    let limits = EmbeddedLimits { history_revisions: 1_000_000, ..EmbeddedLimits::default() };
    EmbeddedStore::open(path, limits).unwrap()
}

/// Commits pairs of keys and says so on standard output; in the killed process without end.
async fn commit_pairs(store: Arc<dyn Store>, round: &str, each: usize) {
    let writers = (0..WRITERS).map(|writer| {
        let (store, round) = (Arc::clone(&store), round.to_owned());
        tokio::spawn(async move {
            for index in 0..each {
                let name = format!("{round}-{writer}-{index}");
                let txn = Txn::new().put(key(&format!("/left/{name}")), name.clone(), Expect::Absent).put(
                    key(&format!("/right/{name}")),
                    name.clone(),
                    Expect::Absent,
                );
                let revision = store.commit(txn).await.unwrap().revision;
                // One write call a line, so that no line is torn by another writer; a killed one may still be cut.
                std::io::stdout().lock().write_all(format!("acked {name} {revision}\n").as_bytes()).unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
}

/// What the process to be killed runs; by itself, a small trial of the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_are_committed() {
    if let Some(path) = std::env::var_os(PATH) {
        let store = Arc::new(open(Path::new(&path)));
        commit_pairs(store, &std::env::var(ROUND).unwrap(), usize::MAX).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(&folder.path().join("store.redb")));
    commit_pairs(Arc::clone(&store), "trial", 3).await;
    assert_eq!(store.get(&key("/x")).await.unwrap().revision, Revision::new(3 * WRITERS as u64));
}

/// Runs a process on the file, kills it, and tells what it acknowledged.
fn crash(path: &Path, round: usize) -> BTreeMap<String, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pairs_are_committed", "--nocapture"])
        .env(PATH, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acked = BTreeMap::new();
    let mut killed = false;
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A line without its end was cut by the kill.
        if let Some(text) = line.strip_suffix('\n').and_then(|line| line.split_once("acked ")) {
            let (name, revision) = text.1.split_once(' ').unwrap();
            acked.insert(name.to_owned(), revision.parse().unwrap());
        }
        if acked.len() >= HEARD && !killed {
            child.kill().unwrap();
            killed = true;
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(killed, "the process ended by itself after {} commits", acked.len());
    acked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_commits_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut acked = BTreeMap::new();
    for round in 0..ROUNDS {
        acked.extend(
            tokio::task::spawn_blocking({
                let path = path.clone();
                move || crash(&path, round)
            })
            .await
            .unwrap(),
        );
        let store = open(&path);
        for (name, revision) in &acked {
            for side in ["left", "right"] {
                let item = store.get(&key(&format!("/{side}/{name}"))).await.unwrap().item;
                let item = item.unwrap_or_else(|| panic!("{side} of {name}, acknowledged as {revision}, is gone"));
                assert_eq!((item.mod_revision.get(), &item.value[..]), (*revision, name.as_bytes()));
            }
        }
        let head = store.get(&key("/x")).await.unwrap().revision;
        assert!(head.get() >= acked.len() as u64);
        let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
        for expected in 1..=head.get() {
            let WatchItem::Changes { revision, changes } = watch.next().await.unwrap().unwrap() else { panic!() };
            assert_eq!(revision.get(), expected, "the log has no gaps");
            let [Change::Put(left), Change::Put(right)] = &changes[..] else { panic!("half a commit: {changes:?}") };
            assert_eq!(left.value, right.value);
            let stored = store.get(&left.key).await.unwrap().item;
            assert_eq!(stored.as_ref(), Some(left), "the log and the entries agree");
        }
    }
    assert!(acked.len() >= ROUNDS * HEARD);
}
