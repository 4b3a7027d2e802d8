//! Cases about watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;

use super::{SOON, end, head, key, names, next, put, read};
use crate::{Change, Expect, Revision, Store, Txn, WatchEnded, WatchItem};

/// A watch yields each commit once, whole, in the order of its operations, with what was written.
pub async fn commits_come_in_order_and_whole(store: Arc<dyn Store>) {
    let from = head(&*store).await;
    let mut watch = store.watch(&key("/"), from).await.unwrap();
    let first = put(&*store, "/z", "1", Expect::Absent).await.unwrap();
    let txn = Txn::new()
        .put(key("/b"), "b", Expect::Absent)
        .check(key("/c"), Expect::Absent)
        .put(key("/a"), "a", Expect::Absent)
        .delete(key("/z"), Expect::At(first));
    let second = store.commit(txn).await.unwrap().revision;
    let (revision, changes) = next(&mut watch).await;
    assert_eq!((revision, names(&changes)), (first, vec!["/z"]));
    let (revision, changes) = next(&mut watch).await;
    assert_eq!((revision, names(&changes)), (second, vec!["/b", "/a", "/z"]));
    let Change::Put(item) = &changes[1] else { panic!("{changes:?}") };
    assert_eq!(Some(item), read(&*store, "/a").await.as_ref());
    assert_eq!(changes[2], Change::Delete { key: key("/z"), revision: second });
}

/// A watch from a revision yields what came after it, whether before or after the watch was opened.
pub async fn a_watch_resumes_after_its_revision(store: Arc<dyn Store>) {
    let mut revisions = Vec::new();
    for index in 0..5 {
        revisions.push(put(&*store, &format!("/{index}"), "", Expect::Absent).await.unwrap());
    }
    for (seen, from) in revisions.clone().into_iter().enumerate() {
        let mut watch = store.watch(&key("/"), from).await.unwrap();
        let last = put(&*store, &format!("/after/{seen}"), "", Expect::Absent).await.unwrap();
        revisions.push(last);
        for expected in &revisions[seen + 1..] {
            assert_eq!(next(&mut watch).await.0, *expected);
        }
    }
}

/// Of a commit that spans prefixes, each watch yields its own part, and nothing of others.
pub async fn a_prefix_sees_only_its_own(store: Arc<dyn Store>) {
    let from = head(&*store).await;
    let mut slash = store.watch(&key("/a/"), from).await.unwrap();
    let mut plain = store.watch(&key("/a"), from).await.unwrap();
    put(&*store, "/b", "", Expect::Absent).await.unwrap();
    let txn = ["/b/1", "/a/1", "/ab", "/a/2", "/a"]
        .into_iter()
        .fold(Txn::new(), |txn, name| txn.put(key(name), "", Expect::Absent));
    let revision = store.commit(txn).await.unwrap().revision;
    let (seen, changes) = next(&mut slash).await;
    assert_eq!((seen, names(&changes)), (revision, vec!["/a/1", "/a/2"]));
    let (seen, changes) = next(&mut plain).await;
    assert_eq!((seen, names(&changes)), (revision, vec!["/a/1", "/ab", "/a/2", "/a"]));
}

/// Creation, update, deletion and creation anew are told apart.
pub async fn deletes_and_recreations_are_seen(store: Arc<dyn Store>) {
    let from = head(&*store).await;
    let first = put(&*store, "/a", "1", Expect::Absent).await.unwrap();
    let second = put(&*store, "/a", "2", Expect::At(first)).await.unwrap();
    let deleted = store.commit(Txn::new().delete(key("/a"), Expect::At(second))).await.unwrap().revision;
    let fourth = put(&*store, "/a", "4", Expect::Absent).await.unwrap();
    let mut watch = store.watch(&key("/a"), from).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.extend(next(&mut watch).await.1);
    }
    let puts: Vec<_> = seen
        .iter()
        .filter_map(|change| match change {
            Change::Put(item) => Some((&item.value[..], item.create_revision, item.mod_revision)),
            Change::Delete { .. } => None,
        })
        .collect();
    assert_eq!(puts, [(&b"1"[..], first, first), (b"2", first, second), (b"4", fourth, fourth)]);
    assert_eq!(seen[2], Change::Delete { key: key("/a"), revision: deleted });
}

async fn five(store: &dyn Store) -> Vec<Revision> {
    let mut revisions = Vec::new();
    for index in 0..5 {
        revisions.push(put(store, &format!("/{index}"), "", Expect::Absent).await.unwrap());
    }
    revisions
}

