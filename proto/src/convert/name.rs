//! Resource names: `services/{service}/releases/{version}` and its like, written and read in one place. It knows their
//! form; it does not know what exists.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{PlaybookId, RegionId, RolloutId, RouteId, ServiceId, SetId};
use semver::Version;

use super::field::{named, version};
use super::invalid::{Invalid, InvalidKind};

const SERVICE: &str = "services/{service}";
const RELEASE: &str = "services/{service}/releases/{version}";
const ROLLOUT: &str = "services/{service}/rollouts/{rollout}";
const WATCH: &str = "services/{service}/rollouts/{rollout}/watch";
const DECISION: &str = "services/{service}/decisions/{generation}.{counter}";
const REGION: &str = "regions/{region}";
const PLAYBOOK: &str = "playbooks/{playbook}";
const REVISION: &str = "playbooks/{playbook}/revisions/{n}";
const ROUTE: &str = "routes/{route}";
const PLAN: &str = "plans/{hash}";
const SET: &str = "sets/{set}";

/// `services/{service}`.
#[must_use]
pub fn service(id: &ServiceId) -> String {
    format!("services/{id}")
}

/// `services/{service}/releases/{version}`.
#[must_use]
pub fn release(service: &ServiceId, version: &Version) -> String {
    format!("services/{service}/releases/{version}")
}

/// `services/{service}/rollouts/{rollout}`.
#[must_use]
pub fn rollout(service: &ServiceId, id: &RolloutId) -> String {
    format!("services/{service}/rollouts/{id}")
}

/// `services/{service}/rollouts/{rollout}/watch`.
#[must_use]
pub fn watch(service: &ServiceId, rollout: &RolloutId) -> String {
    format!("services/{service}/rollouts/{rollout}/watch")
}

/// `services/{service}/decisions/{generation}.{counter}`.
#[must_use]
pub fn decision(service: &ServiceId, epoch: Epoch) -> String {
    format!("services/{service}/decisions/{epoch}")
}

/// `regions/{region}`.
#[must_use]
pub fn region(id: &RegionId) -> String {
    format!("regions/{id}")
}

/// `playbooks/{playbook}`.
#[must_use]
pub fn playbook(id: &PlaybookId) -> String {
    format!("playbooks/{id}")
}

/// `playbooks/{playbook}/revisions/{n}`.
#[must_use]
pub fn revision(id: &PlaybookId, revision: u64) -> String {
    format!("playbooks/{id}/revisions/{revision}")
}

/// `routes/{route}`.
#[must_use]
pub fn route(id: &RouteId) -> String {
    format!("routes/{id}")
}

/// `plans/{64 hex digits}`.
#[must_use]
pub fn plan(hash: &Digest) -> String {
    format!("plans/{}", hash.hex())
}

/// `sets/{set}`.
#[must_use]
pub fn set(id: &SetId) -> String {
    format!("sets/{id}")
}

/// Reads `sets/{set}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_set(text: &str) -> Result<SetId, Invalid> {
    let [id] = parts(SET, text)?;
    whole(text, named("", id, SetId::new))
}

/// Reads `services/{service}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_service(text: &str) -> Result<ServiceId, Invalid> {
    let [id] = parts(SERVICE, text)?;
    whole(text, named("", id, ServiceId::new))
}

/// Reads `services/{service}/releases/{version}`.
///
/// # Errors
/// Another form, or not a name or version.
pub fn parse_release(text: &str) -> Result<(ServiceId, Version), Invalid> {
    let [id, semantic] = parts(RELEASE, text)?;
    Ok((whole(text, named("", id, ServiceId::new))?, whole(text, version("", &semantic))?))
}

/// Reads `services/{service}/rollouts/{rollout}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_rollout(text: &str) -> Result<(ServiceId, RolloutId), Invalid> {
    let [service, id] = parts(ROLLOUT, text)?;
    Ok((whole(text, named("", service, ServiceId::new))?, whole(text, named("", id, RolloutId::new))?))
}

/// Reads `services/{service}/decisions/{generation}.{counter}`.
///
/// # Errors
/// Another form, not a name, or not an epoch.
pub fn parse_decision(text: &str) -> Result<(ServiceId, Epoch), Invalid> {
    let [service, epoch] = parts(DECISION, text)?;
    let service = whole(text, named("", service, ServiceId::new))?;
    let epoch = epoch.split_once('.').and_then(|(high, low)| Some(Epoch::new(number(high)?, number(low)?)));
    Ok((service, epoch.ok_or_else(|| bad(DECISION, text))?))
}

/// Reads `regions/{region}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_region(text: &str) -> Result<RegionId, Invalid> {
    let [id] = parts(REGION, text)?;
    whole(text, named("", id, RegionId::new))
}

/// Reads `playbooks/{playbook}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_playbook(text: &str) -> Result<PlaybookId, Invalid> {
    let [id] = parts(PLAYBOOK, text)?;
    whole(text, named("", id, PlaybookId::new))
}

