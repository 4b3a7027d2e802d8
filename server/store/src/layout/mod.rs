//! The whole key layout: which record is stored under which key, written and read in one place. It knows no record.

mod alerts;
mod watching;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{KpiId, Lane, PlaybookId, RegionId, ReplicaId, RolloutId, RouteId, ServiceId, SetId};
use meridian_core::ownership::Shard;
use semver::Version;

use crate::{Key, KeyInvalid};

pub use alerts::{all_standing, outbox, outgoing_decided, outgoing_waited, route, routes, standing};
pub use watching::{
    all_watches, answer, answers, kpi, kpis, opinion, opinions, watch, watch_audit, watch_audits, watches,
};

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `/services/{service}/spec`: what its owner says of it.
    Service(ServiceId),
    /// `/services/{service}/head`: moved by every decision of the service.
    Head(ServiceId),
    /// `/services/{service}/lanes`: moved when lanes are taken or freed.
    Lanes(ServiceId),
    /// `/services/{service}/releases/{version}`.
    Release(ServiceId, Version),
    /// `/services/{service}/audit/{generation}.{counter}`, both of 20 digits, so that the order of keys is that of epochs.
    Audit(ServiceId, Epoch),
    /// `/regions/{region}`.
    Region(RegionId),
    /// `/playbooks/{playbook}/latest`: the revision in force.
    Playbook(PlaybookId),
    /// `/playbooks/{playbook}/revisions/{n}`, of 20 digits.
    Revision(PlaybookId, u64),
    /// `/plans/{hash}`.
    Plan(Digest),
    /// `/rollouts/{rollout}`.
    Rollout(RolloutId),
    /// `/requests/{id}`: what a request id has done.
    Request(String),
    /// `/replicas/{replica}`: there while the replica is.
    Replica(ReplicaId),
    /// `/owners/{shard}`, of two digits: who owns a shard.
    Owner(Shard),
    /// `/sessions/{region}`: the newest session of a region's agent.
    Session(RegionId),
    /// `/seen/{region}/{service}`: what was heard of a lane by another replica than its owner.
    Seen(Lane),
    /// `/watches/{service}/{rollout}`: the watch of a rollout that was switched.
    Watch(ServiceId, RolloutId),
    /// `/watch-audit/{service}/{rollout}/{generation}.{counter}`, of 20 digits each: a decision about a watch.
    WatchAudit(ServiceId, RolloutId, Epoch),
    /// `/kpis/{service}/{kpi}`: what was measured.
    Kpi(ServiceId, KpiId),
    /// `/opinions/{service}/{version}`: all feedback of a release, added up.
    Opinion(ServiceId, Version),
    /// `/feedback/{service}/{version}/answers/{answer}`: what somebody said of a release; names begin with the time.
    Answer(ServiceId, Version, String),
    /// `/routes/{route}`: who is told of which alerts.
    Route(RouteId),
    /// `/alerts/outbox/{service}/…`: what a decision or a look has to say.
    Outgoing(ServiceId),
    /// `/alerts/standing/{rollout}`: the alerts that stand because it waits.
    Standing(RolloutId),
    /// `/sets/{set}`: rollouts that end together.
    Set(SetId),
    /// `/stops/now`: where the line is stopped.
    Stops,
    /// `/stops/log/{n}`, of 20 digits: one order about stops.
    StopEntry(u64),
    /// `/queues/{service}`: what waits for its lanes.
    Queue(ServiceId),
    /// `/restore`: the restore that filled this store.
    Restore,
}

