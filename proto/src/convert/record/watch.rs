//! Records of watches, KPIs and feedback.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::watch::kpi::SAMPLES_MAX;
use meridian_core::watch::{Decimal, Feedback, History, Opinion, Watch};

use super::{check_schema, schema};
use crate::convert::field::{digest_or_none, map_with, present, required};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// A watch and the end of its audit chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredWatch {
    /// The record.
    pub watch: Watch,
    /// Digest of its last audit entry.
    pub audit: Option<Digest>,
}

impl TryFrom<records::WatchRecord> for StoredWatch {
    type Error = Invalid;

    fn try_from(wire: records::WatchRecord) -> Result<Self, Invalid> {
        let records::WatchRecord { schema, watch, audit_digest } = wire;
        check_schema(schema)?;
        Ok(Self { watch: required("watch", watch)?, audit: digest_or_none("audit_digest", &audit_digest)? })
    }
}

impl From<&StoredWatch> for records::WatchRecord {
    fn from(stored: &StoredWatch) -> Self {
        let StoredWatch { watch, audit } = stored;
        let audit_digest = audit.map(|digest| digest.to_string()).unwrap_or_default();
        Self { schema: schema(), watch: Some(watch.into()), audit_digest }
    }
}

/// What was measured of a KPI.
///
/// # Errors
/// The first field that is wrong.
pub fn history_from_record(wire: records::KpiRecord) -> Result<History, Invalid> {
    let records::KpiRecord { schema, samples } = wire;
    check_schema(schema)?;
    let sample = |records::kpi_record::Sample { time, value }| {
        let range = InvalidKind::UnknownWord("the numbers of KPIs");
        let value = Decimal::from_millionths(value).ok_or_else(|| Invalid::of(value, range)).at("value")?;
        Ok((moment("time", time)?, value))
    };
    let samples: BTreeMap<_, _> = map_with("samples", samples, SAMPLES_MAX, sample)?;
    Ok(History::of(samples))
}

/// A history as its record says it.
#[must_use]
pub fn history_to_record(history: &History) -> records::KpiRecord {
    let samples = history.samples().iter().map(|(at, value)| records::kpi_record::Sample {
        time: Some(timestamp_to_wire(*at)),
        value: value.millionths(),
    });
    records::KpiRecord { schema: schema(), samples: samples.collect() }
}

/// What somebody said of a release.
///
/// # Errors
/// The first field that is wrong.
pub fn feedback_from_record(wire: records::FeedbackRecord) -> Result<Feedback, Invalid> {
    let records::FeedbackRecord { schema, feedback } = wire;
    check_schema(schema)?;
    required("feedback", feedback)
}

/// An answer as its record says it.
#[must_use]
pub fn feedback_to_record(feedback: &Feedback) -> records::FeedbackRecord {
    records::FeedbackRecord { schema: schema(), feedback: Some(feedback.into()) }
}

/// All feedback of a release, added up.
///
/// # Errors
/// The first field that is wrong.
pub fn opinion_from_record(wire: records::OpinionRecord) -> Result<Opinion, Invalid> {
    let records::OpinionRecord { schema, opinion } = wire;
    check_schema(schema)?;
    Ok(present("opinion", opinion)?.into())
}

/// An opinion as its record says it.
#[must_use]
pub fn opinion_to_record(opinion: Opinion) -> records::OpinionRecord {
    records::OpinionRecord { schema: schema(), opinion: Some(opinion.into()) }
}
