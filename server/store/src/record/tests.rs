//! Records read back as they were written; everything else is refused.

use meridian_core::canon::Canonical;
use meridian_proto::convert::arbitrary;
use proptest::prelude::*;

use super::*;
use crate::{MAX_VALUE_BYTES, layout};

fn key() -> Key {
    Key::new("/some/key").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rollouts_read_back(rollout in arbitrary::rollout()) {
        let bytes = encode_rollout(&rollout);
        prop_assert_eq!(&bytes, &encode_rollout(&rollout), "one record has one encoding");
        prop_assert_eq!(plan_of_rollout(&key(), &bytes), Ok(rollout.plan.hash()));
        prop_assert_eq!(has_ended(&key(), &bytes), Ok(rollout.phase.is_terminal()));
        prop_assert_eq!(decode_rollout(&key(), &bytes, Arc::clone(&rollout.plan)), Ok(rollout));
    }

    #[test]
    fn the_rest_reads_back(
        service in arbitrary::stored_service(),
        head in arbitrary::head(),
        lanes in arbitrary::lanes(),
        release in arbitrary::stored_release(),
        region in arbitrary::stored_region(),
        done in arbitrary::request_done(),
        restore in arbitrary::restore(),
    ) {
        prop_assert_eq!(decode_service(&key(), &encode_service(&service)), Ok(service));
        prop_assert_eq!(decode_head(&key(), &encode_head(&head)), Ok(head));
        prop_assert_eq!(decode_lanes(&key(), &encode_lanes(&lanes)), Ok(lanes));
        prop_assert_eq!(decode_release(&key(), &encode_release(&release)), Ok(release));
        prop_assert_eq!(decode_region(&key(), &encode_region(&region)), Ok(region));
        prop_assert_eq!(decode_request(&key(), &encode_request(&done)), Ok(done));
        prop_assert_eq!(decode_restore(&key(), &encode_restore(&restore)), Ok(restore));
    }

    #[test]
    fn what_replicas_tell_each_other_reads_back(
        observed in arbitrary::observed(),
        number in any::<u64>(),
        millis in 0..=u64::from(u32::MAX),
    ) {
        let (replica, service) = (ReplicaId::new("replica-1").unwrap(), ServiceId::new("checkout").unwrap());
        let member = Member { address: "10.0.0.1:7401".to_owned(), version: "1.2.3".to_owned() };
        let since = meridian_core::time::Timestamp::from_millis(millis);
        let session = SessionHeld { number, replica: replica.clone(), since };
        let heard = Heard { session: number, service, observed };
        prop_assert_eq!(decode_member(&key(), &encode_member(&member)), Ok(member));
        prop_assert_eq!(decode_owner(&key(), &encode_owner(&replica)), Ok(replica));
        prop_assert_eq!(decode_session(&key(), &encode_session(&session)), Ok(session));
        prop_assert_eq!(decode_heard(&key(), &encode_heard(&heard)), Ok(heard));
    }

    #[test]
    fn plans_and_playbooks_read_back(
        plan in arbitrary::stored_plan(),
        playbook in arbitrary::stored_playbook(),
    ) {
        prop_assert_eq!(decode_plan(&key(), &encode_plan(&plan)), Ok(plan));
        prop_assert_eq!(decode_playbook(&key(), &encode_playbook(&playbook)), Ok(playbook));
    }

    #[test]
    fn audit_entries_read_back_whole_or_not_at_all(
        entry in arbitrary::audit_entry(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let key = layout::audit(&entry.service, entry.epoch);
        let mut bytes = encode_audit(&entry).to_vec();
        let digest = entry.digest();
        prop_assert_eq!(decode_audit(&key, &bytes, &entry.service), Ok(entry.clone()));
        *at.get_mut(&mut bytes) ^= flip;
        if let Ok(read) = decode_audit(&key, &bytes, &entry.service) {
            prop_assert_eq!(read.digest(), digest, "a changed entry was taken");
        }
    }

    #[test]
    fn garbage_is_undecodable(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        // Any record begins with its schema; so does no garbage here.
        prop_assume!(bytes.first() != Some(&0x0a));
        let refused = decode_head(&key(), &bytes).unwrap_err();
        prop_assert!(matches!(refused, RecordError::Undecodable { .. }), "{}", refused);
        prop_assert!(decode_plan(&key(), &bytes).is_err());
        prop_assert!(decode_outline(&key(), &bytes).is_err());
    }
}

#[test]
fn nothing_and_torn_records_are_undecodable() {
    let whole = encode_head(&Head { audit: Some(Digest::of(b"audit")), ..Head::default() });
    for torn in [&whole[..0], &whole[..1], &whole[..whole.len() - 1], b"garbage"] {
        let refused = decode_head(&key(), torn).unwrap_err();
        assert!(matches!(refused, RecordError::Undecodable { .. }), "{refused}");
        assert!(refused.to_string().starts_with("/some/key can't be read: "), "{refused}");
    }
}

#[test]
fn a_newer_major_is_refused_and_a_newer_minor_is_read() {
    let schema = |major, minor| Some(wire::Schema { major, minor });
    let head = |schema| wire::HeadRecord { schema, ..wire::HeadRecord::from(&Head::default()) }.encode_to_vec();
    let refused = decode_head(&key(), &head(schema(2, 0))).unwrap_err();
    assert_eq!(refused, RecordError::SchemaTooNew { key: key(), major: 2 });
    assert_eq!(decode_head(&key(), &head(schema(1, 9))), Ok(Head::default()));
    for unversioned in [None, schema(0, 1)] {
        let refused = decode_head(&key(), &head(unversioned)).unwrap_err();
        assert!(matches!(refused, RecordError::Undecodable { .. }), "{refused}");
    }
}

#[test]
fn a_newer_major_is_refused_whatever_its_shape() {
    // The epoch of a head, here as a text: this version could not even take the message apart.
    let newer = wire::Schema { major: 7, minor: 0 }.encode_to_vec();
    let mut bytes = vec![0x0a, u8::try_from(newer.len()).unwrap()];
    bytes.extend(newer);
    bytes.extend([0x12, 0x03, 0xff, 0xff, 0xff]);
    assert_eq!(decode_head(&key(), &bytes), Err(RecordError::SchemaTooNew { key: key(), major: 7 }));
}

#[test]
fn the_lanes_of_the_largest_fleet_fit_into_one_value() {
    let stable = meridian_core::lane::Placed {
        slot: meridian_core::slot::Slot::Blue,
        release: meridian_core::release::ReleaseRef {
            version: semver::Version::new(100, 100, 100),
            digest: Digest::of(b"artifact"),
        },
        parameters: BTreeMap::new(),
    };
    let state = LaneState {
        stable: Some(stable),
        rollout: Some(meridian_core::id::RolloutId::new("r".repeat(63)).unwrap()),
        held: true,
        epoch: meridian_core::epoch::Epoch::new(1, 1_000_000),
    };
    let region = |n: u32| RegionId::new(format!("{n:063}")).unwrap();
    let lanes: BTreeMap<_, _> = (0..1000).map(|n| (region(n), state.clone())).collect();
    let bytes = encode_lanes(&lanes);
    assert!(bytes.len() < MAX_VALUE_BYTES / 2, "{} bytes", bytes.len());
    assert_eq!(decode_lanes(&key(), &bytes), Ok(lanes));
}
