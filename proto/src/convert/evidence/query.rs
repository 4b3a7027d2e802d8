//! Questions to somebody else's metrics, and what came of asking them. The rules of a question are core's.

use meridian_core::evidence::{Amount, Answers, AskFailure, Asked, Asks, Bound, Query, Reach, Source};

use crate::convert::field::{TEXT_BYTES_MAX, WORD_BYTES_MAX, present, text, weight, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::types::weight_to_wire;
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::v1::check::{Query as WireQuery, query as wire};

impl TryFrom<wire::Source> for Source {
    type Error = Invalid;

    fn try_from(source: wire::Source) -> Result<Self, Invalid> {
        match source {
            wire::Source::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            wire::Source::Prometheus => Ok(Self::Prometheus),
            wire::Source::WebhookGet => Ok(Self::WebhookGet),
            wire::Source::WebhookPost => Ok(Self::WebhookPost),
        }
    }
}

impl From<Source> for wire::Source {
    fn from(source: Source) -> Self {
        match source {
            Source::Prometheus => Self::Prometheus,
            Source::WebhookGet => Self::WebhookGet,
            Source::WebhookPost => Self::WebhookPost,
        }
    }
}

impl TryFrom<WireQuery> for Query {
    type Error = Invalid;

    fn try_from(query: WireQuery) -> Result<Self, Invalid> {
        let WireQuery { source, url, fleet, asks } = query;
        Ok(Self {
            source: word::<wire::Source, _>("source", source)?,
            url: text("url", url, TEXT_BYTES_MAX)?,
            asks: match present("asks", asks)? {
                wire::Asks::Value(value) => value_from_wire(value).at("value")?,
                wire::Asks::Counts(counts) => counts_from_wire(counts).at("counts")?,
            },
            reach: if fleet { Reach::Fleet } else { Reach::Region },
        })
    }
}

fn value_from_wire(wire::Value { of, bound }: wire::Value) -> Result<Asks, Invalid> {
    let bound = match present("bound", bound)? {
        wire::value::Bound::MaxMillionths(most) => Bound::Most(Amount::from_millionths(most)),
        wire::value::Bound::MinMillionths(least) => Bound::Least(Amount::from_millionths(least)),
    };
    Ok(Asks::Value { of: text("of", of, TEXT_BYTES_MAX)?, bound })
}

fn counts_from_wire(wire::Counts { errors, total, max_basis_points }: wire::Counts) -> Result<Asks, Invalid> {
    Ok(Asks::Counts {
        errors: text("errors", errors, TEXT_BYTES_MAX)?,
        total: text("total", total, TEXT_BYTES_MAX)?,
        max: weight("max_basis_points", max_basis_points)?,
    })
}

impl From<&Query> for WireQuery {
    fn from(query: &Query) -> Self {
        let Query { source, url, asks, reach } = query;
        let asks = match asks {
            Asks::Value { of, bound } => {
                let bound = match bound {
                    Bound::Most(most) => wire::value::Bound::MaxMillionths(most.millionths()),
                    Bound::Least(least) => wire::value::Bound::MinMillionths(least.millionths()),
                };
                wire::Asks::Value(wire::Value { of: of.clone(), bound: Some(bound) })
            }
            Asks::Counts { errors, total, max } => wire::Asks::Counts(wire::Counts {
                errors: errors.clone(),
                total: total.clone(),
                max_basis_points: weight_to_wire(*max),
            }),
        };
        let fleet = match reach {
            Reach::Region => false,
            Reach::Fleet => true,
        };
        Self { source: wire::Source::from(*source).into(), url: url.clone(), asks: Some(asks), fleet }
    }
}

/// What one check was answered.
///
/// # Errors
/// A text that is too long.
pub(in crate::convert) fn asked_from_wire(wire: agent::Asked) -> Result<(String, Asked), Invalid> {
    let agent::Asked { check, answers, mean_millionths, total, errors, failed } = wire;
    let failed = text("failed", failed, WORD_BYTES_MAX)?;
    let asked = Asked {
        answers,
        mean: Amount::from_millionths(mean_millionths),
        grown: Answers { requests: total, errors },
        failed: (!failed.is_empty()).then(|| AskFailure::of_code(&failed)),
    };
    Ok((text("check", check, WORD_BYTES_MAX)?, asked))
}

/// The same for the wire.
pub(in crate::convert) fn asked_to_wire((check, asked): (&String, &Asked)) -> agent::Asked {
    let Asked { answers, mean, grown: Answers { requests, errors }, failed } = *asked;
    agent::Asked {
        check: check.clone(),
        answers,
        mean_millionths: mean.millionths(),
        total: requests,
        errors,
        failed: failed.map_or_else(String::new, |failure| failure.as_str().to_owned()),
    }
}
