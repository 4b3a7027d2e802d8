//! Commits whose answers are lost: what became of them is found out, and nothing is done twice or left out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use meridian_store::conformance::Fixture;
use meridian_store::faulty::{CommitFault, FaultRates, Faulty};
use meridian_store::memory::MemoryStore;
use meridian_store::{CommitError, Committed, Expect, Key, Revision, Standing, Store, Txn, commit_known, standing};

use CommitFault::{AnswerLost, Late, None as Fine, Refused, RequestLost};

/// The decorator must not bend the meaning of what it wraps.
async fn make() -> Fixture {
    Fixture::new(Faulty::new(Arc::new(MemoryStore::default()), 1, FaultRates::default()))
}

meridian_store::conformance_suite!(make);

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn scripted(faults: impl IntoIterator<Item = CommitFault>) -> Faulty {
    let store = Faulty::new(Arc::new(MemoryStore::default()), 1, FaultRates::default());
    store.script(faults);
    store
}

fn ours() -> Txn {
    Txn::new().put(key("/a"), "ours", Expect::Absent).put(key("/b"), "", Expect::Absent)
}

async fn known(store: &Faulty) -> Result<u64, CommitError> {
    commit_known(store, ours(), &key("/a")).await.map(|committed| committed.revision.get())
}

#[tokio::test]
async fn a_lost_answer_is_found_and_a_lost_request_sent_again() {
    assert_eq!(known(&scripted([])).await, Ok(1));
    assert_eq!(known(&scripted([AnswerLost])).await, Ok(1));
    assert_eq!(known(&scripted([RequestLost])).await, Ok(1));
    assert_eq!(known(&scripted([RequestLost, RequestLost, AnswerLost])).await, Ok(1));
    assert_eq!(known(&scripted([RequestLost, Refused, Fine])).await, Ok(1));
}

#[tokio::test]
async fn what_stays_unknown_is_said_to_be() {
    let outcome = known(&scripted([RequestLost; 4])).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    // The last attempt was certainly refused; the first one was not, so the whole is not.
    let outcome = known(&scripted([Late, Refused, Refused, Refused])).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    // Without a loss, a refusal is the whole truth.
    let outcome = known(&scripted([Refused])).await;
    assert!(matches!(outcome, Err(CommitError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_late_first_attempt_does_no_harm() {
    let store = scripted([Late]);
    assert_eq!(known(&store).await, Ok(1), "the second attempt is applied");
    assert_eq!(store.deliver_late().await, [Err(CommitError::Conflict { key: key("/a") })]);
    // Or the late one arrives while the caller is still trying, and is found by a read.
    let store = scripted([Late, Refused, Refused, Refused]);
    let (outcome, late) = tokio::join!(known(&store), async {
        loop {
            let late = store.deliver_late().await;
            if !late.is_empty() {
                break late;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(late, [Ok(Committed { revision: Revision::new(1) })]);
    assert_eq!(outcome, Ok(1));
}

#[tokio::test]
async fn someone_elses_write_is_a_conflict() {
    let store = scripted([Fine, RequestLost]);
    store.commit(Txn::new().put(key("/a"), "theirs", Expect::Absent)).await.unwrap();
    assert_eq!(known(&store).await, Err(CommitError::Conflict { key: key("/a") }));
    // In the way of another key of the transaction, it is found by the second attempt.
    let store = scripted([Fine, RequestLost]);
    store.commit(Txn::new().put(key("/b"), "theirs", Expect::Absent)).await.unwrap();
    assert_eq!(known(&store).await, Err(CommitError::Conflict { key: key("/b") }));
}

#[tokio::test]
async fn an_earlier_attempt_of_the_caller_is_found() {
    let store = scripted([AnswerLost]);
    let outcome = store.commit(ours()).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    assert_eq!(known(&store).await, Ok(1));
    assert_eq!(known(&store).await, Ok(1));
}

#[tokio::test]
async fn the_standing_of_a_put_is_told_apart() {
    let store = MemoryStore::default();
    let first = store.commit(Txn::new().put(key("/a"), "same", Expect::Absent)).await.unwrap().revision;
    let name = key("/a");
    let stand = |expect| standing(&store, &name, b"same", expect);
    assert_eq!(stand(Expect::Absent).await, Ok(Standing::Applied(Committed { revision: first })));
    // The bytes are those the put would have left, but the entry is still the one it was to replace.
    assert_eq!(stand(Expect::At(first)).await, Ok(Standing::Open));
    let second = store.commit(Txn::new().put(key("/a"), "other", Expect::At(first))).await.unwrap().revision;
    assert!(matches!(stand(Expect::At(first)).await, Ok(Standing::Overtaken { item: Some(_) })));
    store.commit(Txn::new().delete(key("/a"), Expect::At(second))).await.unwrap();
    assert_eq!(stand(Expect::At(first)).await, Ok(Standing::Overtaken { item: None }));
    assert_eq!(stand(Expect::Absent).await, Ok(Standing::Open));
}

/// Several add to one number over a store that loses much, each addition with a record that is written once. In the end
/// the number is that of the records, and each addition that was reported is among them.
#[tokio::test]
async fn nothing_is_added_twice_or_forgotten() {
    join_all((0..20).map(add_over_a_lossy_store)).await;
}

async fn add_over_a_lossy_store(seed: u64) {
    let rates = FaultRates {
        refused: 0.1,
        request_lost: 0.1,
        answer_lost: 0.2,
        late: 0.05,
        read_lost: 0.1,
        delay: Duration::from_millis(2),
        ..FaultRates::default()
    };
    let solid: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let lossy = Faulty::new(Arc::clone(&solid), seed, rates);
    solid.commit(Txn::new().put(key("/sum"), "0", Expect::Absent)).await.unwrap();
    let adders = (0..4).map(|adder| {
        let lossy = &lossy;
        async move {
            let mut reported = Vec::new();
            for round in 0..15 {
                let Ok(got) = lossy.get(&key("/sum")).await else {
                    continue;
                };
                let item = got.item.unwrap();
                let sum: u64 = std::str::from_utf8(&item.value).unwrap().parse().unwrap();
                let record = key(&format!("/record/{adder}/{round}"));
                let txn = Txn::new().put(record.clone(), format!("{adder}/{round}"), Expect::Absent).put(
                    key("/sum"),
                    format!("{}", sum + 1),
                    Expect::At(item.mod_revision),
                );
                if commit_known(lossy, txn, &record).await.is_ok() {
                    reported.push(record);
                }
            }
            reported
        }
    });
    let reported: Vec<Key> = join_all(adders).await.into_iter().flatten().collect();
    lossy.deliver_late().await;
    let records = solid.list(&key("/record/"), None, 1000).await.unwrap().items;
    let sum = solid.get(&key("/sum")).await.unwrap().item.unwrap();
    assert_eq!(sum.value, records.len().to_string(), "seed {seed}");
    assert!(!reported.is_empty(), "seed {seed}");
    for record in reported {
        assert!(records.iter().any(|item| item.key == record), "seed {seed}: {record} was reported and is not there");
    }
}
