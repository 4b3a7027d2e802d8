//! Every key as it is written down, and read back.

use meridian_core::id::KpiId;

use super::*;

fn service_id() -> ServiceId {
    ServiceId::new("checkout").unwrap()
}

#[test]
fn a_set_has_its_own_place() {
    let id = SetId::new("autumn").unwrap();
    assert_eq!((set(&id).as_str(), Place::of(&set(&id))), ("/sets/autumn", Some(Place::Set(id))));
}

#[test]
fn keys_are_as_written_down_and_read_back() {
    let (service_id, epoch) = (service_id(), Epoch::new(1, 42));
    let version = Version::parse("1.2.3-rc.1+build.7").unwrap();
    let playbook_id = PlaybookId::new("careful").unwrap();
    let region_id = RegionId::new("eu-west-1").unwrap();
    let rollout_id = RolloutId::new("r-1").unwrap();
    let replica_id = ReplicaId::new("replica-1").unwrap();
    let shard = Shard::new(7).unwrap();
    let lane = Lane { service: service_id.clone(), region: region_id.clone() };
    let (watched, judged, kpi_id) = (rollout_id.clone(), Version::new(1, 2, 3), KpiId::new("p95-ms").unwrap());
    let hash = Digest::of(b"plan");
    let plan_key = format!("/plans/{}", hash.hex());
    let audit_key = "/services/checkout/audit/00000000000000000001.00000000000000000042";
    let uuid = "0199c0de-0000-7000-8000-00000000000a";
    let upper = uuid.to_uppercase();
    let table = [
        (service(&service_id), "/services/checkout/spec", Place::Service(service_id.clone())),
        (head(&service_id), "/services/checkout/head", Place::Head(service_id.clone())),
        (lanes(&service_id), "/services/checkout/lanes", Place::Lanes(service_id.clone())),
        (
            release(&service_id, &version),
            "/services/checkout/releases/1.2.3-rc.1+build.7",
            Place::Release(service_id.clone(), version),
        ),
        (audit(&service_id, epoch), audit_key, Place::Audit(service_id.clone(), epoch)),
        (region(&region_id), "/regions/eu-west-1", Place::Region(region_id)),
        (playbook(&playbook_id), "/playbooks/careful/latest", Place::Playbook(playbook_id.clone())),
        (
            playbook_revision(&playbook_id, 7),
            "/playbooks/careful/revisions/00000000000000000007",
            Place::Revision(playbook_id, 7),
        ),
        (plan(&hash), plan_key.as_str(), Place::Plan(hash)),
        (rollout(&rollout_id), "/rollouts/r-1", Place::Rollout(rollout_id)),
        (request(&upper).unwrap(), &format!("/requests/{uuid}"), Place::Request(uuid.to_owned())),
        (replica(&replica_id), "/replicas/replica-1", Place::Replica(replica_id)),
        (owner(shard), "/owners/07", Place::Owner(shard)),
        (session(&lane.region), "/sessions/eu-west-1", Place::Session(lane.region.clone())),
        (seen(&lane), "/seen/eu-west-1/checkout", Place::Seen(lane.clone())),
        (watch(&lane.service, &watched), "/watches/checkout/r-1", Place::Watch(service_id.clone(), watched.clone())),
        (
            watch_audit(&service_id, &watched, epoch),
            "/watch-audit/checkout/r-1/00000000000000000001.00000000000000000042",
            Place::WatchAudit(service_id.clone(), watched.clone(), epoch),
        ),
        (kpi(&service_id, &kpi_id), "/kpis/checkout/p95-ms", Place::Kpi(service_id.clone(), kpi_id.clone())),
        (opinion(&service_id, &judged), "/opinions/checkout/1.2.3", Place::Opinion(service_id.clone(), judged.clone())),
        (
            answer(&service_id, &judged, "7-a"),
            "/feedback/checkout/1.2.3/answers/7-a",
            Place::Answer(service_id.clone(), judged.clone(), "7-a".to_owned()),
        ),
        (stops(), "/stops/now", Place::Stops),
        (stop_entry(7), "/stops/log/00000000000000000007", Place::StopEntry(7)),
        (queue(&service_id), "/queues/checkout", Place::Queue(service_id.clone())),
        (restore(), "/restore", Place::Restore),
    ];
    for (key, text, place) in table {
        assert_eq!(key.as_str(), text);
        assert_eq!(Place::of(&key), Some(place), "{text}");
    }
}

#[test]
fn the_order_of_audit_keys_is_that_of_epochs() {
    let epochs = [(0, 9), (0, 10), (0, u64::MAX), (1, 0), (1, 2), (10, 0), (u64::MAX, 1)];
    let keys = epochs.map(|(generation, counter)| audit(&service_id(), Epoch::new(generation, counter)));
    assert!(keys.is_sorted());
    assert!(keys.iter().all(|key| key.starts_with(&audits(&service_id()))));
}

#[test]
fn the_prefix_of_one_service_is_not_that_of_another() {
    let (short, long) = (service_id(), ServiceId::new("checkout-2").unwrap());
    assert!(head(&short).starts_with(&all_of_service(&short)));
    assert!(!head(&long).starts_with(&all_of_service(&short)));
}

#[test]
fn the_longest_names_fit() {
    let long = "x".repeat(63);
    let version = Version::parse(&format!("1.0.0-{}", "a".repeat(122))).unwrap();
    assert_eq!(version.to_string().len(), 128);
    let key = release(&ServiceId::new(long).unwrap(), &version);
    assert!(key.as_str().len() < crate::MAX_KEY_BYTES);
}

#[test]
fn other_keys_are_of_no_place() {
    let strangers = [
        "/",
        "/services/checkout",
        "/services/checkout/spec/more",
        "/services/../spec",
        "/services/checkout/audit/1.2",
        "/playbooks/careful/revisions/7",
        "/playbooks/careful/revisions/+0000000000000000007",
        "/playbooks/careful/revisions/99999999999999999999",
        "/plans/abc",
        "/regions/",
        "/requests/a/b",
        "/owners/3",
        "/owners/16",
        "/seen/eu",
        "/watches/checkout",
        "/watch-audit/checkout/r-1/1.2",
        "/feedback/checkout/latest/opinion",
        "/kpis/checkout/P95",
    ];
    for text in strangers {
        assert_eq!(Place::of(&Key::new(text).unwrap()), None, "{text}");
    }
}
