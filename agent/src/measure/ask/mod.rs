//! Asking somebody else's metrics: one question to one provider, with an answer that is a number or a named reason why there
//! is none. It keeps nothing and judges nothing.

mod json;
mod prometheus;
mod webhook;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

use std::time::Duration;

use meridian_core::evidence::query::PLACES;
use meridian_core::evidence::{Amount, Answers, AskFailure, Query, Source};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::slot::Slot;
use meridian_core::text::template::Template;
use meridian_outbound::{Letter, Limits, Outbound, Reply, SendError, Trust};

/// Metrics answer within a second or are in trouble; two more tries get over a hiccup.
const LIMITS: Limits = Limits { time: Duration::from_secs(2), body_bytes: 256 * 1024, tries: 3 };

/// What is asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    service: String,
    region: String,
    slot: Slot,
    version: String,
}

impl Subject {
    /// The new release of a goal; `None` if it wants none in that slot.
    #[must_use]
    pub fn of(goal: &Goal, slot: Slot) -> Option<Self> {
        let SlotGoal::Run(release) = goal.slots.get(slot) else { return None };
        let (service, region) = (goal.lane.service.to_string(), goal.lane.region.to_string());
        Some(Self { service, region, slot, version: release.version.to_string() })
    }

    fn value(&self, place: &str) -> String {
        match place {
            "service" => self.service.clone(),
            "region" => self.region.clone(),
            "slot" => self.slot.to_string(),
            // Templates know no other place.
            _ => self.version.clone(),
        }
    }

    /// `None`: a place that has no meaning, which valid playbooks do not have.
    fn fill(&self, text: &str) -> Option<String> {
        Template::parse(text, &PLACES).ok().map(|template| template.fill(|place| self.value(place)))
    }

    /// The same for an address, where a version's `+` would be a blank.
    fn fill_address(&self, text: &str) -> Option<String> {
        let template = Template::parse(text, &PLACES).ok()?;
        Some(template.fill(|place| self.value(place).replace('+', "%2B")))
    }
}

/// An answer that is a number, or two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// How much there is of something now.
    Value(Amount),
    /// How often things have happened, ever.
    Counts(Answers),
}

/// Asks others.
#[derive(Debug)]
pub struct Asker {
    outbound: Outbound,
    limits: Limits,
}

impl Asker {
    /// Believes these over `https`.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { outbound: Outbound::new(trust), limits: LIMITS }
    }

    /// Asks one question.
    ///
    /// # Errors
    /// By name, whatever is no number.
    pub async fn ask(&self, check: &str, query: &Query, subject: &Subject) -> Result<Told, AskFailure> {
        match query.source {
            Source::Prometheus => prometheus::ask(self, query, subject).await,
            Source::WebhookGet | Source::WebhookPost => webhook::ask(self, check, query, subject).await,
        }
    }

    /// Sends a question and says how it was answered.
    async fn answer(&self, letter: &Letter) -> Result<Reply, AskFailure> {
        self.outbound.send(letter, self.limits).await.map_err(|error| match error {
            SendError::Late(_) => AskFailure::Timeout,
            SendError::TooLarge(_) => AskFailure::TooLarge,
            SendError::Address(_) | SendError::Trust(_) | SendError::Unreachable { .. } => AskFailure::Unreachable,
        })
    }
}
