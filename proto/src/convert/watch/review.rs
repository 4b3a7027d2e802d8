//! Reviews: how far they have come and what they are filled with.

use meridian_core::evidence::Outcome as Verdict;
use meridian_core::id::KpiId;
use meridian_core::watch::state::FIGURES_MAX;
use meridian_core::watch::{Figure, Filled, Mean, Outcome, Review, ReviewKind, ReviewState, Signature};

use super::policy::decimal;
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, list, named, optional, present, required, text, within};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, span_from_wire, span_to_wire, timestamp_from_wire, timestamp_to_wire};
use crate::r#gen::v1;
use crate::r#gen::v1::figure;

impl TryFrom<v1::Signature> for Signature {
    type Error = Invalid;

    fn try_from(wire: v1::Signature) -> Result<Self, Invalid> {
        let v1::Signature { actor, time, text: said } = wire;
        Ok(Self {
            by: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
            at: moment("time", time)?,
            text: text("text", said, RECORD_TEXT_BYTES_MAX)?,
        })
    }
}

impl From<&Signature> for v1::Signature {
    fn from(signature: &Signature) -> Self {
        let Signature { by, at, text } = signature;
        Self { actor: by.clone(), time: Some(timestamp_to_wire(*at)), text: text.clone() }
    }
}

impl TryFrom<v1::Review> for Review {
    type Error = Invalid;

    fn try_from(wire: v1::Review) -> Result<Self, Invalid> {
        let v1::Review { every, from_time, due_time, state, overdue_time, filled, held, signed, waived } = wire;
        let every = every.map(span_from_wire).transpose().at("every")?;
        let kind = every.map_or(ReviewKind::Evaluation, |every| ReviewKind::Periodic { every });
        let overdue = overdue_time.map(timestamp_from_wire).transpose().at("overdue_time")?;
        let (from, due) = (moment("from_time", from_time)?, moment("due_time", due_time)?);
        Ok(Self { kind, from, due, state: self::state(state, Parts { filled, held, signed, waived })?, overdue })
    }
}

/// What only some states have.
struct Parts {
    filled: Option<v1::Filled>,
    held: Option<v1::Signature>,
    signed: Option<v1::Signature>,
    waived: String,
}

fn state(number: i32, parts: Parts) -> Result<ReviewState, Invalid> {
    use v1::review::State;
    let Parts { filled, held, signed, waived } = parts;
    let known = State::try_from(number).map_err(|_| Invalid::of(number, InvalidKind::UnknownEnum)).at("state")?;
    let waived = text("waived", waived, RECORD_TEXT_BYTES_MAX)?;
    match known {
        State::Unspecified => Err(Invalid::missing("state")),
        State::Scheduled => Ok(ReviewState::Scheduled),
        State::Due => Ok(ReviewState::Due(required("filled", filled)?)),
        State::Held => Ok(ReviewState::Held { filled: required("filled", filled)?, held: required("held", held)? }),
        State::Signed => Ok(ReviewState::Signed {
            filled: required("filled", filled)?,
            held: optional("held", held)?,
            signed: required("signed", signed)?,
            waived: Some(waived).filter(|waived| !waived.is_empty()),
        }),
    }
}

