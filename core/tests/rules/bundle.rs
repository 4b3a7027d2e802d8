//! Evidence bundles: each thing that can be wrong with one is found, and called by its name.

use meridian_core::audit::AuditEntry;
use meridian_core::audit::bundle::{Bundle, Flaw, Link, Proof};
use meridian_core::canon::{Canon, Canonical};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, ServiceId};

use super::chain::chain;
use super::world::design::service;

/// Five decisions of `r`; the third is of another rollout and changes nothing here.
fn bundle() -> Bundle {
    let mut entries = chain(5);
    entries[0].kind = "start".to_owned();
    (entries[2].rollout, entries[2].change) = (RolloutId::new("other").ok(), Vec::new());
    let folded = |entry: &AuditEntry| (!entry.change.is_empty()).then_some(entry.record);
    let links = entries.into_iter().map(|entry| Link { folded: folded(&entry), entry }).collect();
    let (plan, rollout) = (Digest::of(b"plan"), RolloutId::new("r").unwrap());
    let mut bundle = Bundle {
        service: service(),
        rollout,
        plan,
        plan_found: plan,
        head: plan,
        links,
        epoch: Epoch::new(1, 5),
        record: Digest::of(&5_u64.to_be_bytes()),
    };
    chained(&mut bundle);
    bundle
}

/// Makes the chain anew, as a forger would.
fn chained(bundle: &mut Bundle) {
    let mut before = None;
    for link in &mut bundle.links {
        link.entry.previous = before;
        before = Some(link.entry.digest());
    }
    bundle.head = before.unwrap();
}

#[test]
fn a_whole_bundle_holds_across_a_restore_too() {
    assert_eq!(bundle().verify(), Ok(Proof { entries: 5, own: 4, rebuilt: 4 }));
    let mut restored = bundle();
    restored.links[4].entry.epoch = Epoch::new(9, 5);
    restored.epoch = Epoch::new(9, 5);
    chained(&mut restored);
    assert!(restored.verify().is_ok());
}

#[test]
fn each_flaw_is_called_by_its_name() {
    type Spoil = fn(&mut Bundle);
    let at = |counter| Epoch::new(1, counter);
    let table: [(Spoil, Flaw); 9] = [
        (|b| b.links.clear(), Flaw::Empty),
        (|b| b.plan_found = Digest::of(b"x"), Flaw::Plan { named: Digest::of(b"plan"), found: Digest::of(b"x") }),
        (|b| drop(b.links.remove(0)), Flaw::Beginning { at: at(2) }),
        (
            |b| b.links[1].entry.service = ServiceId::new("x").unwrap(),
            Flaw::Service { at: at(2), service: ServiceId::new("x").unwrap() },
        ),
        (
            |b| {
                b.links.remove(2);
                chained(b);
            },
            Flaw::Epoch { at: at(4), before: at(2) },
        ),
        (|b| b.links[1].entry.actor.push('x'), Flaw::Chain { at: at(3), before: at(2) }),
        (|b| b.links[3].folded = Some(Digest::of(b"x")), Flaw::Change { at: at(4) }),
        (|b| b.record = Digest::of(b"x"), Flaw::Record { at: at(5) }),
        (|b| b.epoch = Epoch::new(1, 4), Flaw::Record { at: at(4) }),
    ];
    for (spoil, flaw) in table {
        let mut bundle = bundle();
        spoil(&mut bundle);
        assert_eq!(bundle.verify(), Err(flaw));
    }
    let mut bundle = bundle();
    let last = bundle.links.pop().unwrap().entry;
    let found = bundle.links[3].entry.digest();
    assert_eq!(bundle.verify(), Err(Flaw::Head { named: last.digest(), found }));
}

#[test]
fn entries_older_than_changes_keep_their_digests() {
    let mut entry = chain(1).remove(0);
    entry.change.clear();
    let mut canon = Canon::default();
    canon.text("meridian.audit.v1").value(&entry.service).text("r").value(&entry.epoch).value(&entry.time);
    canon.text(&entry.kind).text(&entry.actor).text(&entry.message).value(&entry.record).value(&entry.previous);
    assert_eq!(entry.digest(), canon.finish());
}
