//! Alerts: what somebody has to be told of a rollout. Which stand is a pure function of its record and of what it waits for;
//! what is said is the difference. It knows no receiver's format and sends nothing.

pub mod route;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::id::{RegionId, RolloutId, ServiceId};
use crate::release::ReleaseRef;
use crate::rollout::reason::Wait;
use crate::rollout::state::{Ballot, LaneProgress, Phase, Rollout, Run, Vote};
use crate::time::{Span, Timestamp};

pub use route::{Match, Receiver, Route, Target};

/// The most that is said of one decision; a fleet that fails at once is told of by what becomes of its rollout.
pub const SAYINGS_MAX: usize = 200;
/// The longest summary: what drivers say may be much longer.
pub const SUMMARY_BYTES_MAX: usize = 512;

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Severity {
    /// Within the day.
    Warning,
    /// Now.
    Critical,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Kind {
    /// A region's verdict on its step has turned to `fail`, by evidence, driver or deadline.
    VerdictFailed,
    /// The rollout goes back.
    RollingBack,
    /// It is held until somebody resumes it.
    Held,
    /// It can go neither forward nor back without a human.
    Frozen,
    /// It was given up, and is not where anybody wanted it.
    Failed,
    /// A region that has a part in it can't be reached.
    RegionUnknown,
    /// A region's agent is not believed.
    RegionQuarantined,
    /// It has waited for people for long.
    WaitsForPeople,
}

/// What tells an alert of a rollout from its others.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Topic {
    /// What it is about.
    pub kind: Kind,
    /// Where; `None`: the whole rollout.
    pub region: Option<RegionId>,
}

/// Something that somebody should know.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Alert {
    /// Of which service.
    pub service: ServiceId,
    /// Of which rollout.
    pub rollout: RolloutId,
    /// Of which release.
    pub release: ReleaseRef,
    /// What about.
    pub topic: Topic,
    /// In words.
    pub summary: String,
    /// Since when.
    pub since: Timestamp,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Turn {
    /// It stands, for the first time or with other words.
    Raised,
    /// It stands no more.
    Resolved,
}

/// Something to be said.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Saying {
    /// What became of it.
    pub turn: Turn,
    /// Of which alert.
    pub alert: Alert,
}

/// All alerts of a rollout that stand.
pub type Standing = BTreeMap<Topic, Alert>;

impl Severity {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::VerdictFailed,
        Self::RollingBack,
        Self::Held,
        Self::Frozen,
        Self::Failed,
        Self::RegionUnknown,
        Self::RegionQuarantined,
        Self::WaitsForPeople,
    ];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerdictFailed => "verdict-failed",
            Self::RollingBack => "rolling-back",
            Self::Held => "held",
            Self::Frozen => "frozen",
            Self::Failed => "failed",
            Self::RegionUnknown => "region-unknown",
            Self::RegionQuarantined => "region-quarantined",
            Self::WaitsForPeople => "waits-for-people",
        }
    }

    /// How soon somebody should look.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::VerdictFailed | Self::Held | Self::RegionUnknown | Self::WaitsForPeople => Severity::Warning,
            Self::RollingBack | Self::Frozen | Self::Failed | Self::RegionQuarantined => Severity::Critical,
        }
    }
}

impl Turn {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
        }
    }
}

impl Alert {
    /// By this a receiver tells one alert from another, and two sayings of one alert apart from two alerts.
    #[must_use]
    pub fn key(&self) -> String {
        format!("meridian/{}/{}/{}", self.service, self.rollout, self.topic)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            None => f.write_str(self.kind.as_str()),
            Some(region) => write!(f, "{}/{region}", self.kind.as_str()),
        }
    }
}

/// The alerts that follow from a record alone. Each decision says how they change.
#[must_use]
pub fn standing(record: &Rollout) -> Standing {
    let whole = |kind, summary: String, since| vec![alert(record, kind, None, summary, since)];
    let mut alerts = match &record.phase {
        Phase::Running(Run { hold: Some(hold), .. }) => whole(Kind::Held, hold.cause.to_string(), hold.since),
        Phase::RollingBack { cause, since } => whole(Kind::RollingBack, cause.to_string(), *since),
        Phase::Frozen { cause, since } => whole(Kind::Frozen, cause.to_string(), *since),
        Phase::Failed { cause, since } => whole(Kind::Failed, cause.to_string(), *since),
        Phase::Running(Run { hold: None, .. })
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. } => Vec::new(),
    };
    if !record.phase.is_terminal() {
        alerts.extend(record.lanes.iter().filter_map(|(region, lane)| failed(record, region, lane)));
    }
    by_topic(alerts)
}