impl From<&Review> for v1::Review {
    fn from(review: &Review) -> Self {
        use v1::review::State;
        let Review { kind, from, due, state, overdue } = review;
        let every = match kind {
            ReviewKind::Periodic { every } => Some(span_to_wire(*every)),
            ReviewKind::Evaluation => None,
        };
        let (word, filled, held, signed, waived) = match state {
            ReviewState::Scheduled => (State::Scheduled, None, None, None, None),
            ReviewState::Due(filled) => (State::Due, Some(filled), None, None, None),
            ReviewState::Held { filled, held } => (State::Held, Some(filled), Some(held), None, None),
            ReviewState::Signed { filled, held, signed, waived } => {
                (State::Signed, Some(filled), held.as_ref(), Some(signed), waived.as_ref())
            }
        };
        Self {
            every,
            from_time: Some(timestamp_to_wire(*from)),
            due_time: Some(timestamp_to_wire(*due)),
            state: word.into(),
            overdue_time: overdue.map(timestamp_to_wire),
            filled: filled.map(Into::into),
            held: held.map(Into::into),
            signed: signed.map(Into::into),
            waived: waived.cloned().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Filled> for Filled {
    type Error = Invalid;

    fn try_from(wire: v1::Filled) -> Result<Self, Invalid> {
        let v1::Filled { time, figures, feedback, feedback_verdict } = wire;
        let verdict = match v1::verdict::Outcome::try_from(feedback_verdict) {
            Ok(v1::verdict::Outcome::Unspecified) => None,
            Ok(known) => Some(Verdict::try_from(known).at("feedback_verdict")?),
            Err(_) => return Err(Invalid::of(feedback_verdict, InvalidKind::UnknownEnum)).at("feedback_verdict"),
        };
        Ok(Self {
            at: moment("time", time)?,
            figures: list("figures", figures, FIGURES_MAX)?,
            feedback: present("feedback", feedback)?.into(),
            verdict,
        })
    }
}

impl From<&Filled> for v1::Filled {
    fn from(filled: &Filled) -> Self {
        let Filled { at, figures, feedback, verdict } = filled;
        let verdict = verdict.map_or(v1::verdict::Outcome::Unspecified, Into::into);
        Self {
            time: Some(timestamp_to_wire(*at)),
            figures: figures.iter().map(Into::into).collect(),
            feedback: Some((*feedback).into()),
            feedback_verdict: verdict.into(),
        }
    }
}

impl TryFrom<figure::Mean> for Mean {
    type Error = Invalid;

    fn try_from(wire: figure::Mean) -> Result<Self, Invalid> {
        let figure::Mean { value, samples } = wire;
        within("samples", samples, 1, u64::MAX)?;
        Ok(Self { value: decimal("value", &value)?, samples })
    }
}

impl TryFrom<v1::Figure> for Figure {
    type Error = Invalid;

    fn try_from(wire: v1::Figure) -> Result<Self, Invalid> {
        let v1::Figure { kpi, value, before, target, outcome } = wire;
        let outcome = match figure::Outcome::try_from(outcome) {
            Ok(figure::Outcome::Unspecified) => None,
            Ok(figure::Outcome::Met) => Some(Outcome::Met),
            Ok(figure::Outcome::Missed) => Some(Outcome::Missed),
            Ok(figure::Outcome::NoData) => Some(Outcome::NoData),
            Err(_) => return Err(Invalid::of(outcome, InvalidKind::UnknownEnum)).at("outcome"),
        };
        let target = outcome.map(|outcome| Ok((decimal("target", &target)?, outcome))).transpose()?;
        Ok(Self {
            kpi: named("kpi", kpi, KpiId::new)?,
            value: optional("value", value)?,
            before: optional("before", before)?,
            target,
        })
    }
}

impl From<&Figure> for v1::Figure {
    fn from(figure: &Figure) -> Self {
        let Figure { kpi, value, before, target } = figure;
        let mean = |mean: &Mean| figure::Mean { value: mean.value.to_string(), samples: mean.samples };
        let outcome = target.map_or(figure::Outcome::Unspecified, |(_, outcome)| match outcome {
            Outcome::Met => figure::Outcome::Met,
            Outcome::Missed => figure::Outcome::Missed,
            Outcome::NoData => figure::Outcome::NoData,
        });
        Self {
            kpi: kpi.to_string(),
            value: value.as_ref().map(mean),
            before: before.as_ref().map(mean),
            target: target.map(|(target, _)| target.to_string()).unwrap_or_default(),
            outcome: outcome.into(),
        }
    }
}
