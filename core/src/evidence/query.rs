//! Questions to somebody else's metrics: a Prometheus, or anything that answers JSON. What is asked, what may be answered,
//! and what counts as no answer. It does not know how a question travels.

use std::fmt;

use super::sample::Answers;
use crate::canon::{Canon, Canonical};
use crate::text::template::Template;
use crate::weight::Weight;

/// What may stand between `{{` and `}}` in an address, a query or a pointer.
pub const PLACES: [&str; 4] = ["service", "region", "slot", "version"];

/// A number that is not below zero, in millionths.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest that a limit may be: a million million.
    pub const LARGEST: Self = Self(1_000_000_000_000_000_000);

    /// From millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Amount {
    /// As a decimal: `12`, `0.5`, `0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        match part {
            0 => write!(f, "{whole}"),
            part => write!(f, "{whole}.{}", format!("{part:06}").trim_end_matches('0')),
        }
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Source {
    /// A Prometheus, or what speaks its HTTP API.
    Prometheus,
    /// Anything that answers a GET with JSON.
    WebhookGet,
    /// Anything that answers a POST with JSON; the body says what is asked about.
    WebhookPost,
}

impl Source {
    /// The word used in playbooks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::WebhookGet | Self::WebhookPost => "webhook",
        }
    }
}

/// On which side of a limit a value is to lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Bound {
    /// Above this the check fails.
    Most(Amount),
    /// Below this the check fails.
    Least(Amount),
}

/// What is asked: a query for Prometheus, an RFC 6901 pointer into the answer of a webhook.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Asks {
    /// One number that goes up and down; the mean of the window's answers is judged.
    Value {
        /// Where it is.
        of: String,
        /// What it must keep to.
        bound: Bound,
    },
    /// Two numbers that only grow; what they grew by in the window is judged.
    Counts {
        /// What went wrong.
        errors: String,
        /// All there was.
        total: String,
        /// Share of errors above which the check fails.
        max: Weight,
    },
}

/// Whom an answer speaks of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Reach {
    /// The region that asks; answers of several are added up in a pool.
    #[default]
    Region,
    /// The fleet, whoever asks; in a pool it counts once.
    Fleet,
}

/// A question to somebody else's metrics.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Query {
    /// Who is asked.
    pub source: Source,
    /// Where.
    pub url: String,
    /// What.
    pub asks: Asks,
    /// Of whom.
    pub reach: Reach,
}

impl Query {
    /// The longest address.
    pub const URL_BYTES_MAX: usize = 2048;

    /// Every text with places.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        let (one, two) = match &self.asks {
            Asks::Value { of, bound: _ } => (of, None),
            Asks::Counts { errors, total, max: _ } => (errors, Some(total)),
        };
        [&self.url, one].into_iter().chain(two).map(String::as_str)
    }

    /// Whether an answer depends on who asks.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.uses(&["region", "slot"])
    }

    /// Whether it asks about the new release alone.
    #[must_use]
    pub fn is_of_release(&self) -> bool {
        self.uses(&["slot", "version"])
    }

    fn uses(&self, places: &[&str]) -> bool {
        let uses = |template: Template<'_>| places.iter().any(|place| template.uses(place));
        self.templates().any(|text| Template::parse(text, &PLACES).is_ok_and(uses))
    }
}

/// Why an ask has no number for an answer. It makes the look inconclusive, never a pass and never a fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum AskFailure {
    /// Nobody could be spoken with.
    Unreachable,
    /// No whole answer in time.
    Timeout,
    /// Answered with something else than 200.
    Status,
    /// The answer is longer than is read.
    TooLarge,
    /// The answer is not what this source answers with.
    Malformed,
    /// Prometheus could not run the query.
    QueryFailed,
    /// There is no such series or field, or it is null.
    NoData,
    /// More than one series.
    NotOne,
    /// Text, a list, a range: nothing that is one number.
    NotANumber,
    /// NaN or infinite.
    NotFinite,
    /// A count below zero.
    Negative,
    /// Something that only a newer agent has a word for.
    Other,
}

impl AskFailure {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Status,
        Self::TooLarge,
        Self::Malformed,
        Self::QueryFailed,
        Self::NoData,
        Self::NotOne,
        Self::NotANumber,
        Self::NotFinite,
        Self::Negative,
        Self::Other,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "UNREACHABLE",
            Self::Timeout => "TIMEOUT",
            Self::Status => "STATUS",
            Self::TooLarge => "TOO_LARGE",
            Self::Malformed => "MALFORMED",
            Self::QueryFailed => "QUERY_FAILED",
            Self::NoData => "NO_DATA",
            Self::NotOne => "NOT_ONE",
            Self::NotANumber => "NOT_A_NUMBER",
            Self::NotFinite => "NOT_FINITE",
            Self::Negative => "NEGATIVE",
            Self::Other => "OTHER",
        }
    }

    /// From its code.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        Self::ALL.into_iter().find(|known| known.as_str() == code).unwrap_or(Self::Other)
    }
}

