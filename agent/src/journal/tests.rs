//! What was written comes back; what must not be obeyed is refused by name, lane by lane.

use meridian_core::epoch::Epoch;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::id::{Lane, RolloutId};
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;

use super::*;

fn region() -> RegionId {
    RegionId::new("eu").unwrap()
}

fn service(name: &str) -> ServiceId {
    ServiceId::new(name).unwrap()
}

fn memory(name: &str, counter: u64) -> LaneMemory {
    let goal = Goal {
        parameters: Slots::default(),
        lane: Lane { service: service(name), region: region() },
        epoch: Epoch::new(1, counter),
        rollout: RolloutId::new("r-1").unwrap(),
        slots: Slots { blue: SlotGoal::Keep, green: SlotGoal::Empty },
        split: Some(Split::all(Slot::Blue)),
        cohort: None,
        measurement: None,
        mandate: None,
    };
    LaneMemory::recalled(goal, false)
}

async fn written(path: &Path, entries: &[(&str, LaneMemory)]) {
    let opened = OpenJournal::open(path).unwrap();
    let (journal, thread) = opened.start(Arc::new(Metrics::default())).unwrap();
    let writes = entries.iter().map(|(name, memory)| {
        let journal = journal.clone();
        async move { journal.write(&service(name), memory).await.unwrap() }
    });
    futures::future::join_all(writes).await;
    drop(journal);
    thread.join().unwrap();
}

fn overwrite(path: &Path, name: &str, bytes: &[u8]) {
    let database = open(path).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(LANES).unwrap().insert(key(&service(name)).as_str(), bytes).unwrap();
    writing.commit().unwrap();
}

fn bytes_of(path: &Path, name: &str) -> Vec<u8> {
    let database = open(path).unwrap();
    let table = database.begin_read().unwrap().open_table(LANES).unwrap();
    table.get_owned(key(&service(name)).as_str()).unwrap().unwrap().value().to_vec()
}

#[tokio::test]
async fn memories_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let mut done = memory("cart", 9);
    assert!(done.mark_done(Epoch::new(1, 9)));
    written(&path, &[("shop", memory("shop", 7)), ("cart", done.clone())]).await;
    let opened = OpenJournal::open(&path).unwrap();
    assert_eq!(opened.recall(&region(), &service("shop")).unwrap(), memory("shop", 7));
    assert_eq!(opened.recall(&region(), &service("cart")).unwrap(), done);
    assert_eq!(opened.recall(&region(), &service("other")).unwrap(), LaneMemory::default());
    assert!(matches!(OpenJournal::open(&path), Err(JournalError::InUse { .. })));
    drop(opened);
}

#[tokio::test]
async fn a_bad_entry_is_refused_and_the_others_stay_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    written(&path, &[("shop", memory("shop", 7)), ("cart", memory("cart", 1))]).await;
    let good = bytes_of(&path, "shop");
    // `schema { major: 2 }`, and whatever a later version may write after it.
    let newer = [&[0x0a, 0x02, 0x08, 0x02][..], &good[4..]].concat();
    let mut flipped = good.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 0x40;
    let table = [
        (Vec::new(), "schema"),
        (b"\xff\xff\xff".to_vec(), "decode"),
        (newer, "newer"),
        (flipped, "is not the hash"),
        (bytes_of(&path, "cart"), "contradicts its key"),
    ];
    for (bytes, words) in table {
        overwrite(&path, "shop", &bytes);
        let opened = OpenJournal::open(&path).unwrap();
        let error = opened.recall(&region(), &service("shop")).unwrap_err().to_string();
        assert!(error.contains("shop") && error.contains(words), "{words}: {error}");
        assert!(opened.recall(&region(), &service("cart")).is_ok());
    }
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    std::fs::write(&path, b"not a database, and long enough to be looked at".repeat(100)).unwrap();
    assert!(matches!(OpenJournal::open(&path), Err(JournalError::Store { doing: "open", .. })));
}