impl Place {
    /// Reads a key; `None` for one that is not of this layout.
    #[must_use]
    pub fn of(key: &Key) -> Option<Self> {
        let segments: Vec<&str> = key.as_str().strip_prefix('/')?.split('/').collect();
        match segments.as_slice() {
            ["services", id, rest @ ..] => Self::of_service(ServiceId::new(*id).ok()?, rest),
            ["regions", id] => RegionId::new(*id).ok().map(Self::Region),
            ["playbooks", id, "latest"] => PlaybookId::new(*id).ok().map(Self::Playbook),
            ["playbooks", id, "revisions", n] => Some(Self::Revision(PlaybookId::new(*id).ok()?, number(n)?)),
            ["plans", hash] => Digest::parse(&format!("sha256:{hash}")).ok().map(Self::Plan),
            ["rollouts", id] => RolloutId::new(*id).ok().map(Self::Rollout),
            ["requests", id] => Some(Self::Request((*id).to_owned())),
            ["replicas", id] => ReplicaId::new(*id).ok().map(Self::Replica),
            ["owners", shard] => digits(shard, 2).and_then(|n| Shard::new(u8::try_from(n).ok()?)).map(Self::Owner),
            ["sessions", id] => RegionId::new(*id).ok().map(Self::Session),
            ["seen", region, service] => {
                Some(Self::Seen(Lane { service: ServiceId::new(*service).ok()?, region: RegionId::new(*region).ok()? }))
            }
            ["watches", service, rollout] => {
                Some(Self::Watch(ServiceId::new(*service).ok()?, RolloutId::new(*rollout).ok()?))
            }
            ["watch-audit", service, rollout, at] => {
                Some(Self::WatchAudit(ServiceId::new(*service).ok()?, RolloutId::new(*rollout).ok()?, epoch(at)?))
            }
            ["kpis", service, kpi] => Some(Self::Kpi(ServiceId::new(*service).ok()?, KpiId::new(*kpi).ok()?)),
            ["opinions", service, version] => {
                Some(Self::Opinion(ServiceId::new(*service).ok()?, Version::parse(version).ok()?))
            }
            ["feedback", service, version, "answers", answer] => {
                let (service, version) = (ServiceId::new(*service).ok()?, Version::parse(version).ok()?);
                Some(Self::Answer(service, version, (*answer).to_owned()))
            }
            ["routes", id] => RouteId::new(*id).ok().map(Self::Route),
            ["alerts", "outbox", service, _] => ServiceId::new(*service).ok().map(Self::Outgoing),
            ["alerts", "standing", id] => RolloutId::new(*id).ok().map(Self::Standing),
            ["sets", id] => SetId::new(*id).ok().map(Self::Set),
            ["stops", "now"] => Some(Self::Stops),
            ["stops", "log", n] => number(n).map(Self::StopEntry),
            ["queues", service] => ServiceId::new(*service).ok().map(Self::Queue),
            ["restore"] => Some(Self::Restore),
            _ => None,
        }
    }

    fn of_service(service: ServiceId, rest: &[&str]) -> Option<Self> {
        match rest {
            ["spec"] => Some(Self::Service(service)),
            ["head"] => Some(Self::Head(service)),
            ["lanes"] => Some(Self::Lanes(service)),
            ["releases", version] => Version::parse(version).ok().map(|version| Self::Release(service, version)),
            ["audit", at] => Some(Self::Audit(service, epoch(at)?)),
            _ => None,
        }
    }
}

/// An epoch of two numbers.
fn epoch(text: &str) -> Option<Epoch> {
    let (generation, counter) = text.split_once('.')?;
    Some(Epoch::new(number(generation)?, number(counter)?))
}

/// A number of exactly 20 digits.
fn number(text: &str) -> Option<u64> {
    digits(text, 20)
}

fn digits(text: &str, count: usize) -> Option<u64> {
    let exact = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if exact { text.parse().ok() } else { None }
}

/// What a service's owner says of it.
#[must_use]
pub fn service(id: &ServiceId) -> Key {
    key(format!("/services/{id}/spec"))
}

/// The head of a service.
#[must_use]
pub fn head(service: &ServiceId) -> Key {
    key(format!("/services/{service}/head"))
}

/// The lanes of a service.
#[must_use]
pub fn lanes(service: &ServiceId) -> Key {
    key(format!("/services/{service}/lanes"))
}

/// A release of a service.
///
/// # Panics
/// With a version of more than 400 bytes; versions are bounded far below where they come in.
#[must_use]
pub fn release(service: &ServiceId, version: &Version) -> Key {
    key(format!("/services/{service}/releases/{version}"))
}

/// The audit entry of a decision.
#[must_use]
pub fn audit(service: &ServiceId, epoch: Epoch) -> Key {
    key(format!("/services/{service}/audit/{:020}.{:020}", epoch.generation(), epoch.counter()))
}

/// The place right before an audit entry, from which on a listing begins with it; `None`: nothing can be before it.
#[must_use]
pub fn before_audit(service: &ServiceId, epoch: Epoch) -> Option<Key> {
    let counter = epoch.counter().checked_sub(1)?;
    Some(audit(service, Epoch::new(epoch.generation(), counter)))
}

/// A region.
#[must_use]
pub fn region(id: &RegionId) -> Key {
    key(format!("/regions/{id}"))
}

/// The revision of a playbook that is in force.
#[must_use]
pub fn playbook(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/latest"))
}

/// A revision of a playbook.
#[must_use]
pub fn playbook_revision(id: &PlaybookId, revision: u64) -> Key {
    key(format!("/playbooks/{id}/revisions/{revision:020}"))
}

/// A plan.
#[must_use]
pub fn plan(hash: &Digest) -> Key {
    key(format!("/plans/{}", hash.hex()))
}

/// A rollout.
#[must_use]
pub fn rollout(id: &RolloutId) -> Key {
    key(format!("/rollouts/{id}"))
}

/// What a request id has done. Ids are UUIDs, which are the same in upper and lower case.
///
/// # Errors
/// An id that does not fit into a key.
pub fn request(id: &str) -> Result<Key, KeyInvalid> {
    Key::new(format!("/requests/{}", id.to_ascii_lowercase()))
}

