//! The numbers of an agent: every metric name of this crate is here, described once. It counts; it decides nothing.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use meridian_core::agent::GoalRefused;
use meridian_core::evidence::AskFailure;
use meridian_core::id::ServiceId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Counter: goals taken, by service.
const GOALS_ACCEPTED: &str = "meridian_agent_goals_accepted";
/// Counter: goals refused, by service and reason (`stale`, `conflict`, `not-here`, `invalid`).
const GOALS_REFUSED: &str = "meridian_agent_goals_refused";
/// Counter: actions that drivers refused or failed, by service.
const ACTIONS_FAILED: &str = "meridian_agent_actions_failed";
/// Counter: times that a lane went back because no server could be reached, by service.
const WENT_BACK_ALONE: &str = "meridian_agent_went_back_alone";
/// Counter: times that a region was found otherwise than it was confirmed, by service.
const DRIFTED: &str = "meridian_agent_drifted";
/// From the request to a goal or confirmation on disk.
const JOURNAL_COMMIT: &str = "meridian_agent_journal_commit_seconds";
/// From a goal taken to its confirmation on disk.
const GOAL_APPLY: &str = "meridian_agent_goal_apply_seconds";
/// Gauge: 1 while a session with a server is open.
const LINK_CONNECTED: &str = "meridian_agent_link_connected";
/// Counter: attempts to open a session.
const LINK_ATTEMPTS: &str = "meridian_agent_link_attempts";
/// Counter: samples that became evidence, by service.
const EVIDENCE_SAMPLES: &str = "meridian_agent_evidence_samples";
/// Counter: samples that could not be taken, by service.
const EVIDENCE_SAMPLES_FAILED: &str = "meridian_agent_evidence_samples_failed";
/// Counter: questions to somebody else's metrics, by service and outcome: `NUMBER`, or the code of why there is none.
const QUESTIONS: &str = "meridian_agent_questions";

/// Powers of two from 64 µs to 0.5 s: a commit takes about 0.2 ms on a quiet disk.
const COMMIT_BOUNDS: (f64, f64, u16) = (0.000_064, 2.0, 14);
/// Powers of two from 0.5 ms to 18 min: a switch takes about a millisecond, a start seconds.
const APPLY_BOUNDS: (f64, f64, u16) = (0.000_5, 2.0, 22);

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct OfService {
    service: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Question {
    service: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Refusal {
    service: String,
    reason: &'static str,
}

/// Why a goal was not taken, as a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedAs {
    /// An older epoch.
    Stale,
    /// A known epoch with other content.
    Conflict,
    /// A service that this agent does not run.
    NotHere,
    /// A message that is no goal.
    Invalid,
}

impl From<&GoalRefused> for RefusedAs {
    fn from(refused: &GoalRefused) -> Self {
        match refused {
            GoalRefused::Stale { .. } => Self::Stale,
            GoalRefused::Conflict { .. } => Self::Conflict,
        }
    }
}

impl RefusedAs {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Conflict => "conflict",
            Self::NotHere => "not-here",
            Self::Invalid => "invalid",
        }
    }
}

