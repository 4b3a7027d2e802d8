//! Keys read back: what a key stands for.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{KpiId, Lane, PlaybookId, RegionId, ReplicaId, RolloutId, RouteId, ServiceId, SetId};
use meridian_core::ownership::Shard;
use semver::Version;

use crate::Key;

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