/// History before a compaction cannot be watched, and the watch says so; from the last point on, it can.
pub async fn compacted_history_is_said_to_be_gone(store: Arc<dyn Store>) {
    let revisions = five(&*store).await;
    store.compact(revisions[3]).await.unwrap();
    for from in [Revision::new(revisions[0].get() - 1), revisions[0], revisions[1]] {
        let mut watch = store.watch(&key("/"), from).await.unwrap();
        let ended = end(&mut watch).await;
        let WatchEnded::Compacted { oldest } = ended else { panic!("from {from}: {ended:?}") };
        assert!(oldest > from && oldest < revisions[3], "{oldest}");
    }
    let mut watch = store.watch(&key("/"), revisions[2]).await.unwrap();
    assert_eq!(next(&mut watch).await.0, revisions[3]);
    assert_eq!(next(&mut watch).await.0, revisions[4]);
    // What was compacted once can be again, with no effect, and the future is the head: what comes then is seen.
    store.compact(revisions[1]).await.unwrap();
    store.compact(revisions[3]).await.unwrap();
    store.compact(Revision::new(revisions[4].get() + 1000)).await.unwrap();
    let from = head(&*store).await;
    let last = put(&*store, "/0", "", Expect::At(revisions[0])).await.unwrap();
    let mut watch = store.watch(&key("/"), from).await.unwrap();
    // On a busy machine the head is beyond the fifth: an entry of another case goes with its lease.
    while next(&mut watch).await.0 < last {}
}

/// Compaction takes nothing but history: entries stay, and so do watches that are not behind.
pub async fn compaction_leaves_the_rest_alone(store: Arc<dyn Store>) {
    let from = head(&*store).await;
    let mut watch = store.watch(&key("/"), from).await.unwrap();
    let revisions = five(&*store).await;
    for expected in &revisions {
        assert_eq!(next(&mut watch).await.0, *expected);
    }
    store.compact(revisions[4]).await.unwrap();
    let item = read(&*store, "/0").await.unwrap();
    assert_eq!(item.mod_revision, revisions[0]);
    assert_eq!(store.list(&key("/"), None, 10).await.unwrap().items.len(), 5);
    let last = put(&*store, "/0", "", Expect::At(revisions[0])).await.unwrap();
    assert_eq!(next(&mut watch).await.0, last);
}

/// Watches do not take commits away from each other, and dropping one ends only that one.
pub async fn two_watches_see_the_same(store: Arc<dyn Store>) {
    let from = head(&*store).await;
    let mut one = store.watch(&key("/"), from).await.unwrap();
    let mut two = store.watch(&key("/"), from).await.unwrap();
    let revisions = five(&*store).await;
    for expected in &revisions {
        let seen = next(&mut one).await;
        assert_eq!(seen.0, *expected);
        assert_eq!(next(&mut two).await, seen);
    }
    drop(one);
    let last = put(&*store, "/last", "", Expect::Absent).await.unwrap();
    assert_eq!(next(&mut two).await.0, last);
}