/// How long something may be waited for before somebody is told.
#[must_use]
pub const fn patience(kind: Kind) -> Span {
    match kind {
        Kind::RegionUnknown => Span::from_secs(60),
        Kind::WaitsForPeople => Span::from_secs(30 * 60),
        Kind::VerdictFailed
        | Kind::RollingBack
        | Kind::Held
        | Kind::Frozen
        | Kind::Failed
        | Kind::RegionQuarantined => Span::ZERO,
    }
}

/// The alerts that follow from what a rollout waits for, if it has waited longer than anybody's [`patience`]; `since` says when
/// a topic was first seen to be waited for.
#[must_use]
pub fn waited(record: &Rollout, waits: &[Wait], since: impl Fn(&Topic) -> Timestamp, now: Timestamp) -> Standing {
    let alerts = waits.iter().filter_map(|wait| {
        let topic = topic_of(wait)?;
        let since = since(&topic);
        let alert = alert(record, topic.kind, topic.region, wait.to_string(), since);
        (now >= since.after(patience(topic.kind))).then_some(alert)
    });
    by_topic(alerts)
}

/// What somebody has to be told about a wait that does not end; `None`: it ends by itself.
#[must_use]
pub fn topic_of(wait: &Wait) -> Option<Topic> {
    let (kind, region) = match wait {
        Wait::Held(_) | Wait::Human(_) | Wait::Approvals { .. } | Wait::Checklist { .. } | Wait::Feedback { .. } => {
            (Kind::WaitsForPeople, None)
        }
        Wait::Vetoed { region, .. } | Wait::Stopped { region, .. } => (Kind::WaitsForPeople, Some(region.clone())),
        Wait::Contact { region, .. } => (Kind::RegionUnknown, Some(region.clone())),
        Wait::Quarantine { region, .. } => (Kind::RegionQuarantined, Some(region.clone())),
        Wait::Owner
        | Wait::Soak { .. }
        | Wait::Retention { .. }
        | Wait::Parallel { .. }
        | Wait::Skew { .. }
        | Wait::Ready { .. }
        | Wait::Confirm { .. }
        | Wait::WayBack { .. }
        | Wait::Bake { .. }
        | Wait::Evidence { .. }
        | Wait::Requests { .. }
        | Wait::Drift { .. }
        | Wait::Window { .. }
        | Wait::Freeze { .. }
        | Wait::Train { .. }
        | Wait::Callback { .. }
        | Wait::BackPace { .. }
        | Wait::Members { .. }
        | Wait::Votes { .. } => return None,
    };
    Some(Topic { kind, region })
}

/// What has to be said when these alerts stood and those do now.
#[must_use]
pub fn turned(before: &Standing, after: &Standing) -> Vec<Saying> {
    let saying = |turn, alert: &Alert| Saying { turn, alert: alert.clone() };
    let gone = before.iter().filter(|(topic, _)| !after.contains_key(topic));
    let come = after.iter().filter(|(topic, alert)| before.get(topic) != Some(alert));
    let gone = gone.map(|(_, alert)| saying(Turn::Resolved, alert));
    gone.chain(come.map(|(_, alert)| saying(Turn::Raised, alert))).collect()
}

/// What a decision has to say: of the whole rollout first, and never so much that it could not be written with the decision.
#[must_use]
pub fn said(before: Option<&Rollout>, next: &Rollout) -> Vec<Saying> {
    let mut sayings = turned(&before.map(standing).unwrap_or_default(), &standing(next));
    sayings.sort_by_key(|saying| saying.alert.topic.region.is_some());
    sayings.truncate(SAYINGS_MAX);
    sayings
}

fn failed(record: &Rollout, region: &RegionId, lane: &LaneProgress) -> Option<Alert> {
    let Vote { step: _, epoch: _, at, ballot } = lane.vote.as_ref()?;
    let summary = match ballot {
        Ballot::Evidence(verdict) => format!("{region} votes {verdict}"),
        Ballot::Driver { code, message } => format!("{region}: the driver gave up with {code}: {message}"),
        Ballot::Deadline { limit } => format!("{region}: the limit `{limit}` has passed"),
    };
    Some(alert(record, Kind::VerdictFailed, Some(region.clone()), summary, *at))
}

fn alert(record: &Rollout, kind: Kind, region: Option<RegionId>, mut summary: String, since: Timestamp) -> Alert {
    let (service, release) = (record.plan.service.clone(), record.plan.release.clone());
    summary.truncate(summary.floor_char_boundary(SUMMARY_BYTES_MAX));
    Alert { service, rollout: record.id.clone(), release, topic: Topic { kind, region }, summary, since }
}

fn by_topic(alerts: impl IntoIterator<Item = Alert>) -> Standing {
    let mut standing = Standing::new();
    for alert in alerts {
        // Of several waits for people the first is the one that holds the others up.
        standing.entry(alert.topic.clone()).or_insert(alert);
    }
    standing
}