/// Reads `routes/{route}`.
///
/// # Errors
/// Another form, or not a name.
pub fn parse_route(text: &str) -> Result<RouteId, Invalid> {
    let [id] = parts(ROUTE, text)?;
    whole(text, named("", id, RouteId::new))
}

/// Reads `playbooks/{playbook}/revisions/{n}`; revisions are counted from one.
///
/// # Errors
/// Another form, or not a name or revision.
pub fn parse_revision(text: &str) -> Result<(PlaybookId, u64), Invalid> {
    let [id, revision] = parts(REVISION, text)?;
    let id = whole(text, named("", id, PlaybookId::new))?;
    let revision = number(&revision).filter(|revision| *revision > 0);
    Ok((id, revision.ok_or_else(|| bad(REVISION, text))?))
}

/// Reads `services/{service}/rollouts/{rollout}/watch`.
///
/// # Errors
/// Another form, or not names.
pub fn parse_watch(text: &str) -> Result<(ServiceId, RolloutId), Invalid> {
    let [service, rollout] = parts(WATCH, text)?;
    let service = whole(text, named("", service, ServiceId::new))?;
    Ok((service, whole(text, named("", rollout, RolloutId::new))?))
}

/// Reads `plans/{64 hex digits}`.
///
/// # Errors
/// Another form.
pub fn parse_plan(text: &str) -> Result<Digest, Invalid> {
    let [hash] = parts(PLAN, text)?;
    Digest::parse(&format!("sha256:{hash}")).map_err(|_| bad(PLAN, text))
}

/// The texts that stand where `pattern` has braces; every other segment must be the same.
fn parts<const N: usize>(pattern: &'static str, text: &str) -> Result<[String; N], Invalid> {
    if text.is_empty() {
        return Err(Invalid::of("", InvalidKind::Missing));
    }
    let (mut wanted, mut given) = (pattern.split('/'), text.split('/'));
    let mut found = Vec::with_capacity(N);
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => break,
            (Some(want), Some(got)) if want.starts_with('{') => found.push(got.to_owned()),
            (Some(want), Some(got)) if want == got => {}
            (Some(_), _) | (None, Some(_)) => return Err(bad(pattern, text)),
        }
    }
    found.try_into().map_err(|_| bad(pattern, text))
}

/// A number as we print it: decimal digits without a sign or a leading zero, so that one thing has one name.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn bad(pattern: &'static str, text: &str) -> Invalid {
    Invalid::of(text, InvalidKind::BadResource(pattern))
}

/// Shows the whole name instead of the segment that was refused.
fn whole<T>(text: &str, read: Result<T, Invalid>) -> Result<T, Invalid> {
    read.map_err(|invalid| Invalid::of(text, invalid.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let id = ServiceId::new("checkout").unwrap();
        let semantic = Version::parse("1.2.3-rc.1+build.7").unwrap();
        assert_eq!(parse_service(&service(&id)), Ok(id.clone()));
        assert_eq!(parse_release(&release(&id, &semantic)), Ok((id.clone(), semantic)));
        let rollout_id = RolloutId::new("r-1").unwrap();
        assert_eq!(parse_watch(&watch(&id, &rollout_id)), Ok((id.clone(), rollout_id.clone())));
        assert_eq!(parse_rollout(&rollout(&id, &rollout_id)), Ok((id.clone(), rollout_id)));
        let epoch = Epoch::new(2, 10);
        assert_eq!(parse_decision(&decision(&id, epoch)), Ok((id, epoch)));
        let region_id = RegionId::new("eu-west-1").unwrap();
        assert_eq!(parse_region(&region(&region_id)), Ok(region_id));
        let playbook_id = PlaybookId::new("careful").unwrap();
        assert_eq!(parse_playbook(&playbook(&playbook_id)), Ok(playbook_id.clone()));
        assert_eq!(parse_revision(&revision(&playbook_id, 3)), Ok((playbook_id, 3)));
        let hash = Digest::of(b"plan");
        assert_eq!(parse_plan(&plan(&hash)), Ok(hash));
    }

    #[test]
    fn one_thing_has_one_name() {
        for text in
            ["", "services", "services/", "service/a", "services/a/", "/services/a", "services/A", "services/.."]
        {
            assert!(parse_service(text).is_err(), "{text:?} was taken");
        }
        for text in ["playbooks/a/revisions/0", "playbooks/a/revisions/01", "playbooks/a/revisions/+1"] {
            assert_eq!(parse_revision(text).unwrap_err().why, InvalidKind::BadResource(REVISION), "{text}");
        }
        for text in ["services/a/decisions/1", "services/a/decisions/1.2.3", "services/a/decisions/-1.2"] {
            assert_eq!(parse_decision(text).unwrap_err().why, InvalidKind::BadResource(DECISION), "{text}");
        }
        assert_eq!(parse_release("services/a/releases/latest").unwrap_err().why, InvalidKind::BadVersion);
        assert!(parse_plan(&format!("plans/{}", "A".repeat(64))).is_err());
    }
}
