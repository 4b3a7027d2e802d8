//! The keys of what comes after a launch: watches with their decisions, KPIs, feedback.

use meridian_core::epoch::Epoch;
use meridian_core::id::{KpiId, RolloutId, ServiceId};
use semver::Version;

use super::key;
use crate::Key;

/// The watch of a rollout.
#[must_use]
pub fn watch(service: &ServiceId, rollout: &RolloutId) -> Key {
    key(format!("/watches/{service}/{rollout}"))
}

/// A decision about a watch.
#[must_use]
pub fn watch_audit(service: &ServiceId, rollout: &RolloutId, epoch: Epoch) -> Key {
    key(format!("/watch-audit/{service}/{rollout}/{:020}.{:020}", epoch.generation(), epoch.counter()))
}

/// What was measured of a KPI.
#[must_use]
pub fn kpi(service: &ServiceId, kpi: &KpiId) -> Key {
    key(format!("/kpis/{service}/{kpi}"))
}

/// All feedback of a release, added up.
///
/// # Panics
/// As [`release`](super::release).
#[must_use]
pub fn opinion(service: &ServiceId, version: &Version) -> Key {
    key(format!("/opinions/{service}/{version}"))
}

/// Begins every opinion: they are followed, and few beside the answers.
#[must_use]
pub fn opinions() -> Key {
    key("/opinions/".to_owned())
}

/// What somebody said of a release.
///
/// # Panics
/// As [`release`](super::release); also with an answer that is no part of a key.
#[must_use]
pub fn answer(service: &ServiceId, version: &Version, answer: &str) -> Key {
    key(format!("/feedback/{service}/{version}/answers/{answer}"))
}

/// Begins every watch.
#[must_use]
pub fn all_watches() -> Key {
    key("/watches/".to_owned())
}

/// Begins every watch of a service.
#[must_use]
pub fn watches(service: &ServiceId) -> Key {
    key(format!("/watches/{service}/"))
}

/// Begins every decision about a watch; they are listed in the order of their epochs.
#[must_use]
pub fn watch_audits(service: &ServiceId, rollout: &RolloutId) -> Key {
    key(format!("/watch-audit/{service}/{rollout}/"))
}

/// Begins every KPI of a service.
#[must_use]
pub fn kpis(service: &ServiceId) -> Key {
    key(format!("/kpis/{service}/"))
}

/// Begins every answer about a release; they are listed in the order of their times.
///
/// # Panics
/// As [`release`](super::release).
#[must_use]
pub fn answers(service: &ServiceId, version: &Version) -> Key {
    key(format!("/feedback/{service}/{version}/answers/"))
}