/// All numbers of one agent.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    goals_accepted: Family<OfService, Counter>,
    goals_refused: Family<Refusal, Counter>,
    actions_failed: Family<OfService, Counter>,
    went_back_alone: Family<OfService, Counter>,
    drifted: Family<OfService, Counter>,
    journal_commit: Histogram,
    goal_apply: Histogram,
    link_connected: Gauge,
    link_attempts: Counter,
    evidence_samples: Family<OfService, Counter>,
    evidence_samples_failed: Family<OfService, Counter>,
    questions: Family<Question, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets =
            |(start, factor, length)| prometheus_client::metrics::histogram::exponential_buckets(start, factor, length);
        let mut metrics = Self {
            registry: Registry::default(),
            goals_accepted: Family::default(),
            goals_refused: Family::default(),
            actions_failed: Family::default(),
            went_back_alone: Family::default(),
            drifted: Family::default(),
            journal_commit: Histogram::new(buckets(COMMIT_BOUNDS)),
            goal_apply: Histogram::new(buckets(APPLY_BOUNDS)),
            link_connected: Gauge::default(),
            link_attempts: Counter::<u64, AtomicU64>::default(),
            evidence_samples: Family::default(),
            evidence_samples_failed: Family::default(),
            questions: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register(GOALS_ACCEPTED, "Goals taken", self.goals_accepted.clone());
        all.register(GOALS_REFUSED, "Goals refused", self.goals_refused.clone());
        all.register(ACTIONS_FAILED, "Actions that drivers failed", self.actions_failed.clone());
        all.register(WENT_BACK_ALONE, "Lanes taken back without a server", self.went_back_alone.clone());
        all.register(DRIFTED, "Regions found otherwise than confirmed", self.drifted.clone());
        all.register(JOURNAL_COMMIT, "Journal commits", self.journal_commit.clone());
        all.register(GOAL_APPLY, "From a goal taken to its confirmation on disk", self.goal_apply.clone());
        all.register(LINK_CONNECTED, "1 while a session is open", self.link_connected.clone());
        all.register(LINK_ATTEMPTS, "Attempts to open a session", self.link_attempts.clone());
        all.register(EVIDENCE_SAMPLES, "Samples that became evidence", self.evidence_samples.clone());
        let help = "Samples that could not be taken";
        all.register(EVIDENCE_SAMPLES_FAILED, help, self.evidence_samples_failed.clone());
        all.register(QUESTIONS, "Questions to somebody else's metrics", self.questions.clone());
    }

    /// A goal was taken.
    pub fn goal_accepted(&self, service: &ServiceId) {
        self.goals_accepted.get_or_create(&of(service)).inc();
    }

    /// A goal was not taken. `service` is as it came, so only names of ours and a word for the rest become labels.
    pub fn goal_refused(&self, service: Option<&ServiceId>, reason: RefusedAs) {
        let service = service.map_or("other", ServiceId::as_str).to_owned();
        self.goals_refused.get_or_create(&Refusal { service, reason: reason.as_str() }).inc();
    }

    /// A driver did not do what it was asked.
    pub fn action_failed(&self, service: &ServiceId) {
        self.actions_failed.get_or_create(&of(service)).inc();
    }

    /// A lane went back without being told.
    pub fn went_back_alone(&self, service: &ServiceId) {
        self.went_back_alone.get_or_create(&of(service)).inc();
    }

    /// A lane is not as it was confirmed.
    pub fn drifted(&self, service: &ServiceId) {
        self.drifted.get_or_create(&of(service)).inc();
    }

    /// Something is on disk.
    pub fn journal_committed(&self, took: Duration) {
        self.journal_commit.observe(took.as_secs_f64());
    }

    /// A goal was brought about.
    pub fn goal_applied(&self, took: Duration) {
        self.goal_apply.observe(took.as_secs_f64());
    }

    /// A session is about to be tried.
    pub fn link_attempted(&self) {
        self.link_attempts.inc();
    }

    /// A session is open, or is not any more.
    pub fn link_is(&self, link: LinkIs) {
        self.link_connected.set(match link {
            LinkIs::Open => 1,
            LinkIs::Closed => 0,
        });
    }

    /// A sample was taken, or could not be.
    pub fn sampled(&self, service: &ServiceId, sampling: Sampling) {
        let counts = match sampling {
            Sampling::Taken => &self.evidence_samples,
            Sampling::Failed => &self.evidence_samples_failed,
        };
        counts.get_or_create(&of(service)).inc();
    }

    /// Somebody else's metrics were asked.
    pub fn asked(&self, service: &ServiceId, failed: Option<AskFailure>) {
        let (service, outcome) = (service.to_string(), failed.map_or("NUMBER", AskFailure::as_str));
        self.questions.get_or_create(&Question { service, outcome }).inc();
    }

    /// As OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Whether a session is open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkIs {
    /// A server has welcomed us.
    Open,
    /// No server hears us.
    Closed,
}

/// How a sample went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sampling {
    /// The data plane answered.
    Taken,
    /// It did not.
    Failed,
}

fn of(service: &ServiceId) -> OfService {
    OfService { service: service.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_was_counted() {
        let (metrics, shop) = (Metrics::default(), ServiceId::new("shop").unwrap());
        metrics.goal_accepted(&shop);
        metrics.goal_refused(None, RefusedAs::NotHere);
        metrics.journal_committed(Duration::from_micros(200));
        metrics.link_is(LinkIs::Open);
        let text = metrics.text().unwrap();
        for line in [
            "meridian_agent_goals_accepted_total{service=\"shop\"} 1",
            "meridian_agent_goals_refused_total{service=\"other\",reason=\"not-here\"} 1",
            "meridian_agent_journal_commit_seconds_count 1",
            "meridian_agent_link_connected 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
