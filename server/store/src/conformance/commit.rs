//! Cases about commits and single reads.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::{head, key, put, read};
use crate::{CommitError, Expect, MAX_TXN_BYTES, MAX_TXN_OPS, MAX_VALUE_BYTES, Revision, Store, Txn, TxnInvalid};

/// Any bytes come back as they were, with the revision of their commit.
pub async fn a_put_is_read_back(store: Arc<dyn Store>) {
    assert_eq!(read(&*store, "/a").await, None);
    for (name, value) in [("/a", &b"\x00\xffbytes\n"[..]), ("/b", b""), ("/c c~", b"c")] {
        let revision = put(&*store, name, Bytes::copy_from_slice(value), Expect::Absent).await.unwrap();
        let item = read(&*store, name).await.unwrap();
        assert_eq!((item.key, &item.value[..]), (key(name), value));
        assert_eq!((item.mod_revision, item.create_revision), (revision, revision));
    }
}

/// Of a hundred that want to create the same key, one does; the others are told of the conflict.
pub async fn one_of_a_hundred_racers_wins(store: Arc<dyn Store>) {
    let racers = (0..100).map(|racer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { put(&*store, "/race", format!("{racer}"), Expect::Absent).await })
    });
    let mut winners = Vec::new();
    for (racer, outcome) in join_all(racers).await.into_iter().enumerate() {
        match outcome.unwrap() {
            Ok(revision) => winners.push((racer, revision)),
            Err(error) => assert_eq!(error, CommitError::Conflict { key: key("/race") }),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let item = read(&*store, "/race").await.unwrap();
    assert_eq!(item.value, winners[0].0.to_string());
    assert_eq!(item.mod_revision, winners[0].1);
}

/// Each kind of expectation, met and not met.
pub async fn expectations_hold_or_refuse(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "1", Expect::Absent).await.unwrap();
    let conflict = Err(CommitError::Conflict { key: key("/a") });
    assert_eq!(put(&*store, "/a", "2", Expect::Absent).await, conflict);
    let second = put(&*store, "/a", "2", Expect::At(first)).await.unwrap();
    assert_eq!(put(&*store, "/a", "3", Expect::At(first)).await, conflict);
    assert_eq!(put(&*store, "/a", "3", Expect::At(Revision::new(second.get() + 1))).await, conflict);
    let checked = |name: &str, expect| store.commit(Txn::new().check(key(name), expect));
    for held in [("/a", Expect::Present), ("/a", Expect::At(second)), ("/b", Expect::Absent)] {
        checked(held.0, held.1).await.unwrap();
    }
    for broken in
        [("/a", Expect::Absent), ("/a", Expect::At(first)), ("/b", Expect::Present), ("/b", Expect::At(first))]
    {
        let outcome = checked(broken.0, broken.1).await;
        assert_eq!(outcome, Err(CommitError::Conflict { key: key(broken.0) }), "{broken:?}");
    }
    assert_eq!(read(&*store, "/a").await.unwrap().value, "2");
}

/// Writing anew changes one revision and not the other.
pub async fn an_update_keeps_the_create_revision(store: Arc<dyn Store>) {
    let created = put(&*store, "/a", "1", Expect::Absent).await.unwrap();
    let updated = put(&*store, "/a", "1", Expect::At(created)).await.unwrap();
    let item = read(&*store, "/a").await.unwrap();
    assert_eq!((item.create_revision, item.mod_revision), (created, updated));
}

/// Several keys change together under one revision, or none does.
pub async fn a_commit_is_whole_or_not_at_all(store: Arc<dyn Store>) {
    let gone = put(&*store, "/gone", "", Expect::Absent).await.unwrap();
    let guard = put(&*store, "/guard", "", Expect::Absent).await.unwrap();
    let txn = |guarded| {
        Txn::new()
            .put(key("/a"), "a", Expect::Absent)
            .put(key("/b"), "b", Expect::Absent)
            .delete(key("/gone"), Expect::At(gone))
            .check(key("/guard"), Expect::At(guarded))
    };
    let refused = store.commit(txn(gone)).await;
    assert_eq!(refused, Err(CommitError::Conflict { key: key("/guard") }));
    assert_eq!(head(&*store).await, guard, "a refused commit makes no revision");
    assert!(read(&*store, "/a").await.is_none() && read(&*store, "/gone").await.is_some());
    let committed = store.commit(txn(guard)).await.unwrap().revision;
    for name in ["/a", "/b"] {
        assert_eq!(read(&*store, name).await.unwrap().mod_revision, committed);
    }
    assert!(read(&*store, "/gone").await.is_none());
    assert_eq!(read(&*store, "/guard").await.unwrap().mod_revision, guard);
}

