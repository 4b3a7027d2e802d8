//! Why a declared time was refused.

use meridian_core::playbook::Violation;

/// A refusal that names the field, what it says, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} = {value}: {message}; fix: {fix}")]
pub struct Refusal {
    /// The field's path in the timetable: `windows[0].zone`.
    pub field: String,
    /// What was written.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: &'static str,
}

impl From<Refusal> for Violation {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        let Refusal { field, value, message, fix } = refusal;
        Self { code, field, value, fix: format!("{message}; {fix}") }
    }
}

impl Refusal {
    /// The stable code of what is wrong with such a field.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.field.rsplit('.').next() {
            Some("train") => "TRAIN_UNKNOWN",
            Some("zone") => "TIME_ZONE_UNKNOWN",
            Some("cron" | "departs") => "CRON_INVALID",
            Some("duration" | "boarding" | "every") => "DURATION_INVALID",
            Some("from" | "to") => "RANGE_INVALID",
            Some("name") => "NAME_INVALID",
            Some(_) | None => "TOO_MANY",
        }
    }

    pub(crate) fn new(field: &str, value: &str, message: impl Into<String>, fix: &'static str) -> Self {
        Self { field: field.to_owned(), value: value.to_owned(), message: message.into(), fix }
    }

    /// The same, inside another field.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}
