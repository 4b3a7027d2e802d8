//! The audit chain: what was changed, left out, doubled or swapped is found, at the place where it happened.

use meridian_core::audit::{AuditEntry, verify};
use meridian_core::canon::Canonical;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::RolloutId;
use meridian_core::time::Timestamp;

use super::world::design::service;

pub fn chain(length: u64) -> Vec<AuditEntry> {
    let mut entries: Vec<AuditEntry> = Vec::new();
    for counter in 1..=length {
        let entry = AuditEntry {
            service: service(),
            rollout: Some(RolloutId::new("r").unwrap()),
            epoch: Epoch::new(1, counter),
            time: Timestamp::from_millis(counter),
            kind: "advance".to_owned(),
            actor: "meridian".to_owned(),
            message: String::new(),
            record: Digest::of(&counter.to_be_bytes()),
            previous: entries.last().map(Canonical::digest),
            change: counter.to_be_bytes().to_vec(),
        };
        entries.push(entry);
    }
    entries
}

#[test]
fn a_whole_chain_and_any_part_of_it_hold() {
    let entries = chain(5);
    assert_eq!(verify(&entries), Ok(()));
    assert_eq!(verify(&entries[2..]), Ok(()));
    assert_eq!(verify(&[]), Ok(()));
}

#[test]
fn every_kind_of_tampering_is_found_at_its_place() {
    type Change = fn(&mut Vec<AuditEntry>);
    let changes: [(Change, u64); 9] = [
        (|entries| entries[1].actor.push('x'), 3),
        (|entries| entries[1].record = Digest::of(b"another"), 3),
        (|entries| entries[1].time = Timestamp::from_millis(99), 3),
        (|entries| entries[1].change.push(7), 3),
        (|entries| entries[1].change.clear(), 3),
        (|entries| drop(entries.remove(2)), 4),
        (|entries| entries.swap(2, 3), 4),
        (|entries| entries.insert(2, entries[1].clone()), 2),
        (|entries| entries[4].previous = None, 5),
    ];
    for (change, at) in changes {
        let mut entries = chain(5);
        change(&mut entries);
        assert_eq!(verify(&entries).unwrap_err().at, Epoch::new(1, at));
    }
}
