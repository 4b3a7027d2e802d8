//! Cohorts: who is sent to the new release whatever the weights say. It knows the rule; the data plane reads requests.

use crate::canon::{Canon, Canonical};
use crate::slot::Slot;
use crate::weight::Weight;

/// Where a request carries the text that a rule looks at.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RequestKey {
    /// A request header, lower case.
    Header(String),
    /// A cookie by name.
    Cookie(String),
}

impl RequestKey {
    /// Parses the name of a header or cookie: 1 to 128 characters of the HTTP token alphabet.
    #[must_use]
    pub fn is_valid_name(name: &str) -> bool {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        (1..=128).contains(&name.len()) && name.bytes().all(token)
    }
}

/// Which requests belong to a cohort.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum CohortRule {
    /// The key is present and equals the text.
    Equals(RequestKey, String),
    /// A share of all values of the key, chosen by a stable hash, so that one caller stays on one side.
    Share(RequestKey, Weight),
}

/// A rule and the slot that its requests go to, whatever the split says.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Cohort {
    /// Who.
    pub rule: CohortRule,
    /// Where to.
    pub slot: Slot,
}

impl Canonical for RequestKey {
    fn feed(&self, canon: &mut Canon) {
        match self {
            Self::Header(name) => canon.text("header").text(name),
            Self::Cookie(name) => canon.text("cookie").text(name),
        };
    }
}

impl Canonical for CohortRule {
    fn feed(&self, canon: &mut Canon) {
        match self {
            Self::Equals(key, value) => canon.text("equals").value(key).text(value),
            Self::Share(key, weight) => canon.text("share").value(key).value(weight),
        };
    }
}

impl Canonical for Cohort {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.rule).value(&self.slot);
    }
}
