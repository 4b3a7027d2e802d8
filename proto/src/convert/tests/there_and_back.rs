//! Core to bytes to core gives the same value, for every type that travels or is stored.

use std::sync::Arc;

use meridian_core::plan::Plan;
use meridian_core::playbook::Playbook;
use meridian_core::release::Release;
use proptest::prelude::*;
use prost::Message;

use crate::convert::arbitrary;
use crate::convert::record::{
    Head, Outgoing, Outline, Region, RequestDone, Restore, Service, Stands, StoredPlan, StoredPlaybook, StoredRelease,
    StoredRoute, StoredWatch, audit_from_record, audit_to_record, decode_journal, encode_journal, feedback_from_record,
    feedback_to_record, history_from_record, history_to_record, lanes_from_record, lanes_to_record, queue_from_record,
    queue_to_record, rollout_from_record, rollout_to_record, stop_entry_from_record, stop_entry_to_record,
    stops_from_record, stops_to_record,
};
use crate::convert::{
    Hello, Invalid, goal_from_wire, report_from_wire, report_to_wire, vetoes_from_wire, vetoes_to_wire,
};
use crate::r#gen::{agent::v1 as agent, records::v1 as records, v1};

/// The message after a travel as bytes.
fn travelled<M: Message + Default + PartialEq>(message: &M) -> M {
    let bytes = message.encode_to_vec();
    let back = M::decode(bytes.as_slice()).unwrap();
    assert!(back == *message, "bytes say what the message said");
    assert_eq!(back.encode_to_vec(), bytes, "one message has one encoding");
    back
}

/// A value after a travel as message `M`.
fn returned<M, T>(value: &T) -> Result<T, Invalid>
where
    M: Message + Default + PartialEq + for<'a> From<&'a T>,
    T: TryFrom<M, Error = Invalid>,
{
    T::try_from(travelled(&M::from(value)))
}