/// With several keys in the way, the first in order of the operations is named, not the first by name.
pub async fn a_conflict_names_the_first_key(store: Arc<dyn Store>) {
    put(&*store, "/a", "", Expect::Absent).await.unwrap();
    put(&*store, "/z", "", Expect::Absent).await.unwrap();
    let txn = Txn::new().put(key("/m"), "", Expect::Absent).put(key("/z"), "", Expect::Absent).put(
        key("/a"),
        "",
        Expect::Absent,
    );
    assert_eq!(store.commit(txn).await, Err(CommitError::Conflict { key: key("/z") }));
}

/// A key that was deleted can be created again, and is then a new one.
pub async fn a_deleted_key_is_made_anew(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "1", Expect::Absent).await.unwrap();
    let deleted = store.commit(Txn::new().delete(key("/a"), Expect::At(first))).await.unwrap().revision;
    assert!(deleted > first);
    assert_eq!(read(&*store, "/a").await, None);
    let second = put(&*store, "/a", "2", Expect::Absent).await.unwrap();
    let item = read(&*store, "/a").await.unwrap();
    assert_eq!((item.create_revision, item.mod_revision), (second, second));
}

/// Whoever has not seen the last write cannot delete it, nor what is not there.
pub async fn a_stale_delete_is_refused(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "1", Expect::Absent).await.unwrap();
    put(&*store, "/a", "2", Expect::At(first)).await.unwrap();
    for name in ["/a", "/b"] {
        let outcome = store.commit(Txn::new().delete(key(name), Expect::At(first))).await;
        assert_eq!(outcome, Err(CommitError::Conflict { key: key(name) }));
    }
    assert_eq!(read(&*store, "/a").await.unwrap().value, "2");
}

/// Checks without writes make no revision and tell the head.
pub async fn checks_alone_change_nothing(store: Arc<dyn Store>) {
    let revision = put(&*store, "/a", "", Expect::Absent).await.unwrap();
    let committed = store.commit(Txn::new().check(key("/a"), Expect::At(revision))).await.unwrap();
    assert_eq!(committed.revision, revision);
    assert_eq!(head(&*store).await, revision);
}

/// Revision zero is not another word for absent.
pub async fn revision_zero_is_never_met(store: Arc<dyn Store>) {
    put(&*store, "/a", "", Expect::Absent).await.unwrap();
    for name in ["/a", "/b"] {
        let outcome = put(&*store, name, "", Expect::At(Revision::ZERO)).await;
        assert_eq!(outcome, Err(CommitError::Conflict { key: key(name) }));
    }
}

/// A value of the largest size is stored; one byte more is refused.
pub async fn the_largest_value_fits_and_no_larger(store: Arc<dyn Store>) {
    let value = Bytes::from(vec![7; MAX_VALUE_BYTES]);
    put(&*store, "/a", value.clone(), Expect::Absent).await.unwrap();
    assert_eq!(read(&*store, "/a").await.unwrap().value, value);
    let before = head(&*store).await;
    let outcome = put(&*store, "/b", vec![7; MAX_VALUE_BYTES + 1], Expect::Absent).await;
    let invalid = TxnInvalid::ValueTooLarge { key: key("/b"), bytes: MAX_VALUE_BYTES + 1 };
    assert_eq!(outcome, Err(CommitError::Invalid(invalid)));
    assert_eq!(head(&*store).await, before);
}

fn puts(count: usize) -> Txn {
    (0..count).fold(Txn::new(), |txn, index| txn.put(key(&format!("/many/{index:03}")), "x", Expect::Absent))
}

/// As many operations as allowed are applied; one more is refused.
pub async fn the_most_operations_fit_and_no_more(store: Arc<dyn Store>) {
    let outcome = store.commit(puts(MAX_TXN_OPS + 1)).await;
    assert_eq!(outcome, Err(CommitError::Invalid(TxnInvalid::TooManyOps { ops: MAX_TXN_OPS + 1 })));
    store.commit(puts(MAX_TXN_OPS)).await.unwrap();
    let page = store.list(&key("/many/"), None, 1000).await.unwrap();
    assert_eq!(page.items.len(), MAX_TXN_OPS);
    // The same again is refused for what it expects, and the store says so although it has as many keys to look at.
    let outcome = store.commit(puts(MAX_TXN_OPS)).await;
    assert_eq!(outcome, Err(CommitError::Conflict { key: key("/many/000") }));
}

/// A transaction of the greatest weight, with the longest keys, is applied; a heavier one is refused.
pub async fn the_heaviest_transaction_fits_and_no_heavier(store: Arc<dyn Store>) {
    let long = |index: usize| key(&format!("/{index:03}{}", "k".repeat(508)));
    let with_value = |bytes: usize| {
        (1..MAX_TXN_OPS).fold(Txn::new(), |txn, index| txn.put(long(index), "", Expect::Absent)).put(
            long(0),
            vec![b'v'; bytes],
            Expect::Absent,
        )
    };
    let full = MAX_TXN_BYTES - with_value(0).weight();
    assert!(full <= MAX_VALUE_BYTES * 2, "the keys alone do not fill it");
    let (rest, value) = (full.saturating_sub(MAX_VALUE_BYTES), full.min(MAX_VALUE_BYTES));
    let heaviest = |extra: usize| {
        // What does not fit in one value goes into a second one, in place of the first operation.
        (2..MAX_TXN_OPS)
            .fold(Txn::new(), |txn, index| txn.put(long(index), "", Expect::Absent))
            .put(long(1), vec![b'w'; rest + extra], Expect::Absent)
            .put(long(0), vec![b'v'; value], Expect::Absent)
    };
    let outcome = store.commit(heaviest(1)).await;
    assert_eq!(outcome, Err(CommitError::Invalid(TxnInvalid::TooLarge { bytes: MAX_TXN_BYTES + 1 })));
    store.commit(heaviest(0)).await.unwrap();
    assert_eq!(store.get(&long(0)).await.unwrap().item.unwrap().value.len(), value);
}