/// A replica that is there.
#[must_use]
pub fn replica(id: &ReplicaId) -> Key {
    key(format!("/replicas/{id}"))
}

/// The owner of a shard.
#[must_use]
pub fn owner(shard: Shard) -> Key {
    key(format!("/owners/{:02}", shard.number()))
}

/// The newest session of a region's agent.
#[must_use]
pub fn session(region: &RegionId) -> Key {
    key(format!("/sessions/{region}"))
}

/// What was heard of a lane.
#[must_use]
pub fn seen(lane: &Lane) -> Key {
    key(format!("/seen/{}/{}", lane.region, lane.service))
}

/// Begins every replica.
#[must_use]
pub fn replicas() -> Key {
    key("/replicas/".to_owned())
}

/// Begins every owner.
#[must_use]
pub fn owners() -> Key {
    key("/owners/".to_owned())
}

/// Begins every session.
#[must_use]
pub fn sessions() -> Key {
    key("/sessions/".to_owned())
}

/// Begins everything heard of lanes.
#[must_use]
pub fn all_seen() -> Key {
    key("/seen/".to_owned())
}

/// Begins every key of every service.
#[must_use]
pub fn services() -> Key {
    key("/services/".to_owned())
}

/// Begins every key of a service.
#[must_use]
pub fn all_of_service(service: &ServiceId) -> Key {
    key(format!("/services/{service}/"))
}

/// Begins every release of a service.
#[must_use]
pub fn releases(service: &ServiceId) -> Key {
    key(format!("/services/{service}/releases/"))
}

/// Begins every audit entry of a service; they are listed in the order of their epochs.
#[must_use]
pub fn audits(service: &ServiceId) -> Key {
    key(format!("/services/{service}/audit/"))
}

/// Begins every region.
#[must_use]
pub fn regions() -> Key {
    key("/regions/".to_owned())
}

/// Begins every key of every playbook.
#[must_use]
pub fn playbooks() -> Key {
    key("/playbooks/".to_owned())
}

/// Begins every key of a playbook.
#[must_use]
pub fn playbook_folder(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/"))
}

/// Begins every revision of a playbook; they are listed in their order.
#[must_use]
pub fn playbook_revisions(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/revisions/"))
}

/// Begins every plan.
#[must_use]
pub fn plans() -> Key {
    key("/plans/".to_owned())
}

/// Begins every rollout.
#[must_use]
pub fn rollouts() -> Key {
    key("/rollouts/".to_owned())
}

/// Begins every request.
#[must_use]
pub fn requests() -> Key {
    key("/requests/".to_owned())
}

/// A set.
#[must_use]
pub fn set(id: &SetId) -> Key {
    key(format!("/sets/{id}"))
}

/// Where the line is stopped.
#[must_use]
pub fn stops() -> Key {
    key("/stops/now".to_owned())
}

/// An order about stops.
#[must_use]
pub fn stop_entry(number: u64) -> Key {
    key(format!("/stops/log/{number:020}"))
}

/// What waits for the lanes of a service.
#[must_use]
pub fn queue(service: &ServiceId) -> Key {
    key(format!("/queues/{service}"))
}

/// Begins every queue.
#[must_use]
pub fn queues() -> Key {
    key("/queues/".to_owned())
}

/// The restore that filled this store.
#[must_use]
pub fn restore() -> Key {
    key("/restore".to_owned())
}

/// Begins every key.
#[must_use]
pub fn everything() -> Key {
    key("/".to_owned())
}

/// Whether an entry means something to a later life of the store: who owns, serves and speaks now does not, nor what
/// was seen, what was to be said of it, nor how this store was filled.
#[must_use]
pub fn is_lasting(key: &Key) -> bool {
    let passing = ["/owners/", "/replicas/", "/sessions/", "/seen/", "/alerts/", "/restore"];
    !passing.iter().any(|prefix| key.as_str().starts_with(prefix))
}

fn key(text: String) -> Key {
    Key::new(text).expect("names, numbers and bounded versions are short printable ASCII")
}

#[cfg(test)]
mod tests {
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
            (
                watch(&lane.service, &watched),
                "/watches/checkout/r-1",
                Place::Watch(service_id.clone(), watched.clone()),
            ),
            (
                watch_audit(&service_id, &watched, epoch),
                "/watch-audit/checkout/r-1/00000000000000000001.00000000000000000042",
                Place::WatchAudit(service_id.clone(), watched.clone(), epoch),
            ),
            (kpi(&service_id, &kpi_id), "/kpis/checkout/p95-ms", Place::Kpi(service_id.clone(), kpi_id.clone())),
            (
                opinion(&service_id, &judged),
                "/opinions/checkout/1.2.3",
                Place::Opinion(service_id.clone(), judged.clone()),
            ),
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
}