proptest! {
    #[test]
    fn playbooks(playbook in arbitrary::playbook()) {
        prop_assert_eq!(returned::<v1::Playbook, Playbook>(&playbook), Ok(playbook));
    }

    #[test]
    fn plans_and_their_hashes(plan in arbitrary::plan()) {
        let back = returned::<v1::Plan, Plan>(&plan).unwrap();
        prop_assert_eq!(back.hash(), plan.hash());
        prop_assert_eq!(back, plan);
    }

    #[test]
    fn releases(release in arbitrary::release()) {
        prop_assert_eq!(returned::<v1::Release, Release>(&release), Ok(release));
    }

    #[test]
    fn goals_and_their_hashes(goal in arbitrary::goal()) {
        let back = goal_from_wire(&goal.lane.region, travelled(&agent::Goal::from(&goal))).unwrap();
        prop_assert_eq!(back.hash(), goal.hash());
        prop_assert_eq!(back, goal);
    }

    #[test]
    fn lists_of_vetoes(service in arbitrary::service(), list in arbitrary::veto_list()) {
        let back = vetoes_from_wire(travelled(&vetoes_to_wire(&service, &list)));
        prop_assert_eq!(back, Ok((service, list)));
    }

    #[test]
    fn a_goal_of_another_region_is_refused(goal in arbitrary::goal(), region in arbitrary::region()) {
        prop_assume!(region != goal.lane.region);
        prop_assert_eq!(goal_from_wire(&region, agent::Goal::from(&goal)).unwrap_err().field, "hash");
    }

    #[test]
    fn observations(service in arbitrary::service(), observed in arbitrary::observed()) {
        let back = report_from_wire(travelled(&report_to_wire([(&service, &observed)]))).unwrap();
        prop_assert_eq!(back.into_iter().collect::<Vec<_>>(), vec![(service, observed)]);
    }

    #[test]
    fn first_words(hello in arbitrary::hello()) {
        prop_assert_eq!(returned::<agent::Hello, Hello>(&hello), Ok(hello));
    }

    #[test]
    fn rollouts(rollout in arbitrary::rollout()) {
        let bytes = rollout_to_record(&rollout).encode_to_vec();
        let outline = Outline::try_from(records::RolloutOutline::decode(bytes.as_slice()).unwrap()).unwrap();
        prop_assert_eq!(&outline.phase, &rollout.phase);
        prop_assert_eq!((outline.id, outline.plan), (rollout.id.clone(), rollout.plan.hash()));
        let back = rollout_from_record(travelled(&rollout_to_record(&rollout)), Arc::clone(&rollout.plan));
        prop_assert_eq!(back, Ok(rollout));
    }

    #[test]
    fn lanes(lanes in arbitrary::lanes()) {
        prop_assert_eq!(lanes_from_record(travelled(&lanes_to_record(&lanes))), Ok(lanes));
    }

    #[test]
    fn audit_entries(entry in arbitrary::audit_entry()) {
        let back = audit_from_record(entry.service.clone(), travelled(&audit_to_record(&entry)));
        prop_assert_eq!(back, Ok(entry));
    }

    #[test]
    fn journals(memory in arbitrary::lane_memory()) {
        let region = memory.intent().unwrap().lane.region.clone();
        prop_assert_eq!(decode_journal(&region, &encode_journal(&memory).unwrap()), Ok(memory));
    }

    #[test]
    fn a_changed_journal_is_never_obeyed(
        memory in arbitrary::lane_memory(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let region = memory.intent().unwrap().lane.region.clone();
        let mut bytes = encode_journal(&memory).unwrap();
        *at.get_mut(&mut bytes) ^= flip;
        // Some bytes say nothing to this reader, such as the minor schema.
        if let Ok(read) = decode_journal(&region, &bytes) {
            prop_assert_eq!(read, memory);
        }
    }

    #[test]
    fn heads(head in arbitrary::head()) {
        prop_assert_eq!(returned::<records::HeadRecord, Head>(&head), Ok(head));
    }

    #[test]
    fn queues(queue in arbitrary::queue()) {
        prop_assert_eq!(queue_from_record(travelled(&queue_to_record(&queue))), Ok(queue));
    }

    #[test]
    fn stops(stops in arbitrary::stops(), entry in arbitrary::stop_entry()) {
        prop_assert_eq!(stops_from_record(travelled(&stops_to_record(&stops))), Ok(stops));
        prop_assert_eq!(stop_entry_from_record(travelled(&stop_entry_to_record(&entry))), Ok(entry));
    }

    #[test]
    fn stored_services(spec in arbitrary::stored_service()) {
        prop_assert_eq!(returned::<records::ServiceRecord, Service>(&spec), Ok(spec));
    }

    #[test]
    fn stored_regions(entry in arbitrary::stored_region()) {
        prop_assert_eq!(returned::<records::RegionRecord, Region>(&entry), Ok(entry));
    }

    #[test]
    fn stored_playbooks(entry in arbitrary::stored_playbook()) {
        prop_assert_eq!(returned::<records::PlaybookRecord, StoredPlaybook>(&entry), Ok(entry));
    }

    #[test]
    fn stored_releases(entry in arbitrary::stored_release()) {
        prop_assert_eq!(returned::<records::ReleaseRecord, StoredRelease>(&entry), Ok(entry));
    }

    #[test]
    fn stored_plans(entry in arbitrary::stored_plan()) {
        prop_assert_eq!(returned::<records::PlanRecord, StoredPlan>(&entry), Ok(entry));
    }

    #[test]
    fn requests_done(entry in arbitrary::request_done()) {
        prop_assert_eq!(returned::<records::RequestRecord, RequestDone>(&entry), Ok(entry));
    }

    #[test]
    fn outgoing(outgoing in arbitrary::outgoing()) {
        prop_assert_eq!(returned::<records::OutgoingRecord, Outgoing>(&outgoing), Ok(outgoing));
    }

    #[test]
    fn standing_alerts(stands in arbitrary::stands()) {
        prop_assert_eq!(returned::<records::StandingRecord, Stands>(&stands), Ok(stands));
    }

    #[test]
    fn stored_routes(stored in arbitrary::stored_route()) {
        prop_assert_eq!(returned::<records::RouteRecord, StoredRoute>(&stored), Ok(stored));
    }

    #[test]
    fn restores(entry in arbitrary::restore()) {
        prop_assert_eq!(returned::<records::RestoreRecord, Restore>(&entry), Ok(entry));
    }

    #[test]
    fn watches(entry in arbitrary::stored_watch()) {
        prop_assert_eq!(returned::<records::WatchRecord, StoredWatch>(&entry), Ok(entry));
    }

    #[test]
    fn histories_of_kpis(history in arbitrary::history()) {
        prop_assert_eq!(history_from_record(travelled(&history_to_record(&history))), Ok(history));
    }

    #[test]
    fn feedback(feedback in arbitrary::feedback()) {
        prop_assert_eq!(feedback_from_record(travelled(&feedback_to_record(&feedback))), Ok(feedback));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let region = meridian_core::id::RegionId::new("eu").unwrap();
        if let Ok(wire) = v1::Playbook::decode(bytes.as_slice()) {
            let _refused = Playbook::try_from(wire);
        }
        if let Ok(wire) = v1::Plan::decode(bytes.as_slice()) {
            prop_assert!(Plan::try_from(wire).is_err(), "no garbage carries its own hash");
        }
        if let Ok(wire) = agent::Goal::decode(bytes.as_slice()) {
            prop_assert!(goal_from_wire(&region, wire).is_err(), "no garbage carries its own hash");
        }
        prop_assert!(decode_journal(&region, &bytes).is_err());
    }
}