/// A thousand commits by several writers come complete and in order to a watch that was there before, and to one that is
/// opened while they are made.
pub async fn no_commit_is_lost_under_load(store: Arc<dyn Store>) {
    const WRITERS: usize = 8;
    const EACH: usize = 125;
    let from = head(&*store).await;
    let mut early = store.watch(&key("/load/"), from).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut expect, mut revisions) = (Expect::Absent, Vec::new());
            for round in 0..EACH {
                let revision = put(&*store, &format!("/load/{writer}"), format!("{round}"), expect).await.unwrap();
                expect = Expect::At(revision);
                revisions.push(revision);
            }
            revisions
        })
    });
    let writers: Vec<_> = writers.collect();
    let first = next(&mut early).await;
    let mut late = store.watch(&key("/load/"), from).await.unwrap();
    let mut revisions: Vec<Revision> = Vec::new();
    for writer in join_all(writers).await {
        revisions.extend(writer.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(first.0, revisions[0]);
    let mut rounds: BTreeMap<String, usize> = BTreeMap::new();
    for (index, expected) in revisions.iter().enumerate() {
        let seen = next(&mut late).await;
        assert_eq!(seen.0, *expected, "commit {index}");
        if index > 0 {
            assert_eq!(next(&mut early).await, seen);
        }
        let [Change::Put(item)] = &seen.1[..] else { panic!("{seen:?}") };
        let round = rounds.entry(item.key.to_string()).or_default();
        assert_eq!(item.value, round.to_string(), "{}", item.key);
        *round += 1;
    }
}

/// From a revision ahead of the head, nothing is yielded until it has passed.
pub async fn a_watch_ahead_of_the_head_waits(store: Arc<dyn Store>) {
    let from = Revision::new(head(&*store).await.get() + 3);
    let mut watch = store.watch(&key("/"), from).await.unwrap();
    let mut passed = Vec::new();
    for index in 0..5 {
        let revision = put(&*store, &format!("/{index}"), "", Expect::Absent).await.unwrap();
        if revision > from {
            passed.push(revision);
        }
    }
    assert!(!passed.is_empty());
    for expected in passed {
        assert_eq!(next(&mut watch).await.0, expected);
    }
}

/// A listing, and a watch from the revision of its first page, together know every entry's last state.
pub async fn a_listing_and_its_watch_leave_no_gap(store: Arc<dyn Store>) {
    for index in 0..10 {
        put(&*store, &format!("/gap/{index}"), "0", Expect::Absent).await.unwrap();
    }
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for round in 1..=100 {
                let name = format!("/gap/{}", round % 10);
                let item = read(&*store, &name).await.unwrap();
                put(&*store, &name, format!("{round}"), Expect::At(item.mod_revision)).await.unwrap();
            }
        }
    });
    let mut known = BTreeMap::new();
    let (mut after, mut from) = (None, None);
    loop {
        let page = store.list(&key("/gap/"), after.as_ref(), 3).await.unwrap();
        from.get_or_insert(page.revision);
        known.extend(page.items.into_iter().map(|item| (item.key.clone(), item)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut watch = store.watch(&key("/gap/"), from.unwrap()).await.unwrap();
    writer.await.unwrap();
    let page = store.list(&key("/gap/"), None, 100).await.unwrap();
    let newest = page.items.iter().map(|item| item.mod_revision).max().unwrap();
    let mut seen = from.unwrap();
    while seen < newest {
        let (revision, changes) = next(&mut watch).await;
        seen = revision;
        for change in changes {
            let Change::Put(item) = change else { panic!("{change:?}") };
            let newer = known.get(&item.key).is_none_or(|old| old.mod_revision < item.mod_revision);
            if newer {
                known.insert(item.key.clone(), item);
            }
        }
    }
    assert_eq!(known.into_values().collect::<Vec<_>>(), page.items);
}

/// More history than fits in one answer is replayed, with no commit torn in two.
pub async fn a_large_history_is_replayed_whole(store: Arc<dyn Store>) {
    const COMMITS: usize = 24;
    let from = head(&*store).await;
    let mut revisions = Vec::new();
    for index in 0..COMMITS {
        let txn = ["a", "b", "c"].into_iter().fold(Txn::new(), |txn, part| {
            txn.put(key(&format!("/big/{index:02}/{part}")), vec![b'x'; 260_000], Expect::Absent)
        });
        revisions.push(store.commit(txn).await.unwrap().revision);
    }
    let mut watch = store.watch(&key("/big/"), from).await.unwrap();
    for expected in revisions {
        let (revision, changes) = next(&mut watch).await;
        assert_eq!((revision, changes.len()), (expected, 3));
        for change in changes {
            let Change::Put(item) = change else { panic!("{change:?}") };
            assert_eq!((item.value.len(), item.mod_revision), (260_000, expected));
        }
    }
}

/// With nothing to yield, a watch says after some seconds that it is alive, and from where it could resume.
pub async fn a_quiet_watch_shows_life(store: Arc<dyn Store>) {
    let first = put(&*store, "/a", "", Expect::Absent).await.unwrap();
    let mut watch = store.watch(&key("/a"), Revision::new(first.get() - 1)).await.unwrap();
    assert_eq!(next(&mut watch).await.0, first);
    let item = tokio::time::timeout(SOON, watch.next()).await.expect("a sign of life comes in time");
    let item = item.unwrap().unwrap();
    let WatchItem::Progress { revision } = item else { panic!("{item:?}") };
    assert!(revision >= first && revision <= head(&*store).await, "{revision}");
    let second = put(&*store, "/a", "", Expect::At(first)).await.unwrap();
    assert_eq!(next(&mut watch).await.0, second);
}