/// A key may appear once, in whatever role.
pub async fn a_key_twice_is_refused(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "", Expect::Absent).await.unwrap();
    let twice = [
        Txn::new().put(key("/a"), "1", Expect::At(first)).put(key("/a"), "2", Expect::At(first)),
        Txn::new().put(key("/a"), "1", Expect::At(first)).check(key("/a"), Expect::Present),
        Txn::new().delete(key("/a"), Expect::At(first)).put(key("/a"), "1", Expect::At(first)),
    ];
    for txn in twice {
        let outcome = store.commit(txn).await;
        assert_eq!(outcome, Err(CommitError::Invalid(TxnInvalid::DuplicateKey { key: key("/a") })));
    }
    assert_eq!(head(&*store).await, first);
}

/// A write that does not say what it replaces is refused, and so is a transaction of nothing.
pub async fn blind_and_empty_transactions_are_refused(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "", Expect::Absent).await.unwrap();
    let blind = [
        Txn::new().put(key("/a"), "1", Expect::Present),
        Txn::new().put(key("/a"), "1", Expect::Created(first)),
        Txn::new().delete(key("/a"), Expect::Created(first)),
        Txn::new().delete(key("/a"), Expect::Present),
        Txn::new().delete(key("/a"), Expect::Absent),
    ];
    for txn in blind {
        let outcome = store.commit(txn).await;
        assert_eq!(outcome, Err(CommitError::Invalid(TxnInvalid::BlindWrite { key: key("/a") })));
    }
    assert_eq!(store.commit(Txn::new()).await, Err(CommitError::Invalid(TxnInvalid::Empty)));
    assert_eq!(head(&*store).await, first);
}

/// Every commit has a greater revision than all before, whatever it touches.
pub async fn revisions_grow(store: Arc<dyn Store>) {
    let mut last = head(&*store).await;
    for round in 0..20 {
        let name = format!("/{}", round % 3);
        let expect = read(&*store, &name).await.map_or(Expect::Absent, |item| Expect::At(item.mod_revision));
        let txn = match expect {
            Expect::At(_) if round % 4 == 0 => Txn::new().delete(key(&name), expect),
            Expect::At(_) | Expect::Absent | Expect::Present | Expect::Created(_) => {
                Txn::new().put(key(&name), "", expect)
            }
        };
        let revision = store.commit(txn).await.unwrap().revision;
        assert!(revision > last, "{revision} after {last}");
        assert_eq!(head(&*store).await, revision);
        last = revision;
    }
}

/// Whoever reads after a commit was acknowledged sees it, in `get` and in `list`, with its revision as head at least.
pub async fn a_commit_is_seen_at_once(store: Arc<dyn Store>) {
    let writers = (0..4).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let name = format!("/seen/{writer}");
            let mut expect = Expect::Absent;
            for round in 0..25 {
                let revision = put(&*store, &name, format!("{round}"), expect).await.unwrap();
                let got = store.get(&key(&name)).await.unwrap();
                assert_eq!(got.item.unwrap().mod_revision, revision);
                assert!(got.revision >= revision);
                let page = store.list(&key(&name), None, 10).await.unwrap();
                assert_eq!(page.items[0].mod_revision, revision);
                assert!(page.revision >= revision);
                expect = Expect::At(revision);
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
}

/// Many that add to one number by read and compare lose nothing.
pub async fn no_increment_is_lost(store: Arc<dyn Store>) {
    const ADDERS: usize = 8;
    const EACH: usize = 10;
    put(&*store, "/sum", "0", Expect::Absent).await.unwrap();
    let adders = (0..ADDERS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut added = 0;
            while added < EACH {
                let item = read(&*store, "/sum").await.unwrap();
                let sum: usize = std::str::from_utf8(&item.value).unwrap().parse().unwrap();
                match put(&*store, "/sum", format!("{}", sum + 1), Expect::At(item.mod_revision)).await {
                    Ok(_) => added += 1,
                    Err(error) => assert_eq!(error, CommitError::Conflict { key: key("/sum") }),
                }
            }
        })
    });
    for adder in join_all(adders).await {
        adder.unwrap();
    }
    assert_eq!(read(&*store, "/sum").await.unwrap().value, (ADDERS * EACH).to_string());
}