impl fmt::Display for AskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Unreachable => "nobody could be spoken with",
            Self::Timeout => "no whole answer came in time",
            Self::Status => "it was answered with something else than 200",
            Self::TooLarge => "the answer is too long",
            Self::Malformed => "the answer is not of the form that is expected",
            Self::QueryFailed => "the query could not be run",
            Self::NoData => "there is no such number",
            Self::NotOne => "there is more than one number",
            Self::NotANumber => "what is there is no number",
            Self::NotFinite => "the number is not finite",
            Self::Negative => "the count is below zero",
            Self::Other => "for a reason that this version does not know",
        };
        write!(f, "{}: {words}", self.as_str())
    }
}

/// What asking for one check came to in the window.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Asked {
    /// Answers with a number.
    pub answers: u64,
    /// Of a value: their mean.
    pub mean: Amount,
    /// Of counts: what they grew by.
    pub grown: Answers,
    /// Why the last ask has no number.
    pub failed: Option<AskFailure>,
}

impl Asked {
    /// Both together: means by the number of their answers. Who has no answer says nothing, unless nobody has one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.failed, other.failed) {
            (None, Some(_)) => return self,
            (Some(_), None) => return other,
            (None, None) | (Some(_), Some(_)) => {}
        }
        let answers = self.answers.saturating_add(other.answers);
        let part = |asked: Self| u128::from(asked.mean.0) * u128::from(asked.answers);
        let mean = (part(self) + part(other)).checked_div(u128::from(answers)).unwrap_or(0);
        let grown = Answers {
            requests: self.grown.requests.saturating_add(other.grown.requests),
            errors: self.grown.errors.saturating_add(other.grown.errors),
        };
        let mean = Amount(u64::try_from(mean).unwrap_or(u64::MAX));
        Self { answers, mean, grown, failed: self.failed }
    }
}

impl Canonical for Query {
    fn feed(&self, canon: &mut Canon) {
        let Self { source, url, asks, reach } = self;
        let source = match source {
            Source::Prometheus => "prometheus",
            Source::WebhookGet => "webhook-get",
            Source::WebhookPost => "webhook-post",
        };
        let reach = match reach {
            Reach::Region => "region",
            Reach::Fleet => "fleet",
        };
        canon.text(source).text(url).text(reach);
        match asks {
            Asks::Value { of, bound: Bound::Most(most) } => canon.text("most").text(of).number(most.0),
            Asks::Value { of, bound: Bound::Least(least) } => canon.text("least").text(of).number(least.0),
            Asks::Counts { errors, total, max } => canon.text("counts").text(errors).text(total).value(max),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_they_are_written() {
        let table = [(0, "0"), (1, "0.000001"), (500_000, "0.5"), (12_000_000, "12"), (1_020_300, "1.0203")];
        for (millionths, shown) in table {
            assert_eq!(Amount::from_millionths(millionths).to_string(), shown);
        }
    }

    #[test]
    fn codes_are_read_back() {
        for failure in AskFailure::ALL {
            assert_eq!(AskFailure::of_code(failure.as_str()), failure);
        }
        assert_eq!(AskFailure::of_code("FROM_THE_FUTURE"), AskFailure::Other);
    }

    #[test]
    fn means_are_weighed_by_their_answers_and_silence_says_nothing() {
        let told = |answers, mean, failed| Asked { answers, mean: Amount(mean), failed, ..Asked::default() };
        let silent = Some(AskFailure::Unreachable);
        let table = [
            (told(1, 100, None), told(3, 20, None), told(4, 40, None)),
            (told(0, 0, None), told(3, 20, None), told(3, 20, None)),
            (told(0, 0, None), told(0, 0, None), told(0, 0, None)),
            (told(1, u64::MAX, None), told(1, u64::MAX, None), told(2, u64::MAX, None)),
            (told(9, 7, silent), told(3, 20, None), told(3, 20, None)),
            (told(1, 100, silent), told(1, 200, silent), told(2, 150, silent)),
        ];
        for (one, two, both) in table {
            assert_eq!(one.and(two), both);
            assert_eq!(two.and(one), both);
        }
    }
}
